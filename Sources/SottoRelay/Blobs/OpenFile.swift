internal import NIOCore
internal import SottoCrypto

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// An open file of a blob; closed when nobody holds it. Every method blocks: call them where that does no harm.
final class OpenFile: Sendable {
  private let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  func length() throws(StoreFailure) -> Int {
    var facts = stat()
    guard unsafe fstat(descriptor, &facts) == 0 else { throw .system() }
    return Int(facts.st_size)
  }

  /// Forgets everything from there on.
  func cut(to length: Int) throws(StoreFailure) {
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw .system() }
  }

  func write(_ bytes: ByteBuffer, at offset: Int) throws {
    try unsafe bytes.withUnsafeReadableBytes { bytes in
      var done = 0
      while done < bytes.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
        let count = unsafe pwrite(descriptor, rest.baseAddress!, rest.count, off_t(offset + done))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw StoreFailure.system() }
        done += count
      }
    }
  }

  /// Exactly `count` bytes: fewer is a file that is not what it should be.
  func read(_ count: Int, at offset: Int) throws -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(count)
    while buffer.readableBytes < count {
      let missing = count - buffer.readableBytes
      let place = off_t(offset + buffer.readableBytes)
      let got = try unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { room in
        while true {
          let got = unsafe pread(descriptor, room.baseAddress!, missing, place)
          if got >= 0 { return got }
          guard errno == EINTR else { throw StoreFailure.system() }
        }
      }
      if got == 0 { throw StoreFailure.system(EIO) }
    }
    return buffer
  }

  /// On stable storage, dated to a day: no finer time of an upload is kept. [blob.10]
  func settle(day: Int64) throws(StoreFailure) {
    var times = timespec()
    times.tv_sec = time_t(day * 86_400)
    guard unsafe futimens(descriptor, [times, times]) == 0 else { throw .system() }
    try sync()
  }

  /// Returns when what was written is on stable storage.
  func sync() throws(StoreFailure) {
    guard fsync(descriptor) == 0 else { throw .system() }
  }

  /// `H("blob"; content)`, of the bytes that the file has. [blob.7]
  func digest(length: Int) throws -> Digest {
    var digest = LongDigest("blob", length: length)
    for start in stride(from: 0, to: length, by: RelayLimits.blobPiece) {
      let piece = try read(min(RelayLimits.blobPiece, length - start), at: start)
      digest.absorb(piece.readableBytesSpan)
    }
    return digest.finish()
  }
}

extension StoreFailure {
  /// A file that was there is not any more.
  static let missingFile = StoreFailure.system(ENOENT)

  /// What the system said no to. A negative number is an `errno`.
  static func system(_ number: Int32 = errno) -> StoreFailure {
    switch number {
    case ENOSPC, EDQUOT, EFBIG: .full
    default: .failed(-Int(number))
    }
  }
}
