"""Specs/State.md: the saved formats. Whatever is wrong in one is refused at stage `state`."""
from types import SimpleNamespace

from encoding import decode, lp, refusing, require, u8, u32, u64, varint
from identity import account_name
from messages import read_prelude
from prekeys import decode_content
from primitives import agreement_key, ed25519_public, hybrid_public, mlkem_public, x25519_public
from relay import mailbox_name

INITIATOR, RESPONDER = 1, 2
CONFIRMED, PRELUDE, SENDING, RECEIVING = 1, 2, 4, 8
VERSION = u8(1)
MOST_SKIPPED = 2000  # keys, [ratchet.7]
MOST_PAST = 5  # chains, [ratchet.8]


def read_version(reader):
    require(reader.take(1) == VERSION, "state")  # [state.1]


def decode_saved(encoded, read):
    def whole(reader):
        read_version(reader)
        return read(reader)

    with refusing("state"):
        return decode(encoded, whole)


# ---- Session, [state.2]

def read_session(reader):
    session = SimpleNamespace(role=reader.u8())
    flags = reader.u8()
    require(session.role in (INITIATOR, RESPONDER) and flags < 16, "state")
    session.confirmed = bool(flags & CONFIRMED)
    session.sid = reader.take(32)
    session.generation = reader.u32()
    require(1 <= session.generation <= 2**31, "state")  # [handshake.8]
    session.created_at = reader.u64()
    session.prelude_digest = reader.take(32)
    session.peer_account, session.peer_device = reader.take(32), reader.take(8)
    session.prelude = reader.opaque(2**16) if flags & PRELUDE else b""
    if flags & PRELUDE:
        decode(session.prelude, read_prelude)
    session.RK, session.DHs = reader.take(32), reader.take(32)
    session.sending = session.receiving = None
    if flags & SENDING:
        session.sending = SimpleNamespace(CK=reader.take(32), HK=reader.take(32), N=reader.u32())
    if flags & RECEIVING:
        session.receiving = SimpleNamespace(CK=reader.take(32), HK=reader.take(32), N=reader.u32(),
                                            DHr=agreement_key(reader.take(32)), chain=reader.u32())
    session.NHKs, session.NHKr = reader.take(32), reader.take(32)
    session.PN = reader.u32()
    return session


def decode_session(encoded):
    session = decode_saved(encoded, read_session)
    if encode_session(session) != encoded:
        raise AssertionError("the session is written otherwise")
    return session


def encode_session(session):
    sending, receiving = session.sending, session.receiving
    flags = (CONFIRMED * session.confirmed | PRELUDE * bool(session.prelude) | SENDING * bool(sending)
             | RECEIVING * bool(receiving))
    return b"".join((
        VERSION, u8(session.role), u8(flags), session.sid, u32(session.generation), u64(session.created_at),
        session.prelude_digest, session.peer_account, session.peer_device,
        lp(session.prelude) if session.prelude else b"",
        session.RK, session.DHs,
        sending.CK + sending.HK + u32(sending.N) if sending else b"",
        receiving.CK + receiving.HK + u32(receiving.N) + receiving.DHr + u32(receiving.chain) if receiving else b"",
        session.NHKs, session.NHKr, u32(session.PN),
    ))


# ---- Skipped keys, [state.3]

def read_run(reader):
    run = SimpleNamespace(chain=reader.u32(), first=reader.u32(), stored_at=reader.u64())
    count = reader.length(MOST_SKIPPED)
    run.keys = [reader.take(32) for _ in range(count)]
    # A run of nothing would be a second encoding, and [ratchet.17] knows no number after 2^32 - 2.
    require(run.keys and run.first + len(run.keys) < 2**32, "state")
    return run


def read_skipped(reader):
    skipped = SimpleNamespace()
    skipped.past = [SimpleNamespace(chain=reader.u32(), header_key=reader.take(32))
                    for _ in range(reader.length(MOST_PAST))]
    skipped.runs = [read_run(reader) for _ in range(reader.length(MOST_SKIPPED))]
    require(sum(len(run.keys) for run in skipped.runs) <= MOST_SKIPPED, "state")  # [ratchet.7]
    return skipped


def decode_skipped(encoded):
    skipped = decode_saved(encoded, read_skipped)
    if encode_skipped(skipped) != encoded:
        raise AssertionError("the skipped keys are written otherwise")
    return skipped


def encode_skipped(skipped):
    return b"".join((
        VERSION,
        varint(len(skipped.past)), *(u32(past.chain) + past.header_key for past in skipped.past),
        varint(len(skipped.runs)),
        *(u32(run.chain) + u32(run.first) + u64(run.stored_at) + varint(len(run.keys)) + b"".join(run.keys)
          for run in skipped.runs),
    ))


# ---- Keys

def decode_device_keys(encoded):
    """[state.6]"""
    return decode_saved(encoded, lambda reader: SimpleNamespace(
        id=reader.take(8), seeds=reader.take(64), identity_key=reader.take(32), mailbox_seed=reader.take(32)))


def decode_signed_prekey(encoded):
    """[state.7], whose public keys must be those of the private ones."""
    def read(reader):
        secret = SimpleNamespace(signed_key=reader.take(32), last_resort_seed=reader.take(64),
                                 content=decode_content(reader.opaque(16_384)))
        require(secret.content.signed_key == x25519_public(secret.signed_key), "state")
        require(secret.content.last_resort_key == mlkem_public(secret.last_resort_seed), "state")
        return secret

    return decode_saved(encoded, read)


def decode_one_time_prekey(encoded):
    """[state.8]"""
    return decode_saved(encoded, lambda reader: SimpleNamespace(agreement_key=reader.take(32),
                                                                kem_seed=reader.take(64)))


# ---- Operations

def check_account_keys(encoded):
    """[state.5]"""
    seeds = decode_saved(encoded, lambda reader: (reader.take(64), reader.take(64)))
    account, next_account = (account_name(*hybrid_public(pair)) for pair in seeds)
    return {"account": account, "next_account": next_account}


def check_device_keys(encoded):
    keys = decode_device_keys(encoded)
    return {"device": keys.id, "signing_key": ed25519_public(keys.seeds[:32]),
            "identity_key": x25519_public(keys.identity_key),
            "mailbox": mailbox_name(ed25519_public(keys.mailbox_seed))}


def check_one_time_prekey(encoded):
    keys = decode_one_time_prekey(encoded)
    return {"agreement_key": x25519_public(keys.agreement_key), "kem_key": mlkem_public(keys.kem_seed)}


def check_session(session, skipped):
    session = decode_session(session)
    decode_skipped(skipped)
    return {"sid": session.sid, "role": "initiator" if session.role == INITIATOR else "responder",
            "generation": session.generation, "confirmed": "yes" if session.confirmed else "no",
            "peer_account": session.peer_account, "peer_device": session.peer_device}


OPERATIONS = {
    "state/account-keys": [("encoded -> account next_account", check_account_keys)],
    "state/device-keys": [("encoded -> device signing_key identity_key mailbox", check_device_keys)],
    "state/signed-prekey": [("encoded -> hash", lambda encoded: {"hash": decode_signed_prekey(encoded).content.hash})],
    "state/one-time-prekey": [("encoded -> agreement_key kem_key", check_one_time_prekey)],
    "state/session": [("session skipped -> sid role:text generation:integer confirmed:text peer_account peer_device",
                       check_session)],
}
