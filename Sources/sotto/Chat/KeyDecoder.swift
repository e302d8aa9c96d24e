/// Bytes of a terminal in, keys out.
///
///     ground --ESC--> escape --[--> sequence --final byte--> ground        (CSI 200~: paste)
///                       |  \--O--> single ---any byte-----> ground
///                       |  \--] P _ ^ X--> string --BEL, ESC \--> ground
///                       \--any other byte: Alt and a key
///     paste  --CSI 201~--> ground
///
/// An ESC with nothing behind it is the key Escape. Only time can tell, so the shell calls `flush()` when no byte has come
/// for a moment.
package struct KeyDecoder {
  private enum State: Equatable {
    case ground
    /// `isAlt`: two ESCs, which is how some terminals spell Alt and an arrow.
    case escape(isAlt: Bool)
    case sequence([UInt8], isAlt: Bool)
    case single(isAlt: Bool)
    /// The console's function keys, `ESC [ [ A`.
    case console
    case string(sawEscape: Bool)
    case paste
  }

  package init() {}

  private var state = State.ground
  /// Text whose end may still be missing.
  private var text: [UInt8] = []
  private var paste = PasteCollector()
  private var keys: [Key] = []

  /// Whether `flush()` could yield something: the shell need not wake for nothing.
  package var isWaiting: Bool {
    switch state {
    case .escape, .string: true
    case .paste: paste.isWaiting
    case .ground, .sequence, .single, .console: !text.isEmpty
    }
  }

  package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Key] {
    for byte in bytes { take(byte) }
    endText(keepingTail: true)
    defer { keys = [] }
    return keys
  }

  /// No byte has come for a moment. A sequence that has begun stays: nobody types one, so its rest is on its way.
  package mutating func flush() -> [Key] {
    switch state {
    case .escape: end(.escape)
    case .string: state = .ground
    case .paste: if let piece = paste.silence() { keys.append(piece) }
    case .ground, .sequence, .single, .console: break
    }
    endText(keepingTail: false)
    defer { keys = [] }
    return keys
  }

  private mutating func take(_ byte: UInt8) {
    switch state {
    case .ground: ground(byte)
    case .escape(let isAlt): escape(byte, isAlt)
    case .sequence(let bytes, let isAlt): sequence(bytes, byte, isAlt)
    case .single(let isAlt): single(byte, isAlt)
    case .console: state = .ground
    case .string(let sawEscape): string(byte, sawEscape)
    case .paste:
      guard let pasted = paste.take(byte) else { return }
      keys += pasted
      state = .ground
    }
  }

  private mutating func ground(_ byte: UInt8) {
    guard byte < 0x20 || byte == 0x7f else { return text.append(byte) }
    endText(keepingTail: false)
    switch byte {
    case 0x1b: state = .escape(isAlt: false)
    case 0x0d: keys.append(.enter)
    case 0x0a: keys.append(.newline)
    case 0x09: keys.append(.tab)
    case 0x08, 0x7f: keys.append(.backspace)
    case 0x01...0x1a: keys.append(.control(Character(UnicodeScalar(byte + 0x60))))
    default: break
    }
  }

  private mutating func escape(_ byte: UInt8, _ isAlt: Bool) {
    switch byte {
    case 0x1b where !isAlt: state = .escape(isAlt: true)
    case 0x1b: keys.append(.escape)
    case UInt8(ascii: "["): state = .sequence([], isAlt: isAlt)
    case UInt8(ascii: "O"): state = .single(isAlt: isAlt)
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"):
      state = .string(sawEscape: false)
    case 0x0d, 0x0a: end(.newline)
    case 0x08, 0x7f: end(.alternateBackspace)
    case 0x20..<0x7f: end(.alt(Character(UnicodeScalar(byte))))
    default:
      // Alt with what is no letter: the letter alone is what somebody wants to see.
      state = .ground
      ground(byte)
    }
  }

  private mutating func sequence(_ bytes: [UInt8], _ byte: UInt8, _ isAlt: Bool) {
    switch byte {
    case UInt8(ascii: "[") where bytes.isEmpty: state = .console
    case 0x20...0x3f: state = .sequence(bytes.count < ChatLimits.sequenceBytes ? bytes + [byte] : bytes, isAlt: isAlt)
    case 0x40...0x7e:
      if byte == UInt8(ascii: "~"), bytes == Array("200".utf8) { return beginPaste() }
      end(ControlSequence(parameters: bytes, final: byte, isAlt: isAlt).key)
    default:
      // Nothing that belongs to a sequence: it was cut short, and this begins something else.
      state = .ground
      ground(byte)
    }
  }

  private mutating func single(_ byte: UInt8, _ isAlt: Bool) {
    guard byte >= 0x20 else {
      state = .ground
      return ground(byte)
    }
    let isKeypadEnter = byte == UInt8(ascii: "M")
    end(isKeypadEnter ? .enter : ControlSequence(parameters: [], final: byte, isAlt: isAlt).key)
  }

  /// What the terminal says about itself. Nobody asked here; it must not become text.
  private mutating func string(_ byte: UInt8, _ sawEscape: Bool) {
    switch byte {
    case 0x07: state = .ground
    case 0x1b: state = .string(sawEscape: true)
    case _ where sawEscape:
      state = .ground
      if byte != UInt8(ascii: "\\") { escape(byte, false) }
    default: break
    }
  }

  private mutating func beginPaste() {
    state = .paste
    paste = PasteCollector()
  }

  private mutating func end(_ key: Key?) {
    if let key { keys.append(key) }
    state = .ground
  }

  private mutating func endText(keepingTail: Bool) {
    guard !text.isEmpty else { return }
    let count = keepingTail ? text.completeUTF8Count : text.count
    if count > 0 { keys.append(.text(String(decoding: text[..<count], as: UTF8.self))) }
    text.removeFirst(count)
  }
}

