/// A conversation as one page: a file that needs nothing else, no script and no network. The same trace gives the same
/// bytes.
package struct ReportPage {
  typealias Trace = ConversationTrace

  private let trace: ConversationTrace
  private let reading: Reading
  private let words: ReportWords

  package init(_ trace: ConversationTrace) {
    self.trace = trace
    reading = Reading(trace)
    words = ReportWords(trace.people)
  }

  package var html: String {
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="referrer" content="no-referrer">
      <meta name="color-scheme" content="light dark">
      <title>\(trace.people.first) and \(trace.people.second), and what the relay saw</title>
      <style>
      \(ReportStyle.css)</style>
      </head>
      <body>
      \(header)<main>
      \(legend)\(handshake)\(ReportTimeline(reading: reading, words: words).html)\(ladder)\
      \(ReportLives(reading: reading, words: words).html)\
      \(ReportRelay(reading: reading, search: trace.search, words: words).html)\(ReportGlossary.html)</main>
      \(footer)</body>
      </html>

      """
    return page.html
  }

  // MARK: begin

  private var header: Markup {
    """
    <header>
    <p class="over">Sotto: the report of a demo</p>
    <h1>\(words.coloured(.first)) and \(words.coloured(.second)), and what the relay saw</h1>
    <p class="lead">Two people write to each other through a relay that cannot read. This page shows each key that was \
    made for it, when it was used and when it was forgotten. Beside it stands the only thing the relay saw. The programs \
    told, in numbers, where their sessions stood at each step; nothing that they told had a byte of a key in it.</p>
    \(facts)<nav aria-label="Parts of this page"><a href="#legend">How to read it</a> <a href="#handshake">The handshake</a> \
    <a href="#conversation">Step by step</a> <a href="#ladder">Where keys come from</a> <a href="#lives">Which key lives \
    when</a> <a href="#relay">What the relay saw</a> <a href="#words">Words</a></nav>
    </header>

    """
  }

  private var facts: Markup {
    let gone = reading.lives.count { $0.end != nil }
    let bytes = reading.stored.reduce(0) { $0 + $1.bytes }
    let facts: [(Int, Markup)] = [
      (reading.messages.count, reading.messages.count == 1 ? "message" : "messages"),
      (reading.turns.count, reading.turns.count == 1 ? "turn" : "turns"),
      (gone, gone == 1 ? "key forgotten" : "keys forgotten"),
      (bytes, "bytes stored by the relay"),
    ]
    let cells = facts.map { "<div><dt>\($0.1)</dt><dd>\(words.grouped($0.0))</dd></div>\n" as Markup }
    return "<dl class=\"facts\">\n\(cells)</dl>\n"
  }

  /// A colour for each side and for each kind of key.
  private var legend: Markup {
    let first = Trace.Chain(.first, 1)
    let second = Trace.Chain(.second, 1)
    let rows: [(Markup, Markup)] = [
      ("\(words.chip(.identity)) \(words.chip(.signedPrekey))", "keys that were there before and stay"),
      (
        "\(words.chip(.ephemeral)) \(words.chip(.oneTimePrekey)) \(words.chip(.handshakeSecrets))",
        "keys for one handshake only"
      ),
      (words.chip(.root(1)), "the root key, which both sides share; it moves on with each turn"),
      (
        "\(words.chip(.pair(.first, 1))) \(words.chip(.pair(.second, 1)))",
        """
        ratchet key pairs: \(words.initial(.first)) is \(words.coloured(.first))’s, \(words.initial(.second)) \
        \(words.coloured(.second))’s; the number counts
        """
      ),
      (
        "\(words.chip(.chain(first))) \(words.chip(.chain(second)))",
        "chain keys: \(words.coloured(.first)) writes with the one, \(words.coloured(.second)) with the other"
      ),
      (
        "\(words.chip(.message(.init(first, 0)))) \(words.chip(.message(.init(second, 0))))",
        "message keys: message 0 of that chain; each is used once"
      ),
      ("<s>\(words.chip(.message(.init(first, 0))))</s>", "struck out: wiped from memory"),
    ]
    let list = rows.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>\n" as Markup }
    return """
      <section id="legend">
      <h2>How to read it</h2>
      <p class="text">Keys have the names that the specification gives them. A key never appears itself, only its name. \
      Numbers in brackets, such as <span class="term"><i>[ratchet.2]</i></span>, are rules in <code>Specs/</code>.</p>
      <dl class="legend">
      \(list)</dl>
      </section>

      """
  }

  // MARK: pictures

  private var handshake: Markup {
    guard let shake = reading.handshake else { return "" }
    let initiator = words.coloured(shake.initiator)
    let responder = words.coloured(shake.initiator.other)
    let purposes = shake.parts.map { part in
      """
      <div><dt><span class="mono">\(HandshakePicture.name(part))</span> \(HandshakePicture.meeting(part))</dt>\
      <dd>\(purpose(part, initiator, responder))</dd></div>

      """ as Markup
    }
    return """
      <section id="handshake">
      <h2>The handshake</h2>
      <p class="text">\(initiator) writes first, and \(responder) need not be there. \(initiator) takes the prekeys that \
      \(responder) left at the relay, sealed and signed. Private keys of one meet public keys of the other. \
      \(responder) later computes the same from the other end.</p>
      <div class="beside">
      <figure>
      <div class="ends"><span>\(initiator)</span><span>\(responder)</span></div>
      \(HandshakePicture(shake: shake, words: words, width: 328).svg(id: "handshake-narrow", style: "narrow"))\
      \(HandshakePicture(shake: shake, words: words, width: 560).svg(id: "handshake-wide", style: "medium"))</figure>
      <dl class="parts">
      \(purposes)</dl>
      </div>
      </section>

      """
  }

  private func purpose(_ part: Trace.Part, _ initiator: Markup, _ responder: Markup) -> Markup {
    switch part {
    case .dh2: "Only \(responder) can go on. Next, the numbers of the prekeys are sealed (box0)."
    case .dh3: "Once the signed prekey is deleted, nobody can compute this again."
    case .dh4: "The prekey goes with the first message. Keys stolen from \(responder) later do not open it."
    case .kem: "No known quantum attack undoes this. Next, \(initiator)’s identity is sealed (box1)."
    case .dh1: "Shows \(responder) that \(initiator) wrote: nobody else has that identity key."
    }
  }

  private var ladder: Markup {
    guard !reading.turns.isEmpty else { return "" }
    func drawn(_ width: Double) -> LadderPicture { LadderPicture(reading: reading, words: words, width: width) }
    return """
      <section id="ladder">
      <h2>Where each key comes from</h2>
      <p class="text">Both sides go down the same ladder, each with a copy of its own.</p>
      <div class="beside">
      <figure>
      \(drawn(328).svg(id: "ladder-narrow", style: "narrow"))\(drawn(560).svg(id: "ladder-wide", style: "medium"))</figure>
      <dl class="parts">
      <div><dt>down: a turn</dt><dd>A new agreement is mixed into the root key. Once each side has made a new pair, keys \
      that were stolen before are of no use.</dd></div>
      <div><dt>to the right: a message</dt><dd>The chain steps, and gives a key that is used for this message alone.</dd></div>
      <div><dt>dashed: a kept key</dt><dd>It waited for a message that came late.</dd></div>
      <div><dt>no way back</dt><dd>Each step is a one-way function, and what it came from is wiped. Keys of today do not \
      open what was said yesterday.</dd></div>
      </dl>
      </div>
      </section>

      """
  }

  // MARK: end

  private var footer: Markup {
    let versions = trace.versions.map { "<span>\($0.what) \($0.version)</span>" as Markup }.joined(by: " · ")
    return """
      <footer>
      <p>\(versions)</p>
      <p>This page is one file. It loads nothing and runs nothing.</p>
      </footer>

      """
  }
}
