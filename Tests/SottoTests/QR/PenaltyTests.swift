import Testing
import sotto

/// Cases counted by hand. `#` is dark.
@Suite struct PenaltyTests {
  @Test(arguments: [
    ("", 0), ("####", 0), ("#####", 3), ("######", 4), ("#######", 5), (".....", 3), ("#####.....", 6),
    ("####.####", 0), ("#.#####.#", 3), ("......#######", 9),
  ])
  func `Runs of five and more`(_ line: String, _ penalty: Int) {
    #expect(QRPenalty.runs(Self.modules(line)) == penalty)
  }

  @Test(arguments: [
    (["##", "##"], 3), (["..", ".."], 3), (["##", "#."], 0), (["###", "###"], 6), (["###", "###", "###"], 12),
    (["#.#.", ".#.#", "#.#.", ".#.#"], 0), (["####", "#..#", "#..#", "####"], 3), (["###.", "..##", "..##"], 6),
  ])
  func `Squares of one colour, overlapping`(_ rows: [String], _ penalty: Int) {
    #expect(QRPenalty.squares(rows.map(Self.modules)) == penalty)
  }

  @Test(arguments: [
    ("#.#.###.#....#", 40, "light after"), ("#....#.###.#.#", 40, "light before"),
    ("#....#.###.#....#", 40, "on both sides it is one pattern still"), ("#...#.###.#...#", 0, "three modules only"),
    ("#.###.#.###.#", 80, "at the edge, where the quiet zone is light"), ("#.###.#", 40, "alone in its line"),
    ("##.#.###.#.##", 0, "dark near on both sides"), ("#.##.#", 0, "shorter than a finder"), ("", 0, "nothing"),
    (".#.###.#....#.###.#.", 80, "two patterns share their light modules"),
    ("#....##..######..##....#", 0, "twice the size"),
  ])
  func `What looks like a finder`(_ line: String, _ penalty: Int, _ why: Comment) {
    #expect(QRPenalty.finders(Self.modules(line)) == penalty, why)
  }

  /// Of a hundred modules.
  @Test(arguments: [
    (50, 0), (54, 0), (55, 10), (59, 10), (60, 20), (100, 100), (46, 0), (45, 10), (41, 10), (40, 20), (0, 100),
  ])
  func `Balance of dark and light`(_ dark: Int, _ penalty: Int) {
    let modules = (0..<100).map { $0 < dark }
    #expect(QRPenalty.balance((0..<10).map { Array(modules[($0 * 10)..<($0 * 10 + 10)]) }) == penalty)
  }

  /// Rows and columns are counted, then squares, then the balance: 2 · 5 · 3 + 16 · 3 + 100.
  @Test func `All rules together`() {
    let dark = Array(repeating: Array(repeating: true, count: 5), count: 5)
    #expect(QRPenalty.of(dark) == 30 + 48 + 100)
    // One row of four squares in width and no run down: 3 + 4 · 3, and half is dark.
    #expect(QRPenalty.of(["#####", "#####"].map(Self.modules)) == 6 + 12 + 100)
    #expect(QRPenalty.of(["#.", ".#"].map(Self.modules)) == 0)
  }

  @Test func `The mask of the least penalty is used`() throws {
    for text in ["sotto", "SOTTO", "https://example.org/", String(repeating: "a", count: 300)] {
      let version = try #require(QRCode(text)).symbol.version
      let data = QRSegment(text).codewords(count: version.dataCodewords(.medium), in: version)
      let symbol = QRSymbol(version, version.codewords(data, .medium))
      let penalties = (0..<8).map { symbol.masked(.medium, mask: $0).penalty }
      let chosen = try #require((0..<8).first { symbol.masked(.medium, mask: $0) == symbol.masked(.medium) })
      #expect(penalties[chosen] == penalties.min())
      #expect(penalties.firstIndex(of: penalties[chosen]) == chosen)
    }
  }

  private static func modules(_ line: String) -> [Bool] { line.map { $0 == "#" } }
}
