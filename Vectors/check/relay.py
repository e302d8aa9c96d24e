"""Specs/Relay.md: names, signed requests, bodies, stream frames."""
import hashlib
import ipaddress
import re

import encoding
from encoding import (both_ways, decode, lp, NUMBER, optional, refusing, require, to_base64, u8, u16, u32, u64, utf8,
                      vector)
from primitives import ed25519_public, ed25519_sign, ed25519_verify, H, L, sized

# ---- Authority

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
PORTS = {"http": 80, "https": 443}


def is_ipv4(host):
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def is_ipv6(host):
    """One spelling, RFC 5952. Versions of Python differ on addresses that end as IPv4: those are refused."""
    try:
        return "." not in host and ipaddress.IPv6Address(host).compressed == host
    except ValueError:
        return False


def is_name(host):
    """A name whose last label is a number would be read as an IPv4 address by others, and is refused."""
    return (len(host) <= 253 and re.fullmatch(rf"{LABEL}(\.{LABEL})*", host) is not None
            and not re.fullmatch("[0-9]+|0x[0-9a-f]*", host.split(".")[-1]))


def origin(authority):
    """[relay.7] and [relay.8]: the scheme, `://` and the authority, which has one spelling."""
    found = re.fullmatch(r"(\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9.-]+))(:(?P<port>[1-9][0-9]{0,4}))?", authority)
    require(found and authority.isascii() and len(authority) <= 259, "encoding", "invalid-value")
    ipv6, host, port = found["ipv6"], found["host"], found["port"]
    require(is_ipv6(ipv6) if ipv6 else is_ipv4(host) or is_name(host), "encoding", "invalid-value")
    own = ipv6 == "::1" if ipv6 else host == "localhost" or is_ipv4(host) and host.startswith("127.")
    scheme = "http" if own else "https"
    require(port is None or int(port) < 2**16 and int(port) != PORTS[scheme], "encoding", "invalid-value")
    return f"{scheme}://{authority}"


def read_authority(reader):
    text = utf8(reader.opaque(259))
    origin(text)
    return text


# ---- Names

def mailbox_name(public):
    return H("mailbox", sized(public, 32))[:16]  # [relay.1]


def capability_hash(capability):
    return H("capability", sized(capability, 32))  # [relay.4]


# ---- Signed requests

COVERED = ("sotto-sequence", "sotto-list-sequence", "if-match", "if-none-match")  # [request.3], in this order
SIGNED = ("content-digest", "signature-input", "signature")
NUMBERED = f"({NUMBER})"
SPELLINGS = {
    "sotto-sequence": NUMBERED,
    "sotto-list-sequence": NUMBERED,
    "if-match": f'"{NUMBERED}"',  # [relay.21]
    "if-none-match": r"\*",
}


def content_digest(body):
    return f"sha-256=:{to_base64(hashlib.sha256(body).digest())}:"  # [request.5]


def signature_base(method, authority, path, digest, covered, created, key):
    """[request.1] The base, and the value of `@signature-params`."""
    lines = [("@method", method), ("@target-uri", origin(authority) + path), ("content-digest", digest)]
    lines += [(name, covered[name]) for name in COVERED if name in covered]
    names = " ".join(f'"{name}"' for name, _ in lines)
    params = f'({names});created={created};keyid="{key.hex()}";alg="ed25519"'  # [request.2]
    return "\n".join(f'"{name}": {value}' for name, value in (*lines, ("@signature-params", params))), params


def split_headers(lines):
    headers = []
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon:
            raise ValueError(f"{line!r} is no header")
        headers.append((name.lower(), value))
    return headers


def one_of_each(headers):
    """[request.7] A header of the signature that is given twice."""
    names = [name for name, _ in headers if name in COVERED + SIGNED]
    require(len(names) == len(set(names)), "signature-refused")
    return dict(headers)


def number_below_2_63(text):
    return re.fullmatch(NUMBER, text) is not None and int(text) < 2**63  # [relay.6]


def check_spelling(name, value):
    """[relay.6] and [relay.21]"""
    found = re.fullmatch(SPELLINGS[name], value)
    require(found and (not found.groups() or number_below_2_63(found[1])), "signature-refused")


