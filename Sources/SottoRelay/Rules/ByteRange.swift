/// A request for a part of a blob: a single range of bytes (RFC 9110 section 14.1.2). [blob.8]
package enum ByteRange: Equatable, Sendable {
  /// Everything: nothing else was asked for, or nothing that a range could be.
  case whole
  case part(Range<Int>)
  /// A range, but none of this blob.
  case unsatisfiable

  /// `values` are the lines of the Range header. More than one range, another unit or a wrong spelling is passed over,
  /// as RFC 9110 lets a server do.
  package init(_ values: [String], length: Int) {
    self = .whole
    guard values.count == 1, let value = values.first, value.lowercased().hasPrefix("bytes=") else { return }
    let ends = value.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return }
    switch (Self.number(ends[0]), Self.number(ends[1])) {
    case (let first?, let last?):
      guard first <= last else { return }
      self = first < length ? .part(first..<min(last, length - 1) + 1) : .unsatisfiable
    case (let first?, nil) where ends[1].isEmpty:
      self = first < length ? .part(first..<length) : .unsatisfiable
    case (nil, let count?) where ends[0].isEmpty:
      self = count > 0 ? .part(max(length - count, 0)..<length) : .unsatisfiable
    default: return
    }
  }

  /// Any number of digits; what is past every blob is as good as the greatest number.
  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    return Int(text) ?? .max
  }
}
