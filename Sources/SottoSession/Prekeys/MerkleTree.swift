package import SottoCrypto
import SottoWire

/// The tree over a batch of one-time keys: exactly 2^d leaves, so that one signature covers the batch. [prekeys.1]
package struct MerkleTree {
  /// levels[0] are the leaves, the last level is the root.
  private let levels: [[Digest]]

  package init(leaves: [Digest]) {
    precondition(leaves.count.nonzeroBitCount == 1, "a batch has exactly 2^d leaves")
    var levels = [leaves]
    while let level = levels.last, level.count > 1 {
      levels.append(stride(from: 0, to: level.count, by: 2).map { Self.node(level[$0], level[$0 + 1]) })
    }
    self.levels = levels
  }

  package var root: Digest { levels.last![0] }
  var depth: Int { levels.count - 1 }

  /// The siblings from the leaf upward.
  package func path(to index: Int) -> [Digest] { levels.dropLast().enumerated().map { $1[index >> $0 ^ 1] } }

  /// Whether `leaf` stands at `index` under `root`: |path| = d and index < 2^d. [prekeys.2]
  package static func verify(_ leaf: Digest, at index: UInt32, path: [Digest], depth: Int, root: Digest) -> Bool {
    guard path.count == depth, UInt64(index) < 1 << UInt64(depth) else { return false }
    var node = leaf
    for (level, sibling) in path.enumerated() {
      node = index >> UInt32(level) & 1 == 0 ? Self.node(node, sibling) : Self.node(sibling, node)
    }
    return node == root
  }

  private static func node(_ left: Digest, _ right: Digest) -> Digest {
    Digest.of("prekey node", left.bytes, right.bytes)
  }
}
