/// A drawing that becomes inline SVG. Text in it is labels of keys and fixed words; names of people stand outside,
/// where they can wrap.
struct ReportPicture {
  let width: Double
  var height: Double
  private var body: Markup = ""

  init(width: Double, height: Double = 0) {
    self.width = width
    self.height = height
  }

  enum Anchor { case start, middle }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: Markup) {
    body += "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" class=\"\(style)\"/>\n"
  }

  mutating func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: Markup, radius: Double = 0) {
    let round: Markup = radius > 0 ? " rx=\"\(radius)\"" : ""
    body += "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"\(round) class=\"\(style)\"/>\n"
  }

  mutating func path(_ points: [(x: Double, y: Double)], _ style: Markup) {
    let drawn = points.map { "\($0.x) \($0.y)" as Markup }.joined(by: "L")
    body += "<path d=\"M\(drawn)\" class=\"\(style)\"/>\n"
  }

  mutating func text(_ x: Double, _ y: Double, _ text: Markup, _ style: Markup, _ anchor: Anchor = .start) {
    let place: Markup = anchor == .middle ? " text-anchor=\"middle\"" : ""
    body += "<text x=\"\(x)\" y=\"\(y)\"\(place) class=\"\(style)\">\(text)</text>\n"
  }

  /// A box with a label in its middle.
  mutating func box(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ label: Markup, colour: Markup, style: Markup = ""
  ) {
    rect(x, y, width, height, "box \(colour) \(style)", radius: 2)
    text(x + width / 2, y + height / 2 + 4, label, "mono \(colour)", .middle)
  }

  /// The whole, for everybody: who does not see it is told `description`.
  func svg(id: String, shows title: Markup, description: Markup, style: Markup) -> Markup {
    """
    <svg role="img" class="\(style)" viewBox="0 0 \(width) \(height)" style="max-width:\(width)px" \
    aria-labelledby="\(id)-title \(id)-desc">
    <title id="\(id)-title">\(title)</title>
    <desc id="\(id)-desc">\(description)</desc>
    \(body)</svg>

    """
  }

  /// The same beside text that says it.
  func decoration(style: Markup) -> Markup {
    """
    <svg aria-hidden="true" class="\(style)" viewBox="0 0 \(width) \(height)" style="max-width:\(width)px">
    \(body)</svg>

    """
  }
}

/// One of the eight sizes that an envelope can have, as so many of eight bars.
struct SizePicture {
  let bytes: Int

  /// 512 x 2^k: k.
  var sizeClass: Int {
    var size = 512
    var number = 0
    while size < bytes, number < 7 {
      size *= 2
      number += 1
    }
    return number
  }

  var svg: Markup {
    var picture = ReportPicture(width: 78, height: 18)
    for index in 0..<8 {
      let height = 4 + 2 * Double(index)
      picture.rect(Double(index) * 10, 18 - height, 7, height, index <= sizeClass ? "size full" : "size")
    }
    return picture.decoration(style: "sizes")
  }
}
