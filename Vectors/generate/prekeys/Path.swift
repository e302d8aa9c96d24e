import SottoCrypto
import SottoSession
import SottoWire

/// The inputs of prekeys/path.
private struct PathInput {
  var content: [UInt8]
  var device: DeviceID
  var part: [UInt8]

  var named: Named { ["content": .bytes(content), "device": .bytes(device.bytes), "part": .bytes(part)] }

  func output() throws -> Named {
    let opened = try VerifiedBundle.oneTimePart(part, of: device, under: SignedPart.decode(content))
    return ["leaf": .bytes(OneTimeKeys.leaf(device: device, opened).bytes)]
  }

  func accepted(_ id: String, _ comment: String) throws -> Case {
    try Case(id, "prekeys.2", comment, named, by: output)
  }

  func refused(_ id: String, _ comment: String, _ rule: String = "prekeys.2", at stage: RefusalStage = .proof) throws
    -> Case
  {
    try Case(id, rule, comment, named, refusedAt: stage) { _ = try output() }
  }
}

@Sendable func path(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let alice = cast.responder
  let parts = alice.batch.parts
  try expectEqual(
    OneTimeKeys.leaf(device: alice.device.id, parts[0]).bytes,
    hex("5ab9a4c21b49dc5f0b9fea3943e51f9cc26de3b39f41748e455b5c34a59463b6"), "leaf 0")
  /// A part under these roots; those of the example unless named.
  func input(_ part: OneTimeKeys, _ batches: [BatchRoot]? = nil) -> PathInput {
    PathInput(
      content: alice.signedPart(batches: batches).encoded(), device: alice.device.id, part: part.encoded())
  }
  func bytes(_ part: [UInt8]) -> PathInput {
    PathInput(content: alice.signedPart().encoded(), device: alice.device.id, part: part)
  }
  /// The first part of the example, but for what is named.
  func first(batch: UInt64 = 5, index: UInt32 = 0, path: [Digest]? = nil) -> OneTimeKeys {
    OneTimeKeys(
      batch: batch, index: index, agreementKey: parts[0].agreementKey, kemKey: parts[0].kemKey,
      path: path ?? parts[0].path)
  }
  /// The first part at `index` of a tree of that depth, whose other leaves are no keys at all, and the tree's root.
  func deep(_ index: Int, depth: Int) throws -> PathInput {
    var leaves = try (0..<1 << depth).map { try Digest([UInt8($0)] + seq(0x21, 31)) }
    leaves[index] = OneTimeKeys.leaf(device: alice.device.id, first(index: UInt32(index)))
    let tree = MerkleTree(leaves: leaves)
    return input(
      first(index: UInt32(index), path: tree.path(to: index)),
      [
        try BatchRoot(batch: 3, depth: 0, root: Digest(seq(0, 32))),
        BatchRoot(batch: 5, depth: UInt8(depth), root: tree.root),
      ])
  }
  /// A part with an index past the end of its batch; folded by its lowest bits it leads to the root.
  let past = first(index: 2)
  let pastRoot = MerkleTree(leaves: [OneTimeKeys.leaf(device: alice.device.id, past), past.path[0]]).root
  let sibling = parts[0].path[0]
  let honest = parts[0].encoded()
  let prime = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
  func with(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
    Array(honest[..<offset] + bytes + honest[(offset + bytes.count)...])
  }
  let positive = [
    try input(parts[0]).accepted("first", "one-time part 0 of the example in Specs/Prekeys.md"),
    try input(parts[1]).accepted("second", "one-time part 1"),
    try deep(0, depth: 0).accepted("alone", "a batch of one key: no path"),
    try deep(5, depth: 3).accepted("fifth-of-eight", "the left argument at level 1, the right one at 0 and 2"),
    try deep(0, depth: 8).accepted("first-of-256", "the deepest tree"),
    try deep(255, depth: 8).accepted("last-of-256", "the deepest tree, always the right argument"),
  ]
  let proofs = [
    try input(
      first(path: []), [BatchRoot(batch: 5, depth: 1, root: OneTimeKeys.leaf(device: alice.device.id, first()))]
    )
    .refused("short-path", "no digest instead of one, and the root is the leaf"),
    try input(
      parts[0], [BatchRoot(batch: 5, depth: 0, root: alice.batch.root.root)]
    ).refused("long-path", "a digest instead of none; it leads to the root"),
    try input(past, [BatchRoot(batch: 5, depth: 1, root: pastRoot)]).refused(
      "index-past-the-end", "index 2 of two keys; the path leads to the root"),
    try input(first(index: 1)).refused("other-index", "the first key as index 1"),
    try input(first(path: [Digest(sibling.bytes.flipped(31))])).refused("other-sibling", "one bit of the path"),
    try input(parts[0], [BatchRoot(batch: 5, depth: 1, root: Digest(seq(0, 32)))]).refused(
      "other-root", "the root of another tree"),
    try bytes(with(12, parts[1].agreementKey.bytes)).refused("other-agreement-key", "the OPK of index 1"),
    try bytes(with(44, parts[1].kemKey.bytes)).refused("other-kem-key", "the KEM key of index 1"),
    try input(first(batch: 6)).refused("unknown-batch", "a batch that the signed part does not have", "prekeys.6"),
    try input(
      first(batch: 6), [alice.batch.root, BatchRoot(batch: 6, depth: 1, root: alice.batch.root.root)]
    ).refused("other-batch", "the number of the batch is in the leaf"),
    try PathInput(
      content: alice.signedPart().encoded(), device: cast.initiator.device.id, part: honest
    ).refused("other-device", "the device is in the leaf"),
  ]
  let decoding = [
    try input(first(path: [Digest](repeating: sibling, count: 9))).refused(
      "nine-digests", "a path of 9", "encoding.4", at: .encoding),
    try bytes(with(12, prime)).refused("agreement-key-prime", "OPK is 2^255 - 19", "primitives.3", at: .encoding),
    try bytes(with(44, [0x01, honest[45] & 0xf0 | 0x0d])).refused(
      "kem-key-modulus", "the first coefficient of the KEM key is 3,329", "primitives.7", at: .encoding),
    try bytes(honest.dropLast()).refused("cut", "a byte less", "encoding.1", at: .encoding),
    try bytes(honest + [0]).refused("trailing", "a byte more", "encoding.2", at: .encoding),
  ]
  return VectorFile(
    construction: "prekeys", operation: "path", description: "Whether a one-time part leads to a root of a signed part",
    cases: positive + proofs + decoding)
}
