import SottoCrypto
import SottoSession

/// Cases of a saved format of fixed length, or of a version byte and what must fill the rest.
struct SavedKeys {
  let rule: String
  /// Reads, and returns the outputs and what was saved again.
  let read: ([UInt8]) throws -> (output: Named, again: [UInt8])

  func accepted(_ id: String, _ comment: String, _ encoded: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(encoded)]) {
      let (output, again) = try read(encoded)
      try expectEqual(again, encoded, id)
      return output
    }
  }

  func refused(_ id: String, _ comment: String, _ encoded: [UInt8], rule: String? = nil) throws -> Case {
    guard (try? read(encoded)) == nil else { throw WrongVerdict(description: "\(id) is accepted") }
    return Case(id, rule ?? self.rule, comment, ["encoded": .bytes(encoded)], refusedAt: "state")
  }

  /// What every format refuses.
  func refusals(of encoded: [UInt8]) throws -> [Case] {
    func refused(_ id: String, _ comment: String, _ encoded: [UInt8]) throws -> Case {
      try self.refused(id, comment, encoded, rule: "state.1")
    }
    return [
      try refused("empty", "no bytes", []),
      try refused("version-0", "version 0", [0] + encoded.dropFirst()),
      try refused("version-2", "version 2", [2] + encoded.dropFirst()),
      try refused("cut", "a byte less", encoded.dropLast()),
      try refused("trailing", "a byte more", encoded + [0]),
      try refused("without-version", "the version is missing", Array(encoded.dropFirst())),
    ]
  }
}
