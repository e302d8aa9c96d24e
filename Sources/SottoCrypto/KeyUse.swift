internal import Synchronization

/// For tests alone: they may look on while keys are used, to find one that is used twice.
///
/// No program turns it on. Off, it costs the load of one word; on, it tells hashes, so that no key and no plaintext
/// gets anywhere by it.
package enum KeyUse {
  /// What was done with a key.
  package enum Event: Sendable {
    /// Something was sealed: a hash of key and nonce, and one of plaintext and associated data.
    case sealed(under: Digest, content: Digest)
    /// A chain moved on by one message.
    case chainStep
  }

  private final class Observer: Sendable {
    let tell: @Sendable (Event) -> Void

    init(_ tell: @escaping @Sendable (Event) -> Void) { self.tell = tell }
  }

  private static let observer = AtomicLazyReference<Observer>()

  /// From now on `tell` is told of everything that happens in this process; the first one who asks is.
  package static func observe(_ tell: @escaping @Sendable (Event) -> Void) { _ = observer.storeIfNil(Observer(tell)) }

  /// A chain moved on.
  package static func chainStep() {
    observer.load()?.tell(.chainStep)
  }

  /// `plaintext` is about to be sealed.
  static func seal(_ plaintext: RawSpan, ad: [UInt8], key: borrowing Secret, nonce: [UInt8]) {
    guard let observer = observer.load() else { return }
    var content = LongDigest("observed plaintext", length: plaintext.byteCount)
    content.absorb(plaintext)
    observer.tell(
      .sealed(
        under: Digest(computed: PRF.derive(key, "observed key", nonce).a().revealed()),
        content: Digest.of("observed content", content.finish().bytes, ad)))
  }
}
