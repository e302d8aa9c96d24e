package import SottoCrypto
package import SottoSession
package import SottoWire

/// What this client has to register with at a relay that does not let everybody in. [token.11]
package struct Purse: StoredRecord {
  package let relay: RelayAuthority
  /// It is good for more tokens later; nil where people sign in.
  package var invitation: String?
  /// Tokens that nothing was registered with yet.
  package var tokens: [RegistrationToken]
  /// Until when this device's mailbox is paid for: unix seconds; 0: nothing has to be paid.
  package var lease: UnixTime = 0

  package init(at relay: RelayAuthority) {
    self.relay = relay
    tokens = []
  }

  package static var table: Table { .own }
  /// One for each relay: what one gives and takes is no business of another's.
  fileprivate static func key(_ relay: RelayAuthority) -> [UInt8] { Array("registration \(relay.text)".utf8) }
  package var key: [UInt8] { Self.key(relay) }

  package func encode(to writer: inout SecretWriter) {
    writer.text(relay.text)
    writer.text(invitation ?? "")
    writer.u64(UInt64(tokens.count))
    for token in tokens { writer.fixed(token.encoded) }
    writer.u64(lease)
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    guard let relay = RelayAuthority(try reader.text()) else { throw CryptoError.wrongLength }
    self.relay = relay
    let invitation = try reader.text()
    self.invitation = invitation.isEmpty ? nil : invitation
    tokens = []
    for _ in 0..<(try reader.u64()) {
      guard let token = RegistrationToken(try reader.fixed(RegistrationToken.count)) else {
        throw CryptoError.wrongLength
      }
      tokens.append(token)
    }
    lease = try reader.u64()
  }
}

extension Engine {
  /// What there is for this relay.
  package func purse(at relay: RelayAuthority) throws -> Purse {
    try records.load(Purse.self, Purse.key(relay)) ?? Purse(at: relay)
  }

  package mutating func keep(_ purse: Purse) throws { try records.save(purse) }

  /// All in which there are tokens, for whatever relay.
  package func filledPurses() throws -> [Purse] {
    var relays: Set<RelayAuthority> = []
    // Another row may be read as one too; no purse is found under its relay.
    try records.each(Purse.table, group: nil, newestFirst: false) { row in
      if let purse: Purse = try? records.decoded(row) { relays.insert(purse.relay) }
      return true
    }
    return try relays.map { try purse(at: $0) }.filter { !$0.tokens.isEmpty }
  }

  /// Takes `count` tokens out, or as many as there are, for another store of this program's; with the invitation.
  package mutating func lend(_ count: Int, at relay: RelayAuthority) throws -> Purse {
    var purse = try purse(at: relay)
    var lent = purse
    lent.tokens = Array(purse.tokens.prefix(count))
    purse.tokens.removeFirst(lent.tokens.count)
    try keep(purse)
    return lent
  }

  /// Puts what another store has not used to what there is.
  package mutating func add(_ left: Purse) throws {
    var purse = try purse(at: left.relay)
    purse.tokens += left.tokens
    purse.invitation = left.invitation ?? purse.invitation
    try keep(purse)
  }

  /// The relay takes none of those that there are: their key may be over.
  package mutating func forgetTokens(at relay: RelayAuthority) throws {
    var purse = try purse(at: relay)
    purse.tokens = []
    try keep(purse)
  }

  /// The relay says until when the mailbox is paid for. [token.13]
  /// nil: nothing has to be paid there, or not any more.
  package mutating func paid(until lease: UnixTime?) throws {
    var purse = try purse(at: try profile().relay)
    guard purse.lease != lease ?? 0 else { return }
    purse.lease = lease ?? 0
    try keep(purse)
  }

  /// Whether the mailbox should be paid for again.
  private func isPaymentDue(_ purse: Purse) throws -> Bool {
    try purse.lease > 0 && seconds + ClientLimits.leaseMargin >= purse.lease
      && !hasUpload { $0.action == .createMailbox && $0.place == nil }
  }

  /// Pays for the mailbox before it is too late, if there is a token. [token.13]
  mutating func payLease(at relay: RelayAuthority) throws {
    var purse = try purse(at: relay)
    guard !purse.tokens.isEmpty, try isPaymentDue(purse) else { return }
    var upload = Upload(.createMailbox)
    upload.token = purse.tokens.removeFirst()
    try records.save(upload)
    try keep(purse)
  }

  /// Whether this pays for a mailbox that is there: it can wait, and what is behind it must not.
  package func isRenewal(_ errand: OwnerErrand) throws -> Bool {
    try errand.action == .createMailbox && purse(at: errand.relay).lease > 0
  }

  /// Whether it should, and there is none, and the invitation may buy some.
  package func wantsTokens() throws -> RelayAuthority? {
    let purse = try purse(at: try profile().relay)
    return try purse.tokens.isEmpty && purse.invitation != nil && isPaymentDue(purse) ? purse.relay : nil
  }

  /// Until when the mailbox is paid for; nil where nothing has to be paid.
  package func paidUntil() throws -> UnixTime? {
    let lease = try purse(at: try profile().relay).lease
    return lease > 0 ? lease : nil
  }

  /// Puts a token into a request that the relay will not carry out without, or not with the one that it has. The token is
  /// gone from the purse before it is shown: a crash loses one, and shows none twice. False when there is none.
  package mutating func pay(for errand: OwnerErrand) throws -> Bool {
    var purse = try purse(at: errand.relay)
    guard !purse.tokens.isEmpty, var upload = try records.load(Upload.self, errand.upload) else { return false }
    upload.token = purse.tokens.removeFirst()
    try records.save(upload)
    try records.save(purse)
    return true
  }
}
