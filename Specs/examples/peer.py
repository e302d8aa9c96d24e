#!/usr/bin/env python3
"""A small Sotto client, to be read from top to bottom beside the specs: each section has the name of a document.
It is an example: its secrets lie in one JSON file that is not encrypted. README.md says what else it leaves out."""
import argparse, base64, copy, hashlib, hmac, http.client, json, os, re, struct, sys, time
from collections import namedtuple
from contextlib import contextmanager
from os import urandom
from types import SimpleNamespace
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

class Refused(Exception):
    """A rule says *must refuse*. The argument is the stage (Specs/README.md), which no peer and no relay ever learns."""

def require(condition, stage):
    if not condition: raise Refused(stage)

@contextmanager
def refusing(stage, *failures):
    try: yield
    except failures: raise Refused(stage) from None

# ---- Encoding.md: a structure stands here as in its document, and writes and reads itself ----

def varint(n):
    size, prefix = next((size, prefix) for size, prefix in ((1, 0), (2, 1), (4, 2), (8, 3)) if n < 1 << 8 * size - 2)
    return (n | prefix << 8 * size - 2).to_bytes(size, "big")

def lp(x): return varint(len(x)) + x

class Reader:
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, size):
        require(self.at + size <= len(self.data), "encoding")
        self.at += size
        return self.data[self.at - size:self.at]
    def opaque(self, limit):
        first = self.take(1)
        rest = self.take((1 << (first[0] >> 6)) - 1)
        length = int.from_bytes(bytes([first[0] & 63]) + rest, "big")
        require(varint(length) == first + rest and length <= limit, "encoding")
        return self.take(length)

class Type(namedtuple("Type", "write read valid", defaults=[lambda value: True])):
    def __call__(self, value): return self.write(value)
    def where(self, valid): return Type(self.write, self.read, valid)

def read(type, r):
    value = type.read(r)
    require(type.valid(value), "encoding")
    return value

def decode(type, data):
    r = Reader(data)
    value = read(type, r)
    require(r.at == len(data), "encoding")
    return value

def uint(size): return Type(lambda n: n.to_bytes(size, "big"), lambda r: int.from_bytes(r.take(size), "big"))
def fixed(size): return Type(bytes, lambda r: r.take(size))
def opaque(limit): return Type(lp, lambda r: r.opaque(limit))
def vector(item, most):
    def items(r):
        while r.at < len(r.data): yield read(item, r)
    return Type(lambda values: lp(b"".join(map(item.write, values))),
                lambda r: list(items(Reader(r.opaque(1 << 16)))), lambda values: len(values) <= most)

def structure(**fields):
    class Structure(namedtuple("Structure", fields)):
        def __bytes__(self): return b"".join(type.write(value) for type, value in zip(fields.values(), self))
        def valid(self): return True
        write = bytes
        @classmethod
        def read(cls, r): return cls(*(read(type, r) for type in fields.values()))
    return Structure

u8, u16, u32, u64 = map(uint, (1, 2, 4, 8))

# ---- Primitives.md ----

def L(label): return lp(b"Sotto/1 " + label.encode())
def H(label, *x): return hashlib.blake2b(L(label) + b"".join(map(lp, x)), digest_size=32).digest()
def P(key, label, *x):
    o = hashlib.blake2b(L(label) + b"".join(map(lp, x)), key=key, digest_size=64).digest()
    return o[:32], o[32:]

def seal(key, message, ad, nonce=bytes(12)): return ChaCha20Poly1305(key).encrypt(nonce, message, ad)
def unseal(key, sealed, ad, stage, nonce=bytes(12)):
    with refusing(stage, InvalidTag): return ChaCha20Poly1305(key).decrypt(nonce, sealed, ad)

def xkey(key, n):
    """HChaCha20: a block of ChaCha20 before its beginning is added at the end. The key and nonce of XChaCha20."""
    start = struct.unpack("<16I", b"expand 32-byte k" + key + n[:16])
    block = struct.unpack("<16I", Cipher(algorithms.ChaCha20(key, n[:16]), None).encryptor().update(bytes(64)))
    return struct.pack("<8I", *((block[i] - start[i]) % 2**32 for i in (0, 1, 2, 3, 12, 13, 14, 15)))

def xseal(key, message, ad):
    n = urandom(24)
    return n + seal(xkey(key, n), message, ad, bytes(4) + n[16:])

def xunseal(key, sealed, ad, stage):
    require(len(sealed) >= 24 + 16, stage)
    return unseal(xkey(key, sealed[:24]), sealed[24:], ad, stage, bytes(4) + sealed[16:24])

FIELD = 2**255 - 19
ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = {0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8}  # the y of the points that are no keys

def ed_key(seed): return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
def ed_public(seed): return ed_key(seed).public_key().public_bytes_raw()
def ml_key(secret): return mldsa.MLDSA65PrivateKey.from_seed_bytes(secret[32:])
def hybrid_public(secret): return ed_public(secret[:32]), ml_key(secret).public_key().public_bytes_raw()
def signed_bytes(label, ed, ml, message): return L(label) + lp(H("signer", ed, ml)) + lp(message)

def sign(secret, label, message):
    """A hybrid secret is the seed of Ed25519 and then the seed of ML-DSA-65."""
    signed = signed_bytes(label, *hybrid_public(secret), message)
    return ed_key(secret[:32]).sign(signed) + ml_key(secret).sign(signed, b"Sotto/1")

