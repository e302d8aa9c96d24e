"""The worked examples of Specs/, computed again: what the documents show is what this program computes."""
import re
from pathlib import Path
from types import SimpleNamespace

import attachments
import handshake
import identity
import messages
import prekeys
import primitives
import ratchet
import relay
import state
from encoding import base32, base64, lp, optional, to_base32, to_base64, u8, u16, u32, u64, varint, vector
from primitives import DH, ed25519_public, ed25519_sign, H, hybrid_public, L, mlkem_public, P, seal, x25519_public

SPECS = Path(__file__).resolve().parents[2] / "Specs"
TIME = 1767225600  # 2026-01-01
RELAY = "relay.example"


def seq(first, count):
    return bytes((first + i) % 256 for i in range(count))


def b2(data):
    return primitives.blake2b(data)


# ---- Encoding.md and Primitives.md

def encoding():
    for value in 0, 63, 64, 16383, 16384, 1073741823, 1073741824:
        yield f"{value} =", varint(value)
    yield 'lp("ab")', lp(b"ab")
    yield "u16 xs<V> = [1, 2]", vector([u16(1), u16(2)])
    yield "optional<u16>: none, 258", optional(None) + optional(u16(258))
    yield 'L("example")', L("example")
    for text in "66", "666f", "666f6f", "666f6f62":
        data = bytes.fromhex(text)
        yield text, to_base32(data) + to_base64(data)
        assert base32(to_base32(data)) == base64(to_base64(data)) == data


def primitive():
    yield 'H("example")', H("example")
    yield 'H("example"; "ab", "c")', H("example", b"ab", b"c")
    yield 'H("example"; "a", "bc")', H("example", b"a", b"bc")
    a, b = P(seq(0, 32), "example", b"ab")
    yield ".a", a
    yield ".b", b
    yield 'seal(seq(0x00, 32), "Hello"; "ad")', seal(seq(0, 32), b"Hello", b"ad")
    sealed = primitives.check_stream_seal(seq(0, 32), seq(0x40, 24), [b"Hello", b"", seq(0, 64), b"end"])["sealed"]
    for i, chunk in enumerate(sealed):
        yield f"chunk {i}", chunk


# ---- The cast, and Identity.md

ACCOUNT_SEEDS = seq(0x00, 64)
ED, ML = hybrid_public(ACCOUNT_SEEDS)
A = identity.account_name(ED, ML)
B = identity.account_name(*hybrid_public(seq(0xC0, 64)))
S = seq(0xA0, 16)
DEVICE_SEEDS = seq(0x01, 32) + seq(0x21, 32)
DEVICE = seq(0xD0, 8)
MAILBOX_KEY = ed25519_public(seq(0x80, 32))
MAILBOX = relay.mailbox_name(MAILBOX_KEY)
IK = x25519_public(seq(0x41, 32))


def device_list():
    ed, ml = hybrid_public(DEVICE_SEEDS)
    entry = DEVICE + ed + H("device key", ml) + IK + u8(0) + MAILBOX + lp(b"\1")
    return identity.check_list(A, 1, bytes(32), TIME, TIME + 30 * 86400,
                               identity.account_name(*hybrid_public(seq(0x40, 64))), [RELAY], [entry])


def identities():
    keys = identity.check_contact_keys(A, S, MAILBOX)
    yield "pkEd", ED
    yield "b2(pkML)", b2(ML)
    yield "A", A
    yield "checksum", identity.checksum(A, S, RELAY)
    yield "address", identity.check_address(A, S, RELAY)["address"]
    yield 'L("card id")', L("card id")
    yield "kS", identity.contact_key(A, S)
    for name in "card_id", "card_key", "knock":
        yield name, keys[name]
    yield "mailbox", MAILBOX
    yield 'H("capability"; knock)', keys["capability_hash"]

    encoded, head = device_list().values()
    yield "260 bytes", b"" if len(encoded) == 260 else encoded
    yield 'H("list"; list)', head[8:]
    yield "head", head
    message = primitives.signed_message(ED, ML, "device list", encoded)
    yield "", message[:53]
    yield "Ed25519", ed25519_sign(ACCOUNT_SEEDS[:32], message)
    card = ED + ML + lp(encoded) + bytes(primitives.SIGNATURE)
    sealed = identity.check_seal(keys["card_key"], 1, keys["card_id"], u64(1), bytes(24), card)["sealed"]
    yield f"The card of the example has {len(card):,} bytes, padded {len(sealed) - 40:,}, sealed {len(sealed):,}", b""
    yield "card", identity.sealed_ad(1, keys["card_id"], u64(1))
    yield "signed", identity.sealed_ad(2, MAILBOX, u64(7))
    yield "one-time", identity.sealed_ad(3, MAILBOX, u64(5) + u32(1))
    yield "B", B
    yield "digits", identity.safety_number(B, A)


# ---- Prekeys.md