def verify_request(method, authority, path, body, headers, now):
    """The key that signed a request, or the code of [relay.10]: the checks of [request.7] in their order."""
    with refusing("request-malformed"):
        origin(authority)  # [relay.11]
    headers = split_headers(headers)
    require(all(value == authority for name, value in headers if name == "host"), "request-malformed")
    require({name for name, _ in headers} >= set(SIGNED), "signature-missing")
    headers = one_of_each(headers)
    found = re.search(f';created=({NUMBER});keyid="([0-9a-f]{{64}})";', headers["signature-input"])
    require(found and number_below_2_63(found[1]), "signature-refused")
    created, key = int(found[1]), bytes.fromhex(found[2])
    base, params = signature_base(method, authority, path, headers["content-digest"], headers, created, key)
    require(headers["signature-input"] == f"sotto={params}", "signature-refused")
    require(now - 300 <= created <= now + 300, "clock-skew")  # [request.6]
    signature = re.fullmatch("sotto=:(.*):", headers["signature"])
    require(signature, "signature-refused")
    with refusing("signature-refused"):
        ed25519_verify(key, base.encode(), encoding.base64(signature[1]))
    require(headers["content-digest"] == content_digest(body), "digest-mismatch")  # [request.5]
    for name in SPELLINGS:
        if name in headers:
            check_spelling(name, headers[name])
    require(not ("if-match" in headers and "if-none-match" in headers), "signature-refused")
    mailbox = re.match("/v1/mailboxes/([0-9a-f]{32})(/|$)", path)
    require(not mailbox or bytes.fromhex(mailbox[1]) == mailbox_name(key), "signature-refused")  # [relay.12]
    require(method in ("GET", "HEAD") or "sotto-sequence" in headers, "request-malformed")  # [request.4]
    return key


# ---- Bodies

CLASSES = {"knock": 1, "contact": 2, "retiring": 3}  # [relay.5]
CLASS_NAMES = {number: name for name, number in CLASSES.items()}


def number(reader):
    """[relay.6], and [prekeys.3] of the numbers of parts and batches."""
    value = reader.u64()
    require(value < 2**63, "encoding", "out-of-range")
    return value


def read_class(reader):
    value = reader.u8()
    require(value in CLASS_NAMES, "encoding", "invalid-value")
    return value


def read_sealed(reader, limit):
    data = reader.opaque(limit)
    require(data, "encoding", "out-of-range")
    return data


def strictly_ascending(values):
    return values == sorted(set(values))


def read_capability_set(reader):
    """[relay.14]; how far ahead `expires` may be depends on the clock, and is not in the bytes."""
    slots = reader.vector(16, lambda inner: (read_class(inner), inner.take(32), number(inner)))
    hashes = [hash for _, hash, _ in slots]
    require(len(hashes) == len(set(hashes)), "encoding", "invalid-value")
    require(all((expires != 0) == (name == CLASSES["retiring"]) for name, _, expires in slots), "encoding",
            "invalid-value")
    return slots


def write_capability_set(slots):
    return vector(u8(name) + sized(hash, 32) + u64(expires) for name, hash, expires in slots)


def read_mailbox_status(reader):
    """[relay.13]"""
    status = (number(reader), number(reader), reader.optional(number), reader.u32(), number(reader), reader.u32(),
              number(reader))
    classes = [read_class(inner) for inner in [encoding.Reader(reader.opaque(16))] for _ in inner.data]
    require(classes == sorted(classes), "encoding", "invalid-value")
    return *status, classes


def write_mailbox_status(status):
    sequence, epoch, signed_part, parts, claims, envelopes, size, classes = status
    signed_part = None if signed_part is None else u64(signed_part)
    return (u64(sequence) + u64(epoch) + optional(signed_part) + u32(parts) + u64(claims) + u32(envelopes) + u64(size)
            + vector(map(u8, classes)))


def read_signed_part(reader):
    return number(reader), read_sealed(reader, 16_384)  # [relay.15]


def write_signed_part(part):
    return u64(part[0]) + lp(part[1])


def read_one_time_batch(reader):
    """[relay.16]"""
    parts = reader.vector(256, lambda inner: (inner.u32(), read_sealed(inner, 4096)))
    require(parts, "encoding", "out-of-range")
    require(strictly_ascending([index for index, _ in parts]), "encoding", "invalid-value")
    return parts


def write_one_time_batch(parts):
    return vector(u32(index) + lp(sealed) for index, sealed in parts)


