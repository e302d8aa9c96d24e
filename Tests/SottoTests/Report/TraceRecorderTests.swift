import SottoSession
import Testing
import sotto

/// What is told of keys is what two real sessions have.
@Suite struct TraceRecorderTests {
  typealias Trace = ConversationTrace

  private static let a1 = Trace.Chain(.first, 1)
  private static let b1 = Trace.Chain(.second, 1)

  @Test func `A first message and its answer, event by event`() throws {
    let story = try Story()
    try story.open(story.seal(.first, "One?"))
    try story.open(story.seal(.second, "Two."))
    let (a0, b0) = (Trace.MessageKey(Self.a1, 0), Trace.MessageKey(Self.b1, 0))
    let shake = Trace.Handshake(initiator: .first, parts: [.dh2, .dh3, .dh4, .kem, .dh1])
    let expected: [[Trace.Event]] = [
      [
        .held(.first, .identity), .made(.first, .ephemeral), .handshake(.first, shake),
        .forgotten(.first, .ephemeral), .forgotten(.first, .handshakeSecrets), .made(.first, .pair(.first, 1)),
        .turn(.first, .init(root: 1, own: .pair(.first, 1), peer: .signedPrekey, chain: Self.a1)),
        .forgotten(.first, .root(0)), .chainStep(.first, a0), .forgotten(.first, .message(a0)),
      ],
      [
        .held(.second, .identity), .held(.second, .signedPrekey), .held(.second, .oneTimePrekey),
        .handshake(.second, shake), .forgotten(.second, .handshakeSecrets), .forgotten(.second, .oneTimePrekey),
        .turn(.second, .init(root: 1, own: .signedPrekey, peer: .pair(.first, 1), chain: Self.a1)),
        .forgotten(.second, .root(0)), .chainStep(.second, a0), .made(.second, .pair(.second, 1)),
        .turn(.second, .init(root: 2, own: .pair(.second, 1), peer: .pair(.first, 1), chain: Self.b1)),
        .forgotten(.second, .root(1)), .forgotten(.second, .message(a0)),
      ],
      [.chainStep(.second, b0), .forgotten(.second, .message(b0))],
      [
        .turn(.first, .init(root: 2, own: .pair(.first, 1), peer: .pair(.second, 1), chain: Self.b1)),
        .forgotten(.first, .root(1)), .chainStep(.first, b0), .made(.first, .pair(.first, 2)),
        .turn(.first, .init(root: 3, own: .pair(.first, 2), peer: .pair(.second, 1), chain: .init(.first, 2))),
        .forgotten(.first, .root(2)), .forgotten(.first, .chain(Self.a1)), .forgotten(.first, .pair(.first, 1)),
        .forgotten(.first, .message(b0)),
      ],
    ]
    let keys = story.trace.events.filter {
      switch $0 {
      case .sealed, .opened, .stored, .delivered: false
      default: true
      }
    }
    #expect(keys == expected.flatMap(\.self))
  }

  @Test func `Without a one-time prekey there is none to forget`() throws {
    let story = try Story(usesOneTimePrekey: false)
    try story.open(story.seal(.first, "One?"))
    let events = story.trace.events
    #expect(!events.contains(.held(.second, .oneTimePrekey)) && !events.contains(.forgotten(.second, .oneTimePrekey)))
    #expect(events.contains(.handshake(.second, .init(initiator: .first, parts: [.dh2, .dh3, .kem, .dh1]))))
  }

  /// Letters overtake each other, within a chain and beyond the turns after it.
  @Test(arguments: 0..<8 as Range<UInt64>)
  func `In any order of delivery each side is told to have what its session has`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let story = try Story()
    try story.open(story.seal(.first, "0"))
    var onTheWay: [Story.Letter] = []
    for number in 1...60 {
      if onTheWay.isEmpty || Bool.random(using: &generator) {
        onTheWay.append(try story.seal(.allCases.randomElement(using: &generator)!, "\(number)"))
      } else {
        try story.open(onTheWay.remove(at: Int.random(in: 0..<onTheWay.count, using: &generator)))
      }
      for side in Trace.Side.allCases { try check(story, side) }
    }
  }

  private func check(_ story: Story, _ side: Trace.Side) throws {
    var held: Set<Trace.Key> = []
    for event in story.trace.events {
      switch event {
      case .held(side, let key), .made(side, let key): #expect(held.insert(key).inserted)
      case .handshake(side, _): held.formUnion([.handshakeSecrets, .root(0)])
      case .turn(side, let turn):
        #expect(held.contains(turn.own) && held.contains(.root(turn.root - 1)))
        #expect(held.insert(.root(turn.root)).inserted && held.insert(.chain(turn.chain)).inserted)
      case .chainStep(side, let key):
        #expect(held.contains(.chain(key.chain)) && held.insert(.message(key)).inserted)
      case .forgotten(side, let key): #expect(held.remove(key) != nil)
      case .opened(side, let opened): #expect(!held.contains(.message(opened.key)))
      default: break
      }
    }
    let position = try #require(story.position(of: side))
    let chains = [position.sending.map { (side, $0) }, position.receiving.map { (side.other, $0) }].compactMap(\.self)
    var expected: Set<Trace.Key> = [.identity, .root(chains.reduce(0) { $0 + $1.1.number })]
    if position.role == .responder { expected.insert(.signedPrekey) }
    for (author, chain) in chains { expected.insert(.chain(.init(author, chain.number))) }
    if let sending = position.sending { expected.insert(.pair(side, sending.number)) }
    for key in position.skipped {
      expected.insert(.message(.init(.init(side.other, key.chain), key.number)))
    }
    #expect(held == expected)
  }
}
