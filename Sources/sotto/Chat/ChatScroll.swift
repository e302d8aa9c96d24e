/// Which part of a conversation is on the screen: its end, or the part whose last row belongs to a known message. So new
/// messages, older ones and another width leave it where it is.
package struct ChatScroll: Equatable, Sendable {
  /// The message of the lowest row on the screen, and how many of its rows are below that.
  package private(set) var anchor: (id: String, below: Int)?
  /// The newest message when the bottom was left.
  private var newest: String?

  package static func == (one: ChatScroll, other: ChatScroll) -> Bool {
    one.anchor?.id == other.anchor?.id && one.anchor?.below == other.anchor?.below && one.newest == other.newest
  }

  package var isAtBottom: Bool { anchor == nil }

  package mutating func toBottom() { (anchor, newest) = (nil, nil) }

  package mutating func leave(for id: String, below: Int, newest: String?) {
    if anchor == nil { self.newest = newest }
    anchor = (id, below)
  }

  /// How many messages of others came since the bottom was left.
  package func unseen(in lines: [ChatLine]) -> Int {
    guard !isAtBottom else { return 0 }
    let start = lines.lastIndex { $0.id == newest } ?? lines.count
    return lines[min(start + 1, lines.count)...].count { $0.author != nil }
  }

  /// Messages disappear. What held on to one holds on to a neighbour: the view to the next that is left, the newest to
  /// the one before.
  package mutating func follow(from old: [ChatLine], to new: [ChatLine]) {
    guard let anchor else { return }
    let left = Set(new.map(\.id))
    if !left.contains(anchor.id) {
      let index = old.firstIndex { $0.id == anchor.id } ?? old.count
      guard let next = old[index...].first(where: { left.contains($0.id) }) else { return toBottom() }
      self.anchor = (next.id, 0)
    }
    if let newest, !left.contains(newest) {
      let index = old.firstIndex { $0.id == newest } ?? 0
      self.newest = old[..<index].last { left.contains($0.id) }?.id
    }
  }
}

extension ChatScreen {
  package var messageLayout: MessageLayout {
    let names = Set(lines.compactMap(\.author)).union([header.name, MessageLayout.you])
    return MessageLayout(columns: size.columns, longestName: names.map { $0.glyphs.columns }.max() ?? 0, now: now)
  }

  /// The rows of a message; the first one says too if there are older ones.
  package func rows(at index: Int) -> [Row] {
    guard index == 0, hasOlder else { return blocks[index] }
    let hint = isLoadingOlder ? "loading" : "older messages: PgUp"
    return [MessageLayout.separator(hint, .dim, columns: size.columns)] + blocks[index]
  }

  /// The index of the lowest message on the screen and how many of its rows are below.
  package var lowest: (index: Int, below: Int) {
    guard let anchor = scroll.anchor, let index = lines.lastIndex(where: { $0.id == anchor.id }) else {
      return (lines.count - 1, 0)
    }
    return (index, anchor.below)
  }

  /// Moves the part that is shown up, or down if `rows` is negative.
  /// - Returns: false if it was at that end already.
  package mutating func moveScroll(by rows: Int) -> Bool {
    guard !lines.isEmpty else { return false }
    let start = lowest
    var (index, below) = start
    below += rows
    // Up: past whole messages. Down: their rows count again.
    while index > 0, below >= self.rows(at: index).count {
      below -= self.rows(at: index).count
      index -= 1
    }
    while below < 0, index + 1 < lines.count {
      index += 1
      below += self.rows(at: index).count
    }
    (index, below) = filling(index, below)
    place(index, below)
    return (index, below) != start
  }

  /// After a change of size or content: never beyond an end, and no blank rows at the top while there is text for them.
  package mutating func clampScroll() {
    guard !scroll.isAtBottom, !lines.isEmpty else { return scroll.toBottom() }
    var (index, below) = lowest
    below = min(below, rows(at: index).count - 1)
    (index, below) = filling(index, below)
    place(index, below)
  }

  private mutating func place(_ index: Int, _ below: Int) {
    if index == lines.count - 1, below <= 0 { return scroll.toBottom() }
    scroll.leave(for: lines[index].id, below: below, newest: lines.last?.id)
  }

  /// The nearest place, going down, that has rows enough above it to fill the screen.
  private func filling(_ index: Int, _ below: Int) -> (Int, Int) {
    var (index, below) = (index, below)
    var above = rows(at: index).count - below
    var earlier = index
    let needed = geometry.messageRows
    while above < needed, earlier > 0 {
      earlier -= 1
      above += rows(at: earlier).count
    }
    below -= max(0, needed - above)
    while below < 0, index + 1 < lines.count {
      index += 1
      below += rows(at: index).count
    }
    return (index, max(0, below))
  }
}
