/// All that the relay saw, and what it did not.
struct ReportRelay {
  typealias Trace = ConversationTrace

  let reading: Reading
  let search: Trace.RelaySearch?
  let words: ReportWords

  var html: Markup {
    """
    <section id="relay">
    <h2>What the relay saw</h2>
    <p class="text">This is all that it stored of the conversation, with the sealed bytes, their checksum and \
    their order. Names mean nothing; here are their first eight digits.</p>
    <table class="seen" role="table">
    <caption>Envelopes, in the order of arrival</caption>
    <thead><tr><th scope="col">envelope</th><th scope="col">mailbox</th><th scope="col" class="number">bytes</th>\
    <th scope="col">type</th><th scope="col">right</th><th scope="col">day</th></tr></thead>
    <tbody>
    \(reading.stored.map(row))</tbody>
    </table>
    <div class="two">
    <div>
    <h3>It did not see</h3>
    <ul>
    <li>a text, or a length finer than one of eight sizes</li>
    <li>a name, an address or an identity key</li>
    <li>who wrote an envelope</li>
    <li>numbers of messages, chains or turns: headers are sealed too</li>
    <li>a private key, or a root, chain or message key</li>
    </ul>
    </div>
    <div>
    <h3>It could notice, while it ran</h3>
    <ul>
    <li>the IP address and the time of each connection, which it does not store</li>
    <li>that an envelope is a first one: its type and its size say so</li>
    <li>that first envelopes of one session belong together: their preludes are the same</li>
    <li>which envelopes went to the same mailbox</li>
    <li>that a sealed card and prekeys were fetched before</li>
    </ul>
    <p class="note">A relay can also drop, delay and reorder. It cannot change a message unnoticed.</p>
    </div>
    </div>
    \(searchHTML)</section>

    """
  }

  private func row(_ stored: Trace.StoredEnvelope) -> Markup {
    """
    <tr role="row"><td role="cell" class="mono" data-label="envelope">\(words.hex(stored.name))</td>\
    <td role="cell" class="mono" data-label="mailbox">\(words.hex(stored.mailbox))</td>\
    <td role="cell" class="number" data-label="bytes">\(words.grouped(stored.bytes))</td>\
    <td role="cell" data-label="type">\(stored.hasPrelude ? "2, with a prelude" : "1, message")</td>\
    <td role="cell" data-label="right">\(words.name(stored.capability))</td>\
    <td role="cell" data-label="day">\(words.date(stored.day))</td></tr>

    """
  }

  private var searchHTML: Markup {
    guard let search else { return "" }
    let needles = search.needles.map { "\(words.grouped($0.count)) \($0.what)" as Markup }.asSentencePart
    let tables = search.tables.map { "\($0.what)\u{a0}\(words.grouped($0.count))" as Markup }.joined(by: ", ")
    return """
      <h3>The search</h3>
      <p class="text">All its files and its log were searched \(words.count(search.searches, "time", "times")), up to \
      \(words.bytes(search.bytes)), for \(needles): as they are, in hexadecimal and in base64.</p>
      <dl class="facts">
      <div><dt>found</dt><dd>\(words.count(search.found, "time", "times"))</dd></div>
      <div><dt>a control that must be there: found</dt><dd>\(words.count(search.controlFound, "time", "times"))</dd></div>
      </dl>
      <p class="text note">Rows of its tables at the end: \(tables).</p>

      """
  }
}
