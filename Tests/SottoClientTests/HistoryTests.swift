import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What is kept of a conversation: history, answers, search, and messages that disappear.
@Suite(.sealsAreWatched) struct HistoryTests {
  private func pair(seed: UInt64 = 1) throws -> (alice: Node, bob: Node, relay: WorldRelay) {
    let relay = WorldRelay()
    let alice = try Node("alice", relay, seed: seed)
    let bob = try Node("bob", relay, seed: seed + 1000)
    try alice.add(bob, as: "bob")
    try bob.add(alice, as: "alice")
    return (alice, bob, relay)
  }

  private func history(_ node: Node, _ name: String, skipping: Int = 0, limit: Int = 100) throws -> [String] {
    try node.step { engine in
      try engine.history(with: try #require(try engine.find(name)).account, skipping: skipping, limit: limit)
        .map(\.text)
    }
  }

  private func found(_ node: Node, _ text: String, limit: Int = 10) throws -> [String] {
    try node.step { try $0.search(text, with: nil, limit: limit).map(\.text) }
  }

  @Test func `A conversation is read from its end`() throws {
    let (alice, bob, _) = try pair()
    for number in 0..<10 { try alice.send("\(number)", to: "bob") }
    try bob.receive()
    try bob.send("answer", to: "alice")
    try alice.receive()
    #expect(try history(alice, "bob") == (0..<10).map { "\($0)" } + ["answer"])
    #expect(try history(bob, "alice", limit: 3) == ["8", "9", "answer"])
    #expect(try history(bob, "alice", skipping: 3, limit: 2) == ["6", "7"])
    #expect(try history(bob, "alice", skipping: 11, limit: 2) == [])
  }

  @Test func `Conversations are told at a glance, the newest first`() throws {
    let (alice, bob, relay) = try pair()
    let carol = try Node("carol", relay, seed: 40)
    try carol.add(bob, as: "bob")
    try alice.send("one", to: "bob")
    try alice.send("two", to: "bob")
    try bob.receive(showing: false)
    (bob.now, carol.now) = (bob.now + 60, carol.now + 60)
    try carol.send("three", to: "bob")
    try bob.receive(showing: false)
    let all = try bob.step { try $0.conversations() }
    #expect(all.map(\.unread) == [1, 2])
    #expect(all.map { $0.last?.text } == ["three", "two"])
    #expect(all.map(\.contact.isAccepted) == [false, true])
    let account = all[1].contact.account
    #expect(try bob.step { try $0.takeUnshown(from: account, limit: 9) }.map(\.message.text) == ["one", "two"])
    #expect(try bob.step { try $0.conversations() }.map(\.unread) == [1, 0])
  }

  // [messages.5]
  @Test func `An answer names what it answers, whoever wrote that`() throws {
    let (alice, bob, _) = try pair()
    let question = try alice.send("question?", to: "bob")
    try bob.receive()
    func send(_ node: Node, _ text: String, to name: String, answering id: String) throws -> StoredMessage {
      let message = try node.step { try $0.compose(text, to: name, answering: id) }
      try node.flush()
      return message
    }
    let answer = try send(bob, "answer", to: "alice", answering: Hex.encode(question.id.bytes))
    _ = try send(bob, "and more", to: "alice", answering: String(Hex.encode(answer.id.bytes).prefix(12)))
    try alice.receive()
    for (node, name) in [(alice, "bob"), (bob, "alice")] {
      let quoted = try node.step { engine in
        try engine.history(with: try #require(try engine.find(name)).account, limit: 9)
          .map { try engine.answered(by: $0)?.text }
      }
      #expect(quoted == [nil, "question?", "answer"])
    }
    for id in ["", "abc", "zzzz", "0000000000", "ABCD", String(repeating: "0", count: 33)] {
      #expect(throws: ClientError.self) { try send(bob, "to nothing", to: "alice", answering: id) }
    }
    #expect(try history(bob, "alice") == ["question?", "answer", "and more"], "a refusal keeps nothing")
  }

  // MARK: search

  @Test func `Any part of a text is found, whatever its capitals, the newest first`() throws {
    let (alice, bob, _) = try pair()
    let texts = ["The quick brown fox", "jumps over", "the lazy DOG", "Zürich 🌉 bridge", "日本語のテキスト", "x"]
    for text in texts { try alice.send(text, to: "bob") }
    try bob.receive()
    for node in [alice, bob] {
      #expect(try found(node, "the") == ["the lazy DOG", "The quick brown fox"])
      #expect(try found(node, "UICK BRO") == ["The quick brown fox"])
      #expect(try found(node, "dog") == ["the lazy DOG"])
      #expect(try found(node, "ZÜRICH") == ["Zürich 🌉 bridge"])
      #expect(try found(node, "🌉") == ["Zürich 🌉 bridge"])
      #expect(try found(node, "本語") == ["日本語のテキスト"])
      #expect(try found(node, "x") == ["x", "The quick brown fox"])
      #expect(try found(node, "o", limit: 2) == ["the lazy DOG", "jumps over"])
      #expect(try found(node, "cat") == [])
      #expect(try found(node, "") == [])
    }
  }

  @Test func `Search agrees with reading everything, across blocks and deletions`() throws {
    let (alice, _, _) = try pair()
    var random = SeededEntropy(seed: 17)
    let words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    let account = try alice.step { try #require(try $0.find("bob")).account }
    var texts: [String] = []
    for number in 0..<(3 * ClientLimits.searchBlock + 7) {
      let text = random.bytes(6).map { words[Int($0) % words.count] }.joined(separator: " ") + " \(number)"
      texts.append(text)
      let id = MessageID(from: &random)
      try alice.step { try $0.keepWritten(text, to: account, id) }
    }
    for query in ["alpha", "ta gam", "a e", "39", "kappa iota", "theta 2", "nowhere"] {
      let expected = Array(texts.reversed().filter { $0.contains(query) })
      #expect(try found(alice, query, limit: 1000) == expected, "\(query)")
    }
    try alice.step { try $0.clearHistory(with: account) }
    #expect(try found(alice, "alpha") == [])
    #expect(try history(alice, "bob") == [])
    let left = try alice.step { try $0.records.all(SearchBlock.self) }
    #expect(left.allSatisfy(\.isEmpty) && left.count <= 1, "nothing is left of what was said")
    _ = try alice.step { try $0.compose("alpha again", to: "bob") }
    #expect(try found(alice, "alpha") == ["alpha again"])
  }

  // [client.1]
  @Test func `What has still to be sent survives the deletion of a conversation`() throws {
    let (alice, bob, _) = try acquainted()
    try alice.send("on its way", to: "bob", flushing: false)
    try alice.step { engine in try engine.clearHistory(with: try #require(try engine.find("bob")).account) }
    #expect(try history(alice, "bob") == ["on its way"])
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "on its way")
  }

  @Test func `A filter never hides a text, and seldom takes one for another`() {
    var random = SeededEntropy(seed: 23)
    func text(_ count: Int) -> String { String(decoding: random.bytes(count).map { 97 + $0 % 26 }, as: UTF8.self) }
    var mistaken = 0
    for length in [0, 1, 2, 3, 10, 60, 500, 5000, 48 * 1024] {
      let whole = text(length)
      let filter = SearchFilter.of(whole)
      #expect(filter.count <= 4096)
      for _ in 0..<20 where length > 8 {
        let start = whole.index(whole.startIndex, offsetBy: Int(random.bytes(1)[0]) % (length - 8))
        let isFound = SearchFilter.mayHave(SearchFilter.triples(of: String(whole[start...].prefix(8))), filter.span)
        #expect(isFound)
      }
      if length <= 500 {
        for _ in 0..<100 where SearchFilter.mayHave(SearchFilter.triples(of: text(8)), filter.span) { mistaken += 1 }
      }
    }
    #expect(mistaken <= 3, "of 600")
  }

  // MARK: disappearing

  // [client.19]
  @Test func `Messages disappear on both sides: after sending, and after reading`() throws {
    let (alice, bob, _) = try pair()
    try alice.send("stays", to: "bob")
    try bob.receive()
    try bob.send("hello", to: "alice")
    try alice.receive()
    try alice.step { engine in try engine.setTimer(3600, with: try #require(try engine.find("bob")).account) }
    try alice.flush()
    try alice.send("goes", to: "bob")
    try bob.receive(showing: false)
    #expect(try bob.step { try #require(try $0.find("alice")).timer } == 3600)
    try bob.send("goes too", to: "alice")
    try alice.receive()

    for node in [alice, bob] {
      node.now += 3590
      try node.step { try $0.maintain() }
    }
    #expect(try history(alice, "bob").suffix(2) == ["goes", "goes too"])
    for node in [alice, bob] {
      node.now += 20
      try node.step { try $0.maintain() }
    }
    let kept = (try history(alice, "bob"), try history(bob, "alice"))
    #expect(kept.0 == ["stays", "hello", "You have decided: messages disappear after an hour."])
    #expect(
      kept.1 == ["stays", "hello", "They have decided: messages disappear after an hour.", "goes"], "not read yet")
    #expect(try found(alice, "goes") == [] && found(bob, "goes") == ["goes"])

    try bob.show()
    #expect(bob.shown == ["stays", "goes"])
    bob.now += 3601
    let left = try history(bob, "alice")
    #expect(left.last == "They have decided: messages disappear after an hour.")
    try bob.step { try $0.maintain() }
    #expect(try found(bob, "goes") == [])
    for node in [alice, bob] {
      #expect(try node.step { try $0.records.count(.expiring, group: nil) } == 0)
      #expect(!node.records.holds(Array("goes".utf8)), "no row has it")
    }
  }

  // [client.19]
  @Test func `A timer is ended by either side, and a stranger cannot set one`() throws {
    let (alice, bob, relay) = try pair()
    try alice.step { engine in try engine.setTimer(60, with: try #require(try engine.find("bob")).account) }
    try alice.flush()
    try bob.receive()
    #expect(try bob.step { try #require(try $0.find("alice")).timer } == 60)
    try bob.step { engine in try engine.setTimer(0, with: try #require(try engine.find("alice")).account) }
    try bob.flush()
    try alice.receive()
    #expect(try alice.step { try #require(try $0.find("bob")).timer } == 0)

    let carol = try Node("carol", relay, seed: 50)
    try carol.add(bob, as: "bob")
    try carol.send("hello", to: "bob")
    try carol.step { engine in try engine.setTimer(60, with: try #require(try engine.find("bob")).account) }
    try carol.flush()
    try bob.receive()
    let stranger = try #require(try bob.step { try $0.contacts() }.first { !$0.isAccepted })
    #expect(stranger.timer == 0)
  }

  // [client.1]
  @Test func `A message whose time ends before it was shown is shown all the same`() throws {
    let (alice, bob, _) = try pair()
    try alice.step { engine in try engine.setTimer(1, with: try #require(try engine.find("bob")).account) }
    try alice.send("short", to: "bob")
    try bob.receive(showing: false)
    bob.now += 1000
    try bob.step { try $0.maintain() }
    // The first try fails, and a long time passes before the second.
    let taken = try bob.step { try $0.takeUnshown(limit: 9) }
    try bob.step { try $0.giveBack(taken) }
    bob.now += 1000
    try bob.step { try $0.maintain() }
    try bob.show()
    #expect(bob.shown == ["short"])
  }
}