/// `ESC [`, parameters and a final byte.
private struct ControlSequence {
  let parameters: [UInt8]
  let final: UInt8
  let isAlt: Bool

  private var numbers: [UInt16] {
    String(decoding: parameters, as: UTF8.self).split(separator: ";", omittingEmptySubsequences: false).map {
      UInt16($0) ?? 0
    }
  }

  /// Shift is 1, Alt is 2, Ctrl is 4, and the parameter is one more than their sum.
  private var isModified: Bool { isAlt || (numbers.count > 1 && numbers[1] > 0 && (numbers[1] - 1) & 0b110 != 0) }

  /// nil for whatever has no meaning here.
  var key: Key? {
    switch final {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): isModified ? .wordRight : .right
    case UInt8(ascii: "D"): isModified ? .wordLeft : .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "Z"): .backTab
    case UInt8(ascii: "I"): .focusIn
    case UInt8(ascii: "O"): .focusOut
    // Ctrl and an arrow, as rxvt spells them; with parameters it is an answer of the terminal.
    case UInt8(ascii: "c") where parameters.isEmpty: .wordRight
    case UInt8(ascii: "d") where parameters.isEmpty: .wordLeft
    case UInt8(ascii: "u"): numbers.first == 13 ? modifiedEnter : nil
    case UInt8(ascii: "~"): numbered
    default: nil
    }
  }

  private var numbered: Key? {
    switch numbers.first {
    case 1, 7: .home
    case 3: .delete
    case 4, 8: .end
    case 5: .pageUp
    case 6: .pageDown
    case 27 where numbers.count > 2 && numbers[2] == 13: modifiedEnter
    default: nil
    }
  }

  private var modifiedEnter: Key { numbers.count > 1 && numbers[1] > 1 ? .newline : .enter }
}

extension [UInt8] {
  /// How many bytes can be decoded now: without a scalar at the end whose rest may come with the next bytes.
  package var completeUTF8Count: Int {
    for back in 1...3 where back <= count {
      let byte = self[count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      return length > back ? count - back : count
    }
    return count
  }
}