def prekey():
    agreement, seeds = [seq(0x10, 32), seq(0x30, 32)], [seq(0x40, 64), seq(0x80, 64)]
    batch = prekeys.check_batch(DEVICE, 5, agreement, seeds)
    for i in 0, 1:
        yield f"OPK {i}", x25519_public(agreement[i])
        yield f"b2(KEM {i})", b2(mlkem_public(seeds[i]))
        part = SimpleNamespace(batch=5, index=i, agreement_key=x25519_public(agreement[i]),
                               kem_key=mlkem_public(seeds[i]))
        yield f"leaf {i}", prekeys.leaf_of(DEVICE, part)
    yield "root", batch["root"]
    yield f"One-time part 0 has {len(batch['parts'][0]):,} bytes", b""
    part = signed_part()
    yield f"Its content has {len(part['content']):,} bytes, published it has {len(part['content']) + 5327:,}", b""
    yield 'H("signed part"; content)', part["hash"]


def signed_part():
    root = prekeys.check_batch(DEVICE, 5, [seq(0x10, 32), seq(0x30, 32)], [seq(0x40, 64), seq(0x80, 64)])["root"]
    return prekeys.check_signed_part(A, DEVICE, 7, seq(0x61, 32), 7, seq(0x00, 64), [u64(5) + u8(1) + root], TIME,
                                     TIME + 14 * 86400)


# ---- Handshake.md and Ratchet.md

def schedule(kind):
    """The example's key schedule, and its agreements."""
    private, one_time = seq(0x81, 32), kind == prekeys.ONE_TIME
    opk, kem_seed = x25519_public(seq(0x10, 32)), seq(0x40, 64) if one_time else seq(0x00, 64)
    content = prekeys.decode_content(signed_part()["content"])
    agreements = {"dh1": DH(seq(0x31, 32), content.signed_key), "dh2": DH(private, IK),
                  "dh3": DH(private, content.signed_key), "dh4": DH(private, opk) if one_time else b""}
    ids = handshake.write_prekey_ids(7, kind, 5 if one_time else 7, 0)
    found = handshake.check_schedule(
        account=A, device=DEVICE, identity_key=IK, ephemeral_key=x25519_public(private), prekey_ids=ids,
        content=content.encoded, kind=kind, one_time_key=opk if one_time else b"", kem_key=mlkem_public(kem_seed),
        ciphertext=bytes(1568), kem_secret=primitives.decapsulate(kem_seed, bytes(1568)), **agreements,
        box1_plaintext=messages.pad(b"", 256), initiator_account=B, initiator_list_hash=H("list", b"example"),
        initiator_device=seq(0xE0, 8), initiator_identity_key=x25519_public(seq(0x31, 32)))
    return {**found, **agreements, "ids": ids, "SS": primitives.decapsulate(kem_seed, bytes(1568))}


def handshakes():
    found = schedule(prekeys.ONE_TIME)
    names = {"root": "RK0", "initiator_header_key": "HKi", "responder_header_key": "HKr", "prelude_digest": "d"}
    for name, value in found.items():
        yield names.get(name, name), value
    found = schedule(prekeys.LAST_RESORT)
    for name in "ids", "ck2", "SS", "c1", "k1":
        yield name, found[name]


def beginning(role):
    """The session of the handshake's example, on one side, before any message."""
    found = schedule(prekeys.ONE_TIME)
    session = SimpleNamespace(role=role, confirmed=False, sid=found["c2"], generation=1, created_at=TIME,
                              prelude_digest=found["prelude_digest"], peer_account=A, peer_device=DEVICE, prelude=b"")
    keys = found["root"], found["initiator_header_key"], found["responder_header_key"]
    if role == state.INITIATOR:
        return ratchet.begin_initiator(session, *keys, seq(0x91, 32), x25519_public(seq(0x61, 32)))
    return ratchet.begin_responder(session, *keys, seq(0x61, 32))


def ratchets():
    initiator, responder = beginning(state.INITIATOR), beginning(state.RESPONDER)
    for name in "RK", "NHKs":
        yield name, getattr(initiator, name)
    yield "DHs", x25519_public(initiator.DHs)
    yield "CKs", initiator.sending.CK
    CK, (first, second) = ratchet.chain_steps(initiator.sending.CK, 2)
    yield "MK 0", first
    yield "MK 1", second
    content = example_content()
    envelope, initiator = ratchet.seal_content(initiator, content, seq(0x40, 24))
    yield "CKs'", initiator.sending.CK
    read = messages.decode_envelope(envelope)
    yield "hdr", read.header
    yield "COM", read.commitment
    yield "sealed", read.sealed
    yield "envelope b2 =", b2(envelope)
    opened, after, skipped, dropped = ratchet.open_envelope(responder, ratchet.nothing_skipped(), envelope,
                                                            seq(0xB1, 32), TIME)
    assert (opened, dropped, state.encode_skipped(skipped)) == (content, 0, bytes.fromhex("010000"))
    yield "DHs'", x25519_public(after.DHs)
    yield "RK2", after.RK
    yield "CKs'", after.sending.CK
    yield "NHKs'", after.NHKs


# ---- Messages.md, Relay.md and State.md

def example_content():
    return messages.encode_content(seq(0xF0, 16), TIME * 1000, [(messages.TEXT, b"Hello")])


