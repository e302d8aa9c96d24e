"""Specs/Primitives.md: the algorithms, and what each refuses."""
import hashlib
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.poly1305 import Poly1305

from encoding import lp, require, Refused


def sized(data, size):
    """A field of fixed length that a vector gives with another one."""
    require(len(data) >= size, "encoding", "truncated")
    require(len(data) <= size, "encoding", "trailing")
    return data


# ---- Hash and key derivation

def blake2b(message, key=b"", length=32):
    return hashlib.blake2b(message, key=key, digest_size=length).digest()


def L(label):
    """[primitives.11] ASCII, at most 55 bytes: so the length in front is always one byte."""
    require(label.isascii() and len(label) <= 55, "encoding", "out-of-range")
    return lp(b"Sotto/1 " + label.encode())


def H(label, *parts):
    return blake2b(L(label) + b"".join(map(lp, parts)))  # [primitives.1]


def P(key, label, *parts):
    output = blake2b(L(label) + b"".join(map(lp, parts)), sized(key, 32), 64)  # [primitives.2]
    return output[:32], output[32:]


# ---- Agreement

FIELD = 2**255 - 19


def agreement_key(data):
    """[primitives.3] An X25519 public key: 32 bytes, top bit clear, below 2^255 - 19."""
    require(int.from_bytes(sized(data, 32), "little") < FIELD, "encoding", "invalid-value")
    return data


def x25519_public(private):
    return x25519.X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519_raw(private, public):
    """RFC 7748 itself, which masks the top bit and reduces."""
    try:
        shared = x25519.X25519PrivateKey.from_private_bytes(private).exchange(
            x25519.X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("key") from None
    require(any(shared), "key")  # [primitives.4]
    return shared


def DH(private, public):
    return x25519_raw(sized(private, 32), agreement_key(public))


# ---- Ed25519, in integers. Libraries differ on signatures at the edge; [primitives.5] has one answer.

ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, FIELD) % FIELD
ROOT = pow(2, (FIELD - 1) // 4, FIELD)  # of -1
IDENTITY = (0, 1, 1, 0)  # extended coordinates (X, Y, Z, T): x = X / Z, y = Y / Z, x y = T / Z


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def negative(p):
    return -p[0] % FIELD, p[1], p[2], -p[3] % FIELD


def times(*terms):
    """The sum of scalar times point over all terms, with one run of doublings."""
    total = IDENTITY
    for bit in reversed(range(max(scalar.bit_length() for scalar, _ in terms))):
        total = add(total, total)
        for scalar, point in terms:
            if scalar >> bit & 1:
                total = add(total, point)
    return total


def is_identity(p):
    return p[0] == 0 and p[1] == p[2]


def x_of(y):
    """The even x of the point with this y, RFC 8032 section 5.1.3; None if there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if x * x % FIELD != square:
        x = x * ROOT % FIELD
    if x * x % FIELD != square:
        return None
    return FIELD - x if x & 1 else x


def decompress(data):
    """The point, and whether its encoding is canonical; None if there is no such point."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number % 2**255
    x = x_of(y % FIELD)
    if x is None:
        return None, False
    canonical = y < FIELD and not (x == 0 and sign)
    if sign:
        x = -x % FIELD
    return (x, y % FIELD, 1, x * y % FIELD), canonical


BASE = decompress(bytes([0x58]) + bytes([0x66]) * 31)[0]


def ed25519_verdict(public, message, signature):
    """[primitives.5] 'accept' or 'refuse', a colon, and the reason."""
    if len(signature) != 64:
        return "refuse: length"
    points = {}
    for name, data in (("A", public), ("R", signature[:32])):
        point, canonical = decompress(data)
        if point is None:
            return f"refuse: {name} is no point"
        if not canonical:
            return f"refuse: {name} not canonical"
        if is_identity(times((8, point))):
            return f"refuse: {name} of small order"
        points[name] = point
    A, R = points["A"], points["R"]
    S = int.from_bytes(signature[32:], "little")
    if S >= ORDER:
        return "refuse: scalar not reduced"
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    rest = add(times((S, BASE), (h, negative(A))), negative(R))  # S B - h A - R
    if is_identity(rest):
        mixed = not all(is_identity(times((ORDER, point))) for point in (A, R))
        return "accept: equation holds, low-order component" if mixed else "accept: equation holds"
    if is_identity(times((8, rest))):
        return "refuse: equation holds only times 8"
    return "refuse: equation does not hold"


def ed25519_public(seed):
    return ed25519.Ed25519PrivateKey.from_private_bytes(sized(seed, 32)).public_key().public_bytes_raw()


def ed25519_sign(seed, message):
    return ed25519.Ed25519PrivateKey.from_private_bytes(sized(seed, 32)).sign(message)


def ed25519_verify(public, message, signature):
    require(ed25519_verdict(sized(public, 32), message, signature).startswith("accept"), "signature")


# ---- Hybrid signatures

SIGNATURE = 64 + 3309  # bytes
CONTEXT = b"Sotto/1"


def mldsa_public(seed):
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(sized(seed, 32)).public_key().public_bytes_raw()


def hybrid_public(seeds):
    """Both public keys of the seeds of Ed25519 and ML-DSA-65, in this order."""
    sized(seeds, 64)
    return ed25519_public(seeds[:32]), mldsa_public(seeds[32:])


def signer(ed, ml):
    return H("signer", ed, ml)


def signed_message(ed, ml, label, payload):
    return L(label) + lp(signer(ed, ml)) + lp(payload)


def hybrid_verify(ed, ml, label, payload, signature):
    """[primitives.6] Both halves, over one message that names both keys."""
    sized(signature, SIGNATURE)
    message = signed_message(ed, ml, label, payload)
    ed25519_verify(ed, message, signature[:64])
    try:
        mldsa.MLDSA65PublicKey.from_public_bytes(ml).verify(signature[64:], message, CONTEXT)
    except (InvalidSignature, ValueError):
        raise Refused("signature") from None


# ---- Key encapsulation

KEM_KEY = 1568
CIPHERTEXT = 1568


def mlkem_private(seed):
    return mlkem.MLKEM1024PrivateKey.from_seed_bytes(sized(seed, 64))


def mlkem_public(seed):
    return mlkem_private(seed).public_key().public_bytes_raw()


def encapsulation_key(data):
    """[primitives.7] The modulus check of FIPS 203 section 7.2: 1,024 coefficients of 12 bits below q, then rho."""
    sized(data, KEM_KEY)
    for i in range(0, KEM_KEY - 32, 3):
        pair = int.from_bytes(data[i:i + 3], "little")
        require(pair % 4096 < 3329 and pair >> 12 < 3329, "encoding", "invalid-value")
    return data


def decapsulate(seed, ciphertext):
    return mlkem_private(seed).decapsulate(sized(ciphertext, CIPHERTEXT))  # [primitives.12]


# ---- Sealing

def aead_seal(key, nonce, plaintext, ad):
    return aead.ChaCha20Poly1305(key).encrypt(nonce, plaintext, ad)


def aead_open(key, nonce, sealed, ad, stage):
    require(len(sealed) >= 16, stage)
    try:
        return aead.ChaCha20Poly1305(key).decrypt(nonce, sealed, ad)
    except InvalidTag:
        raise Refused(stage) from None


def seal(key, plaintext, ad):
    return aead_seal(key, bytes(12), plaintext, ad)  # [primitives.8]


def unseal(key, sealed, ad, stage):
    return aead_open(key, bytes(12), sealed, ad, stage)


def hchacha20(key, nonce):
    """ChaCha20's block without the last addition: so the input is subtracted again from a block of key stream."""
    before = struct.unpack("<16I", b"expand 32-byte k" + key + nonce)
    stream = Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(bytes(64))
    rounds = [(after - start) % 2**32 for after, start in zip(struct.unpack("<16I", stream), before)]
    return struct.pack("<8I", *rounds[:4], *rounds[12:])


def xseal(key, nonce, plaintext, ad):
    """[primitives.9] The nonce stands in front."""
    sized(nonce, 24)
    return nonce + aead_seal(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], plaintext, ad)