def read_claimed_prekeys(reader):
    """[relay.18], with the limits of what was uploaded."""
    return (number(reader), read_sealed(reader, 16_384),
            reader.optional(lambda inner: (number(inner), inner.u32(), read_sealed(inner, 4096))))


def write_claimed_prekeys(claimed):
    id, signed_part, one_time = claimed
    one_time = one_time and u64(one_time[0]) + u32(one_time[1]) + lp(one_time[2])
    return u64(id) + lp(signed_part) + optional(one_time)


# ---- The stream

SERVER = {"challenge": 0x01, "envelope": 0x02, "caught-up": 0x03, "closing": 0x04}
SIZES = [512 << k for k in range(8)]  # [envelope.1]
REASONS = (1011, 1012, 4001, 4002, 4003, 4004, 4005)  # [stream.9]
CLIENT = {"authenticate": 0x81, "ack": 0x82}


def read_server_frame(reader):
    """[stream.1]"""
    kind = reader.u8()
    if kind == SERVER["challenge"]:
        return kind, number(reader), reader.take(32)
    if kind == SERVER["envelope"]:
        index, id, data = number(reader), reader.take(16), reader.opaque(65_536)
        require(len(data) in SIZES, "encoding", "invalid-value")
        return kind, index, id, data
    if kind == SERVER["caught-up"]:
        return kind, number(reader)
    require(kind == SERVER["closing"], "encoding", "invalid-value")
    reason = reader.u16()
    require(reason in REASONS, "encoding", "invalid-value")
    return kind, reason


def write_server_frame(frame):
    kind, *fields = frame
    if kind == SERVER["challenge"]:
        return u8(kind) + u64(fields[0]) + sized(fields[1], 32)
    if kind == SERVER["envelope"]:
        return u8(kind) + u64(fields[0]) + sized(fields[1], 16) + lp(fields[2])
    return u8(kind) + (u16 if kind == SERVER["closing"] else u64)(fields[0])


def read_client_frame(reader):
    kind = reader.u8()
    if kind == CLIENT["authenticate"]:
        return kind, reader.take(32), reader.take(64)
    require(kind == CLIENT["ack"], "encoding", "invalid-value")
    return kind, number(reader), number(reader)


def write_client_frame(frame):
    kind, *fields = frame
    if kind == CLIENT["authenticate"]:
        return u8(kind) + sized(fields[0], 32) + sized(fields[1], 64)
    return u8(kind) + u64(fields[0]) + u64(fields[1])


def stream_message(authority, mailbox, restore_epoch, nonce):
    """[stream.3]"""
    return (L("stream") + lp(authority.encode()) + lp(sized(mailbox, 16)) + lp(u64(restore_epoch))
            + lp(sized(nonce, 32)))


def verify_stream(authority, mailbox, restore_epoch, nonce, frame):
    with refusing("protocol error"):  # bytes that are no frame
        kind, *fields = decode(frame, read_client_frame)
    with refusing("refused"):
        require(kind == CLIENT["authenticate"], "refused")
        key, signature = fields
        require(mailbox_name(key) == mailbox, "refused")
        ed25519_verify(key, stream_message(authority, mailbox, restore_epoch, nonce), signature)


# ---- Operations

def check_sign(seed, method, authority, path, body, fields, created):
    covered = one_of_each(split_headers(fields))
    if not covered.keys() <= set(COVERED):
        raise ValueError(f"not covered: {sorted(covered)}")
    key, digest = ed25519_public(seed), content_digest(body)
    base, params = signature_base(method, authority, path, digest, covered, created, key)
    return {"content_digest": digest, "base": base, "signature_input": f"sotto={params}",
            "signature": f"sotto=:{to_base64(ed25519_sign(seed, base.encode()))}:"}


def check_verify(method, authority, path, body, headers, now):
    return {"key": verify_request(method, authority, path, body, headers, now)}


def both_forms(inputs, read, write, value):
    """The forms of a structure: from its fields, which `value` puts in order, and from its bytes."""
    return [(f"{inputs} -> encoded", lambda **given: both_ways(write(value(**given)), read, write)),
            ("encoded -> encoded", lambda encoded: both_ways(encoded, read, write))]


def columns(*lists):
    if len(set(map(len, lists))) != 1:
        raise ValueError("lists of different lengths")
    return list(zip(*lists))


