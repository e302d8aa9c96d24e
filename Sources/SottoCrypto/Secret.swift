internal import CSodium

/// Secret bytes in memory of their own: never copied implicitly, never printed, wiped when they go.
///
/// The block lives on the heap at one address for its whole life, so that moving the value moves a pointer and leaves
/// no residue behind. Long-lived keys and short-lived ones are treated alike: `sodium_malloc` costs four mappings and
/// 30 us a key, and fails past some 16,000 of them.
@safe public struct Secret: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  /// The number of bytes.
  public let count: Int

  /// `count` zero bytes, for the initialisers of this module to fill.
  init(zeroed count: Int) {
    precondition(count >= 0)
    Sodium.ready
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(count, 1), alignment: 16)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    self.count = count
  }

  /// `count` zero bytes, for `overwrite`.
  package init(zeroes count: Int) { self.init(zeroed: count) }

  /// Lets `fill` write the bytes in place.
  public init<E: Error>(count: Int, filledBy fill: (inout MutableRawSpan) throws(E) -> Void) throws(E) {
    self.init(zeroed: count)
    try fillInPlace(fill)
  }

  /// `count` bytes drawn from `entropy`.
  public init(count: Int, from entropy: inout some Entropy) {
    self.init(zeroed: count)
    fillInPlace { span in entropy.fill(&span) }
  }

  /// A copy of bytes that are in ordinary memory already. The caller's copy is the caller's to forget.
  public init(copying bytes: [UInt8]) {
    self.init(zeroed: bytes.count)
    unsafe bytes.withUnsafeBytes {
      unsafe base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(base), byteCount: $0.count)
    }
  }

  deinit {
    unsafe sodium_memzero(base, count)
    unsafe base.deallocate()
  }

  private func fillInPlace<E: Error>(_ fill: (inout MutableRawSpan) throws(E) -> Void) throws(E) {
    var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
    try fill(&span)
  }

  /// Lends the bytes for reading.
  public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count)
    return try body(span)
  }

  /// Lends the bytes as the span that primitives take.
  public func withSpan<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(unsafe Span(_unsafeStart: pointer, count: count))
  }

  /// Writes `bytes` over those of `range`.
  public mutating func overwrite(_ range: Range<Int>, with bytes: Span<UInt8>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count && range.count == bytes.count)
    unsafe bytes.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      unsafe (base + range.lowerBound).copyMemory(from: start, byteCount: source.count)
    }
  }

  /// A second secret with the same bytes: said aloud, because it is the only way to have two.
  public func copy() -> Secret { slice(0..<count) }

  /// A second secret with the bytes of `range`.
  public func slice(_ range: Range<Int>) -> Secret {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    let part = Secret(zeroed: range.count)
    unsafe part.base.copyMemory(from: base + range.lowerBound, byteCount: range.count)
    return part
  }

  /// Whether both hold the same bytes, in time that depends on the lengths alone.
  public func isEqual(to other: borrowing Secret) -> Bool {
    guard count == other.count else { return false }
    return unsafe sodium_memcmp(base, other.base, count) == 0
  }

  /// The bytes in ordinary memory, where nothing wipes them: for what leaves the process on purpose (a capability in
  /// a request, a sealed export) and for tests.
  public func revealed() -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: count))
  }

  // For this module's calls into libsodium.
  var pointer: UnsafePointer<UInt8> { unsafe UnsafePointer(base.assumingMemoryBound(to: UInt8.self)) }
  var mutablePointer: UnsafeMutablePointer<UInt8> { unsafe base.assumingMemoryBound(to: UInt8.self) }
}

/// Whether two public byte strings are equal, in time that depends on their lengths alone.
public func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
  guard a.count == b.count else { return false }
  Sodium.ready
  return unsafe sodium_memcmp(a, b, a.count) == 0
}

/// A secret that stands in a collection: arrays hold no noncopyable values. Shared, never copied.
public final class SecretBox: Sendable {
  /// The secret.
  public let secret: Secret

  public init(_ secret: consuming Secret) { self.secret = secret }
}

extension MutableSpan<UInt8> {
  /// Lends a part of the memory: the standard library does not yet do it under a name to rely on.
  package mutating func withPart<R, E: Error>(
    _ range: Range<Int>, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return try unsafe withUnsafeMutableBufferPointer { whole throws(E) in
      var part = unsafe MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(rebasing: whole[range]))
      return try body(&part)
    }
  }

  /// Writes `bytes` at `offset`.
  package mutating func write(_ bytes: Span<UInt8>, at offset: Int) {
    precondition(offset >= 0 && offset + bytes.count <= count)
    unsafe withUnsafeMutableBufferPointer { whole in
      unsafe bytes.withUnsafeBufferPointer { _ = unsafe whole[offset...].update(fromContentsOf: $0) }
    }
  }
}
