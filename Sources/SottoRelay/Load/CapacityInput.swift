/// One number on which the size of a fleet depends, and where it comes from. `Specs/Scale.md` has the same table.
package struct CapacityInput: Hashable, Sendable {
  package enum Origin: String, Sendable {
    /// `Benchmarks/RESULTS.md` has it; `sotto-relay bench` measures it anew where that is said.
    case measured
    /// The relay, the fleet or the client is written so.
    case fixed
    /// Nobody has measured it.
    case assumed
  }

  /// As the flag is spelt, without dashes before it.
  package let name: String
  package let unit: String
  package let standard: Double
  package let range: ClosedRange<Double>
  package let origin: Origin
  package let meaning: String

  private init(
    _ name: String, _ unit: String, _ standard: Double, _ range: ClosedRange<Double>, _ origin: Origin,
    _ meaning: String
  ) {
    self.name = name
    self.unit = unit
    self.standard = standard
    self.range = range
    self.origin = origin
    self.meaning = meaning
  }

  /// In the order of the page.
  package static let all = people + relay + database + fleet

  // MARK: People

  package static let people = [
    messages, receipts, devices, peak, online, recipientOnline, connects, waiting, envelopeBytes, attachments,
    attachmentBytes, sendsPerConnection, sendSockets,
  ]

  package static let messages = CapacityInput(
    "messages-per-user", "a day", 50, 0.001...10_000, .assumed, "messages that a person writes")
  package static let receipts = CapacityInput(
    "receipts-per-message", "messages", 1, 0...10, .assumed,
    "messages of receipts for each: two when it was read late, fewer in a conversation, where they are gathered")
  package static let devices = CapacityInput(
    "devices-per-user", "devices", 1.5, 1...16, .assumed, "every message goes to each device on both sides")
  package static let peak = CapacityInput(
    "peak-factor", "times", 3, 1...100, .assumed, "the busiest minutes in terms of the day's mean")
  package static let online = CapacityInput(
    "online-share", "of devices", 0.3, 0.001...1, .assumed, "devices that hold a stream at the peak")
  package static let recipientOnline = CapacityInput(
    "recipient-online", "of envelopes", 0.6, 0...1, .assumed,
    "envelopes whose owner is online when they come: more than devices, because who is written to writes")
  package static let connects = CapacityInput(
    "connects-per-device", "a day", 20, 0.001...10_000, .assumed, "how often a device opens its stream")
  package static let waiting = CapacityInput(
    "waiting-hours", "hours", 15, 0.001...720, .assumed,
    "mean wait of an envelope: one in fifty is for a device that is gone and waits 30 days, the others half an hour")
  package static let envelopeBytes = CapacityInput(
    "envelope-bytes", "bytes", 1_024, 512...65_536, .assumed,
    "mean size: most have 512, first messages 16,384; what was measured was measured with 1,024")
  package static let attachments = CapacityInput(
    "attachment-share", "of messages", 0.05, 0...1, .assumed, "messages with an attachment")
  package static let attachmentBytes = CapacityInput(
    "attachment-bytes", "bytes", 1_048_576, 65_536...134_217_728, .assumed, "mean size of a blob: a picture")
  package static let sendsPerConnection = CapacityInput(
    "sends-per-connection", "envelopes", 4, 1...1_000, .assumed,
    "envelopes that go out on a connection: a client has one for each recipient, until it was idle for 75 s")
  package static let sendSockets = CapacityInput(
    "send-socket-share", "of envelopes", 0.2, 0...1, .assumed,
    "envelopes that come on send sockets, at whichever node; Sotto's own client sends by PUT")

  // MARK: Relay nodes and NGINX

  package static let relay = [
    accepts, acceptCPU, deliverCPU, connectCPU, tlsCPU, connectionBytes, cores, memory, sockets, nginxConnections,
  ]

  package static let accepts = CapacityInput(
    "accepts-per-second", "a second", 19_434, 1...10_000_000, .measured,
    "envelopes that a node takes: `bench`, put, per second")
  package static let acceptCPU = CapacityInput(
    "accept-cpu", "us", 58, 0.1...100_000, .measured, "of a node for an envelope taken: `bench`, put, relay us")
  package static let deliverCPU = CapacityInput(
    "deliver-cpu", "us", 14, 0.1...100_000, .measured, "and for one handed out: `bench`, deliver, relay us")
  package static let connectCPU = CapacityInput(
    "connect-cpu", "us", 971, 0.1...100_000, .measured, "and for a stream opened: `bench`, idle_tls, relay us")
  package static let tlsCPU = CapacityInput(
    "tls-cpu", "us", 420, 0.1...100_000, .measured,
    "of NGINX for a TLS handshake: `bench`, relay us, idle_tls less idle; NGINX itself was not measured")
  package static let connectionBytes = CapacityInput(
    "connection-bytes", "bytes", 24_259, 100...10_000_000, .measured,
    "of a node's memory for a stream: `bench`, idle_tls, bytes each")
  package static let cores = CapacityInput(
    "cores", "cores", 2, 1...1_024, .measured,
    "of a node, and of a machine with NGINX: those of the machine that was measured")
  package static let memory = CapacityInput(
    "memory", "bytes", 23e9, 1e8...1e14, .measured, "of a node: that of the machine that was measured")
  package static let sockets = CapacityInput(
    "sockets-per-node", "sockets", 65_536, 100...1_000_000, .fixed,
    "what a node is allowed, `max-connections`; tested were 10,000")
  package static let nginxConnections = CapacityInput(
    "nginx-connections", "sockets", 100_000, 100...10_000_000, .assumed, "clients of one machine with NGINX")

  // MARK: PostgreSQL

  package static let database = [
    databaseAccepts, databaseLookups, walBytes, rowBytes, nameBytes, mailboxBytes,
  ]

  package static let databaseAccepts = CapacityInput(
    "database-accepts", "a second", 13_600, 1...10_000_000, .measured,
    "accepts that a shard commits in batches of 64, without a replica; that each was three rows is assumed")
  package static let databaseLookups = CapacityInput(
    "database-lookups", "a second", 400_000, 1...1e9, .assumed,
    "heads that a shard looks up by key: on one connection 1,000 took 4.3 ms, once in memory")
  package static let walBytes = CapacityInput(
    "wal-bytes", "bytes", 228, 1...100_000, .measured,
    "of write-ahead log for a row changed, the envelope's own bytes apart")
  package static let rowBytes = CapacityInput(
    "row-bytes", "bytes", 225, 0...100_000, .measured, "on the disk for an envelope that waits, beyond its own")
  package static let nameBytes = CapacityInput(
    "name-bytes", "bytes", 158, 1...100_000, .measured, "on the disk for the name of an envelope, kept for 30 days")
  package static let mailboxBytes = CapacityInput(
    "mailbox-bytes", "bytes", 150_000, 100...10_000_000, .assumed,
    "on the disk for a device: 64 one-time parts have 120 KB; the signed part, a card")

  // MARK: The fleet

  package static let fleet = [
    utilisation, strays, commits, broker, window, cellNodes, cellShards,
  ]

  package static let utilisation = CapacityInput(
    "utilisation", "of each", 0.6, 0.05...0.95, .assumed,
    "how busy anything may be at the peak: the rest is for what the hash spreads unevenly")
  package static let strays = CapacityInput(
    "stray-share", "of PUTs", 0.05, 0...1, .assumed,
    "PUTs that reach another node than the stream: nodes come and go, and every NGINX counts failures for itself")
  package static let commits = CapacityInput(
    "commits-per-second", "a second", 200, 1...100_000, .assumed,
    "commits of a node: a message of the broker holds all wakeups of a commit for one node")
  package static let broker = CapacityInput(
    "broker-messages", "a second", 20_000, 1...100_000_000, .assumed, "messages that a cell's broker hands on")
  package static let window = CapacityInput(
    "storm-seconds", "seconds", 0.5, 0.01...3_600, .fixed,
    "in which clients come back first, at random times; whoever fails takes twice as long, at most 60 s")
  package static let cellNodes = CapacityInput(
    "cell-nodes", "nodes", 64, 2...10_000, .assumed, "at most in a cell")
  package static let cellShards = CapacityInput(
    "cell-shards", "shards", 16, 1...10_000, .assumed, "at most in a cell")
}