def verify(ed, ml, label, message, signature):
    for point in (ed, signature[:32]):
        y = int.from_bytes(point, "little") % 2**255
        require(y < FIELD and y not in SMALL_ORDER, "signature")
    signed = signed_bytes(label, ed, ml, message)
    with refusing("signature", InvalidSignature):
        ed25519.Ed25519PublicKey.from_public_bytes(ed).verify(signature[:64], signed)
        mldsa.MLDSA65PublicKey.from_public_bytes(ml).verify(signature[64:], signed, b"Sotto/1")

def x_key(private): return x25519.X25519PrivateKey.from_private_bytes(private)
def x_public(private): return x_key(private).public_key().public_bytes_raw()
def DH(private, public):
    with refusing("key", ValueError): return x_key(private).exchange(x25519.X25519PublicKey.from_public_bytes(public))

def kem_key(seed): return mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed)
def kem_public(seed): return kem_key(seed).public_key().public_bytes_raw()
def encapsulation_key(key):
    with refusing("encoding", ValueError): return mlkem.MLKEM1024PublicKey.from_public_bytes(key)

XKey = fixed(32).where(lambda key: int.from_bytes(key, "little") < FIELD)
KEMKey = fixed(1568).where(encapsulation_key)

# ---- Relay.md ----

class RelayError(Exception):
    """The relay said no. The argument is the code of its problem document."""

def scheme(authority):
    """[relay.7] There is one spelling; None for any other. [relay.8] The scheme follows from the host."""
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    found = re.fullmatch(rf"({label}(\.{label})*|\[[0-9a-f:.]{{2,45}}\])(:([1-9][0-9]{{0,4}}))?", authority)
    loopback = found and re.fullmatch(r"localhost|\[::1\]|127(\.(0|[1-9][0-9]{0,2})){3}", found[1])
    name, usual = ("http", 80) if loopback else ("https", 443)
    return name if found and len(authority) <= 259 and int(found[4] or 1) not in (usual, *range(2**16, 10**5)) else None

Authority = Type(lambda text: lp(text.encode()), lambda r: r.opaque(259).decode("latin-1"), scheme)
CapabilitySlot = structure(kind=u8, hash=fixed(32), expires=u64)
OneTimeSlot = structure(index=u32, sealed=opaque(4096))
ClaimedSignedPart = structure(spk_id=u64, sealed=opaque(16384), more=u8.where(lambda more: more < 2))
ClaimedOneTimePart = structure(batch=u64, index=u32, sealed=opaque(4096))
KNOCK, CONTACT = 1, 2

def mailbox_path(mailbox, route=""): return f"/v1/mailboxes/{mailbox.hex()}{route}"

def call(authority, method, path, body=b"", headers={}):
    """Each request has a connection of its own, as [client.2] wants it for senders."""
    kind = http.client.HTTPSConnection if scheme(authority) == "https" else http.client.HTTPConnection
    connection = kind(authority, timeout=90)
    connection.request(method, path, body, {"host": authority, **headers})
    response = connection.getresponse()
    if response.status < 300: return connection, response
    code = re.search(rb"urn:sotto:problem:([a-z-]+)", response.read(1 << 16))
    raise RelayError(code[1].decode() if code else f"status {response.status}")

def put_signed(authority, seed, path, body, **headers):
    """[request.1] to [request.5]. The headers given are covered, and stand in the order of [request.3]."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {"content-digest": f"sha-256=:{digest}:", **{n.replace("_", "-"): v for n, v in headers.items()}}
    covered = {"@method": "PUT", "@target-uri": f"{scheme(authority)}://{authority}{path}", **headers}
    names = " ".join(f'"{name}"' for name in covered)
    parameters = f'({names});created={int(time.time())};keyid="{ed_public(seed).hex()}";alg="ed25519"'
    base = "\n".join(f'"{name}": {value}' for name, value in [*covered.items(), ("@signature-params", parameters)])
    signature = base64.b64encode(ed_key(seed).sign(base.encode())).decode()
    headers.update({"signature-input": f"sotto={parameters}", "signature": f"sotto=:{signature}:"})
    call(authority, "PUT", path, body, headers)

def stream(authority, seed):
    """The waiting envelopes. Asking for the next one acknowledges the one before, so it has to be safe by then."""
    mailbox = H("mailbox", ed_public(seed))[:16]
    connection, response = call(authority, "GET", mailbox_path(mailbox, "/stream"), None, {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(urandom(16)).decode()})
    kind, frame = receive_frame(connection.sock, response.fp)
    if kind != 1: raise RelayError("no challenge")
    epoch, nonce = frame.take(8), frame.take(32)
    proof = L("stream") + b"".join(map(lp, (authority.encode(), mailbox, epoch, nonce)))  # [stream.3]
    send_frame(connection.sock, 2, b"\x81" + ed_public(seed) + ed_key(seed).sign(proof))
    while True:
        kind, frame = receive_frame(connection.sock, response.fp)
        if kind == 3: return connection.close()  # caught up
        if kind != 2: raise RelayError(f"closing: {u16.read(frame)}")
        index, _, envelope = frame.take(8), frame.take(16), frame.opaque(65536)
        yield envelope
        send_frame(connection.sock, 2, b"\x82" + index + epoch)

def send_frame(socket, opcode, payload):
    """RFC 6455, masked, at most 125 bytes."""
    mask = urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

def receive_frame(socket, file):
    """The type of the relay's next frame, and the rest of it. Pings are answered."""
    while True:
        opcode, size = file.read(2) or (0x88, 0)
        payload = file.read(int.from_bytes(file.read({126: 2, 127: 8}[size]), "big") if size > 125 else size)
        if opcode == 0x82: return payload[0], Reader(payload[1:])
        if opcode != 0x89: raise RelayError("the stream was closed")
        send_frame(socket, 10, payload)

