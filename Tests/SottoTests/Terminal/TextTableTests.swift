import Testing
import sotto

@Suite struct TextTableTests {
  private let rows = [["alice", "", "sotto:0123456789"], ["鈴木", "verified", "sotto:9876543210"]]

  @Test func `Columns are as wide as what stands in them, also with wide characters`() {
    #expect(
      TextTable.lines(rows, limit: nil) == [
        "alice            sotto:0123456789", "鈴木   verified  sotto:9876543210",
      ])
  }

  @Test func `Lines are cut to the terminal, and never through a wide character`() {
    let lines = TextTable.lines(rows, limit: 20)
    #expect(lines == ["alice            so…", "鈴木   verified  so…"])
    #expect(TextTable.lines([["鈴木鈴木"]], limit: 4) == ["鈴…"])
    #expect(TextTable.lines([["abcd"]], limit: 4) == ["abcd"])
    #expect(TextTable.lines([], limit: 4) == [])
  }
}
