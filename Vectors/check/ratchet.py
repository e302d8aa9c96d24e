"""Specs/Ratchet.md: each step, sealing and opening. Sessions are those of state.py; none is altered, new ones are made.

Names are those of the document: RK, CK, MK, HK, NHK, DHs, DHr, PN, N.
"""
import copy
import hmac
from types import SimpleNamespace

from encoding import decode, Refused, refusing, require, u32
from messages import decode_content, decode_envelope, envelope_size, OVERHEAD, pad, unpad, write_envelope
from primitives import agreement_key, DH, P, seal, sized, unseal, x25519_public, xseal, xunseal
from state import decode_session, decode_skipped, encode_session, encode_skipped, MOST_PAST, MOST_SKIPPED, RESPONDER

MOST_AHEAD = 1000  # [ratchet.14]
LIFE = 2_592_000  # seconds, [ratchet.9]
LAST = 2**32 - 1  # [ratchet.17] a number that no message has


# ---- Steps

def root_step(RK, agreement):
    """[ratchet.1] The next RK, and CK and NHK of the new chain."""
    RK, turn = P(RK, "ratchet root", agreement)
    return RK, *P(turn, "ratchet chain")


def chain_step(CK):
    return P(CK, "chain")  # [ratchet.2] the next CK, and MK


def chain_steps(CK, count):
    keys = []
    for _ in range(count):
        CK, MK = chain_step(CK)
        keys.append(MK)
    return CK, keys


def seal_padded(MK, sid, header, padded):
    """[ratchet.3] The commitment and the sealed content."""
    key, commitment = P(MK, "message", sid, header)
    return commitment, seal(key, padded, b"")


def open_padded(MK, sid, header, commitment, sealed):
    """[ratchet.4] First the commitment, then the AEAD."""
    key, ours = P(MK, "message", sid, header)
    require(hmac.compare_digest(ours, commitment), "commitment")
    return unseal(key, sealed, b"", "message")


def seal_header(HK, sid, nonce, public, PN, N):
    return xseal(HK, nonce, public + u32(PN) + u32(N), sid)  # [ratchet.5]


def open_header(HK, sid, header):
    """The sender's ratchet key, PN and N. A key that is not canonical counts as not opened."""
    with refusing("header"):
        return decode(xunseal(HK, header, sid, "header"),
                      lambda reader: (agreement_key(reader.take(32)), reader.u32(), reader.u32()))


# ---- Beginning

def begin_initiator(session, RK0, HKi, HKr, own_key, signed_key):
    """[ratchet.11]"""
    session.DHs = own_key
    session.RK, CK, session.NHKs = root_step(RK0, DH(own_key, signed_key))
    session.sending = SimpleNamespace(CK=CK, HK=HKi, N=0)
    session.receiving, session.NHKr, session.PN = None, HKr, 0
    return session


def begin_responder(session, RK0, HKi, HKr, signed_key):
    """[ratchet.12]"""
    session.DHs, session.RK = signed_key, RK0
    session.sending = session.receiving = None
    session.NHKs, session.NHKr, session.PN = HKr, HKi, 0
    return session


def nothing_skipped():
    return SimpleNamespace(past=[], runs=[])


# ---- Sending

def seal_content(session, content, nonce):
    """The envelope, and the session after it."""
    session = copy.deepcopy(session)
    if session.sending is None:
        raise ValueError("this session has nothing to send with")
    sending = session.sending
    require(sending.N < LAST, "gap")  # [ratchet.17]
    size = envelope_size(len(content), len(session.prelude))
    require(size, "content")  # [sessions.2]
    header = seal_header(sending.HK, session.sid, nonce, x25519_public(session.DHs), session.PN, sending.N)
    sending.CK, MK = chain_step(sending.CK)
    sending.N += 1
    padded = pad(content, size - OVERHEAD - len(session.prelude))
    return write_envelope(session.prelude, header, *seal_padded(MK, session.sid, header, padded)), session


# ---- Opening

CURRENT, NEXT = "current", "next"


