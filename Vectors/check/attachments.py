"""Specs/Attachments.md: blobs, and what a message says about one."""
from types import SimpleNamespace

from encoding import decode, lp, require, u32, u64
from primitives import H, MARK_AND_TAG, marks, P, sized, Stream
from relay import read_authority

LONGEST = 2**32  # [attachments.1]
CHUNK = 65_536
FRONT = 24 + 32
TYPE_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+")


# ---- Lengths

def blob_length(count):
    """[attachments.3] The least m x 2^k with m = 8 to 15 that is not less, and at least 65,536."""
    return min(m << k for k in range(13, 31) for m in range(8, 16) if m << k >= count)


def layout(length):
    """[attachments.2]"""
    require(length <= LONGEST, "encoding", "out-of-range")
    chunks = max(1, -(-length // CHUNK))
    blob = blob_length(FRONT + length + MARK_AND_TAG * chunks)
    return SimpleNamespace(length=length, blob=blob, chunks=-(-(blob - FRONT) // (CHUNK + MARK_AND_TAG)))


def cut(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


# ---- Blobs

def derive(key, length, header):
    return P(key, "attachment", u64(length), sized(header, 24))  # [attachments.5]


def seal_blob(key, header, file):
    found = layout(len(file))
    k, commitment = derive(key, len(file), header)
    stream = Stream(k, header)
    padded = file + bytes(found.blob - FRONT - MARK_AND_TAG * found.chunks - len(file))
    chunks = [stream.seal(chunk, mark) for chunk, mark in marks(cut(padded, CHUNK))]
    return header + commitment + b"".join(chunks)


def open_blob(key, length, blob):
    """[attachments.6], in the order in which the bytes come."""
    found = layout(length)
    require(len(blob) >= FRONT, "attachment")
    k, commitment = derive(key, length, blob[:24])
    require(commitment == blob[24:FRONT], "commitment")
    stream, padded = Stream(k, blob[:24]), b""
    chunks = marks(cut(bytes(found.blob - FRONT), CHUNK + MARK_AND_TAG))
    at = FRONT
    for place, mark in chunks:
        chunk = blob[at:at + len(place)]
        require(len(chunk) == len(place), "attachment")
        opened = stream.open(chunk, mark, "attachment")
        start, at = len(padded), at + len(place)
        require(not any(opened[max(0, length - start):]), "padding")  # [attachments.3]
        padded += opened
    require(at == len(blob), "attachment")
    return padded[:length]


# ---- Parts

LONGEST_BLOB = 1 << 27  # [blob.2]


def part(blob, key, length, index):
    """[attachments.13] The name and length of one of the blobs that a relay has."""
    whole = layout(length).blob
    name = blob if index == 0 else P(key, "attachment part", sized(blob, 16), u32(index))[1][:16]
    found = min(LONGEST_BLOB, whole - index * LONGEST_BLOB)
    if found <= 0 or blob_length(found) != found:
        raise AssertionError("there is no such part, or no relay takes it")
    return {"name": name, "part_length": found}


# ---- Pointers

def is_visible(character):
    """[attachments.11]"""
    code = ord(character)
    turns = code in (0x061C, 0x200E, 0x200F) or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return not (code < 0x20 or 0x7F <= code <= 0x9F or code in (0x2028, 0x2029) or turns)


def check_name(name):
    require(name not in ("", ".", "..") and not set(name) & set("/\\"), "encoding", "invalid-value")
    require(all(map(is_visible, name)), "encoding", "invalid-value")
    return name


def check_media_type(text):
    """[attachments.12]"""
    parts = text.split("/") if text else ["x", "x"]
    require(len(parts) == 2 and all(parts), "encoding", "invalid-value")
    require(all(set(part) <= TYPE_CHARACTERS and part[0].isalnum() for part in parts), "encoding", "invalid-value")
    return text


def read_pointer(reader):
    """[attachments.9] and [attachments.10]"""
    return SimpleNamespace(
        blob=reader.take(16),
        relay=read_authority(reader),
        key=reader.take(32),
        length=layout(reader.u64()).length,
        name=check_name(reader.text(255)),
        media_type=check_media_type(reader.text(127)),
    )


def write_pointer(blob, relay, key, length, name, media_type):
    return (sized(blob, 16) + lp(relay.encode()) + sized(key, 32) + u64(length) + lp(name.encode())
            + lp(media_type.encode()))


# ---- Operations

def check_size(length):
    found = layout(length)
    return {"blob_length": found.blob, "chunk_count": found.chunks}


def check_seal(key, header, file):
    blob = seal_blob(key, header, file)
    if open_blob(key, len(file), blob) != file:
        raise AssertionError("the blob opens as another file")
    return {"front": blob[:FRONT], "hash": H("blob", blob)}


def check_pointer(**given):
    encoded = write_pointer(**given)
    decode(encoded, read_pointer)
    return {"encoded": encoded}


def check_encoded_pointer(encoded):
    return {"encoded": write_pointer(**vars(decode(encoded, read_pointer)))}


OPERATIONS = {
    "attachments/size": [("length:integer -> blob_length:integer chunk_count:integer", check_size)],
    "attachments/seal": [("key header file -> front hash", check_seal)],
    "attachments/open": [("key length:integer blob -> file",
                          lambda key, length, blob: {"file": open_blob(key, length, blob)})],
    "attachments/part": [("blob key length:integer index:integer -> name part_length:integer", part)],
    "attachments/pointer": [("blob relay:text key length:integer name:text media_type:text -> encoded",
                             check_pointer),
                            ("encoded -> encoded", check_encoded_pointer)],
}
