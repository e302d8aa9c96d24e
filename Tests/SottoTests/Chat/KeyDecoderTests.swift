import Testing
import sotto

@Suite struct KeyDecoderTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    let bytes: String
    let keys: [Key]
    var testDescription: String { bytes.debugDescription }
    init(_ bytes: String, _ keys: Key...) { (self.bytes, self.keys) = (bytes, keys) }
  }

  static let samples = [
    Sample("hello", .text("hello")), Sample("é日👩‍👩‍👧🇫🇷e\u{301}", .text("é日👩‍👩‍👧🇫🇷e\u{301}")),
    Sample("a\rb", .text("a"), .enter, .text("b")), Sample("\n", .newline), Sample("\u{1b}\r", .newline),
    Sample("\u{7f}\u{8}\t", .backspace, .backspace, .tab), Sample("\u{1b}\u{7f}", .alternateBackspace),
    Sample("\u{1}\u{3}\u{1a}\u{0}\u{1c}x", .control("a"), .control("c"), .control("z"), .text("x")),
    Sample("\u{1b}[A\u{1b}[B\u{1b}[C\u{1b}[D", .up, .down, .right, .left),
    Sample("\u{1b}OA\u{1b}OB\u{1b}OC\u{1b}OD", .up, .down, .right, .left),
    Sample("\u{1b}[H\u{1b}[F\u{1b}OH\u{1b}OF", .home, .end, .home, .end),
    Sample("\u{1b}[1~\u{1b}[4~\u{1b}[7~\u{1b}[8~", .home, .end, .home, .end),
    Sample("\u{1b}[3~\u{1b}[5~\u{1b}[6~\u{1b}[Z", .delete, .pageUp, .pageDown, .backTab),
    Sample("\u{1b}[1;5C\u{1b}[1;3D\u{1b}[1;2C", .wordRight, .wordLeft, .right),
    Sample("\u{1b}\u{1b}[D\u{1b}Oc\u{1b}OM", .wordLeft, .wordRight, .enter),
    Sample("\u{1b}b\u{1b}f", .alt("b"), .alt("f")), Sample("\u{1b}[I\u{1b}[O", .focusIn, .focusOut),
    Sample("\u{1b}[13;2u\u{1b}[27;2;13~\u{1b}[13u", .newline, .newline, .enter),
    // What nobody asked for is swallowed, with what belongs to it.
    Sample("\u{1b}[?1;2ca\u{1b}[>0;276;0cb", .text("a"), .text("b")),
    Sample("\u{1b}[[Ax\u{1b}[15~y", .text("x"), .text("y")),
    Sample("\u{1b}]11;rgb:0/0/0\u{7}x\u{1b}P1$r0m\u{1b}\\y", .text("x"), .text("y")),
    Sample("\u{1b}[1;-9223372036854775808C\u{1b}[99999999999999999999~z", .right, .text("z")),
    Sample("\u{1b}[12\u{1b}[A", .up), Sample("\u{1b}[1\rx", .enter, .text("x")), Sample("\u{1b}é", .text("é")),
    Sample("\u{1b}[200~a\rb\u{1b}[201~c", .paste("a\nb", isCut: false), .text("c")),
    Sample("\u{1b}[200~\u{1b}[201~c", .text("c")), Sample("\u{1b}[201~c", .text("c")),
    Sample(
      "\u{1b}[200~x\u{1b}[31m\u{1b}\u{1b}[201\u{1b}[20y\u{3}日\u{1b}[201~",
      .paste("x\u{1b}[31m\u{1b}\u{1b}[201\u{1b}[20y\u{3}日", isCut: false)),
  ]

  @Test(arguments: samples) func `Bytes are keys, wherever they are split`(sample: Sample) {
    let bytes = Array(sample.bytes.utf8)
    let keys = sample.keys.merged
    for split in 0...bytes.count {
      var decoder = KeyDecoder()
      let found = decoder.feed(bytes[..<split]) + decoder.feed(bytes[split...])
      #expect(found.merged == keys, "split at \(split)")
      #expect(!decoder.isWaiting)
    }
    var decoder = KeyDecoder()
    check(bytes.flatMap { decoder.feed([$0]) }.merged, keys, "one by one")
  }

  @Test func `An ESC alone is a key when nothing follows`() {
    var decoder = KeyDecoder()
    check(decoder.feed([0x1b]), [])
    #expect(decoder.isWaiting)
    check(decoder.flush(), [.escape])
    #expect(!decoder.isWaiting)
    check(decoder.feed([0x1b, 0x1b]), [])
    check(decoder.flush(), [.escape])
    check(decoder.feed(Array("\u{1b}[".utf8)) + decoder.flush() + decoder.feed(Array("A".utf8)), [.up])
    check(decoder.feed(Array("\u{1b}]x".utf8)) + decoder.flush() + decoder.feed(Array("A".utf8)), [.text("A")])
  }

  @Test(arguments: [
    [0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x91], [0x9b, 0x41], [0xed, 0xa0, 0x80], [0xc0, 0xaf],
  ])
  func `What is not UTF-8 becomes a replacement`(bytes: [UInt8]) {
    let whole = String(decoding: bytes + [0x78], as: UTF8.self)
    for split in 0...bytes.count {
      var decoder = KeyDecoder()
      let keys = decoder.feed(bytes[..<split]) + decoder.feed(bytes[split...]) + decoder.feed([0x78])
      #expect(keys.merged == [.text(whole)])
    }
    var decoder = KeyDecoder()
    let found = decoder.feed(bytes) + decoder.flush() + decoder.feed([0x0d])
    #expect(found.merged == [.text(String(decoding: bytes, as: UTF8.self)), .enter])
  }

  @Test func `A huge paste is cut, at the end of a character`() {
    var decoder = KeyDecoder()
    _ = decoder.feed(Array("\u{1b}[200~".utf8))
    for _ in 0..<100 { check(decoder.feed(Array(repeating: "日", count: 1000).joined().utf8), []) }
    let text = String(repeating: "日", count: ChatLimits.pasteBytes / 3)
    check(decoder.feed(Array("\u{1b}[201~x".utf8)), [.paste(text, isCut: true), .text("x")])
  }

  @Test func `A paste whose end is lost can be left`() {
    var decoder = KeyDecoder()
    func silence(_ count: Int) -> [Key] { (0..<count).flatMap { _ in decoder.flush() } }
    // In the midst of a paste ctrl-c is content: clipboards are filled by strangers.
    check(decoder.feed(Array("\u{1b}[200~ab\u{3}\r".utf8)), [])
    #expect(decoder.isWaiting)
    check(silence(ChatLimits.pasteSilences), [.paste("ab\u{3}\n", isCut: false)])
    #expect(!decoder.isWaiting)
    check(decoder.feed(Array("c\r".utf8)), [], "still a paste, so Enter sends nothing")
    check(silence(ChatLimits.pasteSilences), [.paste("c\n", isCut: false)])
    check(decoder.feed([0x03, 0x78]), [.text("x")])
  }

  @Test func `Any bytes leave a decoder that still works`() {
    var generator = SeededGenerator(seed: 1)
    let likely = Array("\u{1b}\u{1b}\u{1b}[[O~;0123456789A\r日é".utf8)
    for round in 0..<2000 {
      var decoder = KeyDecoder()
      for _ in 0..<20 {
        let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
          Bool.random(using: &generator)
            ? likely.randomElement(using: &generator)! : UInt8.random(in: 0...255, using: &generator)
        }
        _ = decoder.feed(bytes)
        if Int.random(in: 0...5, using: &generator) == 0 { _ = decoder.flush() }
      }
      for _ in 0...ChatLimits.pasteSilences { _ = decoder.flush() }
      // An end of everything that may be open.
      _ = decoder.feed(Array("\u{3}\u{7}\u{1b}[201~".utf8))
      check(decoder.feed([0x61]).suffix(1).map(\.self), [.text("a")], "round \(round)")
    }
  }
}

/// `#expect` cannot look into what mutates.
private func check(
  _ keys: [Key], _ expected: [Key], _ comment: Comment? = nil, at place: SourceLocation = #_sourceLocation
) {
  #expect(keys == expected, comment, sourceLocation: place)
}

extension [Key] {
  /// Text that came in pieces is the same text.
  var merged: [Key] {
    reduce(into: []) { keys, key in
      if case .text(let more) = key, case .text(let text)? = keys.last {
        keys[keys.count - 1] = .text(text + more)
      } else {
        keys.append(key)
      }
    }
  }
}
