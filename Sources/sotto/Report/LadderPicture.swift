/// Where each key comes from: the root key moves down with each turn, each chain to the right with each message.
struct LadderPicture {
  typealias Trace = ConversationTrace

  let reading: Reading
  let words: ReportWords
  let width: Double

  private static let root = 52.0
  private static let chain = 58.0
  private static let message = 64.0
  private static let box = 26.0
  private static let line = 58.0
  /// Between the root's column and the chains'.
  private static let gap = 22.0

  private var firstMessage: Double { Self.root + Self.gap + Self.chain + 14 }
  private var perLine: Int { max(1, Int((width - firstMessage) / Self.message)) }

  func svg(id: String, style: Markup) -> Markup {
    var picture = ReportPicture(width: width)
    var y = 0.0
    picture.box(0, y, Self.root, Self.box, "\(words.label(.root(0)))", colour: "root")
    picture.text(Self.root + 10, y + 17, "from the handshake", "small")
    for turn in reading.turns {
      let top = y + Self.box
      y += 66
      let middle = Self.root / 2
      picture.line(middle, top, middle, y, "rail root")
      picture.path([(middle - 4, y - 6), (middle, y), (middle + 4, y - 6)], "rail root")
      let agreement = "DH(\(words.argument(turn.own)), \(words.argument(turn.peer)))"
      picture.text(middle + 10, (top + y) / 2 + 4, "\(agreement)", "mono pair")
      picture.box(0, y, Self.root, Self.box, "\(words.label(.root(turn.root)))", colour: "root")
      y += draw(turn.chain, at: y, in: &picture) * Self.line
    }
    picture.height = y + Self.box + 24
    return picture.svg(
      id: id, shows: "Where each key comes from", description: description, style: style)
  }

  /// - Returns: how many lines it took beyond the first.
  private func draw(_ chain: Trace.Chain, at y: Double, in picture: inout ReportPicture) -> Double {
    let colour = words.letter(chain.author)
    let middle = y + Self.box / 2
    let x = Self.root + Self.gap
    picture.line(Self.root, middle, x, middle, "rail \(colour)")
    picture.box(x, y, Self.chain, Self.box, "\(words.label(.chain(chain)))", colour: colour, style: "filled")
    let keys = reading.messageKeys(of: chain)
    for (index, key) in keys.enumerated() {
      let line = Double(index / perLine)
      let place = firstMessage + Double(index % perLine) * Self.message
      let top = y + line * Self.line
      let from = index % perLine == 0 ? (index == 0 ? x + Self.chain : firstMessage - 14) : place - 10
      picture.line(from, top + Self.box / 2, place, top + Self.box / 2, "rail \(colour)")
      let wasKept = Trace.Side.allCases.contains { reading.life(of: .message(key), at: $0)?.kept != nil }
      picture.box(
        place, top, Self.message - 10, Self.box, "\(words.label(key))", colour: colour, style: wasKept ? "kept" : "")
      if let number = reading.messages[key] {
        picture.text(place + (Self.message - 10) / 2, top + Self.box + 14, "message \(number)", "tiny", .middle)
      }
    }
    return Double(max(0, keys.count - 1) / perLine)
  }

  private var description: Markup {
    let turns = reading.turns.map { turn -> Markup in
      let keys = reading.messageKeys(of: turn.chain).map { "\(words.label($0))" as Markup }
      return """
        \(words.label(.root(turn.root - 1))) and DH(\(words.argument(turn.own)), \(words.argument(turn.peer))) give \
        \(words.label(.root(turn.root))) and chain \(words.label(turn.chain)), which gives \
        \(keys.isEmpty ? "no key yet" : keys.asSentencePart).
        """
    }
    return "The handshake gives RK0. \(turns.joined(by: " "))"
  }
}
