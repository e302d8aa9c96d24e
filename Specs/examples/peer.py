#!/usr/bin/env python3
"""A small Sotto client, to be read from top to bottom beside the specs: each section has the name of a document.
It is an example: its secrets lie in one JSON file that is not encrypted. README.md says what else it leaves out.
usage: peer.py FILE create URL | add ADDRESS NAME | send NAME|ADDRESS TEXT | receive"""
import base64, copy, hashlib, hmac, http.client, ipaddress, json, os, re, struct, sys, time
from collections import namedtuple
from contextlib import contextmanager, suppress
from os import urandom
from types import SimpleNamespace
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms

class Refused(Exception): """A rule says *must refuse*. The argument is the stage, which no peer and no relay learns."""
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
    def left(self): return len(self.data) - self.at
    def take(self, size):
        require(size <= self.left(), "encoding")
        self.at += size
        return self.data[self.at - size:self.at]
    def opaque(self, limit):
        first = self.take(1)
        rest = self.take((1 << (first[0] >> 6)) - 1)
        length = int.from_bytes(bytes([first[0] & 63]) + rest, "big")
        require(varint(length) == first + rest and length <= limit, "encoding")
        return self.take(length)

class Type(namedtuple("Type", "write read")):
    def __call__(self, value): return self.write(value)
    def where(self, valid):  # the values that are valid, or are a reason to refuse
        def read(r):
            value = self.read(r)
            require(valid(value), "encoding")
            return value
        return Type(self.write, read)
def uint(size): return Type(lambda n: n.to_bytes(size, "big"), lambda r: int.from_bytes(r.take(size), "big"))
def fixed(size): return Type(bytes, lambda r: r.take(size))
def opaque(limit): return Type(lp, lambda r: r.opaque(limit))
def vector(item, most):
    def items(r):
        while r.left(): yield item.read(r)
    return Type(lambda values: lp(b"".join(map(item.write, values))),
                lambda r: list(items(Reader(r.opaque(1 << 16))))).where(lambda values: len(values) <= most)
def structure(**fields):
    class Structure(namedtuple("Structure", fields)):
        def __bytes__(self): return b"".join(type.write(value) for type, value in zip(fields.values(), self))
        write = bytes
        read = classmethod(lambda cls, r: cls(*(type.read(r) for type in fields.values())))
    return Structure
def decode(type, data):
    r = Reader(data)
    value = type.read(r)
    require(not r.left(), "encoding")
    return value
u8, u32, u64 = map(uint, (1, 4, 8))

# ---- Primitives.md ----
def L(label): return lp(b"Sotto/1 " + label.encode())
def H(label, *x): return hashlib.blake2b(L(label) + b"".join(map(lp, x)), digest_size=32).digest()
def P(key, label, *x):
    o = hashlib.blake2b(L(label) + b"".join(map(lp, x)), key=key, digest_size=64).digest()
    return o[:32], o[32:]
def seal(key, message, ad, nonce=bytes(12)): return aead.ChaCha20Poly1305(key).encrypt(nonce, message, ad)
def unseal(key, sealed, ad, stage, nonce=bytes(12)):
    with refusing(stage, InvalidTag): return aead.ChaCha20Poly1305(key).decrypt(nonce, sealed, ad)

def hchacha(key, n):  # of XChaCha20: a block of ChaCha20 before its beginning is added at the end
    start = struct.unpack("<16I", b"expand 32-byte k" + key + n[:16])
    block = struct.unpack("<16I", Cipher(algorithms.ChaCha20(key, n[:16]), None).encryptor().update(bytes(64)))
    return struct.pack("<8I", *((block[i] - start[i]) % 2**32 for i in (0, 1, 2, 3, 12, 13, 14, 15)))
def xseal(key, message, ad):
    n = urandom(24)
    return n + seal(hchacha(key, n), message, ad, bytes(4) + n[16:])
def xunseal(key, sealed, ad, stage):
    require(len(sealed) >= 24 + 16, stage)
    return unseal(hchacha(key, sealed), sealed[24:], ad, stage, bytes(4) + sealed[16:24])
FIELD = 2**255 - 19
ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = {0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8}  # the y of the points that are no keys
def ed_key(seed): return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
def ed_public(seed): return ed_key(seed).public_key().public_bytes_raw()
def ml_key(secret): return mldsa.MLDSA65PrivateKey.from_seed_bytes(secret[32:])
def hybrid_public(secret): return ed_public(secret[:32]), ml_key(secret).public_key().public_bytes_raw()
def signed_bytes(label, ed, ml, message): return L(label) + lp(H("signer", ed, ml)) + lp(message)
def sign(secret, label, message):  # a hybrid secret is the seed of Ed25519 and then the seed of ML-DSA-65
    signed = signed_bytes(label, *hybrid_public(secret), message)
    return ed_key(secret[:32]).sign(signed) + ml_key(secret).sign(signed, b"Sotto/1")
def verify(ed, ml, label, message, signature):
    for point in ed, signature[:32]:
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
class RelayError(OSError): """The relay said no. The argument is the code of its problem document."""
def is_ip(kind, host):
    with suppress(ValueError): return str(kind(host)) == host
