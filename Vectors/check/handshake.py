"""Specs/Handshake.md: the key schedule, and both sides of the first message. Names are those of the document."""
from types import SimpleNamespace

from encoding import decode, lp, require, u8, u32, u64, vector
from identity import check_chain, decode_card, decode_list, device_in, read_card, speaks_version_1, verify_card
from messages import decode_envelope, pad, prelude_digest, read_prelude, read_reply_path, unpad
from prekeys import BUNDLES, decode_content, LAST_RESORT, ONE_TIME, verify_bundle
from primitives import (agreement_key, CIPHERTEXT, decapsulate, DH, encapsulation_key, H, mlkem_public, P, seal, sized,
                        unseal, x25519_public)
from ratchet import begin_initiator, begin_responder, nothing_skipped, open_message
from state import (decode_device_keys, decode_one_time_prekey, decode_signed_prekey, encode_session, encode_skipped,
                   INITIATOR, RESPONDER)

# ---- Structures


def write_prekey_ids(spk_id, kind, id, index):
    return u64(spk_id) + u8(kind) + u64(id) + u32(index) + bytes(11)


def read_prekey_ids(reader):
    """[handshake.4]"""
    ids = SimpleNamespace(spk_id=reader.u64(), kind=reader.u8(), id=reader.u64(), index=reader.u32())
    require(ids.kind in (ONE_TIME, LAST_RESORT), "encoding", "invalid-value")
    require(ids.kind == ONE_TIME or ids.index == 0, "encoding", "invalid-value")
    require(reader.take(11) == bytes(11), "encoding", "invalid-value")
    return ids


def write_reply_path(relay, contact_secret, sequence, rights):
    return (lp(relay.encode()) + sized(contact_secret, 16) + u64(sequence)
            + vector(sized(mailbox, 16) + sized(capability, 32) for mailbox, capability in rights))


def check_generation(generation):
    require(1 <= generation <= 2**31, "generation")  # [handshake.8]


def decode_box1(plaintext):
    """[handshake.7], then [handshake.8]"""
    box1 = decode(unpad(plaintext), lambda reader: SimpleNamespace(
        card=read_card(reader),
        device=reader.take(8),
        reply_path=read_reply_path(reader),
        generation=reader.u32(),
        reset=reader.flag(),
        seen=reader.take(40),
    ))
    check_generation(box1.generation)
    return box1


