"""Specs/Identity.md: account, address, device list and its chain, card, sealing, safety number."""
from types import SimpleNamespace

from encoding import base32, decode, lp, refusing, require, to_base32, u8, u64, vector
from messages import pad, unpad
from primitives import agreement_key, H, hybrid_public, hybrid_verify, P, SIGNATURE, sized, xseal, xunseal
from relay import origin, read_authority

CLOCKS = 300  # seconds by which two clocks may differ
SECRET = 16  # bytes of a contact secret


# ---- Account and address

def account_name(ed, ml):
    return H("account", ed, ml)  # [address.1]


def checksum(account, secret, relay):
    return H("address", account, secret, relay.encode())[:7]  # [address.5]


def write_address(account, secret, relay):
    """[address.4]"""
    digits = to_base32(account + secret + checksum(account, secret, relay))
    return f"sotto:{digits}@{relay}"


def read_address(text):
    """Whatever is wrong with an address, it is none: [address.3] to [address.5]."""
    digits, at, relay = text.removeprefix("sotto:").partition("@")
    require(text.startswith("sotto:") and at and len(digits) == 88, "address")
    with refusing("address"):
        data = base32(digits)
        origin(relay)  # [address.3]
    account, secret = data[:32], data[32:48]
    require(data[48:] == checksum(account, secret, relay), "address")
    return account, secret, relay


def contact_key(account, secret):
    return H("contact", account, secret)  # [address.6]


def card_key(account, secret):
    return P(contact_key(account, secret), "card key")[0]


# ---- Device list

def read_versions(reader):
    versions = reader.opaque(8)
    require(versions, "encoding", "out-of-range")
    require(list(versions) == sorted(set(versions)), "encoding", "invalid-value")
    return versions


def read_device(reader):
    return SimpleNamespace(
        id=reader.take(8),
        signing_key=reader.take(32),
        post_quantum_hash=reader.take(32),
        identity_key=agreement_key(reader.take(32)),
        relay=reader.u8(),
        mailbox=reader.take(16),
        versions=read_versions(reader),
    )


def read_list(reader):
    """[list.2], each field as it stands; what holds between fields is in `decode_list`."""
    return SimpleNamespace(
        account=reader.take(32),
        sequence=reader.u64(),
        previous=reader.take(32),
        not_before=reader.u64(),
        not_after=reader.u64(),
        next_account=reader.take(32),
        relays=reader.vector(8, read_authority),
        devices=reader.vector(64, read_device),
    )


def distinct(values):
    return len(set(values)) == len(values)


def decode_list(encoded):
    """The stages of [card.4] step 1: `encoding`, then `validity`, then `chain`."""
    devices_of = decode(encoded, read_list)
    devices = devices_of.devices
    require(devices_of.relays and devices, "encoding", "out-of-range")  # [list.3] and the rest of it:
    require(distinct(devices_of.relays), "encoding", "invalid-value")
    for field in ("id", "signing_key", "identity_key", "mailbox"):
        require(distinct([getattr(device, field) for device in devices]), "encoding", "invalid-value")
    require(all(device.relay < len(devices_of.relays) for device in devices), "encoding", "invalid-value")
    require(devices_of.sequence > 0, "validity")  # [list.7]
    require(dates_fit(devices_of, 2_592_000), "validity")  # [list.7]
    require((devices_of.sequence == 1) == (devices_of.previous == bytes(32)), "chain")  # [list.8]
    devices_of.encoded = encoded
    devices_of.hash = H("list", encoded)  # [list.5]
    devices_of.head = u64(devices_of.sequence) + devices_of.hash
    return devices_of


def dates_fit(dated, longest):
    return dated.not_before < dated.not_after and dated.not_after - dated.not_before <= longest


def in_time(dated, now):
    return now + CLOCKS >= dated.not_before and now <= dated.not_after + CLOCKS


def device_in(devices_of, id):
    """The entry of a device; None if there is none."""
    return next((device for device in devices_of.devices if device.id == id), None)


def speaks_version_1(device):
    require(1 in device.versions, "device")  # [handshake.17]


def check_chain(devices_of, known):
    """[list.6] of the head that is known. `0 || 32 zero bytes` means none, and any list follows it."""
    sized(known, 40)
    sequence, hash = int.from_bytes(known[:8], "big"), known[8:]
    if devices_of.sequence == sequence:
        require(devices_of.hash == hash, "chain")
    else:
        require(devices_of.sequence > sequence, "chain")
        require(devices_of.sequence > sequence + 1 or devices_of.previous == hash, "chain")


# ---- Card

def read_card(reader):
    """[card.3], with its list decoded."""
    start = reader.at
    card = SimpleNamespace(
        account_ed=reader.take(32),
        account_ml=reader.take(1952),
        encoded_list=reader.opaque(65_536),
        signature=reader.take(SIGNATURE),
    )
    card.list = decode_list(card.encoded_list)
    card.account = account_name(card.account_ed, card.account_ml)
    card.encoded = reader.data[start:reader.at]
    return card


