/// The keys of both sides, which of them meet, and the order in which the results are mixed.
struct HandshakePicture {
  typealias Trace = ConversationTrace

  let shake: Trace.Handshake
  let words: ReportWords
  let width: Double

  static func name(_ part: Trace.Part) -> String {
    switch part {
    case .dh1: "DH1"
    case .dh2: "DH2"
    case .dh3: "DH3"
    case .dh4: "DH4"
    case .kem: "KEM"
    }
  }

  private static let row = 58.0
  private static let box = 40.0

  private var node: Double { width < 400 ? 98 : 150 }

  private struct Node {
    let label: Markup
    let words: Markup
    let colour: Markup
    let row: Double
  }

  private var left: [Node] {
    [
      Node(label: "IK", words: "identity key", colour: "long", row: 0),
      Node(label: "EK", words: "ephemeral", colour: "once", row: 1),
      Node(label: "SS", words: "fresh secret", colour: "once", row: lastRow),
    ]
  }

  private var right: [Node] {
    let last = shake.usesOneTimePrekey
    let prekey = Node(label: "OPK", words: "one-time", colour: "once", row: 2)
    return [
      Node(label: "SPK", words: "signed prekey", colour: "long", row: 0),
      Node(label: "IK", words: "identity key", colour: "long", row: 1),
    ] + (last ? [prekey] : []) + [
      Node(
        label: "ML-KEM", words: last ? "one-time" : "last resort", colour: last ? "once" : "long", row: lastRow)
    ]
  }

  private var lastRow: Double { shake.usesOneTimePrekey ? 3 : 2 }

  /// From a row left to a row right; where several meet, a little apart.
  private func ends(_ part: Trace.Part) -> (left: Double, right: Double) {
    let middle = Self.box / 2
    return switch part {
    case .dh1: (middle - 6, middle - 6)
    case .dh2: (Self.row + middle, Self.row + middle)
    case .dh3: (Self.row + middle - 8, middle + 8)
    case .dh4: (Self.row + middle + 8, 2 * Self.row + middle)
    case .kem: (lastRow * Self.row + middle, lastRow * Self.row + middle)
    }
  }

  func svg(id: String, style: Markup) -> Markup {
    let fan = lastRow * Self.row + Self.box
    var picture = ReportPicture(width: width, height: fan + 88)
    for part in shake.parts { draw(part, in: &picture) }
    for node in left { draw(node, at: 0, in: &picture) }
    for node in right { draw(node, at: width - self.node, in: &picture) }
    drawMixing(below: fan, in: &picture)
    return picture.svg(
      id: id, shows: "The handshake: which keys meet",
      description: """
        Left the keys of \(words.people[shake.initiator]), right those of \(words.people[shake.initiator.other]). \
        \(shake.parts.map { "\(Self.name($0)): \(Self.meeting($0))." as Markup }.joined(by: " ")) \
        They are mixed in this order: \(shake.parts.map { "\(Self.name($0))" as Markup }.joined(by: ", ")). \
        The result is the root key RK0.
        """, style: style)
  }

  static func meeting(_ part: Trace.Part) -> Markup {
    switch part {
    case .dh1: "identity key with signed prekey"
    case .dh2: "ephemeral key with identity key"
    case .dh3: "ephemeral key with signed prekey"
    case .dh4: "ephemeral key with one-time prekey"
    case .kem: "a fresh secret, encapsulated to an ML-KEM-1024 key"
    }
  }

  private func draw(_ node: Node, at x: Double, in picture: inout ReportPicture) {
    let y = node.row * Self.row
    picture.rect(x, y, self.node, Self.box, "box \(node.colour)", radius: 2)
    picture.text(x + self.node / 2, y + 17, node.label, "mono \(node.colour)", .middle)
    picture.text(x + self.node / 2, y + 32, node.words, "small", .middle)
  }

  private func draw(_ part: Trace.Part, in picture: inout ReportPicture) {
    let ends = ends(part)
    let from = node
    let to = width - node
    picture.line(from, ends.left, to, ends.right, part == .kem ? "tie once" : "tie")
    if part == .kem {
      picture.path([(to - 6, ends.right - 4), (to, ends.right), (to - 6, ends.right + 4)], "tie once")
    }
    let share = part == .dh1 || part == .kem ? 0.5 : 0.6
    picture.text(
      from + (to - from) * share, ends.left + (ends.right - ends.left) * share + 4, "\(Self.name(part))", "mono halo",
      .middle)
  }

  private func drawMixing(below y: Double, in picture: inout ReportPicture) {
    let count = Double(shake.parts.count + 1)
    let gap = width < 400 ? 10.0 : 22
    let box = min((width - gap * (count - 1)) / count, 90)
    let all = box * count + gap * (count - 1)
    var x = (width - all) / 2
    let top = y + 40
    picture.text(x, top - 10, "mixed in this order; two boxes are sealed on the way", "small")
    for part in shake.parts {
      picture.box(x, top, box, 26, "\(Self.name(part))", colour: "plain")
      picture.line(x + box, top + 13, x + box + gap, top + 13, "tie")
      if part == .dh2 { drawSeal("box0", x + box / 2, top + 26, in: &picture) }
      if part == .kem { drawSeal("box1", x + box / 2, top + 26, in: &picture) }
      x += box + gap
    }
    picture.box(x, top, box, 26, "\(words.label(.root(0)))", colour: "root")
  }

  private func drawSeal(_ label: Markup, _ x: Double, _ y: Double, in picture: inout ReportPicture) {
    picture.line(x, y, x, y + 10, "tie")
    picture.text(x, y + 22, label, "small", .middle)
  }
}
