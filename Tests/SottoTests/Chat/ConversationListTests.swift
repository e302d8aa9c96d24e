import Testing
import sotto

@Suite struct ConversationListTests {
  private func list(_ columns: Int, _ rows: Int, _ rowsShown: [ConversationRow] = Samples.conversations)
    -> ConversationList
  {
    var list = ConversationList(size: ScreenSize(columns: columns, rows: rows), now: Samples.now)
    list.status = "online"
    list.show(rowsShown)
    return list
  }

  private func act(_ list: inout ConversationList, _ keys: Key...) -> ListAction? {
    keys.reduce(nil) { _, key in list.handle(key) }
  }

  @Test(arguments: [(80, 24), (40, 12), (20, 5)]) func `A list`(columns: Int, rows: Int) throws {
    var list = list(columns, rows)
    _ = list.handle(.down)
    try Golden.expect(list.rendered().golden, is: "list-\(columns)x\(rows)")
  }

  @Test func `An empty list says what to do`() throws {
    try Golden.expect(list(40, 8, []).rendered().golden, is: "list-empty-40x8")
  }

  @Test func `Arrows choose and Enter opens`() {
    var list = list(80, 24)
    #expect(act(&list, .enter) == .open("a"))
    #expect(act(&list, .down, .down, .enter) == .open("c"))
    #expect(act(&list, .up, .up, .up, .enter) == .open("a"))
    #expect(act(&list, .text("j"), .text("j"), .text("k"), .enter) == .open("b"))
    #expect(act(&list, .end, .down, .enter) == .open("e"))
    #expect(act(&list, .home, .enter) == .open("a"))
    #expect(act(&list, .text("q")) == .quit)
    #expect(act(&list, .escape) == .quit)
    #expect(act(&list, .control("z")) == .suspend)
  }

  @Test func `The choice stays with its conversation`() {
    var list = list(80, 24)
    _ = list.handle(.down)
    list.show(Samples.conversations.reversed())
    #expect(list.selected?.id == "b")
    list.show(Samples.conversations.reversed().filter { $0.id != "b" })
    #expect(list.selected?.id == "a")
    list.show([])
    #expect(act(&list, .enter) == nil)
  }

  @Test func `A name can be searched for`() {
    var list = list(80, 24)
    #expect(act(&list, .text("/"), .text("BJ"), .text("ö"), .enter) == .open("b"))
    #expect(list.rendered().text.last == " / BJö")
    #expect(list.rendered().cursor == Position(row: 23, column: 6))
    #expect(act(&list, .text("q"), .enter) == nil, "q is a letter now")
    #expect(list.rendered().text[1] == "nobody of that name")
    #expect(act(&list, .escape, .enter) == .open("b"))
  }

  @Test func `A long list scrolls`() {
    let many = (0..<50).map { ConversationRow(id: "\($0)", name: "Name \($0)") }
    var list = list(40, 10, many)
    for index in 0..<50 {
      #expect(list.rendered().text.contains { $0.hasPrefix("> Name \(index)") })
      _ = list.handle(.down)
    }
    _ = list.handle(.pageUp)
    #expect(list.selected?.id == "43")
    list.resize(to: ScreenSize(columns: 40, rows: 3))
    #expect(list.rendered().text.contains { $0.hasPrefix("> Name 43") })
  }
}
