"""Specs/Sessions.md: which session decides, which is sent on, which end. What a client does is in no vector."""
from types import SimpleNamespace

from encoding import decimal, require
from messages import decode_envelope
from ratchet import CURRENT, first_that_opens, header_keys, NEXT
from state import decode_session, decode_skipped, RESPONDER

MOST_ARCHIVED = 4
LIFE = 2_592_000  # seconds
GREATEST = 2**31


def rank(session):
    return session.generation, session.sid  # [sessions.5]


def next_generation(sessions):
    """[sessions.6] None if 2^31 was used."""
    highest = max((session.generation for session in sessions), default=0)
    return highest + 1 if highest < GREATEST else None


def sent_on(sessions):
    """[sessions.7] The session to send on; None if one is to be begun."""
    active = [session for session in sessions if session.archived_at is None]
    confirmed = [session for session in active if session.confirmed]
    own = [session for session in active if session.role == "initiator"]
    return max(confirmed or own, key=rank, default=None)


def settle(sessions, reset, now):
    """[sessions.9], then [sessions.8]: the session to send on, those to archive, those to delete."""
    before = {session.sid for session in sessions if session.archived_at is not None}
    if reset is not None:
        begun = next(session for session in sessions if session.sid == reset)
        for session in sessions:
            if session.archived_at is None and session.generation < begun.generation:
                session.archived_at = now
    sending = sent_on(sessions)
    for session in sessions:
        if (sending and session.archived_at is None and rank(session) < rank(sending)
                and (session.confirmed or sending.confirmed)):
            session.archived_at = now
    archived = sorted((session for session in sessions if session.archived_at is not None),
                      key=lambda session: (session.archived_at, rank(session)), reverse=True)
    kept = [session for session in archived[:MOST_ARCHIVED] if now <= session.archived_at + LIFE]
    keep = {session.sid for session in kept}
    return sending, keep - before, {session.sid for session in archived} - keep


def decide(sessions, envelope):
    """[sessions.3] The session that decides about an envelope, or stage `header`."""
    if envelope.prelude:
        for session in sessions:
            if session.prelude_digest == envelope.prelude.digest and session.role == RESPONDER:
                return session
    else:
        for archived in (False, True):
            group = [session for session in sessions if session.archived == archived]
            for current in (True, False):  # current and next keys of all, before past chains of any
                for session in group:
                    keys = [(which, key) for which, key in header_keys(session, session.skipped)
                            if (which in (CURRENT, NEXT)) == current]
                    if first_that_opens(keys, session.sid, envelope.header):
                        return session
    require(False, "header")


# ---- Operations

def yes(text):
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def check_rules(sids, roles, generations, confirmed, archived_at, now, reset=None):
    if len({len(sids), len(roles), len(generations), len(confirmed), len(archived_at)}) != 1:
        raise ValueError("lists of different lengths")
    if not set(roles) <= {"initiator", "responder"}:
        raise ValueError("a role is neither")
    sessions = [SimpleNamespace(sid=sid, role=role, generation=generation, confirmed=yes(known),
                                archived_at=decimal(at) if at else None)
                for sid, role, generation, known, at in zip(sids, roles, generations, confirmed, archived_at)]
    following = next_generation(sessions)
    sending, archive, delete = settle(sessions, reset, now)
    return {"next_generation": following or 0, "sending": sending.sid if sending else b"",
            "archive": sorted(archive), "delete": sorted(delete)}


def check_decide(sessions, skipped, archived, envelope):
    if not len(sessions) == len(skipped) == len(archived):
        raise ValueError("lists of different lengths")
    read = [decode_session(session) for session in sessions]
    for session, keys, flag in zip(read, skipped, archived):
        session.skipped, session.archived = decode_skipped(keys), yes(flag)
    return {"sid": decide(read, decode_envelope(envelope)).sid}


OPERATIONS = {
    "sessions/rules": [("sids:list roles:texts generations:numbers confirmed:texts archived_at:texts reset? "
                        "now:integer -> next_generation:integer sending archive:list delete:list", check_rules)],
    "sessions/decide": [("sessions:list skipped:list archived:texts envelope -> sid", check_decide)],
}