# ---- Identity.md ----

CARD, SIGNED_PART, ONE_TIME_PART = 1, 2, 3  # kinds of sealed bytes
DAY = 86400

def is_current(dates, now): return dates.not_before - 300 <= now <= dates.not_after + 300

class Address(namedtuple("Address", "A S relay")):
    @classmethod
    def parse(cls, text):
        """[address.4] There is one spelling. [address.5] A wrong checksum is noticed before anything is contacted."""
        with refusing("address", ValueError):
            letters, relay = text.split(":", 1)[-1].split("@")
            data = base64.b32decode(letters.upper())
        address = cls(data[:32], data[32:48], relay)
        require(len(data) == 55 and scheme(relay) and str(address) == text, "address")
        return address
    def __str__(self):
        checksum = H("address", self.A, self.S, self.relay.encode())[:7]
        return f"sotto:{base64.b32encode(self.A + self.S + checksum).decode().lower()}@{self.relay}"
    def derive(self, *label): return P(H("contact", self.A, self.S), *label)[0]
    def card_id(self): return self.derive("card id")[:16]
    def knock(self, mailbox): return self.derive("knock", mailbox)
    def seal(self, plaintext, id, kind, n): return xseal(self.derive("card key"), plaintext, id + u8(kind) + n)
    def unseal(self, data, id, kind, n): return xunseal(self.derive("card key"), data, id + u8(kind) + n, "seal")

Device = structure(id=fixed(8), signing_key=fixed(32), post_quantum_hash=fixed(32), identity_key=XKey, relay=u8,
                   mailbox=fixed(16), versions=opaque(8).where(lambda v: v and list(v) == sorted(set(v))))

class DeviceList(structure(account=fixed(32), sequence=u64, previous=fixed(32), not_before=u64, not_after=u64,
                           next_account=fixed(32), relays=vector(Authority, 8), devices=vector(Device, 64))):
    def valid(self):
        for names in self.relays, *([device[i] for device in self.devices] for i in (0, 1, 3, 5)):
            require(names and len(set(names)) == len(names), "encoding")  # [list.3]
        require(all(device.relay < len(self.relays) for device in self.devices), "encoding")
        require(self.sequence > 0 and 0 < self.not_after - self.not_before <= 30 * DAY, "validity")  # [list.7]
        require((self.sequence == 1) == (self.previous == bytes(32)), "chain")  # [list.8]
        return True
    def hash(self): return H("list", bytes(self))
    def head(self): return u64(self.sequence) + self.hash()
    def device(self, id):
        """[list.1] A device is valid if and only if it is here. [handshake.17] It has to speak version 1."""
        device = next((device for device in self.devices if device.id == id), None)
        require(device and 1 in device.versions, "device")
        return device
    def follows(self, known):
        """[list.6]"""
        step = self.sequence - known.sequence
        return step > 1 or step == 1 and self.previous == known.hash() or step == 0 and self.hash() == known.hash()

SignedList = Type(lambda list: lp(bytes(list)), lambda r: decode(DeviceList, r.opaque(65536)))

class Card(structure(account_ed=fixed(32), account_ml=fixed(1952), list=SignedList, signature=fixed(3373))):
    def A(self): return H("account", self.account_ed, self.account_ml)
    def verify(self, A, now):
        """[card.4], steps 2 to 4. Decoding was the first."""
        require(self.A() == A == self.list.account, "account")
        verify(self.account_ed, self.account_ml, "device list", bytes(self.list), self.signature)
        require(is_current(self.list, now), "validity")

def fetch_card(address, known, now):
    """From the relay of the address. `known` is the newest known list of the account, or None."""
    _, response = call(address.relay, "GET", f"/v1/cards/{address.card_id().hex()}")
    sequence = int(response.headers["sotto-list-sequence"])
    card = decode(Card, address.unseal(response.read(1 << 17), address.card_id(), CARD, u64(sequence)))
    require(card.list.sequence == sequence, "chain")  # [card.2]
    card.verify(address.A, now)
    require(address.relay in card.list.relays, "account")  # [card.5]
    require(not known or card.list.follows(known), "chain")
    return card

def safety_number(A, B):
    o = b"".join(P(H("safety", min(A, B), max(A, B)), "digits"))
    return "".join(f"{int.from_bytes(o[i:i + 5], 'big') % 100_000:05}" for i in range(0, 60, 5))

# ---- Prekeys.md ----

ONE_TIME, LAST_RESORT = 1, 2
BatchRoot = structure(batch=u64, depth=u8.where(lambda depth: depth <= 8), root=fixed(32))
SignedPart = structure(account=fixed(32), device=fixed(8), spk_id=u64, signed_key=XKey, last_resort_id=u64,
                       last_resort_key=KEMKey, batches=vector(BatchRoot, 64), not_before=u64, not_after=u64)
