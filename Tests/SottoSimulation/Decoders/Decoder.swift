/// What one group of decoders promises for any bytes at all. The fuzzer (`Fuzz/`) looks for bytes that break a promise; a
/// test replays the corpora and whatever was ever found, in plain `swift test`.
///
/// A promise is more than not to crash: what is accepted encodes to the same bytes, so there is one spelling; what is
/// refused leaves no trace. Where a signature or an AEAD stands in front of a decoder, the promise makes it itself, under
/// fixed keys: an attacker can do that too.
public struct Decoder: Sendable {
  /// Names its corpus.
  public let name: String
  /// Bytes that are worth trying, at most.
  public let limit: Int
  /// Whether the bytes are accepted. Throws only when a promise is broken.
  public let check: @Sendable ([UInt8]) throws -> Bool
  /// The honest inputs of one that stands beside the suite of its room; nil: they stand in `seeds`.
  let ownSeeds: (@Sendable () -> [[UInt8]])?

  /// Every decoder of the core. What each one holds is compared with the sources by HouseTests.
  public static let all: [Decoder] = [
    .codec, .text, .keys, .frames, .bodies, .requests, .lists, .prekeys, .envelopes, .contents, .ratchet, .flights,
    .state, .attachments, .registration,
  ]

  init(_ name: String, limit: Int, _ check: @escaping @Sendable ([UInt8]) throws -> Bool) {
    (self.name, self.limit, self.check, ownSeeds) = (name, limit, check, nil)
  }

  /// Several decoders in one: the first byte chooses.
  package init(
    _ name: String, limit: Int, oneOf checks: [@Sendable ([UInt8]) throws -> Bool],
    seeds: (@Sendable () -> [[UInt8]])? = nil
  ) {
    (self.name, self.limit, ownSeeds) = (name, limit, seeds)
    check = { bytes in
      guard let first = bytes.first else { return false }
      return try checks[Int(first) % checks.count](Array(bytes.dropFirst()))
    }
  }
}

/// The fuzzer stops here, and so does the test.
public struct BrokenPromise: Error, CustomStringConvertible {
  public let description: String
}

package func promise(_ kept: Bool, _ text: @autoclosure () -> String) throws {
  if !kept { throw BrokenPromise(description: text()) }
}

/// What is accepted must encode to the same bytes.
package func promiseOneSpelling<T>(
  _ bytes: [UInt8], _ decode: ([UInt8]) throws -> T, _ encode: (T) -> [UInt8]
) throws -> T? {
  guard let value = try? decode(bytes) else { return nil }
  try promise(encode(value) == bytes, "\(T.self) has a second spelling")
  return value
}

/// The same for text.
package func promiseOneSpelling<T>(_ text: String, _ decode: (String) -> T?, _ encode: (T) -> String) throws -> T? {
  guard let value = decode(text) else { return nil }
  // By their bytes: to Swift a Kelvin sign equals a K.
  try promise(encode(value).utf8.elementsEqual(text.utf8), "\(T.self) has a second spelling")
  return value
}