def xunseal(key, sealed, ad, stage):
    require(len(sealed) >= 24 + 16, stage)
    return aead_open(hchacha20(key, sealed[:16]), bytes(4) + sealed[16:24], sealed[24:], ad, stage)


# ---- Streams, [primitives.14]

CHUNK, LAST = 0, 3  # marks
MARK_AND_TAG = 17


def chacha20(key, block, nonce, data):
    return Cipher(algorithms.ChaCha20(key, struct.pack("<I", block) + nonce), None).encryptor().update(data)


class Stream:
    """The state of either side: it is the same on both after each chunk."""

    def __init__(self, key, header):
        self.key = hchacha20(sized(key, 32), sized(header, 24)[:16])
        self.count, self.chain = 1, header[16:]

    def nonce(self):
        return struct.pack("<I", self.count) + self.chain

    def tag(self, block, ciphertext):
        poly = Poly1305(chacha20(self.key, 0, self.nonce(), bytes(32)))
        poly.update(block + ciphertext + bytes(len(ciphertext) % 16))
        poly.update(struct.pack("<QQ", 0, 64 + len(ciphertext)))
        return poly.finalize()

    def advance(self, tag):
        self.count, self.chain = self.count + 1, bytes(a ^ b for a, b in zip(self.chain, tag))

    def seal(self, plaintext, mark):
        block = chacha20(self.key, 1, self.nonce(), bytes([mark]) + bytes(63))
        ciphertext = chacha20(self.key, 2, self.nonce(), plaintext)
        tag = self.tag(block, ciphertext)
        self.advance(tag)
        return block[:1] + ciphertext + tag

    def open(self, sealed, mark, stage):
        require(len(sealed) >= MARK_AND_TAG, stage)
        block = sealed[:1] + chacha20(self.key, 1, self.nonce(), bytes(64))[1:]
        require(self.tag(block, sealed[1:-16]) == sealed[-16:], stage)
        require(chacha20(self.key, 1, self.nonce(), block[:1])[0] == mark, stage)
        plaintext = chacha20(self.key, 2, self.nonce(), sealed[1:-16])
        self.advance(sealed[-16:])
        return plaintext


