package import SottoCrypto
internal import SottoSession
package import SottoWire

/// An owner's request that has still to be made. It stands in the store, with its sequence once it has one, before it
/// is sent; a repetition is the same request, which the relay answers in the same way.
package struct Upload: StoredRecord {
  package enum Action: Hashable, Sendable {
    case createMailbox
    case setCapabilities
    case signedPart(UInt64)
    case withdrawOneTimeParts
    case batch(UInt64)
    case putCard(CardID, listSequence: UInt64, CardCondition)
    case deleteCard(CardID)
    /// The last card, with the identity.
    case retireCard(CardID)
    case deleteMailbox
    /// How this device is woken; without a body: not at all.
    case push

    /// Whether it belongs to the end of the identity: carried out only while its user waits for that.
    var isRetirement: Bool {
      switch self {
      case .retireCard, .deleteMailbox: true
      default: false
      }
    }
  }

  package let action: Action
  let body: [UInt8]
  /// The seed of the card's key; nil for requests of the mailbox.
  private let cardKey: SecretBox?
  /// 0 until it was first sent.
  var sequence: UInt64 = 0
  /// What it is paid for with, where something new is not to be had for nothing. [token.11]
  var token: RegistrationToken?
  /// Where, if it is not at the account's present relay: its mailbox there. [client.21]
  var place: MailboxID?

  init(_ action: Action, body: [UInt8] = [], at place: MailboxID? = nil) {
    self.action = action
    self.body = body
    self.place = place
    cardKey = nil
  }

  init(_ action: Action, body: [UInt8] = [], cardKey: borrowing SigningKey, at place: MailboxID? = nil) {
    self.action = action
    self.body = body
    self.place = place
    self.cardKey = SecretBox(cardKey.seed.copy())
  }

  package static var table: Table { .upload }
  package static var format: UInt8 { 3 }
  package var key: [UInt8] {
    var writer = WireWriter()
    writer.u8(code)
    switch action {
    case .signedPart(let id), .batch(let id): writer.u64(id)
    case .putCard(let id, _, _), .deleteCard(let id), .retireCard(let id): writer.fixed(id.bytes)
    case .createMailbox, .setCapabilities, .withdrawOneTimeParts, .deleteMailbox, .push: break
    }
    if let place { writer.fixed(place.bytes) }
    return writer.bytes
  }

  private var code: UInt8 {
    switch action {
    case .createMailbox: 1
    case .setCapabilities: 2
    case .signedPart: 3
    case .withdrawOneTimeParts: 4
    case .batch: 5
    case .putCard: 6
    case .deleteCard: 7
    case .deleteMailbox: 8
    case .retireCard: 9
    case .push: 10
    }
  }

  /// The signed request, as of now.
  func request(
    at relay: RelayAuthority, mailbox: MailboxID, mailboxKey: borrowing SigningKey, created: UnixTime
  ) throws -> OwnerErrand {
    let (method, route, listSequence, condition) = parts(mailbox)
    let request = OwnerRequest(
      method, route, at: relay, body: body, sequence: sequence, listSequence: listSequence, condition: condition,
      token: token)
    let headers: [HeaderField]
    if let cardKey {
      headers = request.headers(signedBy: try SigningKey(seed: cardKey.secret.copy()), created: Int64(created))
    } else {
      headers = request.headers(signedBy: mailboxKey, created: Int64(created))
    }
    return OwnerErrand(
      upload: key, action: action, isForCard: cardKey != nil, method: method, route: route, relay: relay,
      headers: headers, body: body)
  }

  private func parts(_ mailbox: MailboxID) -> (HTTPMethod, Route, UInt64?, CardCondition?) {
    switch action {
    case .createMailbox: (.put, .mailbox(mailbox), nil, nil)
    case .setCapabilities: (.put, .capabilities(mailbox), nil, nil)
    case .signedPart: (.put, .signedPart(mailbox), nil, nil)
    case .withdrawOneTimeParts: (.delete, .oneTimeParts(mailbox), nil, nil)
    case .batch(let batch): (.put, .batch(mailbox, batch), nil, nil)
    case .putCard(let id, let sequence, let condition): (.put, .card(id), sequence, condition)
    case .deleteCard(let id), .retireCard(let id): (.delete, .card(id), nil, nil)
    case .deleteMailbox: (.delete, .mailbox(mailbox), nil, nil)
    case .push: (body.isEmpty ? .delete : .put, .push(mailbox), nil, nil)
    }
  }

  package func encode(to writer: inout SecretWriter) {
    writer.u8(code)
    switch action {
    case .signedPart(let id), .batch(let id): writer.u64(id)
    case .deleteCard(let id), .retireCard(let id): writer.fixed(id.bytes)
    case .putCard(let id, let listSequence, let condition):
      writer.fixed(id.bytes)
      writer.u64(listSequence)
      switch condition {
      case .absent: writer.u64(0)
      case .replaces(let sequence): writer.u64(sequence)
      }
    case .createMailbox, .setCapabilities, .withdrawOneTimeParts, .deleteMailbox, .push: break
    }
    writer.vector(body)
    writer.flag(cardKey != nil)
    if let cardKey { writer.secret(cardKey.secret) }
    writer.u64(sequence)
    writer.optional(place) { $0.fixed($1.bytes) }
    writer.optional(token) { $0.fixed($1.encoded) }
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    switch try reader.u8() {
    case 1: action = .createMailbox
    case 2: action = .setCapabilities
    case 3: action = .signedPart(try reader.u64())
    case 4: action = .withdrawOneTimeParts
    case 5: action = .batch(try reader.u64())
    case 6:
      let id = try CardID(try reader.fixed(CardID.count))
      let listSequence = try reader.u64()
      let replaced = try reader.u64()
      action = .putCard(id, listSequence: listSequence, replaced == 0 ? .absent : .replaces(replaced))
    case 7: action = .deleteCard(try CardID(try reader.fixed(CardID.count)))
    case 8: action = .deleteMailbox
    case 9: action = .retireCard(try CardID(try reader.fixed(CardID.count)))
    case 10: action = .push
    default: throw CryptoError.wrongLength
    }
    body = try reader.vector()
    cardKey = try reader.flag() ? SecretBox(try reader.secret(32)) : nil
    sequence = try reader.u64()
    place = format >= 2 ? try reader.optional { try $0.mailbox() } : nil
    token = format >= 3 ? try reader.optional { RegistrationToken(try $0.fixed(RegistrationToken.count)) } ?? nil : nil
  }
}

