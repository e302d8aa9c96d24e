import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// A relay of the tests: it does what it is told, honestly, in memory.
final class WorldRelay {
  private struct CardPlace: Hashable {
    let relay: RelayAuthority
    let id: CardID
  }

  /// Several relays in one, as far as cards go: a card may have the same id at two.
  private var cards: [CardPlace: (sequence: UInt64, sealed: [UInt8])] = [:]
  private var signedParts: [MailboxID: SignedPartUpload] = [:]
  private var oneTime: [MailboxID: [ClaimedPrekeys.OneTime]] = [:]
  private var capabilities: [MailboxID: Set<Digest>] = [:]
  private var sequences: [MailboxID: UInt64] = [:]
  private(set) var queues: [MailboxID: [(id: EnvelopeID, bytes: [UInt8])]] = [:]
  /// Every body that was put under an id: a retry must bring the same.
  private(set) var put: [EnvelopeID: [UInt8]] = [:]
  private var bodies: Set<[UInt8]> = []
  private(set) var claims = 0
  /// How devices are woken.
  private(set) var pushes: [MailboxID: [UInt8]] = [:]
  /// Whether a file that is brought is there at once, or never.
  var holdsBlobs = true

  init() {}

  /// Another relay with the same content.
  init(copying other: WorldRelay) {
    (cards, signedParts, oneTime) = (other.cards, other.signedParts, other.oneTime)
    (capabilities, sequences, queues) = (other.capabilities, other.sequences, other.queues)
    (put, bodies, claims) = (other.put, other.bodies, other.claims)
  }

  func carryOut(_ errand: OwnerErrand) throws {
    switch errand.action {
    case .createMailbox, .setCapabilities, .signedPart, .withdrawOneTimeParts, .batch, .deleteMailbox, .push:
      guard case .some(let mailbox) = Self.mailbox(errand.route) else { return }
      try change(mailbox, errand)
    case .putCard(let id, let sequence, let condition):
      let place = CardPlace(relay: errand.relay, id: id)
      switch condition {
      // A repetition is the same request, and gets the same answer.
      case .absent: #expect(cards[place] == nil || cards[place]!.sealed == errand.body)
      case .replaces(let old): #expect(cards[place]?.sequence == old || cards[place]?.sequence == sequence)
      }
      cards[place] = (sequence, errand.body)
    case .deleteCard(let id), .retireCard(let id): cards[CardPlace(relay: errand.relay, id: id)] = nil
    }
  }

  private func change(_ mailbox: MailboxID, _ errand: OwnerErrand) throws {
    let sequence = try #require(errand.headers.first { $0.name == HeaderName.sequence }.flatMap { UInt64($0.value) })
    #expect(sequence >= sequences[mailbox] ?? 0, "sequences grow, and a retry repeats its own")
    sequences[mailbox] = sequence
    switch errand.action {
    case .setCapabilities:
      capabilities[mailbox] = Set(try CapabilitySet(decoding: errand.body).slots.map(\.hash))
    case .signedPart: signedParts[mailbox] = try SignedPartUpload(decoding: errand.body)
    case .withdrawOneTimeParts: oneTime[mailbox] = []
    case .batch(let batch):
      let parts = try OneTimeUpload(decoding: errand.body).parts
      guard !(oneTime[mailbox] ?? []).contains(where: { $0.batch == batch }) else { return }
      oneTime[mailbox, default: []] += parts.map { .init(batch: batch, index: $0.index, sealed: $0.sealed) }
    case .push: pushes[mailbox] = errand.method == .put ? errand.body : nil
    case .deleteMailbox:
      (capabilities[mailbox], signedParts[mailbox], oneTime[mailbox]) = (nil, nil, nil)
      pushes[mailbox] = nil
    default: break
    }
  }

  private static func mailbox(_ route: Route) -> MailboxID? {
    switch route {
    case .mailbox(let id), .capabilities(let id), .signedPart(let id), .oneTimeParts(let id), .batch(let id, _),
      .push(let id):
      id
    default: nil
    }
  }

  func card(
    _ id: CardID, at relay: RelayAuthority = RelayAuthority("relay.example")!
  ) -> (sequence: UInt64, sealed: [UInt8])? {
    cards[CardPlace(relay: relay, id: id)]
  }

  /// Whether it holds a mailbox.
  func holds(_ mailbox: MailboxID) -> Bool { capabilities[mailbox] != nil }

  func opens(_ mailbox: MailboxID, _ capability: Capability) -> Bool {
    capabilities[mailbox]?.contains(capability.hash) ?? false
  }

