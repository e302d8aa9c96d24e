internal import Foundation
package import SottoCrypto

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file with a secret of this machine: for its owner's eyes alone from the first byte on, whole or not there at all, and
/// never written twice.
package enum SecretFile {
  /// Makes it with `text` and a line's end, and its folder; one that is there stays, and then `text` is not asked for. Whether
  /// it was made.
  @discardableResult
  package static func make(at path: String, _ text: () -> Secret) throws -> Bool {
    let parent = (path as NSString).deletingLastPathComponent
    let folder = parent.isEmpty ? "." : parent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    if FileManager.default.fileExists(atPath: path) { return false }
    let new = path + ".\(UInt32.random(in: 0 ... .max))"
    let file = unsafe open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    defer { unsafe unlink(new) }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    guard put(text(), into: file) else { throw CocoaError(.fileWriteUnknown) }
    try handle.write(contentsOf: Data("\n".utf8))
    try handle.synchronize()
    let isMade = unsafe link(new, path) == 0
    guard isMade || errno == EEXIST else { throw CocoaError(.fileWriteUnknown) }
    let directory = unsafe open(folder + "/.", O_RDONLY | O_CLOEXEC)
    if directory >= 0 { try FileHandle(fileDescriptor: directory, closeOnDealloc: true).synchronize() }
    return isMade
  }

  /// Whether others than its owner may read or write it; nil when there is none. A link counts as what it leads to.
  package static func isOpenToOthers(at path: String) -> Bool? {
    let place = URL(filePath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: place)
    return (attributes?[.posixPermissions] as? Int).map { $0 & 0o066 != 0 }
  }

  /// Whether all of it is written. Nothing in between has a copy.
  private static func put(_ text: borrowing Secret, into file: Int32) -> Bool {
    var isWhole = true
    text.withBytes { span in
      unsafe span.withUnsafeBytes { bytes in
        var place = 0
        while place < bytes.count, isWhole {
          let more = unsafe write(file, bytes.baseAddress! + place, bytes.count - place)
          if more > 0 { place += more } else { isWhole = false }
        }
      }
    }
    return isWhole
  }

  package enum Fault: Error {
    case unreadable
    /// More stands in it than may.
    case tooLong
    /// Something else stands in it.
    case notDigits
  }

  /// All that stands in a file of at most `limit` bytes, in memory that is wiped. A longer one has this `fault`.
  package static func contents(at path: String, limit: Int, fault: Fault = .tooLong) throws(Fault) -> Secret {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .unreadable }
    defer { close(file) }
    var length = 0
    // What fills it is too long.
    let buffer = Secret(count: limit + 1) { (span: inout MutableRawSpan) in
      unsafe span.withUnsafeMutableBytes { bytes in
        while length < bytes.count {
          let more = unsafe read(file, bytes.baseAddress! + length, bytes.count - length)
          guard more > 0 else {
            if more < 0 { length = more }
            return
          }
          length += more
        }
      }
    }
    guard length >= 0 else { throw .unreadable }
    guard length <= limit else { throw fault }
    return buffer.slice(0..<length)
  }

  /// The same without the space and the ends of lines around it.
  package static func word(at path: String, limit: Int) throws(Fault) -> Secret {
    let text = try contents(at: path, limit: limit)
    var start = 0
    var end = text.count
    text.withSpan { bytes in
      while start < end, isSpace(bytes[start]) { start += 1 }
      while start < end, isSpace(bytes[end - 1]) { end -= 1 }
    }
    return text.slice(start..<end)
  }

  /// What a file says in hexadecimal digits, behind which there may be a line's end or space. The digits are as secret as what
  /// they mean: they are in memory that is wiped, and in no string.
  package static func digits(at path: String, count: Int) throws(Fault) -> Secret {
    let text = try contents(at: path, limit: 2 * count + 15, fault: .notDigits)
    guard text.count >= 2 * count else { throw .notDigits }
    var isWhole = true
    let secret = Secret(count: count) { (span: inout MutableRawSpan) in
      unsafe span.withUnsafeMutableBytes { bytes in
        text.withSpan { digits in
          for place in 2 * count..<digits.count where !isSpace(digits[place]) { isWhole = false }
          for place in 0..<count {
            let (high, low) = (digit(digits[2 * place]), digit(digits[2 * place + 1]))
            unsafe bytes[place] = (high ?? 0) << 4 | (low ?? 0)
            if high == nil || low == nil { isWhole = false }
          }
        }
      }
    }
    guard isWhole else { throw .notDigits }
    return secret
  }

  private static func isSpace(_ character: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(character) }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
