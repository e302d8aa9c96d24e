/// Breaks text into lines.
package enum TextWrap {
  /// The lines that the text itself has. Glyphs that are wider than `columns` are replaced.
  package static func paragraphs(_ text: String, columns: Int) -> [[Glyph]] {
    text.split(omittingEmptySubsequences: false, whereSeparator: \.isLineEnd).map { line in
      line.map { Glyph($0).fitting(columns) }.filter { $0.columns > 0 }
    }
  }

  /// Lines of at most `columns`, without the spaces that hang over the edge.
  package static func lines(_ text: String, columns: Int) -> [[Glyph]] {
    let columns = max(1, columns)
    return paragraphs(text, columns: columns).flatMap { glyphs in
      ranges(glyphs, columns: columns).map { visible(glyphs[$0], columns: columns) }
    }
  }

  /// Where the lines of one paragraph begin and end; one line at least.
  ///
  /// Spaces at a break belong to the line before it and may hang over its edge, so that no line begins with one. A word
  /// that fits in no line is broken where the line is full.
  /// - Parameter first: the columns of the first line, if something stands before it.
  package static func ranges(_ glyphs: [Glyph], first: Int? = nil, columns: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = 0
    var width = 0
    var opportunity: Int?
    for (index, glyph) in glyphs.enumerated() {
      defer { width += glyph.columns }
      if glyph.isSpace {
        opportunity = index + 1
        continue
      }
      if index > start, mayBreak(between: glyphs[index - 1], and: glyph) { opportunity = index }
      while index > start, width + glyph.columns > (found.isEmpty ? first ?? columns : columns) {
        let cut = opportunity ?? index
        found.append(start..<cut)
        (start, opportunity) = (cut, nil)
        width = glyphs[cut..<index].columns
      }
    }
    return found + [start..<glyphs.count]
  }

  /// Chinese and Japanese have no spaces: a line may end behind any character, but none begins with a closing mark.
  private static func mayBreak(between before: Glyph, and after: Glyph) -> Bool {
    (before.columns == 2 || after.columns == 2) && !closing.contains(after.text)
  }

  private static let closing = Set("、。，．！？：；）」』】〉》〕’”,.!?:;)]}…ーゃゅょっャュョッ".map(String.init))

  /// What a line shows of glyphs that may end in spaces beyond its edge.
  package static func visible(_ glyphs: some BidirectionalCollection<Glyph>, columns: Int) -> [Glyph] {
    var shown = Array(glyphs)
    var width = shown.columns
    while width > columns, let last = shown.last {
      width -= last.columns
      shown.removeLast()
    }
    return shown
  }
}
