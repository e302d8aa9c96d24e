/// The rows of all messages. They are made when a message comes or the window changes, and kept: a long message must not
/// be wrapped again at every key.
package struct MessageBlocks {
  private struct Block {
    let line: ChatLine
    /// What the rows show of the message before: whether it is of the same author and day.
    let previous: ChatLine?
    let isFirstNew: Bool
    let rows: [Row]

    func fits(_ line: ChatLine, after previous: ChatLine?, isFirstNew: Bool) -> Bool {
      self.line == line && self.isFirstNew == isFirstNew && self.previous?.author == previous?.author
        && self.previous?.time == previous?.time && (self.previous == nil) == (previous == nil)
    }
  }

  private var layout: MessageLayout?
  private var blocks: [Block] = []

  package subscript(index: Int) -> [Row] { blocks[index].rows }

  package mutating func update(_ lines: [ChatLine], firstNew: String?, _ layout: MessageLayout) {
    if layout != self.layout { blocks = [] }
    let known = Dictionary(blocks.map { ($0.line.id, $0) }) { $1 }
    self.layout = layout
    var previous: ChatLine?
    blocks = lines.map { line in
      defer { previous = line }
      let isFirstNew = line.id == firstNew
      if let block = known[line.id], block.fits(line, after: previous, isFirstNew: isFirstNew) { return block }
      return Block(
        line: line, previous: previous, isFirstNew: isFirstNew,
        rows: layout.rows(of: line, after: previous, isFirstNew: isFirstNew))
    }
  }
}