def header_keys(session, skipped):
    """[ratchet.13] The order in which header keys are tried; a past chain stands for itself."""
    if session.receiving:
        yield CURRENT, session.receiving.HK
    yield NEXT, session.NHKr
    for past in reversed(skipped.past):
        yield past, past.header_key


def first_that_opens(keys, sid, header):
    for which, key in keys:
        try:
            return which, open_header(key, sid, header)
        except Refused:
            continue
    return None


def take_skipped(skipped, chain, N, now):
    """[ratchet.16] The message key, which leaves its run."""
    for position, run in enumerate(skipped.runs):
        if run.chain == chain and run.first <= N < run.first + len(run.keys):
            break
    else:
        raise Refused("replay")
    require(now <= run.stored_at + LIFE, "replay")  # [ratchet.9]
    at = N - run.first
    halves = ((run.first, run.keys[:at]), (N + 1, run.keys[at + 1:]))
    skipped.runs[position:position + 1] = [
        SimpleNamespace(chain=chain, first=first, stored_at=run.stored_at, keys=keys) for first, keys in halves if keys]
    return run.keys[at]


def skip(skipped, chain, first, keys, now):
    if keys:
        skipped.runs.append(SimpleNamespace(chain=chain, first=first, stored_at=now, keys=keys))


def forget(skipped, now):
    """[ratchet.7] to [ratchet.9]: what is too old or too much goes. The number of keys that went."""
    def count():
        return sum(len(run.keys) for run in skipped.runs)

    def keep(wanted):
        skipped.runs = [run for run in skipped.runs if run.keys and wanted(run)]
        chains = {run.chain for run in skipped.runs}
        skipped.past = [past for past in skipped.past if past.chain in chains]

    before = count()
    keep(lambda run: now <= run.stored_at + LIFE)
    while len(skipped.past) > MOST_PAST:
        keep(lambda run: run.chain != skipped.past[0].chain)
    while count() > MOST_SKIPPED:
        oldest = skipped.runs[0]
        oldest.first, oldest.keys = oldest.first + 1, oldest.keys[1:]
        keep(lambda run: True)
    return before - count()


def check_jump(session, which, PN, N):
    """[ratchet.14], before any derivation."""
    if which == CURRENT:
        require(N - session.receiving.N <= MOST_AHEAD, "gap")
    else:
        received = session.receiving.N if session.receiving else 0
        require(N <= MOST_AHEAD and received <= PN <= received + MOST_AHEAD, "gap")
        require(session.receiving or PN == 0, "gap")


def open_message(session, skipped, header, commitment, sealed, fresh, now):
    """[ratchet.10] The content, and session and skipped keys after it, made beside those that were given."""
    session, skipped = copy.deepcopy((session, skipped))
    found = first_that_opens(header_keys(session, skipped), session.sid, header)
    require(found, "header")
    which, (public, PN, N) = found
    receiving = session.receiving
    require(which != CURRENT or public == receiving.DHr, "header")  # [ratchet.15]
    require(N < LAST, "gap")  # [ratchet.17]

    if which == NEXT:
        check_jump(session, which, PN, N)
        RK, CK, NHKr = root_step(session.RK, DH(session.DHs, public))
        CK, keys = chain_steps(CK, N + 1)
        MK = keys.pop()
    elif which == CURRENT and N >= receiving.N:
        check_jump(session, which, PN, N)
        CK, keys = chain_steps(receiving.CK, N + 1 - receiving.N)
        MK = keys.pop()
    else:
        MK = take_skipped(skipped, receiving.chain if which == CURRENT else which.chain, N, now)

    content = unpad(open_padded(MK, session.sid, header, commitment, sealed))
    decode_content(content)  # [ratchet.10] content that is not valid is refused before the commit

    if which == NEXT:
        chain = 0
        if receiving:
            chain = receiving.chain + 1
            skip(skipped, receiving.chain, receiving.N, chain_steps(receiving.CK, PN - receiving.N)[1], now)
            skipped.past.append(SimpleNamespace(chain=receiving.chain, header_key=receiving.HK))
        skip(skipped, chain, 0, keys, now)
        session.PN = session.sending.N if session.sending else 0
        session.receiving = SimpleNamespace(CK=CK, HK=session.NHKr, N=N + 1, DHr=public, chain=chain)
        session.RK, CK, NHKs = root_step(RK, DH(fresh, public))
        session.sending = SimpleNamespace(CK=CK, HK=session.NHKs, N=0)
        session.NHKr, session.NHKs, session.DHs = NHKr, NHKs, fresh
    elif which == CURRENT and N >= receiving.N:
        skip(skipped, receiving.chain, receiving.N, keys, now)
        receiving.CK, receiving.N = CK, N + 1
    session.confirmed, session.prelude = True, b""  # [sessions.1], [sessions.2]
    return content, session, skipped, forget(skipped, now)


