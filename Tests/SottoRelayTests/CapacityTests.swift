import Foundation
import SottoRelay
import Testing

/// The model of `sotto-relay capacity`: arithmetic, so every figure can be worked out by hand.
@Suite struct CapacityTests {
  private static func capacity(_ values: [(CapacityInput, Double)]) throws -> Capacity {
    var capacity = Capacity()
    for (input, value) in values { try capacity.set(input, to: value) }
    return capacity
  }

  /// Numbers that make the sums easy: each user of one device writes one message in 1,000 s, and opens a stream as often.
  private static let simple: [(CapacityInput, Double)] = [
    (.messages, 86.4), (.receipts, 0), (.devices, 1), (.peak, 2), (.online, 0.5), (.recipientOnline, 0.5),
    (.connects, 86.4), (.waiting, 1), (.envelopeBytes, 1_024), (.attachments, 0.1), (.attachmentBytes, 1_000_000),
    (.sendsPerConnection, 4), (.sendSockets, 0.5), (.accepts, 10_000), (.acceptCPU, 80), (.deliverCPU, 20),
    (.connectCPU, 1_000), (.tlsCPU, 500), (.connectionBytes, 20_000), (.cores, 2), (.memory, 1e10),
    (.sockets, 100_000), (.nginxConnections, 100_000), (.databaseAccepts, 10_000), (.databaseLookups, 1_000_000),
    (.walBytes, 200), (.rowBytes, 176), (.nameBytes, 100), (.mailboxBytes, 1_000), (.utilisation, 0.5), (.strays, 0.1),
    (.commits, 1_000), (.broker, 20_000), (.window, 0.5), (.cellNodes, 64), (.cellShards, 16),
  ]

  private func close(_ value: Double, _ expected: Double, _ location: SourceLocation = #_sourceLocation) {
    #expect(abs(value - expected) <= abs(expected) * 1e-9, "\(value) is not \(expected)", sourceLocation: location)
  }

  @Test func `Every figure of a simple case is the one worked out by hand`() throws {
    #expect(Self.simple.map(\.0) == CapacityInput.all, "the case says every input")
    let plan = try Self.capacity(Self.simple).plan(users: 1_000_000)
    #expect(plan.cells == 1 && plan.usersOfACell == 1_000_000)
    let cell = plan.cell
    // A million users, one message in 1,000 s each; twice that at the peak. Half of them are online.
    close(cell.meanAccepts, 1_000)
    close(cell.peakAccepts, 2_000)
    close(cell.connects, 2_000)
    close(cell.sockets, 500_000)
    // 2,000 x (80 + 20) us and 2,000 x 1,000 us.
    close(cell.relayCores, 2.2)
    // Accepts ask for 0.2 nodes, cores for 1.1, memory for 1, sockets for 5: half used 10, and one to spare.
    #expect(cell.nodes == 11 && cell.nodesFor == .sockets)
    close(cell.socketsOfANode, 500_000 / 11)
    close(cell.memoryOfANode, 1e10 / 11)
    // 2,000 / 4 = 500 connections a second for sending, each there for 75 s: 5.375 machines, half used 10.75.
    close(cell.handshakes, 2_500)
    close(cell.nginxConnections, 537_500)
    #expect(cell.nginx == 12)
    // 2,000 x 6 and 2,000 x 2 rows, of 30,000 that a shard can; 50,000 heads in a million: 0.58 shards, half used 1.17.
    close(cell.rows, 16_000)
    close(cell.lookups, 50_000)
    close(cell.walBytes, 2_000 * 1_024 + 16_000 * 200)
    #expect(cell.shards == 2 && cell.connectionsOfAShard == 77)
    close(cell.databaseBusy, (16.0 / 30 + 0.05) / 2)
    close(cell.databaseBusyWithoutBus, (16.0 / 30 + 0.25) / 2)
    // 22,727 heads of a node in each of two shards are 23 queries; 11 nodes; in 10 s and in 2 s.
    close(cell.sweeps, 50.6)
    close(cell.sweepsWithoutBus, 253)
    // 3.6 envelopes of a device in an hour, 2,592 names in 30 days, 100 attachments a second.
    close(cell.waiting, 3_600_000)
    close(cell.waitingBytes, 4.32e9)
    close(cell.nameBytes, 2.592e11)
    close(cell.mailboxBytes, 1e9)
    close(cell.databaseBytes, 4.32e9 + 2.592e11 + 1e9)
    close(cell.blobBytes, 2.592e14)
    close(cell.uploads, 2e8)
    // Elsewhere: 10 of 11 on send sockets, one in ten of PUTs. And 11 heartbeats in 5 s.
    let wakeups = 2_000 * 0.5 * (0.5 * 10 / 11 + 0.5 * 0.1)
    close(cell.brokerMessages, wakeups + 2.2)
    close(cell.wakeupBytes, wakeups * 16)
    // 10 nodes with 2 cores, 2.2 of them busy; 12 machines x 2 cores / 500 us - 2,500; 60,000 rows, 0.29 of them busy.
    let storm = cell.storm
    close(storm.sockets, 500_000 / 11)
    close(storm.wanted, 1_000_000 / 11)
    close(storm.relays, 17_800)
    close(storm.nginx, 45_500)
    close(storm.database, 42_500)
    #expect(storm.taken == storm.relays && storm.slowest == .relays)
    // 45,455: 8,900 of them in half a second, 17,800 in the next one, and the rest in the two after that.
    close(storm.seconds, 3.5)
  }

