import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What comes back from a backup, and what never does.
@Suite(.sealsAreWatched) struct BackupTests {
  /// Backs a node up, and restores it as a new device.
  private func restored(_ node: Node, from pieces: [[UInt8]]? = nil, seed: UInt64 = 9000) throws -> Node {
    let pieces = try pieces ?? backup(node)
    let account = try Engine.account(inBackup: Secret(copying: pieces[0]))
    let card = node.relay.card(ContactKeys(try account.address()).cardID)
    let new = try Node(restoring: account, card: card, node.name, node.relay, seed: seed, now: node.now)
    try new.step { engine in for piece in pieces { try engine.restore(Secret(copying: piece)) } }
    return new
  }

  private func backup(_ node: Node) throws -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    try node.step { try $0.backup { piece, _ in pieces.append(piece.revealed()) } }
    return pieces
  }

  private func texts(_ node: Node, _ name: String) throws -> [String] {
    try node.step { engine in
      try engine.history(with: try #require(try engine.find(name)).account, limit: 1000).map(\.text)
    }
  }

  // [client.14] [state.9]
  @Test func `Contacts, history, what is unread and what was on its way come back; sessions do not`() throws {
    let (alice, bob, _) = try acquainted()
    let number = try alice.step { try $0.safetyNumber(with: try #require(try $0.find("bob"))) }
    _ = try alice.step { try $0.verify(try #require(try $0.find("bob")).account, digits: number) }
    try bob.send("unread", to: "alice")
    try alice.receive(showing: false)
    try alice.send("never left", to: "bob", flushing: false)
    let second = try restored(alice)
    #expect(try texts(second, "bob") == ["hello", "hello yourself", "unread", "never left"])
    #expect(try second.step { try $0.search("YOURSELF", with: nil, limit: 9).count } == 1)
    #expect(try second.step { try #require(try $0.find("bob")).isVerified })
    #expect(try second.step { try $0.sessions() }.isEmpty)
    try second.show()
    #expect(second.shown == ["unread"])

    try second.flush()
    (bob.now, second.now) = (bob.now + 4000, second.now + 4000)
    try bob.receive()
    #expect(bob.shown == ["hello", "never left"])
    #expect(try bob.step { try $0.sessions() }.filter { !$0.isArchived }.count == 1)
    try bob.send("welcome back", to: "alice")
    try second.receive()
    #expect(second.shown.last == "welcome back")
    #expect(try texts(bob, "alice").contains("They have replaced a device by a device."))
  }

  // [client.14] A15: snapshot, send on, restore, send: no key is used twice (the detector of this suite), none lost.
  @Test func `An old backup, restored while the old device went on, reuses no key and loses nothing that follows`()
    throws
  {
    let (alice, bob, _) = try acquainted()
    let pieces = try backup(alice)
    for text in ["1", "2", "3", "4", "5"] { try alice.send(text, to: "bob") }
    try bob.receive()
    let second = try restored(alice, from: pieces)
    (bob.now, second.now) = (bob.now + 4000, second.now + 4000)
    for text in ["6", "7"] { try second.send(text, to: "bob") }
    try bob.receive()
    #expect(bob.shown == ["hello", "1", "2", "3", "4", "5", "6", "7"])
    try bob.send("8", to: "alice")
    try second.receive()
    #expect(second.shown == ["8"])
    // What the device that is no more still sends is not heard any more once its replacement is known.
    try alice.send("from the past", to: "bob")
    try bob.receive()
    #expect(!bob.shown.contains("from the past"))
  }

  // [client.15] [list.6] The device that was lost had signed a list in the middle of sending: it went with the message
  // and was to go to the relay next.
  @Test func `Who was told of a list that the relay never got understands the device that is restored`() throws {
    let (alice, bob, relay) = try acquainted()
    let pieces = try backup(alice)
    for node in [alice, bob] { node.now += ClientLimits.listAge }
    try alice.step { try $0.reset(try #require(try $0.find("bob")).account) }
    try alice.flush()
    try bob.receive()
    #expect(try bob.step { try $0.find("alice")?.card?.head.sequence } == 2)
    #expect(relay.card(ContactKeys(try Engine.address(try alice.address)).cardID)?.sequence == 1)

    let second = try restored(alice, from: pieces)
    try second.send("it was lost", to: "bob")
    try bob.receive()
    try bob.send("welcome back", to: "alice")
    try second.receive()
    #expect(bob.shown.last == "it was lost" && second.shown.last == "welcome back")
    #expect(try bob.step { try $0.find("alice") }?.hasForkEvidence == false)
  }

  // [client.13] [client.15] The lists that were signed since are at another place, of which the file knows nothing.
  @Test func `A backup of before a new address, restored once more and once more, is understood each time`() throws {
    let (alice, bob, _) = try acquainted()
    let pieces = try backup(alice)
    var device = alice
    for round in 1...3 {
      try device.step { try $0.rotateContactSecret() }
      try device.flush()
      try bob.receive()
      for node in [device, bob] { node.now += 60 }
      device = try restored(device, from: pieces, seed: UInt64(9000 * round))
      try device.send("back \(round)", to: "bob")
      try bob.receive()
      try bob.send("again \(round)", to: "alice")
      try device.receive()
      #expect(bob.shown.last == "back \(round)" && device.shown.last == "again \(round)")
    }
    #expect(try bob.step { try $0.find("alice") }?.hasForkEvidence == false)
  }

  // [client.15] The number beside a card is the relay's word.
  @Test func `A relay that names a number far away cannot use the numbers of lists up`() throws {
    let (alice, _, _) = try acquainted()
    let account = try Engine.account(inBackup: Secret(copying: backup(alice)[0]))
    let new = Node(blank: "alice", alice.relay, seed: 9000, now: alice.now)
    try new.step { try $0.importIdentity(account, card: (DecimalNumber.limit, [1, 2, 3])) }
    #expect(try new.step { try $0.profile() }.listHead.sequence == new.now)
  }

  // [client.8]
  @Test func `A first flight that may have arrived goes again under its id, and is read once`() throws {
    let relay = WorldRelay()
    let alice = try Node("alice", relay, seed: 1)
    let bob = try Node("bob", relay, seed: 1001)
    try alice.add(bob, as: "bob")
    try alice.send("once", to: "bob")
    let second = try restored(alice)
    try second.flush()
    try bob.receive()
    #expect(bob.shown == ["once"])
  }

  @Test func `A long history comes in pieces, and whole`() throws {
    let (alice, _, _) = try acquainted()
    let line = String(repeating: "long ", count: 1000)
    for number in 0..<60 { _ = try alice.step { try $0.compose("\(number) \(line)", to: "bob") } }
    let pieces = try backup(alice)
    #expect(pieces.count >= 4 && pieces.allSatisfy { $0.count < 2 * ClientLimits.backupPiece })
    let second = try restored(alice, from: pieces)
    #expect(try texts(second, "bob") == texts(alice, "bob"))
  }

  // [state.9]
  @Test func `However many contacts there are, no piece is longer than a reader takes`() throws {
    let (alice, _, _) = try acquainted()
    let card = try #require(try alice.step { try $0.find("bob") }).card
    try alice.step { engine in
      for number in 0..<300 {
        let account = AccountID(Digest.of("contact", [UInt8(number / 256), UInt8(number % 256)]))
        var contact = Contact(
          Address(
            account: account, contactSecret: try ContactSecret([UInt8](repeating: 1, count: 16)),
            relay: RelayAuthority("relay.example")!), name: "contact \(number)", isAccepted: true)
        contact.card = card
        try engine.records.save(contact)
      }
    }
    let pieces = try backup(alice)
    #expect(pieces.map(\.count).reduce(0, +) > 1 << 20 && pieces.allSatisfy { $0.count < 2 * ClientLimits.backupPiece })
    #expect(try restored(alice, from: pieces).step { try $0.contacts() }.count == 301)
  }

  @Test func `A recovery code survives capitals and spaces, and not a single wrong character`() throws {
    let code = RecoveryCode.fresh()
    #expect(code.split(separator: " ").map(\.count) == [5, 5, 5, 5, 5, 5, 5, 5])
    #expect(RecoveryCode.fresh() != code)
    func bytes(_ text: String) -> [UInt8]? {
      guard let secret = RecoveryCode.secret(of: text) else { return nil }
      return secret.revealed()
    }
    let secret = try #require(bytes(code))
    for spelling in [code.uppercased(), code.filter { $0 != " " }, code.replacing(" ", with: "-"), " \(code)\n"] {
      #expect(bytes(spelling) == secret)
    }
    var refused = 0
    for index in code.indices where code[index] != " " {
      var wrong = code
      wrong.replaceSubrange(index...index, with: code[index] == "a" ? "b" : "a")
      if bytes(wrong) == nil { refused += 1 }
    }
    #expect(refused == 40)
    for junk in ["", "a", "1", code + "a", String(code.dropLast()), "ü"] {
      #expect(bytes(junk) == nil)
    }
  }

  @Test func `A piece that is cut or foreign is refused`() throws {
    let (alice, _, _) = try acquainted()
    let piece = try backup(alice)[0]
    let bob = try Node("other", alice.relay, seed: 7)
    let before = bob.records.contents
    for bytes in [Array(piece.dropLast()), piece + [9], [9], [2, 1]] {
      #expect(throws: (any Error).self) { try bob.step { try $0.restore(Secret(copying: bytes)) } }
      #expect(bob.records.contents == before)
    }
    for bytes in [[], [2, 0], Array(piece.prefix(20))] {
      #expect(throws: (any Error).self) { try Engine.account(inBackup: Secret(copying: bytes)) }
    }
  }
}