PublishedSignedPart = structure(post_quantum_key=fixed(1952), content=opaque(16384), signature=fixed(3373))
OneTimePart = structure(batch=u64, index=u32, agreement_key=XKey, kem_key=KEMKey, path=vector(fixed(32), 8))
Bundle = namedtuple("Bundle", "SP spk_id SPK kind id index OPK KEM")  # what one handshake uses, and its names in box0

def prekey_leaf(device, part):
    return H("prekey leaf", device, u64(part.batch), u32(part.index), part.agreement_key, part.kem_key)

def merkle_tree(leaves):
    """The root, and the path of each leaf."""
    if len(leaves) == 1: return leaves[0], [[]]
    root, above = merkle_tree([H("prekey node", *leaves[i:i + 2]) for i in range(0, len(leaves), 2)])
    return root, [[leaves[i ^ 1], *above[i // 2]] for i in range(len(leaves))]

def fold(node, index, path):
    """[prekeys.2]"""
    for level, sibling in enumerate(path):
        node = H("prekey node", *((sibling, node) if index >> level & 1 else (node, sibling)))
    return node

def make_batch(device, batch, depth):
    """Private keys (OPK, KEM seed), the root, and the parts."""
    secrets = [(urandom(32), urandom(64)) for _ in range(1 << depth)]
    parts = [OneTimePart(batch, i, x_public(opk), kem_public(kem), []) for i, (opk, kem) in enumerate(secrets)]
    root, paths = merkle_tree([prekey_leaf(device, part) for part in parts])
    return secrets, BatchRoot(batch, depth, root), [part._replace(path=path) for part, path in zip(parts, paths)]

def verify_bundle(claimed, address, device, now):
    """[prekeys.6] `claimed` is the relay's answer, `device` an entry of the address's verified card."""
    r = Reader(claimed)
    outer = read(ClaimedSignedPart, r)
    one_time = read(ClaimedOneTimePart, r) if outer.more else None
    require(r.at == len(claimed), "encoding")
    published = decode(PublishedSignedPart, address.unseal(outer.sealed, device.mailbox, SIGNED_PART, u64(outer.spk_id)))
    require(H("device key", published.post_quantum_key) == device.post_quantum_hash, "device")  # [prekeys.11]
    verify(device.signing_key, published.post_quantum_key, "signed part", published.content, published.signature)
    part = decode(SignedPart, published.content)
    roots = {root.batch: root for root in part.batches}
    require(len(roots) == len(part.batches), "encoding")  # [prekeys.9]
    require(0 < part.not_after - part.not_before <= 14 * DAY, "validity")  # [prekeys.10]
    require((part.account, part.device) == (address.A, device.id), "device")  # [prekeys.12]
    require(is_current(part, now), "validity")  # [prekeys.13]
    require(part.spk_id == outer.spk_id, "device")  # [prekeys.14]
    signed_part = published.content, part.spk_id, part.signed_key
    if not one_time: return Bundle(*signed_part, LAST_RESORT, part.last_resort_id, 0, b"", part.last_resort_key)

    n = u64(one_time.batch) + u32(one_time.index)
    part = decode(OneTimePart, address.unseal(one_time.sealed, device.mailbox, ONE_TIME_PART, n))
    require(part.batch in roots, "proof")
    _, depth, root = roots[part.batch]
    require(len(part.path) == depth and part.index < 1 << depth, "proof")
    require(fold(prekey_leaf(device.id, part), part.index, part.path) == root, "proof")
    require((part.batch, part.index) == one_time[:2], "proof")  # [prekeys.14]
    return Bundle(*signed_part, ONE_TIME, part.batch, part.index, part.agreement_key, part.kem_key)

# ---- Messages.md ----

TEXT, REPLY_PATH, HEADS, MISSING = 1, 2, 3, 4
SIZES = [512 << k for k in range(8)]  # [envelope.1]

def ascending(rights): return [r.mailbox for r in rights] == sorted({r.mailbox for r in rights})

MailboxRight = structure(mailbox=fixed(16), capability=fixed(32))
ReplyPath = structure(relay=Authority, contact_secret=fixed(16), rights=vector(MailboxRight, 64).where(ascending))
Heads = structure(own=fixed(40), yours=fixed(40))
Part = structure(kind=u8, body=opaque(65536))
Content = structure(id=fixed(16), sent_at=u64, parts=vector(Part, 64))

def read_content(padded):
    """The id, and the parts by kind. [messages.4]"""
    parts = {}
    with refusing("content", Refused, UnicodeDecodeError):
        content = decode(Content, unpad(padded))
        for kind, body in content.parts:
            require(kind in (TEXT, REPLY_PATH, HEADS, MISSING) or kind >= 128, "content")
            if kind == TEXT: parts.setdefault(TEXT, body.decode())
            if kind == REPLY_PATH: parts[kind] = decode(ReplyPath, body)
            if kind == HEADS: parts[kind] = decode(Heads, body)
            require(kind != MISSING or len(body) % 16 == 0, "content")
    return content.id, parts

def pad(content, size): return content + b"\x80" + bytes(size - len(content) - 1)
def unpad(padded):
    content = padded.rstrip(b"\0")
    require(content.endswith(b"\x80"), "padding")  # [messages.2]
    return content[:-1]

# ---- Ratchet.md ----

MOST_SKIPPED, LONGEST_GAP, MOST_PAST_CHAINS = 2000, 1000, 5
Header = structure(DHs=XKey, PN=u32, N=u32)

class Session(SimpleNamespace):
    """The names are those of the document. `skipped` has [HK, N, MK, time], `past` the header keys of past chains."""
    @classmethod
    def begin(cls, sid, RK0, HKi, HKr, DHs, SPK=None, **about):
        """[ratchet.11] The initiator gives SPK, and can send. [ratchet.12] The responder has it as DHs, and waits."""
        self = cls(sid=sid, RK=RK0, DHs=DHs, HKs=HKi, NHKs=HKr, NHKr=HKr if SPK else HKi, CKs=None, Ns=0, PN=0,
                   CKr=None, HKr=None, Nr=0, DHr=None, skipped=[], past=[], confirmed=not SPK, opened=0, suspect=False,
                   told=None, **about)
        if SPK: self.CKs, self.NHKs = self.root_step(SPK)
        return self

    def root_step(self, DHr):
        """[ratchet.1]"""
        self.RK, t = P(self.RK, "ratchet root", DH(self.DHs, DHr))
        return P(t, "ratchet chain")

    def seal(self, content):
        """The next envelope. [sessions.2] The prelude stands in front until the session is confirmed."""
        start = b"\1" if self.confirmed else b"\2" + self.prelude
        overhead = len(start) + 80 + 32 + 16
        size = next(size for size in SIZES if size > overhead + len(content))
        self.CKs, MK = P(self.CKs, "chain")
        hdr = xseal(self.HKs, bytes(Header(x_public(self.DHs), self.PN, self.Ns)), self.sid)
        self.Ns += 1
        EK_m, COM = P(MK, "message", self.sid, hdr)  # [ratchet.3]
        return start + hdr + COM + seal(EK_m, pad(content, size - overhead), b"")

    def header(self, HK, message):
        """The header, if this key opens it."""
        try: return HK and decode(Header, xunseal(HK, message[:80], self.sid, "header"))
        except Refused: return None

    def open(self, HK, header, message, now):
        """Changes the session even if it refuses: open with a copy, and keep the copy that opened. [ratchet.10]"""
        if HK == self.HKr:
            require(header.DHs == self.DHr, "header")  # [ratchet.15]
            require(header.N - self.Nr <= LONGEST_GAP and header.N < 2**32 - 1, "gap")  # [ratchet.14]
        if HK == self.NHKr:
            require(header.N <= LONGEST_GAP and 0 <= header.PN - self.Nr <= LONGEST_GAP, "gap")
            require(self.CKr or header.PN == 0, "gap")
            self.turn(header, now)
        MK = self.message_key(HK, header.N, now)
        EK_m, COM = P(MK, "message", self.sid, message[:80])
        require(hmac.compare_digest(COM, message[80:112]), "commitment")  # [ratchet.4]
        content = read_content(unseal(EK_m, message[112:], b"", "message"))
        self.confirmed, self.prelude, self.opened = True, b"", time.time()
        return content

    def turn(self, header, now):
        """The peer has a new ratchet key: the next receiving chain begins, and the next sending chain."""
        if self.CKr:
            self.skip(header.PN, now)
            self.past.append(self.HKr)
        self.HKr, self.Nr, self.DHr = self.NHKr, 0, header.DHs
        self.CKr, self.NHKr = self.root_step(self.DHr)
        self.HKs, self.PN, self.Ns, self.DHs = self.NHKs, self.Ns, 0, urandom(32)
        self.CKs, self.NHKs = self.root_step(self.DHr)

    def skip(self, N, now):
        while self.Nr < N:
            self.CKr, MK = P(self.CKr, "chain")
            self.skipped.append([self.HKr, self.Nr, MK, now])
            self.Nr += 1

    def message_key(self, HK, N, now):
        if HK == self.HKr: self.skip(N + 1, now)  # the last one is the one that is asked for
        kept = [entry for entry in self.skipped if entry[3] > now - 30 * DAY]  # [ratchet.9]
        found = next((entry for entry in kept if entry[:2] == [HK, N]), None)
        require(found, "replay")  # [ratchet.16]
        kept = [entry for entry in kept if entry != found][-MOST_SKIPPED:]  # [ratchet.7]
        self.past = [HK for HK in self.past if any(entry[0] == HK for entry in kept)][-MOST_PAST_CHAINS:]
        self.skipped = [entry for entry in kept if entry[0] in (self.HKr, *self.past)]  # [ratchet.8]
        return found[2]

# ---- Handshake.md ----

Prelude = structure(ephemeral_key=XKey, box0=fixed(48), ciphertext=fixed(1568),
                    box1=opaque(49152).where(lambda box1: len(box1) >= 272 and len(box1) % 256 == 16))  # [handshake.2]
PrekeyIDs = structure(spk_id=u64, kind=u8.where(lambda kind: kind in (ONE_TIME, LAST_RESORT)), id=u64, index=u32,
                      zeros=fixed(11).where(lambda zeros: not any(zeros)))  # [handshake.4]
Box1 = structure(card=Card, device=fixed(8), reply_path=ReplyPath, generation=u32,
                 reset=u8.where(lambda reset: reset < 2), seen=fixed(40))

# The key schedule, [handshake.6], in the three steps in which a responder comes to know what it needs.
def schedule_0(A_R, dev_R, IK_R, EK, dh2):
    c0 = H("hs0", A_R, dev_R, IK_R, EK)
    return (c0, *P(c0, "hs dh2", dh2))

def schedule_1(c0, ck0, box0, bundle, ct, dh3, dh4, SS):
    c1 = H("hs1", c0, box0, H("signed part", bundle.SP), bundle.SPK, u8(bundle.kind), bundle.OPK, bundle.KEM, ct)
    ck2 = P(P(ck0, "hs dh3", dh3)[0], "hs dh4", dh4)[0]
    return (c1, *P(ck2, "hs kem", SS, c1))

def schedule_2(c1, ck3, box1, list_I, dev_I, dh1):
    c2 = H("hs2", c1, box1, list_I.account, list_I.hash(), dev_I.id, dev_I.identity_key)
    ck4 = P(ck3, "hs dh1", dh1, c2)[0]
    return (c2, P(ck4, "root")[0], *P(ck4, "headers"))

def initiate(me, A_R, dev_R, bundle, generation, seen):
    """A new session with a device whose card and bundle were verified."""
    ek = urandom(32)
    EK, IK_R = x_public(ek), dev_R.identity_key
    c0, ck0, k0 = schedule_0(A_R, dev_R.id, IK_R, EK, DH(ek, IK_R))
    box0 = seal(k0, bytes(PrekeyIDs(bundle.spk_id, bundle.kind, bundle.id, bundle.index, bytes(11))), c0)
    SS, ct = encapsulation_key(bundle.KEM).encapsulate()
    dh4 = DH(ek, bundle.OPK) if bundle.OPK else b""
    c1, ck3, k1 = schedule_1(c0, ck0, box0, bundle, ct, DH(ek, bundle.SPK), dh4, SS)
    card = decode(Card, me.card)
    inner = bytes(Box1(card, me.device_id, me.reply_path(), generation, 0, seen))
    box1 = seal(k1, pad(inner, len(inner) // 256 * 256 + 256), c1)  # [handshake.14]
    dh1 = DH(me.identity_secret, bundle.SPK)
    keys = schedule_2(c1, ck3, box1, card.list, card.list.device(me.device_id), dh1)
    return Session.begin(*keys, urandom(32), bundle.SPK, device=dev_R.id, identity_key=IK_R, generation=generation,
                         prelude=bytes(Prelude(EK, box0, ct, box1)))

def respond(me, prelude, known_list, now):
    """[handshake.10], steps 2 to 7: who claims to write, and the session in which that is still to be proved."""
    EK, box0, ct, box1 = prelude
    IK_R = x_public(me.identity_secret)
    c0, ck0, k0 = schedule_0(me.A, me.device_id, IK_R, EK, DH(me.identity_secret, EK))
    ids = decode(PrekeyIDs, unseal(k0, box0, c0, "box0"))
    require(ids.kind == ONE_TIME or ids.index == 0, "encoding")
    spk, opk, kem, bundle = me.prekey_secrets(ids, now)
    dh4 = DH(opk, EK) if opk else b""
    c1, ck3, k1 = schedule_1(c0, ck0, box0, bundle, ct, DH(spk, EK), dh4, kem_key(kem).decapsulate(ct))
    inner = decode(Box1, unpad(unseal(k1, box1, c1, "box1")))
    require(1 <= inner.generation <= 2**31, "generation")  # [handshake.8]
    list_I = inner.card.list
    inner.card.verify(inner.card.A(), now)  # [handshake.12]
    dev_I, known = list_I.device(inner.device), known_list(list_I.account)
    if known and list_I.sequence < known.sequence:  # [handshake.16]
        require(known.device(dev_I.id).identity_key == dev_I.identity_key, "device")
    else: require(not known or list_I.follows(known), "chain")
    keys = schedule_2(c1, ck3, box1, list_I, dev_I, DH(spk, dev_I.identity_key))
    return inner, ids, Session.begin(*keys, spk, device=dev_I.id, identity_key=dev_I.identity_key,
                                     generation=inner.generation, prelude=b"")

# ---- Sessions.md ----

def rank(session): return session.generation, session.sid  # [sessions.5]

def sending_session(sessions):
    """[sessions.7], of the sessions with one device."""
    usable = [session for session in sessions if not session.suspect]
    return max([session for session in usable if session.confirmed] or usable, key=rank, default=None)

def find_session(sessions, message):
    """[sessions.3] The first header key that opens decides."""
    for keys in (lambda session: [session.HKr, session.NHKr]), (lambda session: session.past[::-1]):
        for session in sorted(sessions, key=lambda session: -session.opened):
            for HK in keys(session):
                header = session.header(HK, message)
                if header: return session, HK, header
    raise Refused("header")

class Contact(SimpleNamespace):
    def address(self): return Address(self.A, self.S, self.relay)
    def list(self): return self.card and decode(Card, self.card).list
    def with_device(self, id): return [session for session in self.sessions if session.device == id]
    def generation(self, device): return self.generations.get(device.hex(), 0)

    def add(self, session):
        """[sessions.8] Five with a device: the best one, and four for what comes late."""
        ranked = sorted([*self.with_device(session.device), session], key=rank)
        self.sessions = [s for s in self.sessions if s.device != session.device] + ranked[-5:]
        self.generations[session.device.hex()] = max(session.generation, self.generation(session.device))

    def learn(self, card, path=None):
        """[client.5] Sessions go with their devices. [client.9] A reply path has to agree with the list."""
        devices = {(device.id, device.identity_key): device.mailbox for device in card.list.devices}
        self.card = bytes(card)
        self.sessions = [session for session in self.sessions if (session.device, session.identity_key) in devices]
        if path and path.relay in card.list.relays:
            self.relay, self.S = path.relay, path.contact_secret
            self.rights = {r.mailbox.hex(): r.capability for r in path.rights if r.mailbox in devices.values()}

    def capability(self, mailbox):
        return {"sotto-capability": (self.rights.get(mailbox.hex()) or self.address().knock(mailbox)).hex()}

class Peer(SimpleNamespace):
    def address(self): return Address(self.A, self.S, self.relay)
    def reply_path(self): return ReplyPath(self.relay, self.S, [MailboxRight(self.mailbox, self.capability)])

    @classmethod
    def load(cls, path):
        kinds = {"hex": bytes.fromhex, "Contact": lambda state: Contact(**state), "Session": lambda s: Session(**s)}
        restore = lambda x: next((kinds[kind](value) for kind, value in x.items() if kind in kinds), x)
        with open(path) as file: return cls(**json.load(file, object_hook=restore))

    def save(self):
        """[client.1] What is done is stored before it is sent or acknowledged."""
        pack = lambda x: {"hex": x.hex()} if isinstance(x, bytes) else {type(x).__name__: vars(x)}
        with open(os.open(self.path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(vars(self), file, default=pack)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def put(self, secret, path, body=b"", **headers):
        """[request.8] The number is stored before it is used."""
        self.request = max(self.request + 1, int(time.time() * 1000))
        self.save()
        put_signed(self.relay, secret, path, body, sotto_sequence=str(self.request), **headers)

    @classmethod
    def create(cls, path, relay, now):
        """Keys; then, at the relay, a mailbox, its capabilities, prekeys, and the card that the address leads to."""
        account, following, device, mailbox_secret = urandom(64), urandom(64), urandom(64), urandom(32)
        mailbox = H("mailbox", ed_public(mailbox_secret))[:16]
        self = cls(path=path, relay=relay, account=account, next_account=following, A=H("account", *hybrid_public(account)),
                   device=device, device_id=urandom(8), identity_secret=urandom(32), mailbox_secret=mailbox_secret,
                   mailbox=mailbox, card_secret=urandom(32), S=urandom(16), capability=urandom(32), request=0,
                   spk=urandom(32), last_resort=urandom(64), until=now + 14 * DAY, contacts={}, preludes={}, seen=[])
        ed, ml = hybrid_public(device)
        entry = Device(self.device_id, ed, H("device key", ml), x_public(self.identity_secret), 0, mailbox, b"\1")
        content = DeviceList(self.A, 1, bytes(32), now, now + 30 * DAY, H("account", *hybrid_public(following)), [relay],
                             [entry])
        self.card = bytes(Card(*hybrid_public(account), content, sign(account, "device list", bytes(content))))
        secrets, root, parts = make_batch(self.device_id, 1, 4)
        self.one_time = {f"1/{index}": pair for index, pair in enumerate(secrets)}
        self.signed_part = bytes(SignedPart(self.A, self.device_id, 1, x_public(self.spk), 1,
                                            kem_public(self.last_resort), [root], now, self.until))
        published = bytes(PublishedSignedPart(ml, self.signed_part, sign(device, "signed part", self.signed_part)))

        address = self.address()
        self.put(mailbox_secret, mailbox_path(mailbox))
        slots = [CapabilitySlot(KNOCK, H("capability", address.knock(mailbox)), 0),
                 CapabilitySlot(CONTACT, H("capability", self.capability), 0)]
        self.put(mailbox_secret, mailbox_path(mailbox, "/capabilities"), vector(CapabilitySlot, 16)(slots))
        sealed = address.seal(published, mailbox, SIGNED_PART, u64(1))
        self.put(mailbox_secret, mailbox_path(mailbox, "/prekeys/signed-part"), u64(1) + lp(sealed))
        batch = [OneTimeSlot(part.index, address.seal(bytes(part), mailbox, ONE_TIME_PART, u64(1) + u32(part.index)))
                 for part in parts]
        self.put(mailbox_secret, mailbox_path(mailbox, "/prekeys/one-time/1"), vector(OneTimeSlot, 256)(batch))
        self.put(self.card_secret, f"/v1/cards/{address.card_id().hex()}",
                 address.seal(self.card, address.card_id(), CARD, u64(1)), sotto_list_sequence="1", if_none_match="*")
        return self

    def prekey_secrets(self, ids, now):
        """[handshake.15]"""
        found = self.one_time.get(f"{ids.id}/{ids.index}") if ids.kind == ONE_TIME else ids.id == 1 and (b"", self.last_resort)
        require(found and ids.spk_id == 1 and now < self.until + 30 * DAY, "prekey")
        opk, kem = found
        return self.spk, opk, kem, Bundle(self.signed_part, 1, x_public(self.spk), ids.kind, ids.id, ids.index,
                                          x_public(opk) if opk else b"", kem_public(kem))

    def contact(self, who, name=None):
        """By name or address. Whom the user adds or answers is accepted, and only then contacted. [client.3]"""
        contact = next((c for c in self.contacts.values() if who in (c.name, str(c.address()))), None)
        if not contact:
            address = Address.parse(who)
            contact = self.contacts.get(address.A.hex()) or Contact(
                A=address.A, S=address.S, relay=address.relay, name=who, card=None, rights={}, generations={}, sessions=[])
        contact.learn(fetch_card(contact.address(), contact.list(), int(time.time())))  # [client.16]
        contact.accepted, contact.name = True, name or contact.name
        self.contacts[contact.A.hex()] = contact
        self.save()
        return contact

    def send(self, who, text, now):
        contact, id = self.contact(who), urandom(16)
        for device in contact.list().devices:
            heads = bytes(Heads(decode(Card, self.card).list.head(), contact.list().head()))
            path, capability = mailbox_path(device.mailbox), contact.capability(device.mailbox)
            relay = contact.list().relays[device.relay]
            session = sending_session(contact.with_device(device.id))
            if not session:
                _, claimed = call(relay, "POST", path + "/prekeys/claim", b"", capability)
                bundle = verify_bundle(claimed.read(1 << 17), contact.address(), contact.list().device(device.id), now)
                session = initiate(self, contact.A, device, bundle, contact.generation(device.id) + 1, heads[40:])
                session.told = heads
                contact.add(session)
            parts = [Part(TEXT, text.encode())]
            if session.told is None: parts.append(Part(REPLY_PATH, bytes(self.reply_path())))  # [client.9]
            if session.told != heads: parts.append(Part(HEADS, heads))  # [client.10]
            session.told = heads
            envelope = session.seal(bytes(Content(id, int(time.time() * 1000), parts)))
            self.save()
            call(relay, "PUT", f"{path}/envelopes/{urandom(16).hex()}", envelope, capability)

    def receive(self, now):
        """Yields (contact, text) of the waiting messages."""
        for envelope in stream(self.relay, self.mailbox_secret):
            message = None
            try: message = self.open(envelope, now)
            except Refused: pass  # whatever it was, nothing is shown and nothing answered
            self.save()
            if message: yield message

    def open(self, envelope, now):
        require(len(envelope) in SIZES and envelope[0] in (1, 2), "encoding")  # [envelope.3]
        r, sessions = Reader(envelope[1:]), [s for contact in self.contacts.values() for s in contact.sessions]
        if envelope[0] == 2:
            prelude = read(Prelude, r)
            d = H("prelude", *prelude).hex()  # [handshake.3]
            sessions = [session for session in sessions if session.sid == self.preludes.get(d)]
        message = r.take(len(r.data) - r.at)
        require(len(message) >= 80 + 32 + 17, "encoding")
        if envelope[0] == 2 and d not in self.preludes: return self.open_first(prelude, d, message, now)
        session, HK, header = find_session(sessions, message)
        contact = next(contact for contact in self.contacts.values() if session in contact.sessions)
        trial = copy.deepcopy(session)
        try: content = trial.open(HK, header, message, now)
        except Refused as refused:
            session.suspect |= refused.args[0] in ("gap", "key", "commitment", "message")  # [client.6]
            raise
        vars(session).update(vars(trial))
        return self.deliver(contact, *content)

    def open_first(self, prelude, d, message, now):
        """[handshake.10] All is computed and opened first. From then on nothing is refused."""
        known = lambda A: A.hex() in self.contacts and self.contacts[A.hex()].list()
        box1, ids, session = respond(self, prelude, known, now)
        header = session.header(session.NHKr, message)
        require(header, "header")
        content = session.open(session.NHKr, header, message, now)
        A, path = box1.card.list.account, box1.reply_path
        contact = self.contacts.get(A.hex())
        strangers = [c for c in self.contacts.values() if not c.accepted and c != contact]
        require(contact and contact.accepted or len(strangers) < 100, "strangers")  # [client.4]
        contact = contact or Contact(A=A, S=path.contact_secret, relay=path.relay, name=None, card=None, rights={},
                                     generations={}, sessions=[], accepted=False)
        if not contact.accepted: contact.sessions = []
        if not contact.card or box1.card.list.sequence >= contact.list().sequence: contact.learn(box1.card, path)
        contact.add(session)
        self.contacts[A.hex()], self.preludes[d] = contact, session.sid
        if ids.kind == ONE_TIME: del self.one_time[f"{ids.id}/{ids.index}"]  # [prekeys.8]
        return self.deliver(contact, *content)

    def deliver(self, contact, id, parts):
        if REPLY_PATH in parts: contact.learn(decode(Card, contact.card), parts[REPLY_PATH])
        name = [contact.A, id]  # [client.8]
        if name in self.seen or TEXT not in parts: return None
        self.seen.append(name)
        return contact, parts[TEXT]

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True, metavar="FILE")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, *arguments in ("create", "--relay"), ("address",), ("add", "address", "name"), ("safety", "who"), (
            "send", "who", "text"), ("receive",):
        subparser = commands.add_parser(command)
        for argument in arguments: subparser.add_argument(argument, **{"required": True} if argument[0] == "-" else {})
    options, now = parser.parse_args(), int(time.time())
    if options.command == "create": peer = Peer.create(options.state, options.relay.split("://")[-1], now)
    else: peer = Peer.load(options.state)
    if options.command in ("create", "address"): print(peer.address())
    if options.command == "add": peer.contact(options.address, options.name)
    if options.command == "safety": print(safety_number(peer.A, peer.contact(options.who).A))
    if options.command == "send": peer.send(options.who, options.text, now)
    if options.command == "receive":
        for contact, text in peer.receive(now):
            line = {"from": contact.name or str(contact.address()), "text": text, "request": not contact.accepted}
            print(json.dumps(line), flush=True)

if __name__ == "__main__":
    try: main()
    except (RelayError, Refused, OSError) as error: sys.exit(f"{type(error).__name__}: {error}")
