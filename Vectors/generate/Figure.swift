import SottoCrypto

/// A published figure that does not come out, or was mistyped.
struct WrongFigure: Error {
  let id: String
}

/// Stops the generator when a figure is not what was published.
func figure(_ id: String, _ isAsPublished: Bool) throws {
  guard isAsPublished else { throw WrongFigure(id: id) }
}

extension Array where Element == UInt8 {
  /// Whether these are the bytes that were published, of which only the plain BLAKE2b-256 stands in the generator.
  func isPublished(_ digest: String) -> Bool { blake2b(self, key: Secret(copying: []), count: 32) == hex(digest) }
}