/// A signed request of the owner, for the shell to carry out.
package struct OwnerErrand: Sendable {
  package let upload: [UInt8]
  package let action: Upload.Action
  /// Card and mailbox have different owners' keys, and so different connections.
  package let isForCard: Bool
  package let method: HTTPMethod
  package let route: Route
  package let relay: RelayAuthority
  package let headers: [HeaderField]
  package let body: [UInt8]
}

extension Engine {
  /// The next owner's request to be made, if there is one; its sequence is stored before it is sent.
  /// [request.4] [client.15]
  ///
  /// - Parameters:
  ///   - retiring: whether the identity is being deleted.
  ///   - place: a former mailbox; nil: at the present relay.
  package mutating func nextUpload(retiring: Bool = false, at place: MailboxID? = nil) throws -> OwnerErrand? {
    let due = try records.all(Upload.self).first { upload in
      upload.place == place && (retiring || place != nil || !upload.action.isRetirement)
    }
    guard var upload = due else { return nil }
    if let place { return try next(&upload, at: place) }
    var profile = try profile()
    if upload.sequence == 0 {
      profile.sequence = max(profile.sequence + 1, now)
      upload.sequence = profile.sequence
      try records.save(profile)
      try records.save(upload)
    }
    return try upload.request(
      at: profile.relay, mailbox: profile.mailbox, mailboxKey: try deviceKeys().mailboxKey, created: seconds)
  }

  private func next(_ upload: inout Upload, at place: MailboxID) throws -> OwnerErrand? {
    guard var former = try formerPlace(place) else {
      try records.remove(upload)
      return nil
    }
    if upload.sequence == 0 {
      former.sequence = max(former.sequence + 1, now)
      upload.sequence = former.sequence
      try records.save(former)
      try records.save(upload)
    }
    return try upload.request(
      at: former.relay, mailbox: former.mailbox, mailboxKey: try former.mailboxKey(), created: seconds)
  }

  /// Whether the present relay has still to be told something.
  package func hasUploads() throws -> Bool { try hasUpload { $0.place == nil } }

  func hasUpload(where matches: (Upload) -> Bool) throws -> Bool {
    try records.all(Upload.self).contains(where: matches)
  }

  /// The relay has done it, or it need not be done any more.
  package mutating func uploadDone(_ errand: OwnerErrand) throws {
    try records.delete(.upload, errand.upload)
    try announceMove()
  }

  /// The relay holds other prekeys under this id: the next ones, which are due now, have greater ids.
  package mutating func uploadSuperseded(_ errand: OwnerErrand) throws {
    var profile = try profile()
    profile.prekeys.signedAt = 0
    profile.prekeys.statusAt = 0
    try records.save(profile)
    try records.delete(.upload, errand.upload)
  }

  /// Whether the relay has never been given everything: the creation was cut short.
  package func isUnregistered() throws -> Bool {
    try records.all(Upload.self).contains { upload in
      if case .putCard(_, _, .absent) = upload.action { true } else { false }
    }
  }

  /// The relay knows a greater sequence, `known`: the request gets a new one.
  package mutating func uploadWasStale(_ errand: OwnerErrand, known: UInt64) throws {
    guard var upload = try records.load(Upload.self, errand.upload) else { return }
    upload.sequence = 0
    try records.save(upload)
    if let place = upload.place {
      guard var former = try formerPlace(place) else { return }
      former.sequence = max(former.sequence, known)
      return try records.save(former)
    }
    var profile = try profile()
    profile.sequence = max(profile.sequence, known)
    try records.save(profile)
  }
}
