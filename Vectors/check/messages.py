"""Specs/Messages.md: content, padding, envelope. And of Specs/Handshake.md the two structures that these carry."""
from types import SimpleNamespace

from attachments import read_pointer
from encoding import decode, lp, refusing, require, u8, u64, utf8, vector
from primitives import agreement_key, CIPHERTEXT, H, sized
from relay import read_authority


# ---- Padding

def pad(content, count):
    """[messages.1] to `count` bytes: the marker, then zeros."""
    if len(content) >= count:
        raise ValueError(f"{len(content)} bytes and a marker are more than {count}")
    return content + b"\x80" + bytes(count - len(content) - 1)


def unpad(padded):
    """[messages.2] The last byte that is not zero is the marker."""
    content = padded.rstrip(b"\0")
    require(content.endswith(b"\x80"), "padding")
    return content[:-1]


# ---- Reply path, [handshake.5]

def read_reply_path(reader):
    start = reader.at
    path = SimpleNamespace(
        relay=read_authority(reader),
        contact_secret=reader.take(16),
        sequence=reader.u64(),
        rights=reader.vector(64, lambda inner: SimpleNamespace(mailbox=inner.take(16), capability=inner.take(32))),
    )
    mailboxes = [right.mailbox for right in path.rights]
    require(mailboxes == sorted(set(mailboxes)), "encoding", "invalid-value")  # strictly ascending
    path.encoded = reader.data[start:reader.at]
    return path


# ---- Prelude, [handshake.1]

def prelude_digest(prelude):
    """[handshake.3] d, with box1 without its length."""
    return H("prelude", prelude.ephemeral_key, prelude.box0, prelude.ciphertext, prelude.box1)


def read_prelude(reader):
    start = reader.at
    prelude = SimpleNamespace(
        ephemeral_key=agreement_key(reader.take(32)),
        box0=reader.take(48),
        ciphertext=reader.take(CIPHERTEXT),
        box1=reader.opaque(49_152),
    )
    sealed = len(prelude.box1) - 16
    require(sealed >= 256 and sealed % 256 == 0, "encoding", "invalid-value")  # [handshake.2]
    prelude.encoded = reader.data[start:reader.at]
    prelude.digest = prelude_digest(prelude)
    return prelude


# ---- Content

TEXT, REPLY_PATH, HEADS, MISSING, ANSWER, RECEIPT, TIMER, ATTACHMENT, LINK, COPY, IGNORED = *range(1, 11), 128
COPIED = TEXT, ANSWER, TIMER, ATTACHMENT
LONGEST_TIMER = 365 * 86_400


def devices():
    """Imported late: a link has a card in it, and a card has the padding of this file."""
    import devices
    return devices


def check_body(kind, body):
    """[messages.4] and [messages.5]"""
    if kind == TEXT:
        utf8(body)
    elif kind == REPLY_PATH:
        decode(body, read_reply_path)
    elif kind == HEADS:
        sized(body, 80)
    elif kind == MISSING:
        require(len(body) % 16 == 0, "content")
    elif kind == ANSWER:
        require(len(body) == 17 and body[0] in (1, 2), "content")
    elif kind == RECEIPT:
        require(len(body) >= 17 and len(body) % 16 == 1 and body[0] in (1, 2), "content")
    elif kind == TIMER:
        require(len(body) == 4 and int.from_bytes(body, "big") <= LONGEST_TIMER, "content")
    elif kind == ATTACHMENT:
        decode(body, read_pointer)
    elif kind == LINK:
        decode(body, devices().read_link)
    elif kind == COPY:
        decode(body, devices().read_copy)
    else:
        require(kind >= IGNORED, "content")


def read_copied(reader):
    """[devices.8] The message in a copy: copies do not nest."""
    content = read_content(reader, COPIED)
    require(any(kind in (TEXT, ATTACHMENT) for kind, _ in content.parts), "content")
    return content


def read_content(reader, allowed=None):
    content = SimpleNamespace(
        id=reader.take(16),
        sent_at=reader.u64(),
        parts=reader.vector(64, lambda inner: (inner.u8(), inner.opaque(65_536))),
    )
    for kind, body in content.parts:
        require(allowed is None or kind in allowed, "content")
        check_body(kind, body)
    return content


