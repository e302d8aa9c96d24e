/// The row at the top: who this is, what is wrong, how the network is.
package struct TitleBar {
  package let header: ChatHeader
  package let status: String

  private static let alarm = Style(isBold: true, isReverse: true, color: .red)

  /// - Parameter isWarningBelow: whether the warning has rows of its own.
  package func row(columns: Int, isWarningBelow: Bool) -> Row {
    let warning = isWarningBelow ? nil : header.warning.map { "! \($0) " }
    // The status gives way first, then the name: a warning that nobody sees warns nobody.
    let room = columns - (warning?.glyphs.columns ?? 0)
    let left = name(columns)
    let right = status.glyphs.cut(to: max(0, room - left.columns - 2)) + [.space]
    let isStatusShown = right.columns > min(8, status.glyphs.columns)
    var row = left.cut(to: max(room, min(columns / 2, left.columns)))
    if let warning {
      row.fill(to: row.columns + 1, .bar)
      row.append(warning.glyphs.cut(to: max(0, columns - row.columns)), Self.alarm)
    }
    if isStatusShown {
      row.fill(to: columns - right.columns, .bar)
      row.append(right, .bar)
    }
    row.fill(to: columns, .bar)
    return row.cut(to: columns)
  }

  /// The warning below the bar; none if it has room in the bar.
  package func warningRows(columns: Int) -> [Row] {
    guard let warning = header.warning else { return [] }
    let text = "! \(warning)"
    if name(columns).columns + text.glyphs.columns + status.glyphs.columns + 4 <= columns { return [] }
    return TextWrap.lines(text, columns: columns).map { glyphs in
      var row = Row()
      row.append(glyphs, Self.alarm)
      row.fill(to: columns, Self.alarm)
      return row
    }
  }

  private func name(_ columns: Int) -> Row {
    var row = Row(" ", .bar)
    let tail = (header.isVerified ? " ✓" : "") + (header.isRequest ? " (request)" : "")
    row.append(
      header.name.glyphs.cut(to: max(4, columns - tail.glyphs.columns - 2)), Style(isBold: true, isReverse: true))
    row.append(tail, .bar)
    return row
  }
}