def scheme(authority):  # None if it is not in the one spelling of [relay.7]; otherwise [relay.8]
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    found = re.fullmatch(rf"({label}(?:\.{label})*|\[([0-9a-f:]+)\])(:([1-9][0-9]{{0,4}}))?", authority)
    if not found: return None
    host, ipv6, port, ipv4 = found[1], found[2], int(found[4] or 1), is_ip(ipaddress.IPv4Address, found[1])
    valid = is_ip(ipaddress.IPv6Address, ipv6) if ipv6 else ipv4 or not re.search(r"(^|\.)([0-9]+|0x[0-9a-f]*)$", host)
    name, usual = ("http", 80) if host in ("localhost", "[::1]") or ipv4 and host.startswith("127.") else ("https", 443)
    return name if valid and len(host) <= 253 and port < 2**16 and port != usual else None
Authority = Type(lambda text: lp(text.encode()), lambda r: r.opaque(259).decode("latin-1")).where(scheme)
def b64(x): return base64.b64encode(x).decode()
def mailbox_id(seed): return H("mailbox", ed_public(seed))[:16]
def mailbox_path(mailbox, route=""): return f"/v1/mailboxes/{mailbox.hex()}{route}"
def now(): return int(time.time())

def call(authority, method, path, body=b"", headers={}):  # one connection each, as Sessions.md wants it
    kind = http.client.HTTPSConnection if scheme(authority) == "https" else http.client.HTTPConnection
    connection = kind(authority, timeout=90)
    connection.request(method, path, body, {"host": authority, **headers})
    response = connection.getresponse()
    if response.status < 300: return connection, response
    code = re.search(rb"urn:sotto:problem:([a-z-]+)", response.read(1 << 16))
    raise RelayError(code[1].decode() if code else f"status {response.status}")

def put_signed(me, seed, path, body=b"", headers={}):  # [request.1] to [request.5]
    me.sequence = max(me.sequence + 1, int(time.time() * 1000))
    me.save()  # [request.8] before the number is used
    digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    headers = {"content-digest": digest, "sotto-sequence": str(me.sequence), **headers}
    covered = {"@method": "PUT", "@target-uri": f"{scheme(me.relay)}://{me.relay}{path}", **headers}
    names = " ".join(f'"{name}"' for name in covered)
    parameters = f'({names});created={now()};keyid="{ed_public(seed).hex()}";alg="ed25519"'
    base = "\n".join(f'"{name}": {value}' for name, value in [*covered.items(), ("@signature-params", parameters)])
    signature = f"sotto=:{b64(ed_key(seed).sign(base.encode()))}:"
    call(me.relay, "PUT", path, body, {**headers, "signature-input": f"sotto={parameters}", "signature": signature})

