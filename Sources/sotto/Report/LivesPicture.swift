/// Which key lives when: a lane for each purpose of one side's keys, time to the right.
struct LivesPicture {
  typealias Trace = ConversationTrace

  let reading: Reading
  let words: ReportWords
  let side: Trace.Side

  private static let width = 1152.0
  private static let gutter = 128.0
  private static let head = 40.0
  /// Of a lane: a label and a bar below it.
  private static let slot = 27.0
  /// Of a label, in the widest of the usual fonts.
  private static let letter = 7.4

  private var column: Double { (Self.width - Self.gutter) / Double(max(reading.moments.count, 1)) }

  private func x(_ position: KeyLife.Position) -> Double {
    let place = Double(position.moment - 1) + 0.15 + 0.7 * position.part
    return min(max(Self.gutter + place * column, Self.gutter), Self.width)
  }

  /// A life as it is drawn.
  private struct Bar {
    let life: KeyLife
    let from: Double
    let to: Double
    let label: String
    /// Where the label begins: at the bar, unless it would leave the picture.
    let labelled: Double
    let slot: Int
  }

  private struct Lane {
    let purpose: KeyPurpose
    let bars: [Bar]
    let slots: Int
  }

  private var lanes: [Lane] {
    KeyPurpose.allCases.compactMap { purpose in
      let lives = reading.lives.filter { $0.side == side && purpose == KeyPurpose(of: $0) }
      guard !lives.isEmpty else { return nil }
      return packed(lives.sorted { ($0.start ?? .first) < ($1.start ?? .first) }, purpose)
    }
  }

  /// Each bar goes to the first slot in which neither it nor its label would stand on another.
  private func packed(_ lives: [KeyLife], _ purpose: KeyPurpose) -> Lane {
    var ends: [Double] = []
    let bars = lives.map { life in
      let from = life.start.map(x) ?? Self.gutter
      let to = life.end.map(x) ?? Self.width
      let label = words.label(life.key)
      let length = Double(label.count) * Self.letter
      let labelled = min(life.start == nil ? from + 3 : from, Self.width - length)
      let extent = max(to, labelled + length) + 8
      let slot = ends.firstIndex { $0 <= min(from, labelled) } ?? ends.count
      if slot == ends.count { ends.append(extent) } else { ends[slot] = extent }
      return Bar(life: life, from: from, to: to, label: label, labelled: labelled, slot: slot)
    }
    return Lane(purpose: purpose, bars: bars, slots: ends.count)
  }

  func svg(id: String) -> Markup {
    let lanes = lanes
    let height = lanes.reduce(Self.head) { $0 + Double($1.slots) * Self.slot + 9 }
    var picture = ReportPicture(width: Self.width, height: height)
    drawSteps(height: height, in: &picture)
    var y = Self.head
    for lane in lanes {
      picture.line(0, y, Self.width, y, "hair")
      picture.text(0, y + 19, "\(lane.purpose.title)", "small")
      for bar in lane.bars { draw(bar, at: y + Double(bar.slot) * Self.slot, in: &picture) }
      y += Double(lane.slots) * Self.slot + 9
    }
    return picture.svg(
      id: id, shows: "Keys of \(words.people[side]), step by step",
      description: "Each bar is the life of one key. The table below says the same.", style: "wide")
  }

  private func drawSteps(height: Double, in picture: inout ReportPicture) {
    for moment in reading.moments {
      let left = Self.gutter + Double(moment.number - 1) * column
      if moment.side == side {
        picture.rect(left, 0, column, height, "own \(words.letter(side))")
      }
      picture.line(left, 0, left, height, "hair")
      let middle = left + column / 2
      picture.text(middle, 15, "\(moment.number)", "mono strong", .middle)
      let verb = moment.sealed != nil ? "seals" : "opens"
      let key = moment.sealed?.key ?? moment.opened?.key
      let number = key.flatMap { reading.messages[$0] }.map { " \($0)" } ?? ""
      picture.text(middle, 31, "\(words.initial(moment.side)) \(verb)\(number)", "tiny", .middle)
    }
  }

  private func draw(_ bar: Bar, at top: Double, in picture: inout ReportPicture) {
    let colour = words.colour(bar.life.key)
    let y = top + 17
    picture.text(bar.labelled, top + 13, "\(bar.label)", "mono \(colour)")
    let to = max(bar.to, bar.from + 5)
    let ends = bar.life.end != nil
    // What is still held is dotted at the edge.
    let solid = ends ? to : max(bar.from + 3, to - 15)
    if let kept = bar.life.kept {
      picture.rect(bar.from, y, max(x(kept) - bar.from, 3), 6, "bar \(colour)")
      picture.rect(bar.from, y + 0.5, solid - bar.from, 5, "bar waiting \(colour)")
    } else {
      picture.rect(bar.from, y, solid - bar.from, 6, "bar \(colour)")
    }
    for step in bar.life.steps {
      picture.line(x(step), y - 1, x(step), y + 7, "notch")
    }
    if ends { return picture.line(to, y - 2, to, y + 9, "end") }
    for dot in stride(from: solid + 3, to: to - 2, by: 6) { picture.rect(dot, y, 3, 6, "bar \(colour)") }
  }

  /// The life of one key as a line among others: all steps, in no more height than text.
  static func spark(_ life: KeyLife, of count: Int, colour: Markup) -> Markup {
    let width = 160.0
    var picture = ReportPicture(width: width, height: 8)
    func x(_ position: KeyLife.Position) -> Double {
      (Double(position.moment - 1) + 0.15 + 0.7 * position.part) * width / Double(max(count, 1))
    }
    let from = life.start.map(x) ?? 0
    let to = max(life.end.map(x) ?? width, from + 2.5)
    picture.line(0, 4, width, 4, "hair")
    picture.rect(from, 1.5, to - from, 5, life.kept == nil ? "bar \(colour)" : "bar waiting \(colour)")
    if life.end != nil { picture.line(to, 0, to, 8, "end") }
    return picture.decoration(style: "spark")
  }
}

/// What a key is for, in the order of the page.
enum KeyPurpose: CaseIterable {
  case long, once, root, pair, sending, receiving, message, kept

  init(of life: KeyLife) {
    self =
      switch life.key {
      case .identity, .signedPrekey: .long
      case .oneTimePrekey, .ephemeral, .handshakeSecrets: .once
      case .root: .root
      case .pair: .pair
      case .chain(let chain): chain.author == life.side ? .sending : .receiving
      case .message: life.kept == nil ? .message : .kept
      }
  }

  var title: String {
    switch self {
    case .long: "long-lived"
    case .once: "for the handshake"
    case .root: "root key"
    case .pair: "ratchet key pair"
    case .sending: "sending chain"
    case .receiving: "receiving chain"
    case .message: "message keys"
    case .kept: "kept for later"
    }
  }
}

extension KeyLife.Position {
  static var first: KeyLife.Position { KeyLife.Position(moment: 0, part: 0) }
}