  func claim(_ mailbox: MailboxID) throws -> ClaimedPrekeys {
    claims += 1
    var next: ClaimedPrekeys.OneTime?
    if oneTime[mailbox]?.isEmpty == false { next = oneTime[mailbox]!.removeFirst() }
    return ClaimedPrekeys(signedPart: try #require(signedParts[mailbox]), oneTime: next)
  }

  func store(_ mailbox: MailboxID, _ id: EnvelopeID, _ bytes: [UInt8]) {
    if let known = put[id] {
      #expect(known == bytes, "a retry puts the same bytes")
      return
    }
    #expect(bodies.insert(bytes).inserted, "no envelope is put under two ids")
    put[id] = bytes
    queues[mailbox, default: []].append((id, bytes))
  }

  func acknowledge(_ mailbox: MailboxID, _ count: Int) { queues[mailbox]?.removeFirst(count) }
  func reorder(_ mailbox: MailboxID) { queues[mailbox]?.reverse() }
  func lose(_ mailbox: MailboxID) { queues[mailbox] = [] }
  func keepOneTimeParts(_ mailbox: MailboxID, _ count: Int) {
    oneTime[mailbox] = Array((oneTime[mailbox] ?? []).prefix(count))
  }
  /// Hands out one-time parts in another way than they were uploaded.
  func rearrange(_ mailbox: MailboxID, _ change: (inout [ClaimedPrekeys.OneTime]) -> Void) {
    change(&oneTime[mailbox, default: []])
  }
  /// Serves somebody else's prekeys.
  func serve(_ mailbox: MailboxID, signedPartOf other: MailboxID? = nil, oneTimePartsOf another: MailboxID? = nil) {
    if let other { signedParts[mailbox] = signedParts[other] }
    if let another { oneTime[mailbox] = oneTime[another] }
  }
  /// Serves the prekeys that `other` has.
  func serve(like other: WorldRelay, _ mailbox: MailboxID) {
    (signedParts[mailbox], oneTime[mailbox]) = (other.signedParts[mailbox], other.oneTime[mailbox])
  }
  func left(_ mailbox: MailboxID) -> Int { oneTime[mailbox]?.count ?? 0 }
}

/// A client whose shell is the test: the engine over rows in memory, a clock that is turned by hand. Dying at any call
/// of the store or of the network and going on is what `fuse` is for.
final class Node {
  let name: String
  let relay: WorldRelay
  let records: MemoryRecords
  /// Unix seconds.
  var now: UInt64 = 1_800_000_000
  private var entropy: SeededEntropy
  /// What was shown, in order: written when the step that took it was committed.
  private(set) var shown: [String] = []
  private(set) var requests: [Bool] = []
  /// Whether it sends receipts when they are due, as the real shell does.
  var sendsReceipts = false
  /// What sessions have done; nil while nobody asks.
  var observations: [Observation]?

  init(_ name: String, _ relay: WorldRelay, seed: UInt64) throws {
    self.name = name
    self.relay = relay
    records = MemoryRecords()
    entropy = SeededEntropy(seed: seed)
    try step { try $0.createIdentity(name: name, at: RelayAuthority("relay.example")!) }
    try flushUploads()
  }

  /// An account that was exported, on a new device that replaces its old one.
  init(
    restoring account: ExportedAccount, card: (sequence: UInt64, sealed: [UInt8])?, _ name: String,
    _ relay: WorldRelay, seed: UInt64, now: UInt64 = 1_800_000_000
  ) throws {
    self.name = name
    self.relay = relay
    self.now = now
    records = MemoryRecords()
    entropy = SeededEntropy(seed: seed)
    try step { try $0.importIdentity(account, card: card) }
    try flushUploads()
  }

  /// A client without an identity yet.
  init(blank name: String, _ relay: WorldRelay, seed: UInt64, now: UInt64) {
    self.name = name
    self.relay = relay
    self.now = now
    records = MemoryRecords()
    entropy = SeededEntropy(seed: seed)
  }

  /// The same client in another world.
  init(copying other: Node, _ relay: WorldRelay) {
    name = other.name
    self.relay = relay
    records = MemoryRecords(copying: other.records)
    (entropy, now, shown, requests) = (other.entropy, other.now, other.shown, other.requests)
  }

  func step<R>(_ body: (inout Engine) throws -> R) throws -> R {
    try records.transaction {
      // However much this step draws, the next one draws something else, also when this one is undone.
      var engine = Engine(records: records, now: now * 1000, entropy: SeededEntropy(seed: entropy.next()))
      engine.observations = observations
      let result = try body(&engine)
      observations = engine.observations
      return result
    }
  }

  var address: String { get throws { try step { try $0.profile().address.text } } }
  var mailbox: MailboxID { get throws { try step { try $0.profile().mailbox } } }

