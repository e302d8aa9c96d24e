/// The conversation, message by message: one side left, the other right, the relay between them.
struct ReportTimeline {
  typealias Trace = ConversationTrace

  let reading: Reading
  let words: ReportWords

  var html: Markup {
    let names: [Markup] = [
      "<span class=\"a\">\(words.name(.first))</span>", "<span class=\"relay-name\">The relay</span>",
      "<span class=\"b\">\(words.name(.second))</span>",
    ]
    return """
      <section id="conversation">
      <h2>The conversation, step by step</h2>
      <p class="text">A step is what one side does to seal or to open one message. Steps are numbered in the order in \
      which they happened. Between the two sides stands all that the relay has of the message.</p>
      <div class="timeline">
      <div class="row heads" aria-hidden="true">\(names)</div>
      <ol class="rows">
      \(rows)</ol>
      </div>
      </section>

      """
  }

  /// A row for each message: what was opened is told beside its sealing.
  private var rows: [Markup] {
    reading.moments.compactMap { moment in
      guard let name = moment.sealed?.envelope else { return nil }
      let cells = [card(moment), relay(name), reading.opening(of: name).map(card)].compactMap(\.self)
      let direction: Markup = moment.side == .first ? "right" : "left"
      return "<li class=\"row \(direction)\">\n\(cells)</li>\n"
    }
  }

  // MARK: a side

  private func card(_ moment: Reading.Moment) -> Markup {
    let gone = moment.events.compactMap { event -> Markup? in
      guard case .forgotten(moment.side, let key) = event else { return nil }
      return "<s>\(words.chip(key))</s>"
    }
    let steps = ReportSteps(moment: moment, reading: reading, words: words).list
    let forgotten: Markup =
      gone.isEmpty ? "" : "<p class=\"gone\"><span>Forgotten</span> \(gone.joined(by: " "))</p>\n"
    return """
      <article class="card \(words.letter(moment.side))" id="step-\(moment.number)">
      <h3><span class="no">\(moment.number)</span> <span>\(title(moment))</span></h3>
      \(quote(moment))<ol class="steps">
      \(steps.map { "<li>\($0)</li>\n" })</ol>
      \(forgotten)</article>

      """
  }

  private func title(_ moment: Reading.Moment) -> Markup {
    let who = words.coloured(moment.side)
    if let sealed = moment.sealed { return "\(who) seals \(message(sealed.key))" }
    return "\(who) opens \(moment.opened.map { message($0.key) } ?? "a message")"
  }

  private func message(_ key: Trace.MessageKey) -> Markup {
    reading.messages[key].map { "message\u{a0}\($0)" } ?? "a message"
  }

  private func quote(_ moment: Reading.Moment) -> Markup {
    guard let text = moment.sealed?.text ?? moment.opened?.text else {
      return "<p class=\"note\">Without a text.</p>\n"
    }
    return "<blockquote dir=\"auto\">\(text)</blockquote>\n"
  }

  // MARK: the relay

  private func relay(_ name: Trace.RelayName) -> Markup? {
    reading.stored.first { $0.name == name }.map(relay)
  }

  private func relay(_ stored: Trace.StoredEnvelope) -> Markup {
    let isDelivered = reading.delivered.contains(stored.name)
    let end: Markup = isDelivered ? "Handed over; overwritten within the hour." : "Still there."
    return """
      <div class="relay\(isDelivered ? "" : " waits")">
      <p class="does">The relay stores</p>
      \(SizePicture(bytes: stored.bytes).svg)<dl>
      <dt>size</dt><dd>\(words.bytes(stored.bytes))</dd>
      <dt>envelope</dt><dd>\(words.hex(stored.name))</dd>
      <dt>mailbox</dt><dd>\(words.hex(stored.mailbox))</dd>
      <dt>type</dt><dd>\(stored.hasPrelude ? "2, prelude" : "1")</dd>
      <dt>right</dt><dd>\(words.name(stored.capability))</dd>
      <dt>day</dt><dd>\(words.date(stored.day))</dd>
      </dl>
      <p class="ends-so\(isDelivered ? "" : " waits")">\(end)</p>
      </div>

      """
  }
}

/// What happened in a step: plain words, then the precise term. What occurs for the first time is explained.
struct ReportSteps {
  typealias Trace = ConversationTrace

  let moment: Reading.Moment
  let reading: Reading
  let words: ReportWords

  var list: [Markup] {
    moment.events.enumerated().compactMap { index, event in
      let next = moment.events.dropFirst(index + 1).first
      return event.side == moment.side ? sentence(event, next: next, isFirst: isFirst(event, at: index)) : nil
    }
  }

  private func isFirst(_ event: Trace.Event, at index: Int) -> Bool {
    let kind = event.kind
    return !moment.events.prefix(index).contains { $0.kind == kind }
      && !reading.moments.prefix(moment.number - 1).contains { $0.events.contains { $0.kind == kind } }
  }

  private var who: Markup { words.name(moment.side) }
  private var other: Markup { words.name(moment.side.other) }

  private func sentence(_ event: Trace.Event, next: Trace.Event?, isFirst: Bool) -> Markup? {
    switch event {
    case .made(_, let key): made(key)
    case .handshake(_, let shake): handshake(shake)
    case .turn(_, let turn): self.turn(turn, isFirst)
    case .chainStep(let side, let key): next == .kept(side, key) ? kept(key) : chainStep(key, isFirst)
    case .sealed(_, let sealed): self.sealed(sealed, isFirst)
    case .opened(_, let opened): self.opened(opened, isFirst)
    case .held, .kept, .forgotten, .stored, .delivered: nil
    }
  }

