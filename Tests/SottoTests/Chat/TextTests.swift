import Testing
import sotto

@Suite struct TextWidthTests {
  @Test(arguments: [
    ("a", 1), ("é", 1), ("e\u{301}", 1), ("日", 2), ("한", 2), ("\u{1112}\u{1161}\u{11ab}", 2), ("ｱ", 1), ("Ａ", 2),
    ("。", 2),
    ("…", 1), ("─", 1), ("✓", 1), ("👍", 2), ("👍🏽", 2), ("👩‍👩‍👧", 2), ("👩🏽‍❤️‍💋‍👨🏿", 2), ("🇫🇷", 2), ("🇫", 1), ("❤", 1), ("❤️", 2),
    ("1️⃣", 2),
    ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2), ("🏳️‍🌈", 2), ("☺\u{fe0e}", 1), ("ก็", 1), ("क्ष", 2), ("כָּ", 1), ("\u{200d}", 0), ("\u{ad}", 0), ("\u{feff}", 0),
    ("𠀋", 2), ("\u{e000}", 1), ("か\u{3099}", 2), ("☰", 2), ("ᄒ", 2),
  ]) func `A cluster has columns`(text: String, columns: Int) {
    #expect(text.count == 1)
    #expect(TextWidth.columns(of: Character(text)) == columns)
  }
}

@Suite struct GlyphTests {
  @Test(arguments: [
    ("a\u{1b}[31mb", "a�[31mb"), ("\u{9b}", "�"), ("\u{202e}abc\u{2066}", "�abc�"), ("a\tb", "a    b"), ("a\rb", "a�b"),
    ("a\u{200b}\u{200f}\u{feff}\u{ad}b", "ab"), ("a\nb\r\nc\u{2028}d", "a b c d"), ("\u{301}a", "◌\u{301}a"),
    ("\u{7f}\u{0}", "��"),
  ]) func `Nothing steers the terminal`(text: String, shown: String) {
    #expect(text.glyphs.map(\.text).joined() == shown)
    #expect(text.glyphs.columns == TextWidth.columns(of: shown))
  }

  @Test func `A letter buried under marks is dug out`() {
    let glyphs = ("a" + String(repeating: "\u{301}", count: 500)).glyphs
    #expect(glyphs.count == 1)
    #expect(glyphs[0].text.unicodeScalars.count == ChatLimits.glyphScalars)
    #expect(glyphs[0].columns == 1)
  }

  @Test(arguments: [
    ("hello", 5, "hello"), ("hello", 4, "hel…"), ("日本", 3, "日…"), ("日本", 2, "…"), ("ab", 1, "…"), ("ab", 0, ""),
  ])
  func `What is cut says so`(text: String, columns: Int, shown: String) {
    #expect(text.glyphs.cut(to: columns).map(\.text).joined() == shown)
  }

  /// Every scalar there is, alone and after a letter.
  @Test func `No scalar is a control on the screen`() {
    for value in UInt32(0)...0x10ffff {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let glyph = Glyph(Character(scalar))
      #expect(glyph.text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      #expect(glyph.columns == 0 ? glyph.text.isEmpty : glyph.columns <= 4)
    }
  }
}

@Suite struct TextWrapTests {
  @Test(arguments: [
    ("", 5, [""]), ("hello", 5, ["hello"]), ("hello world", 5, ["hello", "world"]),
    ("hello world", 11, ["hello world"]),
    ("hello  world", 6, ["hello ", "world"]), ("hello world", 8, ["hello ", "world"]), ("a\nb\n", 5, ["a", "b", ""]),
    ("\r\n", 5, ["", ""]),
    ("abcdefgh", 3, ["abc", "def", "gh"]), ("ab cdefgh", 4, ["ab ", "cdef", "gh"]), ("  code", 10, ["  code"]),
    ("   ", 2, ["  "]),
    ("日本語です", 4, ["日本", "語で", "す"]), ("日本語です", 5, ["日本", "語で", "す"]), ("日本。", 4, ["日", "本。"]),
    ("ab日本", 3, ["ab", "日", "本"]),
    ("日", 1, ["�"]), ("a\tb", 2, ["a ", "b"]), ("👩‍👩‍👧👩‍👩‍👧", 3, ["👩‍👩‍👧", "👩‍👩‍👧"]), ("a 👍🏽", 3, ["a ", "👍🏽"]),
  ]) func `Lines break at spaces where they can`(text: String, columns: Int, lines: [String]) {
    #expect(TextWrap.lines(text, columns: columns).map { $0.map(\.text).joined() } == lines)
  }

  @Test func `No line is too long and nothing is lost`() {
    var generator = SeededGenerator(seed: 2)
    let pieces = ["a", "bc", " ", "  ", "日", "。", "👩‍👩‍👧", "\n", "e\u{301}", "\t", "word", "\u{a0}"]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 0...30, using: &generator)).map { _ in pieces.randomElement(using: &generator)! }
        .joined()
      let columns = Int.random(in: 1...12, using: &generator)
      for line in TextWrap.lines(text, columns: columns) { #expect(line.columns <= columns) }
      for glyphs in TextWrap.paragraphs(text, columns: columns) {
        let ranges = TextWrap.ranges(glyphs, columns: columns)
        #expect(ranges.flatMap(Array.init) == Array(glyphs.indices))
        #expect(ranges.count == 1 || ranges.allSatisfy { !$0.isEmpty })
      }
    }
  }
}

@Suite struct MomentTests {
  private let now = Moment(milliseconds: 1_795_953_840_000, utcOffset: 3600)

  @Test func `A time is what the clock on the wall shows`() {
    #expect(now.clock == "13:04")
    #expect(now.dayTitle(now: now) == "Sunday 29 November")
    #expect(Moment(milliseconds: 0, utcOffset: 0).dayTitle(now: now) == "Thursday 1 January 1970")
    #expect(Moment(milliseconds: 1_709_164_800_000, utcOffset: 0).dayTitle(now: now) == "Thursday 29 February 2024")
    #expect(Moment(milliseconds: now.milliseconds, utcOffset: 12 * 3600).dayTitle(now: now) == "Monday 30 November")
    #expect(Moment(milliseconds: .max, utcOffset: .max).dayTitle(now: now) == "Saturday 1 January 10000")
    #expect(Moment(milliseconds: 0, utcOffset: .min).clock == "00:00")
  }

  @Test(arguments: [
    (0, "now"), (59, "now"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400, "1 d"),
    (14 * 86_400, "2026-11-15"), (-500, "now"),
  ]) func `An age is short`(seconds: Int, text: String) {
    let then = Moment(milliseconds: UInt64(Int(now.milliseconds) - seconds * 1000), utcOffset: 3600)
    #expect(then.age(now: now) == text)
  }
}
