internal import Foundation
internal import SottoClient
internal import SottoCrypto
internal import SottoWire

/// Two people and a relay. Every line is printed when it has happened; the first thing that is not as it must be ends it.
struct DemoConversation {
  /// What `--report` writes as JSON.
  struct Facts: Encodable {
    var relay = ""
    var messages = 0
    var envelopeSizes: [Int] = []
    var tables: [String: Int] = [:]
    var searches = 0
    var searchedBytes = 0
    var needles: [String: Int] = [:]
    var found = 0
    var controlFound = 0
    var safetyNumber = ""
    var seconds = 0.0

    var json: [UInt8] {
      get throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
      }
    }
  }

  private let relay: DemoRelay
  private let view: RelayView
  private let alice: DemoPerson
  private let bob: DemoPerson
  private var needles: [Needle] = []
  /// What the relay had when it was last looked at.
  private var waiting: [RelayView.Envelope] = []
  private var firstEnvelope: RelayView.Envelope?
  private var recorder = TraceRecorder()
  var facts = Facts()

  init(relay: DemoRelay, folder: String) throws {
    self.relay = relay
    view = RelayView(relay: relay)
    alice = DemoPerson("Alice", "Aldobrandini", .first, home: folder + "/alice")
    bob = DemoPerson("Bob", "Bevilacqua", .second, home: folder + "/bob")
    facts.relay = relay.url
  }

  var lastLine: String {
    "\nOK: \(facts.messages) messages arrived, the safety numbers are equal, and the relay could read nothing."
  }

  mutating func run() async throws {
    try Output.line("Sotto: Alice and Bob talk through a relay that cannot read.\n")
    try Output.line("Relay   \(relay.url), a process of its own with an empty database")
    let aliceAddress = try await alice.create(at: relay.url)
    let bobAddress = try await bob.create(at: relay.url)
    try Output.line("Bob     \(bobAddress)\n")
    try await collectNeedles(aliceAddress, bobAddress)

    try Output.line("Bob is offline; Alice has his address.")
    try await alice.add(bobAddress, as: bob.fullName)
    try await say(alice, to: bob, ["Bob, are you there?", "Seven o'clock, by the old bridge. Bring the papers."])
    try Output.line("Bob comes back. Alice is a stranger to him until he adds her.")
    try await hear(bob, from: alice, isRequest: true)
    try await bob.add(aliceAddress, as: alice.fullName)
    try await say(bob, to: alice, ["I am here now. I will bring them.", "Is eight too late?"])
    try Output.line("Alice comes back.")
    try await hear(alice, from: bob, isRequest: false)
    try await say(alice, to: bob, ["Eight is fine. À bientôt! 🌉"])
    try await hear(bob, from: alice, isRequest: false)
    try await say(bob, to: alice, ["See you there."])
    try await hear(alice, from: bob, isRequest: false)

    try await compareSafetyNumbers()
    try showWhatTheRelaySaw()
  }

  // MARK: talking

  private mutating func say(_ author: DemoPerson, to reader: DemoPerson, _ texts: [String]) async throws {
    for text in texts { needles.append(Needle(.text, text)) }
    for text in texts {
      try await author.send(text, to: reader.fullName)
      try Output.line("  \(author.name.padded(to: 5)) writes  \(text)")
    }
    reader.expected = texts
    record(author)
    waiting = try view.envelopes()
    for envelope in waiting { recorder.tell(.stored(envelope.inTrace)) }
    try DemoMismatch.unless(waiting.count == texts.count, "the relay holds \(waiting.count) envelopes")
    firstEnvelope = firstEnvelope ?? waiting.first
    facts.envelopeSizes += waiting.map(\.bytes.count)
    // While they wait is when a relay could look.
    try search()
  }

  private mutating func hear(_ reader: DemoPerson, from author: DemoPerson, isRequest: Bool) async throws {
    let messages = try await reader.receive()
    try DemoMismatch.unless(
      messages.map(\.text) == reader.expected, "\(reader.name) read \(messages.map(\.text)), not \(reader.expected)")
    try DemoMismatch.unless(
      messages.allSatisfy { $0.isRequest == isRequest }, "a message is a request that should not be, or is not")
    for message in messages { try Output.line("  \(reader.name.padded(to: 5)) reads   \(message.text)") }
    facts.messages += messages.count
    record(reader)
    // The last acknowledgement may still be on its way when the reader has gone.
    for _ in 0..<150 where try !view.envelopes().isEmpty { try await Task.sleep(for: .milliseconds(100)) }
    try DemoMismatch.unless(try view.envelopes().isEmpty, "the relay keeps what was received")
    for envelope in waiting { recorder.tell(.delivered(envelope.inTrace.name)) }
  }

  private mutating func record(_ person: DemoPerson) {
    for observation in person.takeObservations() { recorder.record(observation, of: person.side) }
  }

  private mutating func compareSafetyNumbers() async throws {
    let seen = (try await alice.safetyNumber(with: bob.fullName), try await bob.safetyNumber(with: alice.fullName))
    try Output.line("\nSafety number, as Alice sees it  \(seen.0.inGroups)")
    try Output.line("Safety number, as Bob sees it    \(seen.1.inGroups)")
    try DemoMismatch.unless(seen.0 == seen.1 && seen.0.count == 60, "the safety numbers differ")
    facts.safetyNumber = seen.0
  }

  // MARK: what the relay saw

  /// What `--report` draws: the two sessions and the relay, and no byte of a key.
  var trace: ConversationTrace {
    let tables = facts.tables.sorted { $0.key < $1.key }.map { ConversationTrace.Count($0.key, $0.value) }
    let needles = Needle.Kind.allCases.map { ConversationTrace.Count($0.words, facts.needles[$0.rawValue] ?? 0) }
    return ConversationTrace(
      people: .init(alice.name, bob.name), events: recorder.events,
      search: .init(
        tables: tables, bytes: facts.searchedBytes, searches: facts.searches, needles: needles, found: facts.found,
        controlFound: facts.controlFound),
      versions: [.init("sotto", sottoVersion), .init("protocol", "1")])
  }

  private mutating func collectNeedles(_ addresses: String...) async throws {
    needles += [alice, bob].map { Needle(.name, $0.fullName) }
    for (person, address) in zip([alice, bob], addresses) {
      needles.append(Needle(.address, address))
      needles.append(Needle(.address, "the code of an address", Array(address.prefix { $0 != "@" }.dropFirst(6).utf8)))
      for (what, bytes) in try await person.identifyingBytes() { needles.append(Needle(.key, what, bytes)) }
    }
  }

  private mutating func search() throws {
    let files = try view.files()
    for needle in needles {
      for file in files {
        let count = needle.count(in: file.content)
        try DemoMismatch.unless(count == 0, "the relay has \(needle.what) in \(file.name)")
        facts.found += count
      }
    }
    let id = Needle(.key, "the first envelope's id", firstEnvelope?.id ?? [])
    facts.controlFound += files.reduce(0) { $0 + id.count(in: $1.content) }
    facts.searches += 1
    facts.searchedBytes = max(facts.searchedBytes, files.reduce(0) { $0 + $1.content.count })
    for kind in Needle.Kind.allCases { facts.needles[kind.rawValue] = needles.count { $0.kind == kind } }
  }

  private mutating func showWhatTheRelaySaw() throws {
    try search()
    let tables = try view.tables()
    facts.tables = Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0.rows) })
    guard let firstEnvelope else { throw DemoMismatch("no envelope was seen") }
    let hex = Hex.encode(Array(firstEnvelope.bytes.prefix(64)))
    let rows = stride(from: 0, to: hex.count, by: 64).map { String(hex.dropFirst($0).prefix(64)) }
    let sizes = facts.envelopeSizes.map(String.init).joined(separator: " ")
    let counts = Needle.Kind.allCases.map { "\(facts.needles[$0.rawValue] ?? 0) \($0.words)" }.joined(separator: ", ")
    try Output.line(
      """

      What the relay saw
        rows      \(tables.map { "\($0.name) \($0.rows)" }.joined(separator: ", "))
        sizes     \(sizes) bytes: \(facts.envelopeSizes.count) envelopes, overwritten within the hour
        one       \(rows[0])
                  \(rows[1])...
        searched  its database, write-ahead log and output, \(facts.searches) times, up to \(facts.searchedBytes / 1024) KiB
        for       \(counts)
                  (as they are, in hex, in base64): found \(facts.found) times
        control   the first envelope's id: found \(facts.controlFound) times
      """)
    try DemoMismatch.unless(facts.controlFound > 0, "the search does not find what is there")
  }
}