  private func with(_ plain: Markup, _ term: Markup, _ rule: Markup) -> Markup {
    "\(plain) <span class=\"term\">\(term)\(rule.html.isEmpty ? "" : " <i>\(rule)</i>" as Markup)</span>"
  }

  /// A pair that a turn of this step uses is told there.
  private func made(_ key: Trace.Key) -> Markup? {
    if key == .ephemeral {
      return with("A fresh key pair, for this handshake alone.", words.chip(key), "[handshake.6]")
    }
    guard !moment.events.contains(where: { $0.turn?.own == key }) else { return nil }
    return with("A fresh key pair.", words.chip(key), "")
  }

  private func handshake(_ shake: Trace.Handshake) -> Markup {
    let parts = shake.parts.map { "\(HandshakePicture.name($0))" as Markup }.joined(by: ", ")
    let agreements = shake.parts.count { $0 != .kem }
    let plain: Markup =
      shake.initiator == moment.side
      ? "The handshake: \(agreements) agreements and one post-quantum secret become the first root key."
      : "The same handshake from the other end: \(who)’s private keys give the same secrets."
    let prekey: Markup =
      shake.usesOneTimePrekey
      ? "" : " No one-time prekey was left; the last-resort key stands in for it."
    return with(plain + prekey, "PQXDH: \(parts) → \(words.chip(.root(0)))", "[handshake.6]")
  }

  private func turn(_ turn: Trace.Turn, _ isFirst: Bool) -> Markup {
    with(
      turn.chain.author == moment.side ? sendingTurn(turn, isFirst) : receivingTurn(isFirst),
      """
      KDF_RK(\(words.chip(.root(turn.root - 1))), \
      DH(\(words.argumentChip(turn.own)), \(words.argumentChip(turn.peer)))) → \
      \(words.chip(.root(turn.root))), \(words.chip(.chain(turn.chain)))
      """, "[ratchet.1]")
  }

  private func sendingTurn(_ turn: Trace.Turn, _ isFirst: Bool) -> Markup {
    guard isFirst else { return "A turn, to send: \(who) makes a new pair." }
    let peer: Markup = turn.peer == .signedPrekey ? "\(other)’s signed prekey" : "\(other)’s newest key"
    return "A turn, to send: \(who) makes a new pair, and it meets \(peer). The root key moves on; a chain begins."
  }

  private func receivingTurn(_ isFirst: Bool) -> Markup {
    isFirst
      ? "A turn, to receive: the header brought a new key of \(other)’s. The root key moves on as it did there."
      : "A turn, to receive: the header brought a new key."
  }

  private func chainStep(_ key: Trace.MessageKey, _ isFirst: Bool) -> Markup {
    let plain: Markup =
      isFirst
      ? "The chain steps once. Out comes the key of this message; the chain’s old value is overwritten."
      : "The chain steps once."
    return with(plain, chainTerm(key), "[ratchet.2]")
  }

  private func kept(_ key: Trace.MessageKey) -> Markup {
    with(
      "Number \(key.number) of this chain has not come yet. The chain steps past it, and its key is kept.",
      chainTerm(key), "[ratchet.6]")
  }

  private func chainTerm(_ key: Trace.MessageKey) -> Markup {
    let chain = words.chip(.chain(key.chain))
    return "KDF_CK(\(chain)) → \(chain)′, \(words.chip(.message(key)))"
  }

  private func sealed(_ sealed: Trace.Sealed, _ isFirst: Bool) -> Markup {
    let size = words.bytes(sealed.bytes)
    let plain: Markup =
      switch (sealed.hasPrelude, isFirst) {
      case (true, true):
        """
        Text and header are sealed. In front stands the prelude, which lets \(other) follow the handshake. All is \
        padded to \(size).
        """
      case (true, false): "Text and header are sealed, behind the same prelude; padded to \(size)."
      case (false, _): "Text and header are sealed, and padded to \(size)."
      }
    return with(plain, "N = \(sealed.key.number), under \(words.chip(.message(sealed.key)))", "[ratchet.3]")
  }

  private func opened(_ opened: Trace.Opened, _ isFirst: Bool) -> Markup {
    let plain: Markup
    if let step = reading.life(of: .message(opened.key), at: moment.side)?.kept?.moment, step != moment.number {
      plain = "It opens with the key that was kept in step \(step). No chain moves."
    } else if isFirst {
      plain = "The header said which key. The key’s commitment is compared, and the text opens."
    } else {
      plain = "The text opens."
    }
    return with(plain, "N = \(opened.key.number), under \(words.chip(.message(opened.key)))", "[ratchet.4]")
  }
}

extension ConversationTrace.Event {
  fileprivate var turn: ConversationTrace.Turn? { if case .turn(_, let turn) = self { turn } else { nil } }

  /// What is explained once.
  fileprivate enum Kind { case sendingTurn, receivingTurn, chainStep, sealed, sealedWithPrelude, opened, other }

  fileprivate var kind: Kind {
    switch self {
    case .turn(let side, let turn): turn.chain.author == side ? .sendingTurn : .receivingTurn
    case .chainStep: .chainStep
    case .sealed(_, let sealed): sealed.hasPrelude ? .sealedWithPrelude : .sealed
    case .opened: .opened
    case .held, .made, .handshake, .kept, .forgotten, .stored, .delivered: .other
    }
  }
}