  @Test func `A message goes to every device, and receipts go back to every device`() throws {
    // 3 devices on each side: 3 envelopes, 2 copies, and half as many receipts as messages, to 3.
    let plan = try Self.capacity(Self.simple + [(.devices, 3), (.receipts, 0.5)]).plan(users: 1_000_000)
    close(plan.cell.meanAccepts, 1_000 * (3 + 2 + 1.5))
  }

  @Test func `A mailbox that is full takes no more`() throws {
    let plan = try Self.capacity(Self.simple + [(.messages, 10_000), (.waiting, 720)]).plan(users: 1_000)
    close(plan.cell.waiting, 1_000 * 5_000)
    close(plan.cell.nameBytes, 1_000 * 8_192 * 100)
  }

  @Test func `A busy node puts the wakeups of a commit for one node into one message`() throws {
    let plan = try Self.capacity(Self.simple + [(.commits, 1)]).plan(users: 1_000_000)
    close(plan.cell.brokerMessages, 11 * 10 + 2.2)
  }

  @Test func `Who finds no room comes back after twice as long, and at last once a minute`() throws {
    // Two nodes of one core, of which one is lost: the other takes 10 connects a second, less what it does anyway.
    let slow: [(CapacityInput, Double)] = [
      (.connectCPU, 100_000), (.cores, 1), (.connects, 0.001), (.messages, 0.001), (.utilisation, 0.95), (.online, 1),
      (.sockets, 1_000), (.window, 1),
    ]
    let storm = try Self.capacity(Self.simple + slow).plan(users: 900).cell.storm
    close(storm.sockets, 450)
    #expect(storm.taken < 10 && storm.taken > 9.99)
    // 10, 20, 40, 80 and 160 in 31 s; the other 140 in the 32 s after that.
    close(storm.seconds, 63)
    let window: [(CapacityInput, Double)] = [(.window, 3_600), (.connectCPU, 100_000)]
    close(try Self.capacity(Self.simple + window).plan(users: 100).cell.storm.seconds, 3_600)
  }

  @Test func `Cells begin with the first user who is too much`() throws {
    // 11 nodes are 10 at half of 100,000 sockets, and half the users are online: a million.
    let nodes = try Self.capacity(Self.simple + [(.cellNodes, 11)])
    let (one, two) = (nodes.plan(users: 1_000_000), nodes.plan(users: 1_000_001))
    #expect(one.cells == 1 && one.mostUsersOfACell == 1_000_000 && one.limit == .nodes)
    #expect(two.cells == 2 && two.usersOfACell == 500_001 && two.mostUsersOfACell == 1_000_000)
    #expect(two.cell.nodes == 7, "5.00001 and one to spare")
    #expect(nodes.plan(users: 10_000_000).cells == 10)
    // A million users need 0.58333 shards; two that are half used are one.
    let shards = try Self.capacity(Self.simple + [(.cellShards, 2)]).plan(users: 2_000_000)
    #expect(shards.mostUsersOfACell == 1_714_285 && shards.limit == .shards && shards.cells == 2)
    // Half of 1,000 messages a second are less than 506.7.
    let broker = try Self.capacity(Self.simple + [(.broker, 1_000)]).plan(users: 1_000_000)
    #expect(broker.limit == .broker && broker.cells == 2)
    #expect(broker.cell.brokerMessages <= 500)
    // Where nothing is a limit there is one cell for everybody.
    let wide: [(CapacityInput, Double)] = [
      (.cellNodes, 10_000), (.cellShards, 10_000), (.broker, 100_000_000), (.sockets, 1_000_000), (.online, 0.001),
      (.messages, 0.1), (.connects, 0.1), (.memory, 1e14), (.devices, 1),
    ]
    let everybody = try Self.capacity(wide).plan(users: 10_000_000_000)
    #expect(everybody.cells == 1 && everybody.limit == nil && everybody.mostUsersOfACell == 10_000_000_000)
  }

