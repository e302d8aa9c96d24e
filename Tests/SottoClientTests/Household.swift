import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// A link as both users go through it, step by step; the tests stop in between. The history goes from hand to hand: what
/// becomes of the blob is for the tests with real programs.
struct Link {
  let first: Node
  let guest: Node
  let relay: WorldRelay
  var pieces: [[UInt8]] = []

  /// A new device that shows its code.
  init(_ first: Node, seed: UInt64) throws {
    self.first = first
    relay = first.relay
    guest = Node(blank: "guest", first.relay, seed: seed, now: first.now)
    try guest.step { try $0.createRendezvous(at: RelayAuthority("relay.example")!) }
    try guest.flushUploads()
  }

  init(copying other: Link, _ relay: WorldRelay) {
    (first, guest) = (Node(copying: other.first, relay), Node(copying: other.guest, relay))
    (self.relay, pieces) = (relay, other.pieces)
  }

  struct CodeIsOver: Error {}

  /// Somebody uses the code.
  func take(by node: Node) throws {
    let address = try Engine.address(try guest.address)
    guard let (sequence, sealed) = relay.card(ContactKeys(address).cardID) else { throw CodeIsOver() }
    try node.step { engine in
      let card = try engine.verify(sealed, listSequence: sequence, for: address)
      try engine.beginLink(address, card: card)
    }
    try node.flush()
  }

  var invitation: Engine.LinkInvitation? { get throws { try guest.step { try $0.linkInvitation() } } }

  /// Both users agree; the new device asks.
  func ask(_ name: String, seed: UInt64) throws -> Node {
    try guest.receive(showing: false)
    try guest.flushUploads()
    let invitation = try #require(try invitation)
    #expect(try first.step { try $0.linkDigits() } == invitation.digits)
    try first.step { try $0.agreeToLink() }
    let device = Node(blank: name, relay, seed: seed, now: first.now)
    let request = try device.step { try $0.installLinked(invitation, name: DeviceName(name)!) }
    try device.flushUploads()
    try guest.step { try $0.ask(request) }
    try guest.flush()
    return device
  }

  mutating func admit() throws {
    try first.receive(showing: false)
    #expect(try first.step { try $0.isLinkRequested() })
    var pieces: [[UInt8]] = []
    try first.step { engine in
      pieces = []
      try engine.history { piece, _ in pieces.append(piece.revealed()) }
      _ = try engine.admit(history: Self.file())
    }
    self.pieces = pieces
    try first.flush()
  }

  func finish(_ device: Node) throws {
    try device.receive(showing: false)
    guard try device.step({ try $0.isLinking() }) else { return }
    try device.step { engine in
      guard try engine.historyToFetch() != nil else { return }
      for piece in pieces { try engine.restore(Secret(copying: piece)) }
      try engine.finishLink()
    }
    try device.flush()
  }

  static func file() -> SealedFile {
    var entropy = SystemEntropy()
    return SealedFile(
      spool: entropy.bytes(16), key: AttachmentKey(from: &entropy), layout: AttachmentLayout(length: 5)!,
      name: FileName("history")!, mediaType: nil)
  }
}

/// Bob with two devices, and Alice, who has talked with him before he had the second one.
struct Household {
  let alice: Node
  let bob: Node
  let phone: Node
  let relay: WorldRelay

  init() throws {
    (alice, bob, relay) = try acquainted()
    phone = try linked(bob, "phone", seed: 7000)
    try alice.receive()
  }

  init(copying other: Household) {
    relay = WorldRelay(copying: other.relay)
    (alice, bob, phone) = (
      Node(copying: other.alice, relay), Node(copying: other.bob, relay), Node(copying: other.phone, relay)
    )
  }

  func settle() throws {
    for _ in 0..<3 {
      for node in [alice, bob, phone] {
        try node.receive()
        try node.step { try $0.maintain() }
        try node.flush()
      }
    }
  }
}

func linked(_ first: Node, _ name: String, seed: UInt64) throws -> Node {
  var link = try Link(first, seed: seed)
  try link.take(by: first)
  let device = try link.ask(name, seed: seed + 1)
  try link.admit()
  try link.finish(device)
  #expect(try !device.step { try $0.isLinking() })
  return device
}

/// What is in a conversation, oldest first.
func texts(_ node: Node, _ name: String) throws -> [String] {
  try node.step { engine in
    try engine.history(with: try #require(try engine.find(name)).account, limit: 1000)
      .filter { $0.direction != .notice }.map(\.text)
  }
}