def open_envelope(session, skipped, encoded, fresh, now):
    envelope = decode_envelope(encoded)
    if envelope.prelude:  # [sessions.3]
        known = envelope.prelude.digest == session.prelude_digest
        require(known and session.role == RESPONDER, "header")
    return open_message(session, skipped, envelope.header, envelope.commitment, envelope.sealed, fresh, now)


# ---- Operations

def check_root_step(root, agreement):
    RK, CK, NHK = root_step(root, sized(agreement, 32))
    return {"root": RK, "chain": CK, "next_header_key": NHK}


def check_chain_step(chain):
    CK, MK = chain_step(chain)
    return {"chain": CK, "message_key": MK}


def check_seal_padded(message_key, sid, header, padded):
    commitment, sealed = seal_padded(message_key, sized(sid, 32), sized(header, 80), padded)
    check_open_padded(message_key, sid, header, commitment, sealed)
    return {"commitment": commitment, "sealed": sealed}


def check_open_padded(message_key, sid, header, commitment, sealed):
    return {"padded": open_padded(message_key, sized(sid, 32), sized(header, 80), commitment, sealed)}


def check_seal_header(header_key, sid, nonce, ratchet_key, previous_count, number):
    header = seal_header(header_key, sized(sid, 32), nonce, agreement_key(ratchet_key), previous_count, number)
    check_open_header(header_key, sid, header)
    return {"header": header}


def check_open_header(header_key, sid, header):
    public, PN, N = open_header(header_key, sized(sid, 32), header)
    return {"ratchet_key": public, "previous_count": PN, "number": N}


def check_seal(session, skipped, content, nonce):
    session = decode_session(session)
    decode_skipped(skipped)
    decode_content(content)
    envelope, session = seal_content(session, content, nonce)
    decode_envelope(envelope)
    return {"envelope": envelope, "session": encode_session(session)}


def check_open(session, skipped, envelope, ratchet_key, now):
    before = session, skipped
    session, skipped = decode_session(session), decode_skipped(skipped)
    try:
        content, after, kept, dropped = open_envelope(session, skipped, envelope, sized(ratchet_key, 32), now)
    finally:
        if (encode_session(session), encode_skipped(skipped)) != before:
            raise AssertionError("opening altered the state that it began with")  # [ratchet.10]
    return {"content": content, "session": encode_session(after), "skipped": encode_skipped(kept),
            "dropped": dropped}


OPERATIONS = {
    "ratchet/root-step": [("root agreement -> root chain next_header_key", check_root_step)],
    "ratchet/chain-step": [("chain -> chain message_key", check_chain_step)],
    "ratchet/message-key": [("message_key sid header padded -> commitment sealed", check_seal_padded),
                            ("message_key sid header commitment sealed -> padded", check_open_padded)],
    "ratchet/header": [("header_key sid nonce ratchet_key previous_count:integer number:integer -> header",
                        check_seal_header),
                       ("header_key sid header -> ratchet_key previous_count:integer number:integer",
                        check_open_header)],
    "ratchet/seal": [("session skipped content nonce -> envelope session", check_seal)],
    "ratchet/open": [("session skipped envelope ratchet_key now:integer -> "
                      "content session skipped dropped:integer", check_open)],
}
