internal import CSodium
internal import FoundationEssentials

// What swift-crypto and BoringSSL leave in memory when they are done, and how it is overwritten. The reasons and the
// limits stand in Specs/Decisions/0002-erasure.md; ErasureTests look for what is left.

/// Wipes a private key of swift-crypto that is about to go: its `seed`, its expanded form, and the stack that the last
/// call used. Nothing may use `key` afterwards.
@unsafe func wipeResidue<Key>(of key: Key, seed: Data, expandedCount: Int) {
  unsafe wipeExpandedKey(in: key, before: seed, count: expandedCount)
  unsafe wipeInPlace(seed)
  wipeStack()
}

/// BoringSSL works with seeds and shared secrets on the stack and leaves them there.
func wipeStack() {
  // Twice the deepest call that was measured.
  sodium_stackzero(128 * 1024)
}

/// Overwrites the storage that `data` shares with the key object it came from.
@unsafe private func wipeInPlace(_ data: Data) {
  unsafe data.withUnsafeBytes { buffer in
    guard let base = buffer.baseAddress else { return }
    unsafe sodium_memzero(UnsafeMutableRawPointer(mutating: base), buffer.count)
  }
}

/// On Linux a private key is one reference to an object that holds the expanded key (`count` bytes, BoringSSL's struct)
/// and then the seed as `Data`, and is freed without being wiped. Unless the object looks exactly so, it is left alone:
/// after an upgrade of swift-crypto the tests say so.
@unsafe private func wipeExpandedKey<Key>(in key: Key, before seed: Data, count: Int) {
  #if os(Linux)
    let header = 16
    guard MemoryLayout<Key>.size == MemoryLayout<UInt>.size else { return }
    let object = unsafe unsafeBitCast(key, to: UnsafeMutableRawPointer.self)
    guard unsafe malloc_usable_size(object) >= header + count + MemoryLayout<Data>.size else { return }
    let (found, sought) = unsafe (
      (object + header + count).loadUnaligned(as: (UInt, UInt).self), unsafeBitCast(seed, to: (UInt, UInt).self)
    )
    guard found == sought else { return }
    unsafe sodium_memzero(object + header, count)
  #endif
}
