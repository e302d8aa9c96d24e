internal import CSodium

// One long plaintext in chunks: libsodium's crypto_secretstream_xchacha20poly1305
// (https://doc.libsodium.org/secret-key_cryptography/secretstream). There is no RFC: Specs/Primitives.md has the
// algorithm. [primitives.14]
//
// Each chunk's tag goes into the nonce of the next, so a chunk opens in its own place of its own stream alone: what is
// cut out, repeated, exchanged or moved does not open. Only the end must be said, and so the last chunk is marked.
//
//     key, header --> mutating seal or open, chunk by chunk --> consuming sealLast or openLast

/// The key of exactly one stream: beginning one consumes it, so a second stream under the same key does not compile.
/// [primitives.14]
public struct StreamKey: ~Copyable, Sendable {
  fileprivate let secret: Secret

  /// `secret` has 32 bytes.
  public init(_ secret: consuming Secret) {
    precondition(secret.count == 32)
    self.secret = secret
  }
}

/// What a stream begins with: public, drawn at random, needed to open it. [primitives.14]
public struct StreamHeader: Hashable, Sendable {
  /// The number of bytes of every header.
  public static let count = 24
  /// The 24 bytes.
  public let bytes: [UInt8]

  /// A header that was received.
  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    self.bytes = bytes
  }

  /// A fresh header.
  public init(from entropy: inout some Entropy) { bytes = entropy.bytes(Self.count) }
}

/// Seals the chunks of one stream in order.
public struct StreamSealer: ~Copyable, Sendable {
  /// The number of bytes that sealing adds to a chunk: the sealed mark and the tag.
  public static let overhead = 17
  private var state: StreamState

  public init(_ key: consuming StreamKey, header: StreamHeader) {
    // Told once for the whole stream: two headers under one key are two streams, which the key's type does not allow.
    key.secret.withSpan { KeyUse.seal(header.bytes.span, ad: noBytes.span, key: $0, nonce: noBytes.span) }
    state = StreamState(key.secret, header)
  }

  /// A chunk that others follow, into the first `plaintext.count + 17` bytes of `sealed`.
  public mutating func seal(_ plaintext: Span<UInt8>, into sealed: inout MutableSpan<UInt8>) {
    state.push(plaintext, .chunk, into: &sealed)
  }

  /// The last chunk, in the same way.
  public consuming func sealLast(_ plaintext: Span<UInt8>, into sealed: inout MutableSpan<UInt8>) {
    state.push(plaintext, .last, into: &sealed)
  }

  /// With any mark, for vectors and for tests that play the forger.
  package mutating func seal(_ plaintext: Span<UInt8>, mark: StreamMark, into sealed: inout MutableSpan<UInt8>) {
    state.push(plaintext, mark, into: &sealed)
  }
}

/// Opens the chunks of one stream in order.
public struct StreamOpener: ~Copyable, Sendable {
  private var state: StreamState

  public init(_ key: consuming StreamKey, header: StreamHeader) { state = StreamState(key.secret, header) }

  /// A chunk that others follow, into the first `sealed.count - 17` bytes of `plaintext`. These are zeros if it is not the
  /// next chunk of this stream, or is the last one.
  public mutating func open(_ sealed: Span<UInt8>, into plaintext: inout MutableSpan<UInt8>) throws(CryptoError) {
    try state.pull(sealed, .chunk, into: &plaintext)
  }

  /// The last chunk, in the same way: one that was sealed as such.
  public consuming func openLast(
    _ sealed: Span<UInt8>, into plaintext: inout MutableSpan<UInt8>
  ) throws(CryptoError) {
    try state.pull(sealed, .last, into: &plaintext)
  }
}

/// What a chunk says of itself, under its seal. Sotto writes and takes two of the four that there are: the others change
/// keys in the middle, for which a stream of this length has no use. [primitives.14]
package enum StreamMark: UInt8, Sendable {
  case chunk = 0
  case push = 1
  case rekey = 2
  case last = 3
}

private let noBytes: [UInt8] = []

/// libsodium's state: a key, a nonce that counts and absorbs tags, and eight bytes that are not used. Not private, for the
/// reason that `HashState` has.
struct StreamState: ~Copyable {
  private typealias Memory = crypto_secretstream_xchacha20poly1305_state
  private let memory: Secret

  /// Both sides begin alike, from key and header. libsodium's own beginning of a sealer differs in one thing: it draws the
  /// header itself. Here randomness is an argument, so that a test can replay a run.
  init(_ key: borrowing Secret, _ header: StreamHeader) {
    memory = Secret(zeroed: MemoryLayout<Memory>.size)
    unsafe crypto_secretstream_xchacha20poly1305_init_pull(pointer, header.bytes, key.pointer)
  }

  private var pointer: UnsafeMutablePointer<Memory> {
    unsafe UnsafeMutableRawPointer(memory.mutablePointer).assumingMemoryBound(to: Memory.self)
  }

  mutating func push(_ plaintext: Span<UInt8>, _ mark: StreamMark, into sealed: inout MutableSpan<UInt8>) {
    precondition(sealed.count >= plaintext.count + StreamSealer.overhead, "there is no room for the seal")
    let marks = [mark.rawValue]
    memory.withSpan { state in
      // The key and the nonce of this chunk, as libsodium's header lays them out.
      KeyUse.seal(plaintext, ad: marks.span, key: state.extracting(0..<32), nonce: state.extracting(32..<44))
    }
    _ = unsafe sealed.withUnsafeMutableBufferPointer { sealed in
      unsafe plaintext.withUnsafeBufferPointer { plaintext in
        unsafe crypto_secretstream_xchacha20poly1305_push(
          pointer, sealed.baseAddress!, nil, plaintext.baseAddress, UInt64(plaintext.count), nil, 0, mark.rawValue)
      }
    }
  }

  mutating func pull(
    _ sealed: Span<UInt8>, _ expected: StreamMark, into plaintext: inout MutableSpan<UInt8>
  ) throws(CryptoError) {
    let count = sealed.count - StreamSealer.overhead
    guard count >= 0 else { throw .notAuthentic }
    precondition(plaintext.count >= count, "there is no room for the plaintext")
    var mark: UInt8 = 0xff
    let isAuthentic = unsafe plaintext.withUnsafeMutableBufferPointer { plaintext in
      let status = unsafe sealed.withUnsafeBufferPointer { sealed in
        unsafe crypto_secretstream_xchacha20poly1305_pull(
          pointer, plaintext.baseAddress, nil, &mark, sealed.baseAddress!, UInt64(sealed.count), nil, 0)
      }
      let isAuthentic = status == 0 && mark == expected.rawValue
      // A genuine chunk in the wrong place was decrypted already.
      if !isAuthentic, let start = plaintext.baseAddress { unsafe sodium_memzero(start, count) }
      return isAuthentic
    }
    guard isAuthentic else { throw .notAuthentic }
  }
}