  @Test func `A user for whom no cell is large enough has one alone, and the plan says that it does not fit`() throws {
    let heavy: [(CapacityInput, Double)] = [
      (.messages, 10_000), (.devices, 16), (.peak, 100), (.accepts, 1), (.cellNodes, 2),
    ]
    let plan = try Self.capacity(heavy).plan(users: 1_000)
    #expect(plan.mostUsersOfACell == 0 && plan.cells == 1_000 && plan.usersOfACell == 1)
    #expect(plan.limit == .nodes && plan.cell.nodes > 2)
  }

  @Test func `More users never need less`() throws {
    for capacity in [Capacity(), try Self.capacity(Self.simple)] {
      let most = capacity.plan(users: 1).mostUsersOfACell
      let plans = (1...200).map { capacity.plan(users: max(most * $0 / 200, 1)) }
      for (less, more) in zip(plans, plans.dropFirst()) {
        #expect(less.cells == 1 && more.cells == 1)
        let (a, b) = (less.cell, more.cell)
        #expect(a.nodes <= b.nodes && a.nginx <= b.nginx && a.shards <= b.shards)
        #expect(a.peakAccepts <= b.peakAccepts && a.brokerMessages <= b.brokerMessages && a.walBytes <= b.walBytes)
        #expect(a.databaseBytes <= b.databaseBytes && a.blobBytes <= b.blobBytes && a.lookups <= b.lookups)
      }
      let many = (0...10).map { capacity.plan(users: Int(pow(10, Double($0)))) }
      for (less, more) in zip(many, many.dropFirst()) {
        #expect(less.cells <= more.cells && less.usersOfACell <= more.usersOfACell * 2)
        #expect(less.total(Double(less.cell.nodes)) <= more.total(Double(more.cell.nodes)))
        #expect(less.total(Double(less.cell.shards)) <= more.total(Double(more.cell.shards)))
        #expect(less.total(less.cell.meanAccepts) < more.total(more.cell.meanAccepts))
      }
    }
  }

  @Test(arguments: CapacityInput.all)
  func `Each input changes the plan, and has a standard within its range`(input: CapacityInput) throws {
    #expect(input.range.contains(input.standard) && input.range.lowerBound < input.range.upperBound)
    #expect(!input.meaning.isEmpty && !input.unit.isEmpty)
    let other = input.standard == input.range.lowerBound ? input.range.upperBound : input.range.lowerBound
    let plan = Capacity().plan(users: 1_000_000)
    let changed = try Self.capacity([(input, other)]).plan(users: 1_000_000)
    #expect(changed.cells != plan.cells || changed.cell != plan.cell, "\(input.name) does not matter")
    #expect(changed.inputs != plan.inputs)
  }

  @Test(arguments: CapacityInput.all)
  func `At the ends of each input every figure is a number`(input: CapacityInput) throws {
    for value in [input.range.lowerBound, input.range.upperBound] {
      let capacity = try Self.capacity([(input, value)])
      for users in [1, 1_000_000, 10_000_000_000] { try self.finite(capacity.plan(users: users)) }
    }
  }

  @Test func `With all inputs at one end every figure is a number`() throws {
    for end in [\ClosedRange<Double>.lowerBound, \.upperBound] {
      let capacity = try Self.capacity(CapacityInput.all.map { ($0, $0.range[keyPath: end]) })
      for users in [1, 10_000_000_000] { try finite(capacity.plan(users: users)) }
    }
  }

  /// JSON has neither infinity nor NaN, so the encoder throws on them.
  private func finite(_ plan: CapacityPlan) throws {
    _ = try JSONEncoder().encode(plan)
    #expect(plan.cells >= 1 && plan.cell.nodes >= 2 && plan.cell.nginx >= 2 && plan.cell.shards >= 1)
    #expect(plan.cell.storm.seconds > 0 && plan.cell.storm.taken > 0)
  }

  @Test(arguments: [
    ("1", 1), ("1M", 1_000_000), ("100M", 100_000_000), ("2B", 2_000_000_000), ("2b", 2_000_000_000), ("10k", 10_000),
    ("2.5M", 2_500_000), ("1.1M", 1_100_000), ("0.001k", 1), ("10B", 10_000_000_000), ("10000000000", 10_000_000_000),
  ])
  func `Users are understood`(text: String, users: Int) throws {
    #expect(try Capacity.users(text) == users)
  }