/// One side of the conversation. Every method opens the home and closes it again, like a run of its own.
final class DemoPerson {
  let name: String
  /// What identity and contacts are called: long enough that a search of random bytes does not find it by chance.
  let fullName: String
  let side: ConversationTrace.Side
  /// The texts that wait for them.
  var expected: [String] = []
  private let home: String
  private let passphrase = UUID().uuidString
  private var observations: [Observation] = []

  init(_ name: String, _ surname: String, _ side: ConversationTrace.Side, home: String) {
    self.name = name
    self.side = side
    fullName = name + surname
    self.home = home
  }

  func create(at relay: String) async throws -> String {
    let client = try await Client.create(
      home: home, passphrase: Secret(copying: Array(passphrase.utf8)), name: fullName, relay: relay)
    let address = try await client.identity().address
    try await client.close()
    return address
  }

  func add(_ address: String, as name: String) async throws {
    _ = try await online { try await $0.addContact(address, name: name) }
  }

  func send(_ text: String, to contact: String) async throws {
    let message = try await online { try await $0.send(text, to: contact) }
    try DemoMismatch.unless(message.state == .sent, "a message of \(name) is \(message.state.rawValue)")
  }

  func receive() async throws -> [ReceivedMessage] {
    try await online { client in
      var received: [ReceivedMessage] = []
      try await client.receive { received += $0 }
      return received
    }
  }

  func safetyNumber(with contact: String) async throws -> String {
    try await online { try await $0.safetyNumber(with: contact) }
  }

  /// The public keys that say who they are, and what their address is made of.
  func identifyingBytes() async throws -> [(String, [UInt8])] {
    try await online { try await $0.identifyingBytes() }
  }

  /// What their sessions have done since the last time.
  func takeObservations() -> [Observation] {
    defer { observations = [] }
    return observations
  }

  private func online<R: Sendable>(_ work: (Client) async throws -> R) async throws -> R {
    let client = try Client.open(home: home, passphrase: Secret(copying: Array(passphrase.utf8)))
    await client.observe()
    do {
      let result = try await work(client)
      observations += await client.observations ?? []
      try await client.close()
      return result
    } catch {
      try? await client.close()
      throw error
    }
  }
}
