"""Specs/Prekeys.md: one-time parts and their tree, signed parts, and what an initiator checks of both."""
from types import SimpleNamespace

from encoding import decode, require, u32, u64, vector
from identity import (card_key, dates_fit, decode_card, device_in, distinct, in_time, ONE_TIME_PART, open_block, SECRET,
                      SIGNED_PART, speaks_version_1)
from primitives import (agreement_key, encapsulation_key, H, hybrid_verify, KEM_KEY, mlkem_public, SIGNATURE, sized,
                        x25519_public)
from relay import number

DEEPEST = 8
ONE_TIME, LAST_RESORT = 1, 2  # kinds of [handshake.4]


# ---- One-time parts and their tree

def leaf_of(device, part):
    """[prekeys.1]"""
    return H("prekey leaf", device, u64(part.batch), u32(part.index), part.agreement_key, part.kem_key)


def levels(leaves):
    """Every level of the tree, from the leaves to the root alone."""
    while True:
        yield leaves
        if len(leaves) == 1:
            return
        leaves = [H("prekey node", *leaves[i:i + 2]) for i in range(0, len(leaves), 2)]


def fold(leaf, index, path):
    """[prekeys.2] The root to which a path leads."""
    for level, sibling in enumerate(path):
        leaf = H("prekey node", sibling, leaf) if index >> level & 1 else H("prekey node", leaf, sibling)
    return leaf


def read_one_time_part(reader):
    """[prekeys.5]"""
    return SimpleNamespace(
        batch=number(reader),
        index=reader.u32(),
        agreement_key=agreement_key(reader.take(32)),
        kem_key=encapsulation_key(reader.take(KEM_KEY)),
        path=reader.vector(DEEPEST, lambda inner: inner.take(32)),
    )


def write_one_time_part(part):
    return u64(part.batch) + u32(part.index) + part.agreement_key + part.kem_key + vector(part.path)


def check_path(content, device, part):
    """[prekeys.2] The leaf, if the signed part vouches for it."""
    batch = next((batch for batch in content.batches if batch.batch == part.batch), None)
    require(batch, "proof")
    require(len(part.path) == batch.depth and part.index < 1 << batch.depth, "proof")
    leaf = leaf_of(device, part)
    require(fold(leaf, part.index, part.path) == batch.root, "proof")
    return leaf


# ---- Signed part

def read_batch_root(reader):
    batch = SimpleNamespace(batch=number(reader), depth=reader.u8(), root=reader.take(32))
    require(batch.depth <= DEEPEST, "encoding", "out-of-range")  # [prekeys.9]
    return batch


def decode_content(encoded):
    """[prekeys.4] The content of a signed part."""
    content = decode(encoded, lambda reader: SimpleNamespace(
        account=reader.take(32),
        device=reader.take(8),
        spk_id=number(reader),
        signed_key=agreement_key(reader.take(32)),
        last_resort_id=reader.u64(),
        last_resort_key=encapsulation_key(reader.take(KEM_KEY)),
        batches=reader.vector(64, read_batch_root),
        not_before=reader.u64(),
        not_after=reader.u64(),
    ))
    require(distinct([batch.batch for batch in content.batches]), "encoding", "invalid-value")  # [prekeys.9]
    require(dates_fit(content, 1_209_600), "validity")  # [prekeys.10]
    content.encoded = encoded
    content.hash = H("signed part", encoded)
    return content


def read_published(reader):
    return SimpleNamespace(post_quantum_key=reader.take(1952), content=reader.opaque(16_384),
                           signature=reader.take(SIGNATURE))


# ---- What an initiator checks