def message():
    content = example_content()
    yield "content", content
    for size in messages.SIZES:
        largest = size - messages.OVERHEAD - 1
        assert messages.envelope_size(largest, 0) == size != messages.envelope_size(largest + 1, 0)
        yield f"| {size:,} | {largest:,} |", b""
    head = device_list()["head"]
    yield "", u8(messages.HEADS) + lp(head + bytes(40))
    rights = [(MAILBOX, seq(0x07, 32))]
    yield "", handshake.check_reply_path(handshake.write_reply_path(RELAY, S, 1, rights))["encoded"]


def attachment():
    for length in 65_463, 73_638, 1_000_000, 134_182_856, 2**32:
        found = attachments.layout(length)
        yield f"{length:,} | {found.blob:,} | {found.chunks:,} |", b""
    key, header, file = seq(0x20, 32), seq(0x40, 24), b"Hello"
    k, commitment = attachments.derive(key, len(file), header)
    yield "k", k
    yield "COM", commitment
    yield 'H("blob"; blob)', attachments.check_seal(key, header, file)["hash"]
    yield "", attachments.write_pointer(seq(0, 16), RELAY, key, len(file), "hello.txt", "text/plain")


def relays():
    seed, capability = seq(0x00, 32), bytes([7] * 32)
    mailbox, hash = relay.mailbox_name(ed25519_public(seed)), relay.capability_hash(capability)
    yield "", ed25519_public(seed)
    yield "owns the mailbox `", mailbox
    yield "is stored as", hash
    body = relay.write_capability_set([(2, hash, 0)])
    yield "", body
    path = f"/v1/mailboxes/{mailbox.hex()}/capabilities"
    signed = relay.check_sign(seed, "PUT", RELAY, path, body, ["sotto-sequence: 1700000000000"], 1700000000)
    for name, field in (("content-digest", "content_digest"), ("signature-input", "signature_input"),
                        ("signature", "signature")):
        yield f"{name}:", signed[field]
    yield "", signed["base"].split(";keyid")[0]
    headers = [f"content-digest: {signed['content_digest']}", "sotto-sequence: 1700000000000",
               f"signature-input: {signed['signature_input']}", f"signature: {signed['signature']}"]
    assert relay.verify_request("PUT", RELAY, path, body, headers, 1700000300) == ed25519_public(seed)
    status = relay.write_mailbox_status((1700000000000, 1, 3, 2, 1, 4, 2048, [1, 2]))
    yield "Example: `", status
    yield "id 3 and three bytes: `", relay.write_signed_part((3, bytes([1, 2, 3])))
    yield "parts 0 and 1: `", relay.write_one_time_batch([(0, b"\1"), (1, b"\2\3")])
    yield "Example: `", relay.write_claimed_prekeys((3, bytes([1, 2, 3]), (2, 1, b"\2\3")))
    nonce = seq(0x20, 32)
    yield "challenge `", relay.write_server_frame((1, 1, nonce))
    for value in relay.check_stream_sign(RELAY, 1, nonce, seed).values():
        yield "", value
    yield "begins `", relay.write_server_frame((2, 9, seq(0, 16), bytes([0xAA]) * 512))[:28]
    yield "Ack of index 9: `", relay.write_client_frame((0x82, 9, 1))
    yield "Example: `", relay.write_server_frame((3, 9))
    yield "displaced: `", relay.write_server_frame((4, 4002))


def states():
    found = schedule(prekeys.ONE_TIME)
    _, keys = ratchet.chain_steps(beginning(state.INITIATOR).sending.CK, 2)
    past = SimpleNamespace(chain=0, header_key=found["initiator_header_key"])
    run = SimpleNamespace(chain=0, first=3, stored_at=TIME, keys=keys)
    saved = state.encode_skipped(SimpleNamespace(past=[past], runs=[run]))
    assert state.encode_skipped(state.decode_skipped(saved)) == saved
    yield "", saved


EXAMPLES = {
    "Encoding.md": encoding, "Primitives.md": primitive, "Identity.md": identities, "Prekeys.md": prekey,
    "Handshake.md": handshakes, "Ratchet.md": ratchets, "Messages.md": message,
    "Attachments.md": attachment, "Relay.md": relays, "State.md": states,
}


def squeeze(text):
    return re.sub(r"\s", "", text)


def shown(document, name, value):
    """Whether the value stands behind its name; of a long one only both ends stand there."""
    text = value.hex() if isinstance(value, bytes) else squeeze(value)
    return squeeze(name) + text in document or f"{squeeze(name)}{text[:32]}..{text[-32:]}" in document


def run():
    """Whether everything that was computed stands in the documents. Vectors may stand somewhere without them."""
    if not SPECS.is_dir():
        print("no Specs beside these vectors: their examples were not computed")
        return True
    compared = missed = 0
    for document, figures in EXAMPLES.items():
        text = squeeze((SPECS / document).read_text())
        for name, value in figures():
            compared += 1
            if not shown(text, name, value):
                missed += 1
                print(f"{document}: {name}: {value.hex() if isinstance(value, bytes) else value}")
    print(f"{compared} figures of Specs/ compared, {missed} differ")
    return missed == 0 and compared > 0
