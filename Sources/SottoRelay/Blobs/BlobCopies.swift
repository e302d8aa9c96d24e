internal import SottoCrypto

/// A whole blob as a copy of the store knows it.
struct KeptBlob: Hashable, Sendable {
  /// `H("blob"; content)`.
  let content: Digest
  /// In bytes.
  let length: Int
  /// When it became whole, in days of Unix time.
  let day: Int64
}

// A backup has its blobs in a folder like the relay's own. Every method blocks.
extension BlobFiles {
  /// Whether the blob is here, byte for byte.
  func holds(_ blob: KeptBlob) throws -> Bool {
    guard try length(of: .content(blob.content)) == blob.length else { return false }
    // It may be gone by now, or the disk may not give it back: either way it is not here.
    let digest = try? openContent(blob.content).digest(length: blob.length)
    return digest == blob.content
  }

  /// Sees to it that the blob is here, durably, if need be with a copy of what `source` has. False when that has not got
  /// it, or other bytes. [operation.6] [operation.7]
  func take(_ blob: KeptBlob, from source: BlobFiles) throws -> Bool {
    if try holds(blob) { return true }
    guard let original = try? source.openContent(blob.content) else { return false }
    var entropy = SystemEntropy()
    let part = PartName(from: &entropy)
    let copy = try openPart(part)
    var isPublished = false
    defer { if !isPublished { try? remove(.part(part)) } }
    for start in stride(from: 0, to: blob.length, by: RelayLimits.blobPiece) {
      let count = min(RelayLimits.blobPiece, blob.length - start)
      guard let piece = try? original.read(count, at: start) else { return false }
      try copy.write(piece, at: start)
    }
    guard try copy.digest(length: blob.length) == blob.content else { return false }
    try copy.settle(day: blob.day)
    try publish(part, as: blob.content)
    isPublished = true
    return true
  }

  /// Removes everything but these.
  func keep(only blobs: [KeptBlob]) throws {
    let kept = Set(blobs.map(\.content))
    for file in parts() { try remove(file) }
    for first in UInt8.min...UInt8.max {
      for case .content(let content) in contents(first) where !kept.contains(content) {
        try remove(.content(content))
      }
    }
  }
}