def verify_bundle(card, contact_secret, device, spk_id, signed_part, now, batch=None, index=None, one_time_part=None):
    """[prekeys.6] What the initiator agrees with; the card was verified before."""
    card = decode_card(card)
    require(in_time(card.list, now), "validity")
    key = card_key(card.account, sized(contact_secret, SECRET))
    entry = device_in(card.list, sized(device, 8))
    require(entry, "device")  # step 1
    speaks_version_1(entry)
    opened = open_block(key, SIGNED_PART, entry.mailbox, u64(spk_id), signed_part)  # step 2
    published = decode(opened, read_published)
    require(H("device key", published.post_quantum_key) == entry.post_quantum_hash, "device")  # step 3, [prekeys.11]
    hybrid_verify(entry.signing_key, published.post_quantum_key, "signed part", published.content, published.signature)
    content = decode_content(published.content)  # step 4
    require(content.account == card.account and content.device == device, "device")  # step 5, [prekeys.12]
    require(in_time(content, now), "validity")  # [prekeys.13]
    require(content.spk_id == spk_id, "device")  # step 6, [prekeys.14]
    bundle = SimpleNamespace(card=card, device=entry, content=content, kind=LAST_RESORT, id=content.last_resort_id,
                             index=0, one_time_key=b"", kem_key=content.last_resort_key)
    if one_time_part is not None:  # step 7
        opened = open_block(key, ONE_TIME_PART, entry.mailbox, u64(batch) + u32(index), one_time_part)
        part = decode(opened, read_one_time_part)
        check_path(content, device, part)
        require((part.batch, part.index) == (batch, index), "proof")  # [prekeys.14]
        bundle.kind, bundle.id, bundle.index = ONE_TIME, batch, index
        bundle.one_time_key, bundle.kem_key = part.agreement_key, part.kem_key
    return bundle


# ---- Operations

def check_batch(device, batch, agreement_keys, kem_seeds):
    if len(agreement_keys) != len(kem_seeds) or len(kem_seeds) not in [1 << d for d in range(DEEPEST + 1)]:
        raise ValueError("a batch has 2^d pairs of keys")  # [prekeys.1]
    parts = [SimpleNamespace(batch=batch, index=index, agreement_key=x25519_public(sized(private, 32)),
                             kem_key=mlkem_public(seed))
             for index, (private, seed) in enumerate(zip(agreement_keys, kem_seeds))]
    tree = list(levels([leaf_of(sized(device, 8), part) for part in parts]))
    root, depth = tree[-1][0], len(tree) - 1
    content = SimpleNamespace(batches=[SimpleNamespace(batch=batch, depth=depth, root=root)])
    for part in parts:
        part.path = [tree[level][part.index >> level ^ 1] for level in range(depth)]
        check_path(content, device, part)
    return {"root": root, "parts": [write_one_time_part(part) for part in parts]}


def check_signed_part(account, device, spk_id, signed_key, last_resort_id, last_resort_seed, batches, not_before,
                      not_after):
    for batch in batches:
        decode(batch, read_batch_root)
    content = (sized(account, 32) + sized(device, 8) + u64(spk_id) + x25519_public(sized(signed_key, 32))
               + u64(last_resort_id) + mlkem_public(last_resort_seed) + vector(batches) + u64(not_before)
               + u64(not_after))
    return {"content": content, "hash": decode_content(content).hash}


def check_part_path(content, device, part):
    return {"leaf": check_path(decode_content(content), sized(device, 8), decode(part, read_one_time_part))}


def check_bundle(**given):
    bundle = verify_bundle(**given)
    return {"kind": bundle.kind, "hash": bundle.content.hash, "signed_key": bundle.content.signed_key,
            "one_time_key": bundle.one_time_key, "kem_key": bundle.kem_key}


# The two ways to give a bundle; handshake/initiate takes more beside them.
BUNDLE = "card contact_secret device spk_id:integer signed_part now:integer"
BUNDLES = (BUNDLE, f"{BUNDLE} batch:integer index:integer one_time_part")

OPERATIONS = {
    "prekeys/batch": [("device batch:integer agreement_keys:list kem_seeds:list -> root parts:list", check_batch)],
    "prekeys/signed-part": [
        ("account device spk_id:integer signed_key last_resort_id:integer last_resort_seed batches:list "
         "not_before:integer not_after:integer -> content hash", check_signed_part),
        ("content -> hash", lambda content: {"hash": decode_content(content).hash}),
    ],
    "prekeys/path": [("content device part -> leaf", check_part_path)],
    "prekeys/bundle": [(f"{inputs} -> kind:integer hash signed_key one_time_key kem_key", check_bundle)
                       for inputs in BUNDLES],
}