def decode_content(encoded):
    """[encoding.5] What reads content refuses at stage `content` and not `encoding`."""
    with refusing("content"):
        return decode(encoded, read_content)


def encode_content(id, sent_at, parts):
    return sized(id, 16) + u64(sent_at) + vector(u8(kind) + lp(body) for kind, body in parts)


# ---- Envelope

SIZES = [512 << k for k in range(8)]  # [envelope.1]
MESSAGE, MESSAGE_WITH_PRELUDE = 1, 2
OVERHEAD = 1 + 80 + 32 + 16  # type, header, commitment, tag


def envelope_size(content_count, prelude_count):
    """[envelope.2] The smallest size that holds content, marker and prelude; None if there is none."""
    return next((size for size in SIZES if OVERHEAD + prelude_count + content_count + 1 <= size), None)


def write_envelope(prelude, header, commitment, sealed):
    kind = MESSAGE_WITH_PRELUDE if prelude else MESSAGE
    return u8(kind) + prelude + sized(header, 80) + sized(commitment, 32) + sealed


def decode_envelope(encoded):
    """[envelope.3]"""
    def read(reader):
        kind = reader.u8()
        require(kind in (MESSAGE, MESSAGE_WITH_PRELUDE), "encoding", "invalid-value")
        prelude = read_prelude(reader) if kind == MESSAGE_WITH_PRELUDE else None
        envelope = SimpleNamespace(prelude=prelude, header=reader.take(80), commitment=reader.take(32),
                                   sealed=reader.rest())
        require(len(envelope.sealed) >= 17, "encoding", "truncated")
        return envelope

    require(len(encoded) in SIZES, "encoding", "out-of-range")
    return decode(encoded, read)


# ---- Operations

def check_content(id, sent_at, kinds, bodies):
    if len(kinds) != len(bodies):
        raise ValueError("as many kinds as bodies")
    encoded = encode_content(id, sent_at, zip(kinds, bodies))
    decode_content(encoded)
    return {"encoded": encoded}


def check_encoded_content(encoded):
    content = decode_content(encoded)
    if encode_content(content.id, content.sent_at, content.parts) != encoded:
        raise AssertionError("the content is written otherwise")
    return {"id": content.id, "sent_at": content.sent_at, "kinds": [kind for kind, _ in content.parts],
            "bodies": [body for _, body in content.parts]}


def check_padding(content, count):
    padded = pad(content, count)
    if unpad(padded) != content:
        raise AssertionError("the padding does not come off again")
    return {"padded": padded}


def check_envelope(header, commitment, sealed, prelude=b""):
    encoded = write_envelope(prelude, header, commitment, sealed)
    decode_envelope(encoded)
    return {"envelope": encoded}


def check_encoded_envelope(envelope):
    read = decode_envelope(envelope)
    prelude = read.prelude.encoded if read.prelude else b""
    if write_envelope(prelude, read.header, read.commitment, read.sealed) != envelope:
        raise AssertionError("the envelope is written otherwise")
    found = {"header": read.header, "commitment": read.commitment, "sealed": read.sealed}
    return {**found, "prelude": prelude} if prelude else found


def check_size(content_count, prelude_count):
    size = envelope_size(content_count, prelude_count)
    return {"envelope_count": size or 0, "padded_count": size - OVERHEAD - prelude_count if size else 0}


OPERATIONS = {
    "messages/content": [("id sent_at:integer kinds:numbers bodies:list -> encoded", check_content),
                         ("encoded -> id sent_at:integer kinds:numbers bodies:list", check_encoded_content)],
    "messages/padding": [("content count:integer -> padded", check_padding),
                         ("padded -> content", lambda padded: {"content": unpad(padded)})],
    "messages/envelope": [("prelude? header commitment sealed -> envelope", check_envelope),
                          ("envelope -> prelude? header commitment sealed", check_encoded_envelope)],
    "messages/size": [("content_count:integer prelude_count:integer -> "
                       "envelope_count:integer padded_count:integer", check_size)],
}
