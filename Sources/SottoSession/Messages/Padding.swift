/// ISO/IEC 7816-4: one byte 0x80, then zeros. [messages.1]
package enum Padding {
  /// The byte before the zeros.
  static let marker: UInt8 = 0x80

  /// `content` made `count` bytes long; at least the marker must fit.
  package static func pad(_ content: [UInt8], to count: Int) -> [UInt8] {
    precondition(content.count < count)
    return content + [marker] + [UInt8](repeating: 0, count: count - content.count - 1)
  }

  /// What was padded; anything but one marker and zeros is refused. [messages.2]
  package static func unpad(_ padded: [UInt8]) throws(Refused) -> [UInt8] {
    guard let end = padded.lastIndex(where: { $0 != 0 }), padded[end] == marker else { throw Refused(.padding) }
    return Array(padded[..<end])
  }
}
