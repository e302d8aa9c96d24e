internal import CSodium

/// Where random bytes come from: an argument of everything that draws any, so that a test can replay a run.
public protocol Entropy {
  /// Overwrites all of `bytes`.
  mutating func fill(_ bytes: inout MutableRawSpan)
}

extension Entropy {
  /// `count` random bytes that need no secrecy: nonces, identifiers, padding.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    var drawn = [UInt8](repeating: 0, count: count)
    unsafe drawn.withUnsafeMutableBytes { buffer in
      var span = unsafe MutableRawSpan(_unsafeBytes: buffer)
      fill(&span)
    }
    return drawn
  }
}

/// The operating system's generator, through libsodium.
public struct SystemEntropy: Entropy, Sendable {
  public init() {}

  public mutating func fill(_ bytes: inout MutableRawSpan) {
    Sodium.ready
    unsafe bytes.withUnsafeMutableBytes { buffer in
      // An empty span need not have an address.
      guard let base = buffer.baseAddress else { return }
      unsafe randombytes_buf(base, buffer.count)
    }
  }
}

/// Bytes that the caller has already, in the order in which they are drawn: vectors name everything that is.
package struct FixedEntropy: Entropy {
  private var rest: ArraySlice<UInt8>

  package init(_ bytes: [UInt8]) { rest = bytes[...] }

  package mutating func fill(_ bytes: inout MutableRawSpan) {
    precondition(bytes.byteCount <= rest.count, "more is drawn than was given")
    for offset in 0..<bytes.byteCount {
      bytes.storeBytes(of: rest[rest.startIndex + offset], toByteOffset: offset, as: UInt8.self)
    }
    rest = rest.dropFirst(bytes.byteCount)
  }
}
