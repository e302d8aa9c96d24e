"""Specs/Devices.md: what the devices of one account say to each other, and the digits of a link."""
from types import SimpleNamespace

from attachments import read_pointer
from encoding import decode, require, utf8
from identity import read_card, read_device
from messages import LONGEST_TIMER, read_copied
from primitives import H
from relay import read_authority

OFFER, REQUEST, GRANT, CARD = 1, 2, 3, 4


def read_name(reader, least=1):
    name = utf8(reader.opaque(64))
    require(len(name) >= least, "encoding", "invalid-value")
    controls = [letter for letter in name if ord(letter) < 0x20 or 0x7f <= ord(letter) <= 0x9f]
    require(not controls, "encoding", "invalid-value")
    return name


def read_request(reader):
    relay = read_authority(reader)
    device = read_device(reader)
    require(device.relay == 0, "encoding", "out-of-range")
    return SimpleNamespace(relay=relay, device=device, capability=reader.take(32), name=read_name(reader))


def read_grant(reader):
    names = reader.vector(64, lambda inner: (inner.take(8), read_name(inner)))
    ids = [id for id, _ in names]
    require(ids == sorted(set(ids)), "encoding", "invalid-value")  # strictly ascending
    return SimpleNamespace(names=names, history=read_pointer(reader))


def read_link(reader):
    """[devices.5]"""
    step = reader.u8()
    require(step in (OFFER, REQUEST, GRANT, CARD), "encoding", "invalid-value")
    return {OFFER: lambda _: None, REQUEST: read_request, GRANT: read_grant, CARD: read_card}[step](reader)


def read_copy(reader):
    """[devices.8]"""
    reader.take(32 + 16)
    read_authority(reader)
    read_name(reader, least=0)
    require(reader.u8() in (0, 1, 2), "encoding", "invalid-value")
    reader.u64()
    require(reader.u32() <= LONGEST_TIMER, "encoding", "out-of-range")
    author = reader.u8()
    require(author in (0, 1, 2), "encoding", "invalid-value")
    if author:
        decode(reader.rest(), read_copied)


def link_code(account, guest, sid):
    """[devices.4]"""
    o = H("link code", account, guest, sid)
    return "".join(f"{int.from_bytes(o[i:i + 5], 'big') % 100_000:05}" for i in range(0, 15, 5))


OPERATIONS = {
    "devices/link-code": [("account guest sid -> digits:text",
                           lambda account, guest, sid: {"digits": link_code(account, guest, sid)})],
}
