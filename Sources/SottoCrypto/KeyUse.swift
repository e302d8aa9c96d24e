internal import Synchronization

/// For tests alone: they may look on while keys are used, to find one that is used twice.
///
/// No program turns it on. Off, it costs the load of one flag; on, it tells hashes, so that no key and no plaintext
/// gets anywhere by it.
package enum KeyUse {
  /// What was done with a key.
  package enum Event: Sendable {
    /// Something was sealed: a hash of key and nonce, and one of plaintext and associated data.
    case sealed(under: Digest, content: Digest)
    /// A chain moved on by one message.
    case chainStep
  }

  private static let isOn = Atomic(false)
  private static let observer = Mutex<(@Sendable (Event) -> Void)?>(nil)

  /// From now on `observer` is told of everything that happens in this process.
  package static func start(_ body: @escaping @Sendable (Event) -> Void) {
    observer.withLock { $0 = body }
    isOn.store(true, ordering: .releasing)
  }

  /// A chain moved on.
  package static func chainStep() {
    guard isOn.load(ordering: .acquiring) else { return }
    tell(.chainStep)
  }

  /// `plaintext` is about to be sealed.
  static func seal(_ plaintext: RawSpan, ad: [UInt8], key: borrowing Secret, nonce: [UInt8]) {
    guard isOn.load(ordering: .acquiring) else { return }
    var content = LongDigest("observed plaintext", length: plaintext.byteCount)
    content.absorb(plaintext)
    tell(
      .sealed(
        under: Digest(computed: PRF.derive(key, "observed key", nonce).a().revealed()),
        content: Digest.of("observed content", content.finish().bytes, ad)))
  }

  private static func tell(_ event: Event) { observer.withLock { $0 }?(event) }
}
