/// What comes between the two marks of a bracketed paste.
///
/// The end may be lost on a bad line, and then every key would seem to be pasted. So after a long silence what there is so
/// far is given, and from then on ctrl-c ends the paste. Not before: clipboards are filled by strangers too.
package struct PasteCollector {
  private static let end: [UInt8] = [0x1b] + Array("[201~".utf8)

  private var bytes: [UInt8] = []
  private var isCut = false
  /// How many bytes of the end have come.
  private var matched = 0
  private var silences = 0

  package var isWaiting: Bool { silences < ChatLimits.pasteSilences }

  /// - Returns: what was pasted, once it has ended; perhaps nothing.
  package mutating func take(_ byte: UInt8) -> [Key]? {
    let isLost = silences >= ChatLimits.pasteSilences
    silences = 0
    if byte == 0x03, isLost { return finished }
    if byte == Self.end[matched] {
      matched += 1
      return matched == Self.end.count ? finished : nil
    }
    keep(Self.end[..<matched])
    matched = byte == Self.end[0] ? 1 : 0
    if matched == 0 { keep([byte]) }
    return nil
  }

  /// No byte has come for a moment.
  package mutating func silence() -> Key? {
    silences = min(silences + 1, ChatLimits.pasteSilences)
    return silences == ChatLimits.pasteSilences ? piece : nil
  }

  private mutating func keep(_ more: some Collection<UInt8>) {
    let room = ChatLimits.pasteBytes - bytes.count
    bytes += more.prefix(room)
    isCut = isCut || more.count > room
  }

  private var finished: [Key] {
    mutating get {
      matched = 0
      return piece.map { [$0] } ?? []
    }
  }

  private var piece: Key? {
    mutating get {
      defer { (bytes, isCut) = ([], false) }
      guard !bytes.isEmpty else { return nil }
      // Terminals send a pasted newline as the key that makes one: CR.
      let text = String(decoding: bytes.prefix(isCut ? bytes.completeUTF8Count : bytes.count), as: UTF8.self)
      return .paste(
        String(text.map { $0.isNewline && $0 != "\u{2028}" && $0 != "\u{2029}" ? "\n" : $0 }), isCut: isCut)
    }
  }
}