def stream(authority, seed):
    """The waiting envelopes. Asking for the next one acknowledges the one before, so it has to be safe by then."""
    connection, response = call(authority, "GET", mailbox_path(mailbox_id(seed), "/stream"), None, {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": b64(urandom(16))})
    def send(opcode, payload):  # RFC 6455, masked, at most 125 bytes
        mask = urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        connection.sock.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)
    while True:
        opcode, size = response.fp.read(2) or (0x88, 0)
        if size > 125: size = int.from_bytes(response.fp.read(2 if size == 126 else 8), "big")
        frame = Reader(response.fp.read(size))
        if opcode == 0x89: send(10, frame.data)  # ping, pong
        kind = frame.take(1)[0] if opcode == 0x82 else opcode
        if kind == 1:  # the challenge, [stream.3]
            epoch, nonce = frame.take(8), frame.take(32)
            proof = L("stream") + b"".join(map(lp, (authority.encode(), mailbox_id(seed), epoch, nonce)))
            send(2, b"\x81" + ed_public(seed) + ed_key(seed).sign(proof))
        elif kind == 2:
            index, _, envelope = frame.take(8), frame.take(16), frame.opaque(1 << 16)
            yield envelope
            send(2, b"\x82" + index + epoch)
        elif kind == 3: return connection.close()  # caught up
        elif kind != 0x89: raise RelayError(f"the stream was closed: {frame.data.hex()}")

# ---- Identity.md ----
CARD, SIGNED_PART, ONE_TIME_PART, DAY = 1, 2, 3, 86400  # kinds of sealed bytes
def is_current(dates): return dates.not_before - 300 <= now() <= dates.not_after + 300

class Address(namedtuple("Address", "A S relay")):
    @classmethod
    def parse(cls, text):  # [address.4] In one spelling only. [address.5] Before anything is contacted.
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
    def seal(me, m, id, kind, n): return xseal(me.derive("card key"), pad(m, (len(m) | 1023) + 1), id + u8(kind) + n)
    def unseal(self, data, id, kind, n): return unpad(xunseal(self.derive("card key"), data, id + u8(kind) + n, "seal"))

Device = structure(id=fixed(8), signing_key=fixed(32), post_quantum_hash=fixed(32), identity_key=XKey, relay=u8,
                   mailbox=fixed(16), versions=opaque(8).where(lambda v: v and list(v) == sorted(set(v))))

class DeviceList(structure(account=fixed(32), sequence=u64, previous=fixed(32), not_before=u64, not_after=u64,
                           next_account=fixed(32), relays=vector(Authority, 8), devices=vector(Device, 64))):
    def checked(self):
        for names in self.relays, *([device[i] for device in self.devices] for i in (0, 1, 3, 5)):
            require(names and len(set(names)) == len(names), "encoding")  # [list.3]
        require(all(device.relay < len(self.relays) for device in self.devices), "encoding")
        require(self.sequence > 0 and 0 < self.not_after - self.not_before <= 30 * DAY, "validity")  # [list.7]
        require((self.sequence == 1) == (self.previous == bytes(32)), "chain")  # [list.8]
        return self
    def hash(self): return H("list", bytes(self))
    def head(self): return u64(self.sequence) + self.hash()
    def device(self, id):  # [list.1] Valid if and only if it is here. [handshake.17] It has to speak version 1.
        device = next((device for device in self.devices if device.id == id), None)
        require(device and 1 in device.versions, "device")
        return device
    def follows(self, known):  # [list.6]
        step = self.sequence - known.sequence
        return step > 1 or step == 1 and self.previous == known.hash() or step == 0 and self.hash() == known.hash()

SignedList = Type(lambda list: lp(bytes(list)), lambda r: decode(DeviceList, r.opaque(1 << 16)).checked())
class Card(structure(account_ed=fixed(32), account_ml=fixed(1952), list=SignedList, signature=fixed(3373))):
    def A(self): return H("account", self.account_ed, self.account_ml)
    def verify(self, A):  # [card.4], steps 2 to 4; decoding was the first
        require(self.A() == A == self.list.account, "account")
        verify(self.account_ed, self.account_ml, "device list", bytes(self.list), self.signature)
        require(is_current(self.list), "validity")

def fetch_card(address, known):  # `known` is the newest known list of the account, or None
    _, response = call(address.relay, "GET", f"/v1/cards/{address.card_id().hex()}")
    n = u64(int(response.headers["sotto-list-sequence"]))
    card = decode(Card, address.unseal(response.read(1 << 17), address.card_id(), CARD, n))
    require(u64(card.list.sequence) == n, "chain")  # [card.2]
    card.verify(address.A)
    require(address.relay in card.list.relays, "account")  # [card.5]
    require(not known or card.list.follows(known), "chain")
    return card

# ---- Prekeys.md ----
ONE_TIME, LAST_RESORT = 1, 2
BatchRoot = structure(batch=u64, depth=u8.where(lambda depth: depth <= 8), root=fixed(32))
SignedPart = structure(account=fixed(32), device=fixed(8), spk_id=u64, signed_key=XKey, last_resort_id=u64,
                       last_resort_key=KEMKey, batches=vector(BatchRoot, 64), not_before=u64, not_after=u64)
PublishedSignedPart = structure(post_quantum_key=fixed(1952), content=opaque(16384), signature=fixed(3373))
OneTimePart = structure(batch=u64, index=u32, agreement_key=XKey, kem_key=KEMKey, path=vector(fixed(32), 8))
Bundle = namedtuple("Bundle", "SP SPK ids OPK KEM")  # what one handshake uses; the ids are those of box0
def prekey_leaf(device, part):
    return H("prekey leaf", device, u64(part.batch), u32(part.index), part.agreement_key, part.kem_key)
def merkle_tree(leaves):  # the root, and the path of each leaf
    if len(leaves) == 1: return leaves[0], [[]]
    root, above = merkle_tree([H("prekey node", *leaves[i:i + 2]) for i in range(0, len(leaves), 2)])
    return root, [[leaves[i ^ 1], *above[i // 2]] for i in range(len(leaves))]
def fold(node, index, path):  # [prekeys.2]
    for level, sibling in enumerate(path):
        node = H("prekey node", *((sibling, node) if index >> level & 1 else (node, sibling)))
    return node
def make_batch(device, batch, depth):  # private keys (OPK, KEM seed), the root, and the parts
    secrets = [(urandom(32), urandom(64)) for _ in range(1 << depth)]
    parts = [OneTimePart(batch, i, x_public(opk), kem_public(kem), []) for i, (opk, kem) in enumerate(secrets)]
    root, paths = merkle_tree([prekey_leaf(device, part) for part in parts])
    return secrets, BatchRoot(batch, depth, root), [part._replace(path=path) for part, path in zip(parts, paths)]

def verify_bundle(claimed, address, device):  # [prekeys.6] `device` is an entry of the verified card
    r = Reader(claimed)
    n, sealed, more = r.take(8), r.opaque(16384), u8.read(r)
    one_n, one_sealed = (r.take(12), r.opaque(4096)) if more == 1 else (b"", b"")
    require(more < 2 and not r.left(), "encoding")
    published = decode(PublishedSignedPart, address.unseal(sealed, device.mailbox, SIGNED_PART, n))
    require(H("device key", published.post_quantum_key) == device.post_quantum_hash, "device")  # [prekeys.11]
    verify(device.signing_key, published.post_quantum_key, "signed part", published.content, published.signature)
    part = decode(SignedPart, published.content)
    roots = {root.batch: root for root in part.batches}
    require(len(roots) == len(part.batches), "encoding")  # [prekeys.9]
    require(0 < part.not_after - part.not_before <= 14 * DAY, "validity")  # [prekeys.10]
    require((part.account, part.device) == (address.A, device.id), "device")  # [prekeys.12]
    require(is_current(part), "validity")  # [prekeys.13]
    require(u64(part.spk_id) == n, "device")  # [prekeys.14]
    ids = PrekeyIDs(part.spk_id, LAST_RESORT, part.last_resort_id, 0, bytes(11))
    if not more: return Bundle(published.content, part.signed_key, ids, b"", part.last_resort_key)
    one = decode(OneTimePart, address.unseal(one_sealed, device.mailbox, ONE_TIME_PART, one_n))
    _, depth, root = roots.get(one.batch, (0, -1, b""))
    require(len(one.path) == depth and one.index < 1 << depth, "proof")
    require(fold(prekey_leaf(device.id, one), one.index, one.path) == root, "proof")
    require(u64(one.batch) + u32(one.index) == one_n, "proof")  # [prekeys.14]
    ids = ids._replace(kind=ONE_TIME, id=one.batch, index=one.index)
    return Bundle(published.content, part.signed_key, ids, one.agreement_key, one.kem_key)

# ---- Messages.md ----
TEXT, REPLY_PATH, HEADS, MISSING, ANSWER, RECEIPT, TIMER, ATTACHMENT, LINK, COPY = range(1, 11)
SIZES = [512 << k for k in range(8)]  # [envelope.1]
MailboxRight = structure(mailbox=fixed(16), capability=fixed(32))
ReplyPath = structure(relay=Authority, contact_secret=fixed(16), sequence=u64, rights=vector(MailboxRight, 64).where(
    lambda rights: [r.mailbox for r in rights] == sorted({r.mailbox for r in rights})))  # [handshake.5]
MessageIDs = Type(b"".join, lambda r: [r.take(16) for _ in range(0, r.left(), 16)])
Side = Kind = u8.where(lambda value: value in (1, 2))
def text(limit, pattern):
    return Type(lambda x: lp(x.encode()), lambda r: r.opaque(limit).decode()).where(re.compile(pattern).fullmatch)
FileName = text(255, r"(?!\.{1,2}\Z)[^\x00-\x1f\x7f-\x9f/\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")  # [attachments.11]
MediaType = text(127, r"([a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*)?")  # [attachments.12]
Attachment = structure(blob=fixed(16), relay=Authority, key=fixed(32), length=u64.where(lambda n: n <= 1 << 32),
                       name=FileName, media_type=MediaType)  # [attachments.9]; this peer fetches no files
BODIES = {REPLY_PATH: ReplyPath, HEADS: fixed(40 + 40), MISSING: MessageIDs, ANSWER: structure(side=Side, id=fixed(16)),
          RECEIPT: structure(receipt=Kind, ids=MessageIDs.where(len)), TIMER: u32.where(lambda s: s <= 365 * 86_400),
          ATTACHMENT: Attachment}

# ---- Devices.md: this peer has one device, so what others say of theirs has to be readable, and means nothing ----
def name(least): return text(64, rf"[^\x00-\x1f\x7f-\x9f]{{{least},64}}")
OwnDevice = Type(bytes, Device.read).where(lambda device: device.relay == 0)
LinkRequest = structure(relay=Authority, device=OwnDevice, capability=fixed(32), name=name(1))
LinkName = structure(device=fixed(8), name=name(1))
LinkGrant = structure(names=vector(LinkName, 64).where(
    lambda names: [n.device for n in names] == sorted({n.device for n in names})), history=Attachment)
STEPS = {1: structure(), 2: LinkRequest, 3: LinkGrant, 4: Card}  # [devices.5]
BODIES[LINK] = Type(bytes, lambda r: STEPS[u8.read(r)].read(r))
CopyHead = structure(account=fixed(32), contact_secret=fixed(16), relay=Authority, name=name(0),
                     standing=u8.where(lambda s: s <= 2), verified_at=u64, timer=BODIES[TIMER],
                     author=u8.where(lambda a: a <= 2))
def read_copy(r):  # [devices.8] Copies do not nest.
    head = CopyHead.read(r)
    parts = decode(Content, r.take(r.left())).parts if head.author else [(TEXT, b"")]
    require(all(kind in (TEXT, ANSWER, TIMER, ATTACHMENT) for kind, _ in parts), "encoding")
    require(any(kind in (TEXT, ATTACHMENT) for kind, _ in parts), "encoding")
    for kind, body in parts: body.decode() if kind == TEXT else decode(BODIES[kind], body)
BODIES[COPY] = Type(bytes, read_copy)
Part = structure(kind=u8, body=opaque(1 << 16))
Content = structure(id=fixed(16), sent_at=u64, parts=vector(Part, 64))

def pad(content, size): return content + b"\x80" + bytes(size - len(content) - 1)
def unpad(padded):
    content = padded.rstrip(b"\0")
    require(content.endswith(b"\x80"), "padding")  # [messages.2]
    return content[:-1]
def read_content(padded):  # the id, and the parts by kind
    content, parts = unpad(padded), {}
    with refusing("content", Refused, UnicodeDecodeError, KeyError):  # [messages.4]
        content = decode(Content, content)
        for kind, body in content.parts:
            if kind == TEXT: parts.setdefault(TEXT, body.decode())
            elif kind < 128: parts[kind] = decode(BODIES[kind], body)
    return content.id, parts

# ---- Ratchet.md ----
MOST_SKIPPED, LONGEST_GAP, MOST_PAST_CHAINS = 2000, 1000, 5
Header = structure(DHs=XKey, PN=u32, N=u32)
class Session(SimpleNamespace):
    """The names are those of the document. `skipped` has [HK, N, MK, time], `past` the header keys of past chains."""
    @classmethod
    def begin(cls, sid, RK0, HKi, HKr, DHs, SPK=None, **about):
        """[ratchet.11] The initiator gives SPK, and can send. [ratchet.12] The responder has it as DHs, and waits."""
        self = cls(sid=sid, RK=RK0, DHs=DHs, HKs=HKi, NHKs=HKr, NHKr=HKr if SPK else HKi, CKs=None, Ns=0, PN=0,
                   CKr=None, HKr=None, Nr=0, DHr=None, skipped=[], past=[], confirmed=not SPK, opened=0, archived=False,
                   **about)
        if SPK: self.CKs, self.NHKs = self.root_step(SPK)
        return self
    def root_step(self, DHr):  # [ratchet.1]
        self.RK, t = P(self.RK, "ratchet root", DH(self.DHs, DHr))
        return P(t, "ratchet chain")
    def seal(self, content):  # the next envelope; until the session is confirmed the prelude stands in it
        start = b"\1" if self.confirmed else b"\2" + self.prelude
        room = [size - len(start) - 80 - 32 - 16 for size in SIZES]
        self.CKs, MK = P(self.CKs, "chain")
        hdr = xseal(self.HKs, bytes(Header(x_public(self.DHs), self.PN, self.Ns)), self.sid)
        self.Ns += 1
        EK_m, COM = P(MK, "message", self.sid, hdr)  # [ratchet.3]
        return start + hdr + COM + seal(EK_m, pad(content, min(size for size in room if size > len(content))), b"")
    def open(self, HK, header, message):
        """Changes the session even if it refuses: open with a copy, and keep the copy that opened. [ratchet.10]"""
        if HK == self.HKr:
            require(header.DHs == self.DHr, "header")  # [ratchet.15]
            require(header.N - self.Nr <= LONGEST_GAP and header.N < 2**32 - 1, "gap")  # [ratchet.14]
        elif HK == self.NHKr:
            require(header.N <= LONGEST_GAP and 0 <= header.PN - self.Nr <= (LONGEST_GAP if self.CKr else 0), "gap")
            self.turn(header)
        if HK == self.HKr: self.skip(header.N + 1)  # the last one is the one that is asked for
        EK_m, COM = P(self.take_skipped(HK, header.N), "message", self.sid, message[:80])
        require(hmac.compare_digest(COM, message[80:112]), "commitment")  # [ratchet.4]
        content = read_content(unseal(EK_m, message[112:], b"", "message"))
        self.confirmed, self.prelude, self.opened = True, b"", time.time()
        return content
    def turn(self, header):  # a new ratchet key of the peer: the next chains begin, in both directions
        if self.CKr: self.skip(header.PN)
        self.past.append(self.HKr)
        self.HKr, self.Nr, self.DHr = self.NHKr, 0, header.DHs
        self.CKr, self.NHKr = self.root_step(self.DHr)
        self.HKs, self.PN, self.Ns, self.DHs = self.NHKs, self.Ns, 0, urandom(32)
        self.CKs, self.NHKs = self.root_step(self.DHr)
    def skip(self, N):
        while self.Nr < N:
            self.CKr, MK = P(self.CKr, "chain")
            self.skipped.append([self.HKr, self.Nr, MK, now()])
            self.Nr += 1
    def take_skipped(self, HK, N):
        kept = [entry for entry in self.skipped if entry[3] > now() - 30 * DAY]  # [ratchet.9]
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
def schedule_0(A_R, dev_R, IK_R, EK, dh2):  # [handshake.6], in the three steps in which a responder can take it
    c0 = H("hs0", A_R, dev_R, IK_R, EK)
    return (c0, *P(c0, "hs dh2", dh2))
def schedule_1(c0, ck0, box0, bundle, ct, dh3, dh4, SS):
    c1 = H("hs1", c0, box0, H("signed part", bundle.SP), bundle.SPK, u8(bundle.ids.kind), bundle.OPK, bundle.KEM, ct)
    ck2 = P(P(ck0, "hs dh3", dh3)[0], "hs dh4", dh4)[0]
    return (c1, *P(ck2, "hs kem", SS, c1))
def schedule_2(c1, ck3, box1, list_I, dev_I, dh1):
    c2 = H("hs2", c1, box1, list_I.account, list_I.hash(), dev_I.id, dev_I.identity_key)
    ck4 = P(ck3, "hs dh1", dh1, c2)[0]
    return (c2, P(ck4, "root")[0], *P(ck4, "headers"))

def initiate(me, A_R, dev_R, bundle, generation, seen):  # [handshake.6], with a verified card and bundle
    ek, card = urandom(32), decode(Card, me.card)
    EK, IK_R, dev_I = x_public(ek), dev_R.identity_key, card.list.device(me.device_id)
    c0, ck0, k0 = schedule_0(A_R, dev_R.id, IK_R, EK, DH(ek, IK_R))
    box0 = seal(k0, bytes(bundle.ids), c0)
    SS, ct = encapsulation_key(bundle.KEM).encapsulate()
    dh3, dh4 = DH(ek, bundle.SPK), DH(ek, bundle.OPK) if bundle.OPK else b""
    c1, ck3, k1 = schedule_1(c0, ck0, box0, bundle, ct, dh3, dh4, SS)
    inner = bytes(Box1(card, dev_I.id, me.reply_path(), generation, 0, seen))
    box1 = seal(k1, pad(inner, (len(inner) | 255) + 1), c1)  # [handshake.14]
    keys = schedule_2(c1, ck3, box1, card.list, dev_I, DH(me.identity_secret, bundle.SPK))
    return Session.begin(*keys, urandom(32), bundle.SPK, device=dev_R.id, identity_key=IK_R, generation=generation,
                         prelude=bytes(Prelude(EK, box0, ct, box1)))

def respond(me, EK, box0, ct, box1):  # [handshake.10], steps 2 to 7: who claims to write, to be proved in a session
    c0, ck0, k0 = schedule_0(me.A, me.device_id, x_public(me.identity_secret), EK, DH(me.identity_secret, EK))
    ids = decode(PrekeyIDs, unseal(k0, box0, c0, "box0"))
    require(ids.kind == ONE_TIME or ids.index == 0, "encoding")
    opk, kem = me.prekeys.get(str(ids[1:4]), (b"", b""))
    require(kem and ids.spk_id == 1 and now() < me.signed_until + 30 * DAY, "prekey")  # [handshake.15]
    bundle = Bundle(me.signed_part, x_public(me.spk), ids, x_public(opk) if opk else b"", kem_public(kem))
    dh3, dh4, SS = DH(me.spk, EK), DH(opk, EK) if opk else b"", kem_key(kem).decapsulate(ct)
    c1, ck3, k1 = schedule_1(c0, ck0, box0, bundle, ct, dh3, dh4, SS)
    inner = decode(Box1, unpad(unseal(k1, box1, c1, "box1")))
    require(1 <= inner.generation <= 2**31, "generation")  # [handshake.8]
    inner.card.verify(inner.card.A())  # [handshake.12]
    list_I, known = inner.card.list, me.known_list(inner.card.A())
    dev_I = list_I.device(inner.device)
    if known and list_I.sequence < known.sequence:  # [handshake.16]
        require(known.device(dev_I.id).identity_key == dev_I.identity_key, "device")
    else: require(not known or list_I.follows(known), "chain")
    keys = schedule_2(c1, ck3, box1, list_I, dev_I, DH(me.spk, dev_I.identity_key))
    return inner, ids, Session.begin(*keys, me.spk, device=dev_I.id, identity_key=dev_I.identity_key,
                                     generation=inner.generation, prelude=b"")

# ---- Sessions.md ----
def rank(session): return session.generation, session.sid  # [sessions.5]
def find_session(sessions, message):  # [sessions.3] The first header key that opens decides.
    for keys in (lambda session: [session.HKr, session.NHKr]), (lambda session: session.past[::-1]):
        for session in sorted(sessions, key=lambda session: -session.opened):
            for HK in filter(None, keys(session)):
                with suppress(Refused):
                    return session, HK, decode(Header, xunseal(HK, message[:80], session.sid, "header"))
    raise Refused("header")
class Contact(SimpleNamespace):
    @classmethod
    def at(cls, address, accepted):
        return cls(A=address.A, S=address.S, relay=address.relay, name=str(address), accepted=accepted, card=None,
                   sequence=0, rights={}, generations={}, sessions=[])
    def address(self): return Address(self.A, self.S, self.relay)
    def list(self): return self.card and decode(Card, self.card).list
    def with_device(self, id): return [session for session in self.sessions if session.device == id]
    def sending_session(self, device):  # [sessions.7]
        active = [session for session in self.with_device(device) if not session.archived]
        return max([session for session in active if session.confirmed] or active, key=rank, default=None)
    def settle(self, device, *new):  # [sessions.8] One to send on, and at most four for what comes late.
        ranked = sorted([*self.with_device(device), *new], key=rank)
        self.sessions = [session for session in self.sessions if session.device != device] + ranked[-5:]
        self.generations[device.hex()] = ranked[-1].generation
        best = self.sending_session(device) or ranked[-1]
        for session in ranked: session.archived |= rank(session) < rank(best) and (session.confirmed or best.confirmed)
    def learn(self, card, path=None):  # [client.5] [client.9] Sessions and rights go with their devices.
        devices = {(device.id, device.identity_key): device.mailbox for device in card.list.devices}
        self.card = bytes(card)
        self.sessions = [session for session in self.sessions if (session.device, session.identity_key) in devices]
        if path and path.relay in card.list.relays and path.sequence >= self.sequence:
            self.relay, self.S, self.sequence = path.relay, path.contact_secret, path.sequence
            self.rights = {r.mailbox.hex(): r.capability for r in path.rights if r.mailbox in devices.values()}
    def capability(self, mailbox):
        return {"sotto-capability": (self.rights.get(mailbox.hex()) or self.address().knock(mailbox)).hex()}

class Peer(SimpleNamespace):
    def address(self): return Address(self.A, self.S, self.relay)
    def reply_path(me): return bytes(ReplyPath(me.relay, me.S, 1, [MailboxRight(me.mailbox, me.contact_right)]))
    def known_list(self, A): return self.contacts[A.hex()].list() if A.hex() in self.contacts else None
    @classmethod
    def load(cls, path):
        kinds = {"hex": bytes.fromhex, "Contact": lambda x: Contact(**x), "Session": lambda x: Session(**x)}
        restore = lambda x: next((kinds[kind](value) for kind, value in x.items() if kind in kinds), x)
        with open(path) as file: return cls(**json.load(file, object_hook=restore))
    def save(self):  # [client.1] What is done is stored before it is sent or acknowledged.
        pack = lambda x: {"hex": x.hex()} if isinstance(x, bytes) else {type(x).__name__: vars(x)}
        with open(self.path + ".new", "w") as file: json.dump(vars(self), file, default=pack)
        os.replace(self.path + ".new", self.path)
    @classmethod
    def create(cls, path, url):  # the keys; then, at the relay, all that an address leads to
        secrets = dict(account=64, next_account=64, device=64, device_id=8, S=16, identity_secret=32, mailbox_secret=32,
                       card_secret=32, contact_right=32, spk=32, last_resort=64)
        self = cls(path=path, relay=url.split("://")[-1], sequence=0, signed_until=now() + 14 * DAY, contacts={},
                   preludes={}, seen=[], **{name: urandom(size) for name, size in secrets.items()})
        self.A, self.mailbox = H("account", *hybrid_public(self.account)), mailbox_id(self.mailbox_secret)
        (ed, ml), successor = hybrid_public(self.device), H("account", *hybrid_public(self.next_account))
        entry = Device(self.device_id, ed, H("device key", ml), x_public(self.identity_secret), 0, self.mailbox, b"\1")
        listed = DeviceList(self.A, 1, bytes(32), now(), now() + 30 * DAY, successor, [self.relay], [entry])
        signature = sign(self.account, "device list", bytes(listed))
        self.card = bytes(Card(*hybrid_public(self.account), listed, signature))
        pairs, root, parts = make_batch(self.device_id, 1, 4)
        self.prekeys = {str((ONE_TIME, 1, index)): pair for index, pair in enumerate(pairs)}
        self.prekeys[str((LAST_RESORT, 1, 0))] = b"", self.last_resort
        self.signed_part = bytes(SignedPart(self.A, self.device_id, 1, x_public(self.spk), 1,
                                            kem_public(self.last_resort), [root], now(), self.signed_until))
        published = PublishedSignedPart(ml, self.signed_part, sign(self.device, "signed part", self.signed_part))
        address, path, one = self.address(), f"/v1/mailboxes/{self.mailbox.hex()}", u64(1)
        knock, contact = address.knock(self.mailbox), self.contact_right
        slots = b"\1" + H("capability", knock) + u64(0) + b"\2" + H("capability", contact) + u64(0)  # [relay.14]
        sealed = lambda part, kind, n: lp(address.seal(bytes(part), self.mailbox, kind, n))
        batch = b"".join(u32(part.index) + sealed(part, ONE_TIME_PART, one + u32(part.index)) for part in parts)
        put_signed(self, self.mailbox_secret, path)
        put_signed(self, self.mailbox_secret, path + "/capabilities", lp(slots))
        put_signed(self, self.mailbox_secret, path + "/prekeys/signed-part", one + sealed(published, SIGNED_PART, one))
        put_signed(self, self.mailbox_secret, path + "/prekeys/one-time/1", lp(batch))
        put_signed(self, self.card_secret, f"/v1/cards/{address.card_id().hex()}", address.seal(
            self.card, address.card_id(), CARD, one), {"sotto-list-sequence": "1", "if-none-match": "*"})
        return self
    def contact(self, who, name=None):  # [client.3] Whom the user adds or answers is accepted.
        contact = next((c for c in self.contacts.values() if who in (c.name, str(c.address()))), None)
        if not contact:
            address = Address.parse(who)
            contact = self.contacts.get(address.A.hex()) or Contact.at(address, True)
            contact.S, contact.relay = address.S, address.relay
        contact.learn(fetch_card(contact.address(), contact.list()))  # [client.16]
        contact.accepted, contact.name = True, name or contact.name
        self.contacts[contact.A.hex()] = contact
        self.save()
        return contact
    def send(self, who, text):
        contact, id = self.contact(who), urandom(16)
        heads = decode(Card, self.card).list.head() + contact.list().head()
        for device in contact.list().devices:
            relay, path = contact.list().relays[device.relay], mailbox_path(device.mailbox)
            session, capability = contact.sending_session(device.id), contact.capability(device.mailbox)
            if not session:
                _, claimed = call(relay, "POST", path + "/prekeys/claim", b"", capability)
                bundle = verify_bundle(claimed.read(1 << 17), contact.address(), contact.list().device(device.id))
                generation = contact.generations.get(device.id.hex(), 0) + 1  # [sessions.6]
                session = initiate(self, contact.A, device, bundle, generation, heads[40:])
                contact.settle(device.id, session)
            parts = [Part(TEXT, text.encode()), Part(HEADS, heads)]  # [client.10], and in the first answer [client.9]
            if session.confirmed and session.PN == session.Ns == 0: parts += [Part(REPLY_PATH, self.reply_path())]
            envelope = session.seal(bytes(Content(id, int(time.time() * 1000), parts)))
            self.save()
            call(relay, "PUT", f"{path}/envelopes/{urandom(16).hex()}", envelope, capability)
    def receive(self):
        for envelope in stream(self.relay, self.mailbox_secret):
            contact, text = None, None
            with suppress(Refused): contact, text = self.open(envelope)  # or nothing is shown, and nothing is answered
            self.save()
            if text is not None: yield contact, text
    def open(self, envelope):
        require(len(envelope) in SIZES and envelope[0] in (1, 2), "encoding")  # [envelope.3]
        r, sessions = Reader(envelope[1:]), [s for contact in self.contacts.values() for s in contact.sessions]
        prelude = Prelude.read(r) if envelope[0] == 2 else None
        message = r.take(r.left())
        require(len(message) >= 80 + 32 + 17, "encoding")
        if prelude:
            d = H("prelude", *prelude).hex()  # [handshake.3]
            if d not in self.preludes: return self.open_first(prelude, d, message)
            sessions = [session for session in sessions if session.sid == self.preludes[d]]
        session, HK, header = find_session(sessions, message)
        trial = copy.deepcopy(session)
        try: content = trial.open(HK, header, message)
        except Refused as refused:
            session.archived |= refused.args[0] in ("gap", "key", "commitment", "message")  # [client.6]
            raise
        vars(session).update(vars(trial))
        contact = next(contact for contact in self.contacts.values() if session in contact.sessions)
        contact.settle(session.device)
        return self.deliver(contact, *content)
    def open_first(self, prelude, d, message):  # [handshake.10] Everything opens first. Then nothing is refused.
        box1, ids, session = respond(self, *prelude)
        content = session.open(*find_session([session], message)[1:], message)
        A, path = box1.card.A(), box1.reply_path
        contact = self.contacts.get(A.hex()) or Contact.at(Address(A, path.contact_secret, path.relay), False)
        strangers = sum(not contact.accepted for contact in self.contacts.values())
        require(A != self.A and (contact.card or strangers < 100), "account")  # [client.4]
        if not contact.accepted: contact.sessions = []
        if not contact.card or box1.card.list.sequence >= contact.list().sequence: contact.learn(box1.card, path)
        contact.settle(session.device, session)
        self.contacts[A.hex()], self.preludes[d] = contact, session.sid
        if ids.kind == ONE_TIME: del self.prekeys[str(ids[1:4])]  # [prekeys.8]
        return self.deliver(contact, *content)
    def deliver(self, contact, id, parts):
        if REPLY_PATH in parts: contact.learn(decode(Card, contact.card), parts[REPLY_PATH])
        new = [contact.A, id] not in self.seen  # [client.8]
        if new: self.seen.append([contact.A, id])
        return contact, parts.get(TEXT) if new else None

def main(path, command, *arguments):
    os.umask(0o077)
    if command == "create": print(Peer.create(path, *arguments).address())
    if command == "add": Peer.load(path).contact(*arguments)
    if command == "send": Peer.load(path).send(*arguments)
    if command == "receive":
        for contact, text in Peer.load(path).receive():
            print(json.dumps({"from": contact.name, "text": text, "request": not contact.accepted}), flush=True)

if __name__ == "__main__":
    if len(sys.argv) < 3: sys.exit(__doc__)
    try: main(*sys.argv[1:])
    except (Refused, OSError, ValueError) as error: sys.exit(f"{type(error).__name__}: {error}")