def marks(chunks):
    """Every chunk with its mark: the last one is marked as such."""
    return [(chunk, LAST if i == len(chunks) - 1 else CHUNK) for i, chunk in enumerate(chunks)]


# ---- Passphrases

def argon2id(passphrase, salt, passes, memory_kib):
    require(1 <= passes <= 16 and 8 <= memory_kib <= 1_048_576, "cost")  # [primitives.10]
    return Argon2id(salt=sized(salt, 16), length=32, iterations=passes, lanes=1,
                    memory_cost=memory_kib).derive(passphrase)


# ---- Operations

def check_prf(key, label, parts):
    a, b = P(key, label, *parts)
    return {"a": a, "b": b}


def check_x25519(private, public):
    return {"own_public": x25519_public(sized(private, 32)), "shared": DH(private, public)}


def check_iterated(private, public, iterations):
    """RFC 7748 section 5.2 feeds private keys back as public ones: these need not be canonical."""
    for _ in range(iterations):
        public, private = private, x25519_raw(private, public)
    return {"shared": private}


def check_sign(seed, message):
    public, signature = ed25519_public(seed), ed25519_sign(seed, message)
    ed25519_verify(public, message, signature)
    return {"public": public, "signature": signature}


def check_ed25519(public, message, signature):
    ed25519_verify(public, message, signature)
    return {}


def check_hybrid(seeds, label, payload, signature):
    ed, ml = hybrid_public(seeds)
    hybrid_verify(ed, ml, label, payload, signature)
    if signature[:64] != ed25519_sign(seeds[:32], signed_message(ed, ml, label, payload)):
        raise AssertionError("the Ed25519 half is deterministic, and is another")
    return {"classical_public": ed, "post_quantum_public": ml, "signer": signer(ed, ml)}


def check_encapsulation_key(public):
    mlkem.MLKEM1024PublicKey.from_public_bytes(encapsulation_key(public))
    return {}


def check_seal(key, nonce, ad, plaintext):
    sealed = aead_seal(key, nonce, plaintext, ad)
    return check_open(key, nonce, ad, sealed) and {"sealed": sealed}


def check_open(key, nonce, ad, sealed):
    return {"plaintext": aead_open(key, nonce, sealed, ad, "open")}


def check_xseal(key, nonce, ad, plaintext):
    sealed = xseal(key, nonce, plaintext, ad)
    return check_xopen(key, ad, sealed) and {"sealed": sealed}


def check_xopen(key, ad, sealed):
    return {"plaintext": xunseal(key, sealed, ad, "open")}


def check_stream_seal(key, header, chunks):
    stream = Stream(key, header)
    sealed = [stream.seal(chunk, mark) for chunk, mark in marks(chunks)]
    return check_stream_open(key, header, sealed) and {"sealed": sealed}


def check_stream_open(key, header, sealed):
    stream = Stream(key, header)
    return {"chunks": [stream.open(chunk, mark, "open") for chunk, mark in marks(sealed)]}


OPERATIONS = {
    "primitives/hash": [("label:text parts:list -> digest", lambda label, parts: {"digest": H(label, *parts)})],
    "primitives/prf": [("key label:text parts:list -> a b", check_prf)],
    "primitives/blake2b": [("message key length:integer -> digest", lambda **given: {"digest": blake2b(**given)})],
    "primitives/sha256": [("message -> digest", lambda message: {"digest": hashlib.sha256(message).digest()})],
    "primitives/argon2id": [("passphrase salt passes:integer memory_kib:integer -> key",
                             lambda **given: {"key": argon2id(**given)})],
    "primitives/x25519": [("private public -> own_public shared", check_x25519)],
    "primitives/x25519-iterated": [("private public iterations:integer -> shared", check_iterated)],
    "primitives/ed25519-sign": [("seed message -> public signature", check_sign)],
    "primitives/ed25519-verify": [("public message signature ->", check_ed25519)],
    "primitives/hybrid-signature": [("seeds label:text payload signature -> "
                                     "classical_public post_quantum_public signer", check_hybrid)],
    "primitives/ml-kem-1024-key": [("seed -> public", lambda seed: {"public": mlkem_public(seed)})],
    "primitives/ml-kem-1024-decapsulate": [("seed ciphertext -> secret",
                                            lambda **given: {"secret": decapsulate(**given)})],
    "primitives/ml-kem-1024-encapsulation-key": [("public ->", check_encapsulation_key)],
    "primitives/chacha20-poly1305": [("key nonce ad plaintext -> sealed", check_seal),
                                     ("key nonce ad sealed -> plaintext", check_open)],
    "primitives/xchacha20-poly1305": [("key nonce ad plaintext -> sealed", check_xseal),
                                      ("key ad sealed -> plaintext", check_xopen)],
    "primitives/stream": [("key header chunks:list -> sealed:list", check_stream_seal),
                          ("key header sealed:list -> chunks:list", check_stream_open)],
}
