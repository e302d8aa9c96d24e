import SottoRelay
import Testing

/// JSON that has one reading, and what has none or several.
@Suite struct StrictJSONTests {
  private func read(_ text: String) -> StrictJSON? { StrictJSON(Array(text.utf8)) }
  private func string(_ text: String) -> StrictJSON { .string(Array(text.utf8)) }

  @Test func `What RFC 8259 allows is read`() {
    #expect(read(" null\n") == .null)
    #expect(read("true") == .bool(true) && read("false") == .bool(false))
    #expect(read("[]") == .array([]) && read("[ ]") == .array([]) && read("{ }") == .object([:]))
    #expect(read("[1,\t\"a\" , {}]") == .array([.number(1), string("a"), .object([:])]))
    #expect(
      read("{\"a\":{\"a\":1},\"b\":[null]}")
        == .object([
          Array("a".utf8): .object([Array("a".utf8): .number(1)]), Array("b".utf8): .array([.null]),
        ]))
    for (text, value) in [
      ("0", 0.0), ("-0", 0), ("10", 10), ("-1.5", -1.5), ("1e3", 1_000), ("1E+3", 1_000), ("25e-1", 2.5), ("0.10", 0.1),
      ("1700000000", 1_700_000_000),
    ] {
      #expect(read(text) == .number(value))
    }
    for (text, value) in [
      ("\"\"", ""), ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{C}\n\r\t"),
      ("\"\\u0041\\u00e9\\u20AC\"", "A\u{E9}\u{20AC}"),
      ("\"\\ud83d\\ude00\"", "\u{1F600}"), ("\"\u{1F600}\u{7F}\"", "\u{1F600}\u{7F}"), ("\"\\u0000\"", "\u{0}"),
    ] {
      #expect(read(text) == string(value), "\(text)")
    }
  }

  @Test func `Everything else is refused`() {
    for text in [
      "", " ", "nul", "nulls", "True", "undefined", "NaN", "Infinity", "-Infinity", "'a'", "a", "{a:1}", "{1:1}",
      "{\"a\"}",
      "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "{\"a\":1", "{", "}", "[1,]", "[,1]", "[1 2]", "[", "]",
      "[1",
      "[1}", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_0", "--1", "1.e1", "1e400", "-1e400", "\"", "\"a",
      "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\\x41\"", "\"\\u12\"", "\"\\u+123\"", "\"\\u 123\"", "\"\\", "\"\\u",
      "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud800\\ud800\"", "\"\\uD83D\\n\"", "1 1",
      "{}{}",
      "[] x", "\u{FEFF}{}", "// a\n{}", "{}/**/", "\u{A0}1", "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"\\u0061\":1}",
      "{\"\":1,\"\":2}", "[{\"a\":{\"b\":1,\"\\u0062\":2}}]",
    ] {
      #expect(read(text) == nil, "\(text)")
    }
    for bytes: [UInt8] in [
      [0xFF], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE9, 0x22], [0x31, 0],
    ] {
      #expect(StrictJSON(bytes) == nil)
    }
  }

  @Test func `Names are the same byte for byte only`() {
    let value = read("{\"K\":1,\"\u{212A}\":2,\"\u{E9}\":3,\"e\u{301}\":4}")
    #expect(value?["K"] == .number(1) && value?["\u{212A}"] == .number(2) && value?["\u{E9}"] == .number(3))
    #expect(read("\"\u{212A}\"")?.says("K") == false && read("\"K\"")?.says("K") == true)
    #expect(read("[1]")?["K"] == nil)
  }

  @Test(arguments: [(16, true), (17, false), (100_000, false)])
  func `Nesting has an end`(depth: Int, isRead: Bool) {
    let array = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect((read(array) != nil) == isRead)
    let object = String(repeating: "{\"a\":", count: depth - 1) + "{}" + String(repeating: "}", count: depth - 1)
    #expect((read(object) != nil) == isRead)
    #expect(read(String(repeating: "[", count: depth)) == nil)
  }
}
