/// How many columns of a terminal a cluster takes.
///
/// Facts: East_Asian_Width W and F and Emoji_Presentation take two columns, marks and what is to be ignored take none,
/// everything else takes one, the ambiguous too. The parts of a cluster add up, as terminals that know no clusters draw
/// them; a sequence that makes one emoji takes two.
package enum TextWidth {
  package static func columns(of text: String) -> Int { text.reduce(0) { $0 + columns(of: $1) } }

  package static func columns(of character: Character) -> Int { columns(ofCluster: character.unicodeScalars) }

  package static func columns(ofCluster scalars: some Collection<Unicode.Scalar>) -> Int {
    var sum = 0
    var before: Unicode.Scalar?
    for scalar in scalars {
      switch scalar.value {
      // "Draw what stands before as an emoji."
      case 0xfe0f where before?.properties.isEmoji == true: return 2
      // What is joined or only gives a colour has no room of its own.
      case 0x1f3fb...0x1f3ff where before?.properties.isEmojiModifierBase == true: break
      case _ where before?.value == 0x200d && scalar.properties.isEmoji: break
      default: sum += columns(of: scalar)
      }
      before = scalar
    }
    return sum
  }

  package static func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return scalar == "\u{ad}" || scalar.isControl ? 0 : 1 }
    if isWide(scalar) { return 2 }
    let properties = scalar.properties
    if properties.isDefaultIgnorableCodePoint || isJoiningJamo(scalar.value) { return 0 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    default: return 1
    }
  }

  /// Vowels and final consonants of a Hangul syllable that is written in parts: the first consonant has its columns.
  private static func isJoiningJamo(_ value: UInt32) -> Bool {
    (0x1160...0x11ff).contains(value) || (0xd7b0...0xd7ff).contains(value)
  }

  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    guard value >= 0x1100 else { return false }
    // A regional indicator is half a flag, and two halves make two columns.
    if (0x1f1e6...0x1f1ff).contains(value) { return false }
    var low = 0
    var high = wide.count
    while low < high {
      let middle = (low + high) / 2
      if wide[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    if low < wide.count, wide[low].contains(value) { return !isNarrowException(value) }
    return scalar.properties.isEmojiPresentation
  }

  /// Marks and one half-space in the midst of the wide ranges.
  private static func isNarrowException(_ value: UInt32) -> Bool {
    value == 0x303f || (0x302a...0x302d).contains(value) || (0x3099...0x309a).contains(value) || value == 0x16fe4
      || value == 0x3164
  }

  /// East_Asian_Width W and F of Unicode 17, without emoji; gaps that are not assigned are closed.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115f, 0x2329...0x232a, 0x2630...0x2637, 0x268a...0x268f, 0x2e80...0x303f, 0x3041...0x3247,
    0x3250...0xa4c6, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe10...0xfe19, 0xfe30...0xfe6b,
    0xff01...0xff60, 0xffe0...0xffe6, 0x16fe0...0x16fff, 0x17000...0x191ff, 0x1aff0...0x1b2ff, 0x1d300...0x1d356,
    0x1d360...0x1d376, 0x1f200...0x1f265, 0x20000...0x2fffd, 0x30000...0x3fffd,
  ]
}