  func flushUploads(retiring: Bool = false) throws {
    for place in try [nil] + step({ try $0.formerMailboxes().map { $0.mailbox } }) {
      while let errand = try step({ try $0.nextUpload(retiring: retiring, at: place) }) {
        try records.fuse.pass()
        try relay.carryOut(errand)
        try records.fuse.pass()
        try step { try $0.uploadDone(errand) }
      }
    }
  }

  func add(_ other: Node, as name: String) throws {
    let address = try Engine.address(try other.address)
    let (sequence, sealed) = try #require(relay.card(ContactKeys(address).cardID, at: address.relay))
    _ = try step { engine in
      let card = try engine.verify(sealed, listSequence: sequence, for: address)
      return try engine.add(address, name: name, card: card)
    }
  }

  @discardableResult
  func send(_ text: String, to recipient: String, flushing: Bool = true) throws -> StoredMessage {
    let message = try step { try $0.compose(text, to: recipient) }
    if flushing { try flush() }
    return message
  }

  func state(_ message: StoredMessage) throws -> StoredMessage.State? {
    try step { try $0.outgoing(message.id, message.account)?.state }
  }

  /// Carries out errands until nothing is left to do.
  func flush() throws {
    try flushUploads()
    if sendsReceipts { try step { try $0.releaseReceipts() } }
    for account in try step({ try $0.accountsToServe() }) {
      while let errand = try step({ try $0.nextErrand(for: account, patient: false) }) {
        guard try carryOut(errand, account) else { break }
      }
    }
  }

  /// Whether there may be more to do.
  private func carryOut(_ errand: Errand, _ account: AccountID) throws -> Bool {
    try records.fuse.pass()
    switch errand {
    case .fetchCard(_, let id, let authority):
      guard let (sequence, sealed) = relay.card(id, at: authority) else {
        let isKnown = try step { try $0.cardUnavailable(account) }
        #expect(isKnown, "the relay has a card, or one is known")
        return isKnown
      }
      try records.fuse.pass()
      try step { try $0.fetched(account, listSequence: sequence, sealed: sealed) }
    case .claim(_, let device, let mailbox, _, let capability):
      guard relay.opens(mailbox, capability) else {
        _ = try step { try $0.deliveryRefused(account, mailbox) }
        return true
      }
      let prekeys = try relay.claim(mailbox)
      try records.fuse.pass()
      try step { try $0.claimed(account, device, prekeys) }
    case .put(let item, let mailbox, let id, _, let capability, let bytes):
      guard relay.opens(mailbox, capability) else {
        _ = try step { try $0.deliveryRefused(account, mailbox) }
        return true
      }
      relay.store(mailbox, id, bytes)
      try records.fuse.pass()
      try step { try $0.delivered(item) }
    case .upload(let upload):
      #expect(relay.opens(upload.mailbox, upload.capability))
      guard relay.holdsBlobs else { return false }
      try records.fuse.pass()
      try step { try $0.uploaded(upload.message, account) }
    }
    return true
  }

  /// Takes what waits, some at a time, acknowledges it and shows it.
  func receive(atATime limit: Int = 3, showing: Bool = true) throws {
    for former in try step({ try $0.formerMailboxes() }) { try receive(from: former.mailbox, atATime: limit, showing) }
    try receive(from: mailbox, atATime: limit, showing)
  }

  private func receive(from mailbox: MailboxID, atATime limit: Int, _ showing: Bool) throws {
    if showing { try show() }
    while case let batch = (relay.queues[mailbox] ?? []).prefix(limit), !batch.isEmpty {
      try records.fuse.pass()
      try step { engine in
        for envelope in batch { try engine.receive(envelope.id, envelope.bytes) }
      }
      try records.fuse.pass()
      relay.acknowledge(mailbox, batch.count)
      try records.fuse.pass()
      if showing { try show() }
    }
  }

  func show() throws {
    while case let taken = try step({ try $0.takeUnshown(limit: 2) }), !taken.isEmpty {
      let messages = taken.filter { $0.message.direction == .incoming }
      shown += messages.map(\.message.text)
      requests += messages.map { !$0.from.isAccepted }
    }
  }
}

/// Two at one relay who have added each other and exchanged a word.
func acquainted() throws -> (alice: Node, bob: Node, relay: WorldRelay) {
  let relay = WorldRelay()
  let alice = try Node("alice", relay, seed: 1)
  let bob = try Node("bob", relay, seed: 1001)
  try alice.add(bob, as: "bob")
  try bob.add(alice, as: "alice")
  try alice.send("hello", to: "bob")
  try bob.receive()
  try bob.send("hello yourself", to: "alice")
  try alice.receive()
  return (alice, bob, relay)
}
