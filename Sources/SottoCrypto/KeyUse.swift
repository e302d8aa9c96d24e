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
  // Asked first: to load a reference is a call of the runtime, as dear as half a step of a chain.
  private static let isObserved = Atomic(false)

  /// From now on `tell` is told of everything that happens in this process; the first one who asks is.
  package static func observe(_ tell: @escaping @Sendable (Event) -> Void) {
    _ = observer.storeIfNil(Observer(tell))
    isObserved.store(true, ordering: .releasing)
  }

  /// A chain moved on.
  package static func chainStep() {
    guard isObserved.load(ordering: .acquiring) else { return }
    observer.load()?.tell(.chainStep)
  }

  /// `plaintext` is about to be sealed.
  static func seal(_ plaintext: Span<UInt8>, ad: Span<UInt8>, key: Span<UInt8>, nonce: Span<UInt8>) {
    guard isObserved.load(ordering: .acquiring), let observer = observer.load() else { return }
    var under = Derived()
    PRF.derive(key, "observed key", nonce, ad.extracting(0..<0), into: &under)
    let content = Digest.of("observed content", hash(plaintext).bytes, hash(ad).bytes)
    observer.tell(.sealed(under: under.withA { hash($0) }, content: content))
  }

  private static func hash(_ bytes: Span<UInt8>) -> Digest {
    var hash = LongDigest("observed bytes", length: bytes.count)
    unsafe hash.absorb(bytes.bytes)
    return hash.finish()
  }
}