  @Test(arguments: [
    "", "0", "-1", "M", "1MM", "1.5", "1.M", ".5M", "1.0001k", "1.2.3M", "1e6", "0x10", "inf", "nan", " 1", "1,000",
    "١",
    "10.1B", "10000000001", "99999999999999999999999999", "11B", "many",
  ])
  func `What is no number of users is refused, with what, meaning and next`(text: String) {
    let failure = #expect(throws: StartFailure.self) { try Capacity.users(text) }
    #expect(failure?.exitCode == 64)
    #expect(failure?.what.contains("--users") == true && failure?.next.contains("100M") == true)
  }

  @Test(arguments: CapacityInput.all)
  func `What an input does not take is refused`(input: CapacityInput) {
    for value in [input.range.lowerBound - 0.001, input.range.upperBound * 1.001, -1, .nan, .infinity] {
      var capacity = Capacity()
      let failure = #expect(throws: StartFailure.self) { try capacity.set(input, to: value) }
      #expect(failure?.exitCode == 64 && failure?.what.contains("--\(input.name) ") == true)
      #expect(capacity == Capacity())
    }
  }

  @Test func `The fields of the JSON are these`() throws {
    let encoded = try JSONEncoder().encode(Capacity().plan(users: 1_000_000))
    let plan = try #require(try JSONSerialization.jsonObject(with: encoded) as? [String: Any])
    #expect(
      plan.keys.sorted() == ["cell", "cells", "inputs", "limit", "most_users_of_a_cell", "users", "users_of_a_cell"])
    let cell = try #require(plan["cell"] as? [String: Any])
    #expect(
      cell.keys.sorted() == [
        "blob_bytes", "broker_messages", "connections_of_a_shard", "connects", "database_busy",
        "database_busy_without_bus", "handshakes", "lookups", "mailbox_bytes", "mean_accepts", "memory_of_a_node",
        "name_bytes", "nginx", "nginx_connections", "nodes", "nodes_for", "peak_accepts", "relay_cores", "rows",
        "shards", "sockets", "sockets_of_a_node", "storm", "sweeps", "sweeps_without_bus", "uploads", "waiting",
        "waiting_bytes", "wakeup_bytes", "wal_bytes",
      ])
    let storm = try #require(cell["storm"] as? [String: Any])
    #expect(
      storm.keys.sorted() == ["database", "nginx", "relays", "seconds", "slowest", "sockets", "taken", "wanted"])
    let inputs = try #require(plan["inputs"] as? [String: Double])
    #expect(inputs.count == CapacityInput.all.count && inputs["accepts_per_second"] == 19_434)
  }

  @Test func `The table fits 80 columns, whatever is in it`() throws {
    let ends = try [\ClosedRange<Double>.lowerBound, \.upperBound].map { end in
      try Self.capacity(CapacityInput.all.map { ($0, $0.range[keyPath: end]) })
    }
    for capacity in ends + [Capacity()] {
      let table = CapacityTable([1, 10_000_000_000, 10_000_000_000].map { capacity.plan(users: $0) })
      for line in table.lines + CapacityTable.tested + CapacityTable.given(capacity) {
        #expect(line.count <= 80, "\(line)")
        #expect(line.last != " ")
      }
    }
  }

  @Test func `Numbers are written for people`() {
    #expect(
      [0, 7, 999, 1_000, 65_536, 1e10].map(CapacityTable.plain).joined(separator: " ")
        == "0 7 999 1,000 65,536 10,000,000,000")
    #expect([0.05, 1.5].map(CapacityTable.plain) == ["0.05", "1.5"])
    #expect(
      [0, 0.005, 1, 9.994, 9.996, 99.94, 99.96, 999.4, 999.6, 12_345, 2e15].map(CapacityTable.short) == [
        "0.00", "0.01", "1.00", "9.99", "10.0", "99.9", "100", "999", "1.00 k", "12.3 k", "2.00 P",
      ])
  }

  // MARK: Specs/Scale.md

  private static let page: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try? String(contentsOf: root.appending(path: "Specs/Scale.md"), encoding: .utf8)
  }()

  @Test func `The page has the table that the model makes`() throws {
    let table = CapacityTable([1_000_000, 100_000_000, 2_000_000_000].map { Capacity().plan(users: $0) })
    #expect(try #require(Self.page).contains("\n\(table.text)"), "Specs/Scale.md should have\n\(table.text)")
  }

  @Test func `The page has every input with its default and its origin`() throws {
    let page = try #require(Self.page)
    let missing = CapacityInput.all.map {
      "| `\($0.name)` | \(CapacityTable.plain($0.standard)) | \($0.unit) | \($0.origin.rawValue) |"
    }.filter { !page.contains("\n\($0)") }
    #expect(missing.isEmpty, "Specs/Scale.md should have\n\(missing.joined(separator: "\n"))")
  }
}