def class_number(name):
    require(name in CLASSES, "encoding", "invalid-value")
    return CLASSES[name]


def status_fields(sequence, restore_epoch, one_time_parts, last_resort_claims, envelopes, envelope_bytes, classes,
                  signed_part=None):
    return (sequence, restore_epoch, signed_part, one_time_parts, last_resort_claims, envelopes, envelope_bytes,
            [class_number(name) for name in classes])


def claimed_fields(signed_part_id, signed_part, **one_time):
    return signed_part_id, signed_part, (one_time["batch"], one_time["index"], one_time["one_time_part"]) \
        if one_time else None


def frame_form(types, name, inputs, read, write):
    def run(type, **fields):
        if type != name:
            raise ValueError(f"a frame {type} has other fields")
        frame = types[name], *(fields[field.partition(":")[0]] for field in inputs.split())
        return both_ways(write(frame), read, write)

    return f"type:text {inputs} -> encoded", run


def server_form(name, inputs):
    return frame_form(SERVER, name, inputs, read_server_frame, write_server_frame)


def client_form(name, inputs):
    return frame_form(CLIENT, name, inputs, read_client_frame, write_client_frame)


def check_stream_sign(authority, restore_epoch, nonce, seed):
    key = ed25519_public(seed)
    message = stream_message(authority, mailbox_name(key), restore_epoch, nonce)
    frame = write_client_frame((CLIENT["authenticate"], key, ed25519_sign(seed, message)))
    verify_stream(authority, mailbox_name(key), restore_epoch, nonce, frame)
    return {"message": message, "frame": frame}


def check_stream_verify(**given):
    verify_stream(**given)
    return {}


OPERATIONS = {
    "relay/mailbox": [("public -> mailbox", lambda public: {"mailbox": mailbox_name(public)})],
    "relay/capability": [("capability -> hash", lambda capability: {"hash": capability_hash(capability)})],
    "relay/authority": [("authority:text -> origin:text", lambda authority: {"origin": origin(authority)})],
    "relay/request-sign": [("seed method:text authority:text path:text body fields:texts created:integer -> "
                            "content_digest:text base:text signature_input:text signature:text", check_sign)],
    "relay/request-verify": [("method:text authority:text path:text body headers:texts now:integer -> key",
                              check_verify)],
    "relay/capability-set": both_forms(
        "classes:texts hashes:list expires:numbers", read_capability_set, write_capability_set,
        lambda classes, hashes, expires: columns(list(map(class_number, classes)), hashes, expires)),
    "relay/mailbox-status": both_forms(
        "sequence:integer restore_epoch:integer signed_part:integer? one_time_parts:integer last_resort_claims:integer "
        "envelopes:integer envelope_bytes:integer classes:texts", read_mailbox_status, write_mailbox_status,
        status_fields),
    "relay/signed-part": both_forms("id:integer sealed", read_signed_part, write_signed_part,
                                    lambda id, sealed: (id, sealed)),
    "relay/one-time-batch": both_forms("indexes:numbers sealed:list", read_one_time_batch, write_one_time_batch,
                                       lambda indexes, sealed: columns(indexes, sealed)),
    "relay/claimed-prekeys": [
        *both_forms("signed_part_id:integer signed_part", read_claimed_prekeys, write_claimed_prekeys, claimed_fields),
        both_forms("signed_part_id:integer signed_part batch:integer index:integer one_time_part",
                   read_claimed_prekeys, write_claimed_prekeys, claimed_fields)[0],
    ],
    "relay/server-frame": [
        server_form("challenge", "restore_epoch:integer nonce"),
        server_form("envelope", "index:integer id bytes"),
        server_form("caught-up", "index:integer"),
        server_form("closing", "reason:integer"),
        ("encoded -> encoded", lambda encoded: both_ways(encoded, read_server_frame, write_server_frame)),
    ],
    "relay/client-frame": [
        client_form("authenticate", "key signature"),
        client_form("ack", "index:integer restore_epoch:integer"),
        ("encoded -> encoded", lambda encoded: both_ways(encoded, read_client_frame, write_client_frame)),
    ],
    "relay/stream-signature": [
        ("authority:text restore_epoch:integer nonce seed -> message frame", check_stream_sign),
        ("authority:text restore_epoch:integer nonce mailbox frame ->", check_stream_verify),
    ],
}
