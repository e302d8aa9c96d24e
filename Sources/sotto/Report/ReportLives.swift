/// Which key lives when: the pictures, and the same as tables.
struct ReportLives {
  typealias Trace = ConversationTrace

  let reading: Reading
  let words: ReportWords

  var html: Markup {
    """
    <section id="lives">
    <h2>Which key lives when</h2>
    <p class="text">\(summary) Header keys are not drawn: each comes one turn before its chain, and goes with it.</p>
    <div class="lives">
    <p class="text">A stroke at the end of a bar means that the key was wiped; a dotted end, that it is still held. At a \
    notch a chain stepped, and its old value was overwritten.</p>
    \(Trace.Side.allCases.map(picture))</div>
    <div class="two">
    \(Trace.Side.allCases.map(table))</div>
    </section>

    """
  }

  private var summary: Markup {
    let gone = reading.lives.filter { $0.end != nil }
    let once = gone.count { $0.isWithinOneMoment }
    return """
      The two sides held \(words.count(reading.lives.count, "key", "keys")), each counted where it was. \
      \(gone.count) are forgotten, \(once) of them within the step that made them.
      """
  }

  private func picture(_ side: Trace.Side) -> Markup {
    let drawn = LivesPicture(reading: reading, words: words, side: side).svg(id: "lives-\(words.letter(side))")
    return "<figure>\n<figcaption>\(words.coloured(side))</figcaption>\n\(drawn)</figure>\n"
  }

  private func table(_ side: Trace.Side) -> Markup {
    let rows = KeyPurpose.allCases.flatMap { purpose in
      reading.lives.filter { $0.side == side && KeyPurpose(of: $0) == purpose }.map(row)
    }
    return """
      <table class="keys">
      <caption>Keys of \(words.coloured(side))</caption>
      <thead><tr><th scope="col">key</th><th scope="col">what it is</th><th scope="col">lives</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>

      """
  }

  private func row(_ life: KeyLife) -> Markup {
    """
    <tr><th scope="row">\(words.chip(life.key))</th><td><div class="what"><span>\(words.inWords(life.key))</span>
    \(LivesPicture.spark(life, of: reading.moments.count, colour: words.colour(life.key)))</div></td><td>\(span(life))</td></tr>

    """
  }

  private func span(_ life: KeyLife) -> Markup {
    switch (life.start?.moment, life.end?.moment) {
    case (nil, nil): "throughout"
    case (nil, let end?): "until step \(end)"
    case (let start?, nil): "from step \(start)"
    case (let start?, let end?): start == end ? "within step \(start)" : "steps \(start) to \(end)"
    }
  }
}