def pad_box1(plaintext):
    return pad(plaintext, (len(plaintext) // 256 + 1) * 256)  # [handshake.14]


# ---- Key schedule, [handshake.6]. `given` is what both sides know; each step adds to it.

def agreement(shared):
    """[handshake.13] For agreements that a vector gives; DH refuses its own."""
    require(any(sized(shared, 32)), "key")
    return shared


def schedule_box0(keys, dh2):
    keys.c0 = H("hs0", keys.account, keys.device, keys.identity_key, keys.ephemeral_key)
    keys.ck0, keys.k0 = P(keys.c0, "hs dh2", agreement(dh2))


def schedule_box1(keys, content, dh3, dh4, secret):
    """What each side knows once it has box0. With the last resort OPK and dh4 are empty, and the step is made."""
    keys.c1 = H("hs1", keys.c0, keys.box0, content.hash, content.signed_key, u8(keys.kind), keys.one_time_key,
                keys.kem_key, keys.ciphertext)
    keys.ck1 = P(keys.ck0, "hs dh3", agreement(dh3))[0]
    keys.ck2 = P(keys.ck1, "hs dh4", agreement(dh4) if keys.one_time_key else b"")[0]
    keys.ck3, keys.k1 = P(keys.ck2, "hs kem", secret, keys.c1)


def schedule_root(keys, dh1, account, list_hash, device, identity_key):
    keys.c2 = H("hs2", keys.c1, keys.box1, account, list_hash, device, identity_key)
    keys.ck4 = P(keys.ck3, "hs dh1", agreement(dh1), keys.c2)[0]
    keys.RK0 = P(keys.ck4, "root")[0]
    keys.HKi, keys.HKr = P(keys.ck4, "headers")


# ---- Initiator

def initiate(bundle, own_card, own_keys, reply_path, generation, reset, ephemeral, ratchet_key, ciphertext, kem_secret,
             now):
    """The prelude and the new session, from a bundle that passed [prekeys.6]."""
    check_generation(generation)
    own_card, own, content = decode_card(own_card), decode_device_keys(own_keys), bundle.content
    decode(reply_path, read_reply_path)
    keys = SimpleNamespace(account=bundle.card.account, device=bundle.device.id,
                           identity_key=bundle.device.identity_key, ephemeral_key=x25519_public(ephemeral),
                           kind=bundle.kind, one_time_key=bundle.one_time_key, kem_key=bundle.kem_key,
                           ciphertext=sized(ciphertext, CIPHERTEXT))
    schedule_box0(keys, DH(ephemeral, keys.identity_key))
    keys.box0 = seal(keys.k0, write_prekey_ids(content.spk_id, bundle.kind, bundle.id, bundle.index), keys.c0)
    dh4 = DH(ephemeral, keys.one_time_key) if keys.one_time_key else b""
    schedule_box1(keys, content, DH(ephemeral, content.signed_key), dh4, sized(kem_secret, 32))
    plaintext = own_card.encoded + own.id + reply_path + u32(generation) + u8(reset) + bundle.card.list.head
    decode_box1(pad_box1(plaintext))  # nothing leaves that a responder would refuse
    keys.box1 = seal(keys.k1, pad_box1(plaintext), keys.c1)
    schedule_root(keys, DH(own.identity_key, content.signed_key), own_card.account, own_card.list.hash, own.id,
                  x25519_public(own.identity_key))
    prelude = decode(keys.ephemeral_key + keys.box0 + ciphertext + lp(keys.box1), read_prelude)
    session = SimpleNamespace(role=INITIATOR, confirmed=False, sid=keys.c2, generation=generation, created_at=now,
                              prelude_digest=prelude.digest, peer_account=keys.account, peer_device=keys.device,
                              prelude=prelude.encoded)
    return begin_initiator(session, keys.RK0, keys.HKi, keys.HKr, ratchet_key, content.signed_key)


# ---- Responder

def private_keys(ids, signed, one_time, now):
    """[handshake.15] What box0 names, or stage `prekey`."""
    require(signed and signed.content.spk_id == ids.spk_id, "prekey")
    require(now <= signed.content.not_after + 2_592_000, "prekey")  # [prekeys.7]
    if ids.kind == LAST_RESORT:
        require(signed.content.last_resort_id == ids.id, "prekey")
        return b"", signed.last_resort_seed
    require(one_time and one_time.name == (ids.id, ids.index), "prekey")
    return one_time.agreement_key, one_time.kem_seed


def verify_initiator(box1, account, known_list, now):
    """[handshake.12] The device of the list that claims to write."""
    require(box1.card.account != account, "account")  # [client.4] nobody writes in our own name
    verify_card(box1.card, box1.card.account, now)
    device = device_in(box1.card.list, box1.device)
    require(device, "device")
    speaks_version_1(device)
    if known_list:
        if box1.card.list.sequence < known_list.sequence:  # [handshake.16]
            known = device_in(known_list, box1.device)
            require(known and known.identity_key == device.identity_key, "device")
        else:
            check_chain(box1.card.list, known_list.head)
    return device


def respond(account, keys, signed_prekey, one_time, known_list, envelope, ratchet_key, now):
    """[handshake.10] from step 2 on: box1, the session after the first message, its skipped keys, its content."""
    envelope, own = decode_envelope(envelope), decode_device_keys(keys)
    prelude = envelope.prelude
    require(prelude, "header")  # without a prelude, no session is begun
    keys = SimpleNamespace(account=account, device=own.id, identity_key=x25519_public(own.identity_key),
                           ephemeral_key=prelude.ephemeral_key, box0=prelude.box0, ciphertext=prelude.ciphertext,
                           box1=prelude.box1)
    schedule_box0(keys, DH(own.identity_key, prelude.ephemeral_key))
    ids = decode(unseal(keys.k0, prelude.box0, keys.c0, "box0"), read_prekey_ids)  # [handshake.11]
    agreement_private, kem_seed = private_keys(ids, signed_prekey, one_time, now)
    keys.kind, keys.kem_key = ids.kind, mlkem_public(kem_seed)
    keys.one_time_key = x25519_public(agreement_private) if agreement_private else b""
    dh4 = DH(agreement_private, prelude.ephemeral_key) if agreement_private else b""
    schedule_box1(keys, signed_prekey.content, DH(signed_prekey.signed_key, prelude.ephemeral_key), dh4,
                  decapsulate(kem_seed, prelude.ciphertext))
    box1 = decode_box1(unseal(keys.k1, prelude.box1, keys.c1, "box1"))
    device = verify_initiator(box1, account, known_list, now)
    schedule_root(keys, DH(signed_prekey.signed_key, device.identity_key), box1.card.account, box1.card.list.hash,
                  device.id, device.identity_key)
    session = SimpleNamespace(role=RESPONDER, confirmed=False, sid=keys.c2, generation=box1.generation, created_at=now,
                              prelude_digest=prelude.digest, peer_account=box1.card.account, peer_device=device.id,
                              prelude=b"")
    begin_responder(session, keys.RK0, keys.HKi, keys.HKr, signed_prekey.signed_key)
    content, session, skipped, _ = open_message(session, nothing_skipped(), envelope.header, envelope.commitment,
                                                envelope.sealed, ratchet_key, now)
    return box1, session, skipped, content


# ---- Operations

def check_prekey_ids(encoded):
    ids = decode(encoded, read_prekey_ids)
    if write_prekey_ids(ids.spk_id, ids.kind, ids.id, ids.index) != encoded:
        raise AssertionError("the ids are written otherwise")
    return {"encoded": encoded}


def check_reply_path(encoded):
    path = decode(encoded, read_reply_path)
    rights = [(right.mailbox, right.capability) for right in path.rights]
    if write_reply_path(path.relay, path.contact_secret, path.sequence, rights) != encoded:
        raise AssertionError("the reply path is written otherwise")
    return {"encoded": encoded}


def check_reply_path_fields(relay, contact_secret, sequence, mailboxes, capabilities):
    if len(mailboxes) != len(capabilities):
        raise ValueError("as many mailboxes as capabilities")
    return check_reply_path(write_reply_path(relay, contact_secret, sequence, zip(mailboxes, capabilities)))


def check_schedule(account, device, identity_key, ephemeral_key, prekey_ids, content, kind, one_time_key, kem_key,
                   ciphertext, kem_secret, dh1, dh2, dh3, dh4, box1_plaintext, initiator_account, initiator_list_hash,
                   initiator_device, initiator_identity_key):
    if bool(one_time_key) != bool(dh4) or bool(one_time_key) != (kind == ONE_TIME):
        raise ValueError("one-time key, dh4 and kind do not agree")
    keys = SimpleNamespace(account=sized(account, 32), device=sized(device, 8),
                           identity_key=agreement_key(identity_key), ephemeral_key=agreement_key(ephemeral_key),
                           kind=kind, one_time_key=one_time_key and agreement_key(one_time_key),
                           kem_key=encapsulation_key(kem_key), ciphertext=sized(ciphertext, CIPHERTEXT))
    schedule_box0(keys, dh2)
    keys.box0 = seal(keys.k0, sized(prekey_ids, 32), keys.c0)
    schedule_box1(keys, decode_content(content), dh3, dh4, sized(kem_secret, 32))
    keys.box1 = seal(keys.k1, box1_plaintext, keys.c1)
    schedule_root(keys, dh1, sized(initiator_account, 32), sized(initiator_list_hash, 32), sized(initiator_device, 8),
                  agreement_key(initiator_identity_key))
    same = {name: getattr(keys, name) for name in "c0 ck0 k0 box0 c1 ck2 ck3 k1 box1 c2".split()}
    return {**same, "root": keys.RK0, "initiator_header_key": keys.HKi, "responder_header_key": keys.HKr,
            "prelude_digest": prelude_digest(keys)}


def check_initiate(own_card, own_keys, reply_path, generation, reset, ephemeral, ratchet_key, ciphertext, kem_secret,
                   now, **given):
    bundle = verify_bundle(now=now, **given)  # [handshake.9] everything about the responder comes first
    session = initiate(bundle, own_card, own_keys, reply_path, generation, reset, sized(ephemeral, 32),
                       sized(ratchet_key, 32), ciphertext, kem_secret, now)
    return {"prelude": session.prelude, "session": encode_session(session)}


def check_respond(account, keys, envelope, ratchet_key, now, signed_prekey=None, known_list=None, batch=None,
                  index=None, one_time_prekey=None):
    signed = signed_prekey and decode_signed_prekey(signed_prekey)
    one_time = one_time_prekey and decode_one_time_prekey(one_time_prekey)
    if one_time:
        one_time.name = batch, index
    known_list = known_list and decode_list(known_list)
    box1, session, skipped, content = respond(sized(account, 32), keys, signed, one_time, known_list, envelope,
                                              sized(ratchet_key, 32), now)
    return {"initiator": box1.card.account, "initiator_device": box1.device, "reply_path": box1.reply_path.encoded,
            "generation": box1.generation, "reset": box1.reset, "seen": box1.seen, "content": content,
            "session": encode_session(session), "skipped": encode_skipped(skipped)}


SCHEDULE = ("account device identity_key ephemeral_key prekey_ids content kind:integer one_time_key kem_key ciphertext "
            "kem_secret dh1 dh2 dh3 dh4 box1_plaintext initiator_account initiator_list_hash initiator_device "
            "initiator_identity_key -> c0 ck0 k0 box0 c1 ck2 ck3 k1 box1 c2 root initiator_header_key "
            "responder_header_key prelude_digest")
INITIATE = ("own_card own_keys reply_path generation:integer reset:integer ephemeral ratchet_key ciphertext kem_secret "
            "-> prelude session")
RESPOND = "account keys signed_prekey? known_list? envelope ratchet_key now:integer"
RESPONDED = "initiator initiator_device reply_path generation:integer reset:integer seen content session skipped"

OPERATIONS = {
    "handshake/prekey-ids": [("spk_id:integer kind:integer id:integer index:integer -> encoded",
                              lambda **ids: check_prekey_ids(write_prekey_ids(**ids))),
                             ("encoded -> encoded", check_prekey_ids)],
    "handshake/reply-path": [("relay:text contact_secret sequence:integer mailboxes:list capabilities:list -> encoded",
                              check_reply_path_fields),
                             ("encoded -> encoded", check_reply_path)],
    "handshake/key-schedule": [(SCHEDULE, check_schedule)],
    "handshake/initiate": [(f"{inputs} {INITIATE}", check_initiate) for inputs in BUNDLES],
    "handshake/respond": [(f"{RESPOND} -> {RESPONDED}", check_respond),
                          (f"{RESPOND} batch:integer index:integer one_time_prekey -> {RESPONDED}", check_respond)],
}