def decode_card(encoded):
    return decode(encoded, read_card)


def verify_card(card, account, now):
    """[card.4] steps 2 to 4."""
    require(card.account == account and card.list.account == account, "account")
    hybrid_verify(card.account_ed, card.account_ml, "device list", card.encoded_list, card.signature)
    require(in_time(card.list, now), "validity")


# ---- Sealing

CARD, SIGNED_PART, ONE_TIME_PART = 1, 2, 3
NUMBERS = {CARD: 8, SIGNED_PART: 8, ONE_TIME_PART: 12}  # bytes of n
BLOCK = 1024


def sealed_ad(kind, id, n):
    if kind not in NUMBERS:
        raise ValueError(f"nothing of kind {kind} is sealed")
    return sized(id, 16) + u8(kind) + sized(n, NUMBERS[kind])  # [card.2]


def seal_block(key, kind, id, n, nonce, plaintext):
    padded = pad(plaintext, (len(plaintext) // BLOCK + 1) * BLOCK)  # [card.6]
    return xseal(key, nonce, padded, sealed_ad(kind, id, n))  # [card.1]


def open_block(key, kind, id, n, sealed):
    """The number of blocks is not checked: by [card.6] another multiple is no error."""
    return unpad(xunseal(key, sealed, sealed_ad(kind, id, n), "seal"))


# ---- Safety number

def safety_number(one, other):
    """[safety.1]"""
    output = b"".join(P(H("safety", *sorted((sized(one, 32), sized(other, 32)))), "digits"))
    groups = (int.from_bytes(output[i:i + 5], "big") % 100_000 for i in range(0, 60, 5))
    return "".join(f"{group:05}" for group in groups)


# ---- Operations

def check_address(account, contact_secret, relay):
    text = write_address(sized(account, 32), sized(contact_secret, SECRET), relay)
    if read_address(text) != (account, contact_secret, relay):
        raise AssertionError("the address is read as another one")
    return {"address": text}


def check_address_text(address):
    account, secret, relay = read_address(address)
    return {"account": account, "contact_secret": secret, "relay": relay}


def check_contact_keys(account, contact_secret, mailbox):
    key = contact_key(sized(account, 32), sized(contact_secret, SECRET))
    knock = P(key, "knock", sized(mailbox, 16))[0]  # [address.7]
    return {"card_id": P(key, "card id")[0][:16], "card_key": P(key, "card key")[0], "knock": knock,
            "capability_hash": H("capability", knock)}


def check_list(account, sequence, previous, not_before, not_after, next_account, relays, devices):
    for device in devices:
        decode(device, read_device)
    encoded = (sized(account, 32) + u64(sequence) + sized(previous, 32) + u64(not_before) + u64(not_after)
               + sized(next_account, 32) + vector(lp(relay.encode()) for relay in relays) + vector(devices))
    return {"encoded": encoded, "head": decode_list(encoded).head}


def check_list_chain(list, known):
    check_chain(decode_list(list), known)
    return {}


def check_card(card, account, now, relay=None, sequence=None, known=None):
    """A card in a handshake was found at no relay and under no number."""
    card = decode_card(card)
    verify_card(card, sized(account, 32), now)
    if relay is not None:
        origin(relay)
        require(relay in card.list.relays, "account")  # [card.5]
        require(card.list.sequence == sequence, "chain")  # [card.2]
    if known is not None:
        check_chain(card.list, known)
    return {"head": card.list.head, "devices": [device.id for device in card.list.devices]}


def check_seal(card_key, kind, id, n, nonce, plaintext):
    sealed = seal_block(card_key, kind, id, n, nonce, plaintext)
    if open_block(card_key, kind, id, n, sealed) != plaintext:
        raise AssertionError("the seal opens as something else")
    return {"sealed": sealed}


OPERATIONS = {
    "identity/account": [("seeds -> account", lambda seeds: {"account": account_name(*hybrid_public(seeds))})],
    "identity/address": [("account contact_secret relay:text -> address:text", check_address),
                         ("address:text -> account contact_secret relay:text", check_address_text)],
    "identity/contact-keys": [("account contact_secret mailbox -> card_id card_key knock capability_hash",
                               check_contact_keys)],
    "identity/device-list": [("account sequence:integer previous not_before:integer not_after:integer next_account "
                              "relays:texts devices:list -> encoded head", check_list),
                             ("encoded -> head", lambda encoded: {"head": decode_list(encoded).head})],
    "identity/list-chain": [("list known ->", check_list_chain)],
    "identity/card": [("card account now:integer relay:text? sequence:integer? known? -> head devices:list", check_card)],
    "identity/sealed": [("card_key kind:integer id n nonce plaintext -> sealed", check_seal),
                        ("card_key kind:integer id n sealed -> plaintext",
                         lambda card_key, **given: {"plaintext": open_block(card_key, **given)})],
    "identity/safety-number": [("one other -> digits:text",
                                lambda one, other: {"digits": safety_number(one, other)})],
}
