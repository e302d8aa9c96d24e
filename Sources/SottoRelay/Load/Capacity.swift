/// What a number of users needs: arithmetic, and nothing else. `Specs/Scale.md` has the formulas in the same order, and
/// says which of them were ever compared with a machine.
package struct Capacity: Sendable, Equatable {
  /// 1 to ten billion: everybody.
  package static let users = 1...10_000_000_000

  /// What differs from the standard.
  private var values: [String: Double] = [:]

  package init() {}

  package subscript(input: CapacityInput) -> Double { values[input.name] ?? input.standard }

  package mutating func set(_ input: CapacityInput, to value: Double) throws(StartFailure) {
    guard input.range.contains(value) else { throw .capacityInput(input) }
    values[input.name] = value
  }

  /// Every input, in order.
  package var inputs: [(input: CapacityInput, value: Double)] { CapacityInput.all.map { ($0, self[$0]) } }

  /// - Parameter users: within `Capacity.users`.
  package func plan(users: Int) -> CapacityPlan {
    let most = mostUsersOfACell()
    // A user for whom no cell is large enough has one alone, and the plan says that it does not fit.
    let cells = most == 0 ? users : (users + most - 1) / most
    let each = (users + cells - 1) / cells
    return CapacityPlan(
      users: users, cells: cells, usersOfACell: each, mostUsersOfACell: most,
      limit: most < Self.users.upperBound ? limit(ofUsers: most + 1) : nil, cell: cell(users: each),
      inputs: Dictionary(
        uniqueKeysWithValues: inputs.map { ($0.input.name.split(separator: "-").joined(separator: "_"), $0.value) }))
  }

  // MARK: Where cells begin

  /// The most users of whom a cell is within its limits. Whatever a cell needs grows with its users, so halving finds it.
  private func mostUsersOfACell() -> Int {
    var (fits, tooMany) = (0, Self.users.upperBound + 1)
    while tooMany - fits > 1 {
      let middle = fits + (tooMany - fits) / 2
      if limit(ofUsers: middle) == nil { fits = middle } else { tooMany = middle }
    }
    return fits
  }

  /// Which limit of a cell so many users go beyond, if any.
  private func limit(ofUsers users: Int) -> CapacityPlan.Limit? {
    let cell = cell(users: users)
    if Double(cell.nodes) > self[.cellNodes] { return .nodes }
    if Double(cell.shards) > self[.cellShards] { return .shards }
    return cell.brokerMessages > self[.broker] * self[.utilisation] ? .broker : nil
  }

  // MARK: One cell

  private func cell(users: Int) -> CapacityCell {
    let demand = CapacityDemand(users: Double(users), self)
    var cell = CapacityCell(demand)
    relays(of: demand, &cell)
    nginx(of: demand, &cell)
    database(of: demand, &cell)
    disks(of: demand, &cell)
    broker(of: demand, &cell)
    storm(&cell)
    return cell
  }

  /// As many as the scarcest of four things asks for, and one that may be lost.
  private func relays(of demand: CapacityDemand, _ cell: inout CapacityCell) {
    cell.relayCores =
      (demand.peakAccepts * (self[.acceptCPU] + self[.deliverCPU]) + demand.peakConnects * self[.connectCPU]) / 1e6
    let needs: [(CapacityCell.Scarce, Double)] = [
      (.accepts, demand.peakAccepts / self[.accepts]), (.cores, cell.relayCores / self[.cores]),
      (.memory, demand.sockets * self[.connectionBytes] / self[.memory]),
      (.sockets, demand.sockets / self[.sockets]),
    ]
    let most = needs.map(\.1).max() ?? 0
    cell.nodes = Self.machines(most / self[.utilisation]) + 1
    cell.nodesFor = needs.first { $0.1 == most }?.0 ?? .accepts
    cell.socketsOfANode = demand.sockets / Double(cell.nodes)
    cell.memoryOfANode = cell.socketsOfANode * self[.connectionBytes]
  }

  /// Streams, and connections on which something was sent a while ago.
  private func nginx(of demand: CapacityDemand, _ cell: inout CapacityCell) {
    let sending = demand.peakAccepts / self[.sendsPerConnection]
    cell.handshakes = demand.peakConnects + sending
    cell.nginxConnections = demand.sockets + sending * Double(RelayLimits.idleSeconds)
    let busy = cell.handshakes * self[.tlsCPU] / 1e6 / self[.cores]
    let most = max(cell.nginxConnections / self[.nginxConnections], busy)
    cell.nginx = Self.machines(most / self[.utilisation]) + 1
  }

  private func database(of demand: CapacityDemand, _ cell: inout CapacityCell) {
    cell.rows = demand.peakAccepts * CapacityFleet.rowsOfAnEnvelope + demand.peakConnects * CapacityFleet.rowsOfAStream
    cell.lookups = demand.sockets / CapacityFleet.sweepSeconds
    cell.walBytes = demand.peakAccepts * self[.envelopeBytes] + cell.rows * self[.walBytes]
    // In shards. Without the bus they may be busy all the time.
    let rows = cell.rows / (self[.databaseAccepts] * CapacityFleet.rowsOfAnAccept)
    let up = rows + cell.lookups / self[.databaseLookups]
    let down = rows + demand.sockets / CapacityFleet.sweepSecondsWithoutBus / self[.databaseLookups]
    cell.shards = Self.machines(max(up / self[.utilisation], down))
    let shards = Double(cell.shards)
    (cell.databaseBusy, cell.databaseBusyWithoutBus) = (up / shards, down / shards)
    cell.connectionsOfAShard = cell.nodes * CapacityFleet.connections
    // The heads of a node's streams are in all shards; a query asks one shard for some of them.
    let queries = shards * (cell.socketsOfANode / shards / CapacityFleet.headsOfAQuery).rounded(.up)
    cell.sweeps = Double(cell.nodes) * queries / CapacityFleet.sweepSeconds
    cell.sweepsWithoutBus = Double(cell.nodes) * queries / CapacityFleet.sweepSecondsWithoutBus
  }

  private func disks(of demand: CapacityDemand, _ cell: inout CapacityCell) {
    // What a mailbox may hold bounds both.
    let ofADevice = demand.meanAccepts / demand.devices
    let waiting = min(ofADevice * self[.waiting] * 3_600, Double(RelayLimits.contactEnvelopes))
    let names = min(ofADevice * Double(RelayLimits.shelfDays) * 86_400, Double(RelayLimits.deliveredNames))
    cell.waiting = demand.devices * waiting
    cell.waitingBytes = cell.waiting * (self[.envelopeBytes] + self[.rowBytes])
    cell.nameBytes = demand.devices * names * self[.nameBytes]
    cell.mailboxBytes = demand.devices * self[.mailboxBytes]
    let blobs = demand.messages * self[.attachments] * self[.attachmentBytes]
    cell.blobBytes = blobs * Double(RelayLimits.blobDays) * 86_400
    cell.uploads = blobs * self[.peak]
  }

  /// A wakeup goes through the broker when its envelope came to another node than the one that has the stream.
  private func broker(of demand: CapacityDemand, _ cell: inout CapacityCell) {
    let others = Double(cell.nodes - 1)
    let elsewhere =
      self[.sendSockets] * others / Double(cell.nodes) + (1 - self[.sendSockets]) * self[.strays]
    let wakeups = demand.peakAccepts * self[.recipientOnline] * elsewhere
    let batches = Double(cell.nodes) * self[.commits] * others
    cell.wakeupBytes = wakeups * CapacityFleet.wakeupBytes
    cell.brokerMessages = min(wakeups, batches) + Double(cell.nodes) / CapacityFleet.heartbeatSeconds
  }

  /// A node is lost at the peak, and everybody who was there comes back while the others go on.
  private func storm(_ cell: inout CapacityCell) {
    let lost = cell.socketsOfANode
    let relays = (Double(cell.nodes - 1) * self[.cores] - cell.relayCores) / self[.connectCPU] * 1e6
    let nginx = Double(cell.nginx) * self[.cores] / self[.tlsCPU] * 1e6 - cell.handshakes
    let rows = Double(cell.shards) * self[.databaseAccepts] * CapacityFleet.rowsOfAnAccept
    let claims = rows * (1 - cell.databaseBusy) / CapacityFleet.rowsOfAClaim
    let stages: [(CapacityStorm.Stage, Double)] = [(.relays, relays), (.nginx, nginx), (.database, claims)]
    let taken = stages.map(\.1).min() ?? 0
    cell.storm = CapacityStorm(
      sockets: lost, wanted: lost / self[.window], relays: relays, nginx: nginx, database: claims, taken: taken,
      slowest: stages.first { $0.1 == taken }?.0 ?? .relays,
      seconds: CapacityStorm.seconds(of: lost, window: self[.window], taken: taken))
  }

  /// Whole ones, at least one. Beyond any fleet it does not count on, so that nothing overflows.
  private static func machines(_ needed: Double) -> Int { Int(min(max(needed.rounded(.up), 1), 1e12)) }
}

/// How the fleet works: what is no input, because a change of it is a change of the program.
package enum CapacityFleet {
  /// An envelope, its name, the head of its mailbox.
  package static let rowsOfAnAccept = 3.0
  /// Those; the envelope and the head again when it is acknowledged; the name when it is forgotten.
  package static let rowsOfAnEnvelope = 6.0
  /// The head says which node has the stream, and then that none has.
  package static let rowsOfAStream = 2.0
  package static let rowsOfAClaim = 1.0
  /// Seconds between two looks of a node at the heads of its streams, while the bus works and while it does not.
  package static let sweepSeconds = 10.0
  package static let sweepSecondsWithoutBus = 2.0
  package static let headsOfAQuery = 1_000.0
  package static let heartbeatSeconds = 5.0
  /// A mailbox.
  package static let wakeupBytes = 16.0
  /// Of a node to each shard.
  package static let connections = 7
}

/// What people ask of a cell, a second.
struct CapacityDemand {
  let devices: Double
  /// Messages written, in the mean of the day.
  let messages: Double
  let meanAccepts: Double
  let peakAccepts: Double
  /// Streams opened, at the peak.
  let peakConnects: Double
  /// Streams that are open, at the peak.
  let sockets: Double

  init(users: Double, _ inputs: Capacity) {
    let each = inputs[.devices]
    devices = users * each
    messages = users * inputs[.messages] / 86_400
    // A message goes to every device of the recipient and, as a copy, to the writer's others; a receipt to the former.
    meanAccepts = messages * (each + (each - 1) + inputs[.receipts] * each)
    peakAccepts = meanAccepts * inputs[.peak]
    peakConnects = devices * inputs[.connects] / 86_400 * inputs[.peak]
    sockets = devices * inputs[.online]
  }
}

// What is no number of users, or no input.
extension StartFailure {
  package static func capacityUsers(_ text: String) -> StartFailure {
    StartFailure(
      64, "--users takes a number from 1 to 10 billion, not '\(text.prefix(40))'.", "There is nothing to calculate.",
      "Say for instance `--users 100M`: k, M and B are thousand, million and billion.")
  }

  static func capacityInput(_ input: CapacityInput) -> StartFailure {
    let (low, high) = (CapacityTable.plain(input.range.lowerBound), CapacityTable.plain(input.range.upperBound))
    return StartFailure(
      64, "--\(input.name) takes \(low) to \(high) (\(input.unit)).", "With another value the plan would mean nothing.",
      "Leave it away for \(CapacityTable.plain(input.standard)), or say what was measured.")
  }
}

extension Capacity {
  /// `250000`, `1M`, `2.5M`, `2B`.
  package static func users(_ text: String) throws(StartFailure) -> Int {
    let zeros: [Character: Int] = ["k": 3, "K": 3, "m": 6, "M": 6, "b": 9, "B": 9, "g": 9, "G": 9]
    let exponent = text.last.flatMap { zeros[$0] }
    let digits = exponent == nil ? text[...] : text.dropLast()
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = parts.count == 2 ? parts[1] : ""
    let isNumber = parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { "0123456789".contains($0) } }
    guard isNumber, fraction.count <= exponent ?? 0 else { throw .capacityUsers(text) }
    let written = parts[0] + fraction + String(repeating: "0", count: (exponent ?? 0) - fraction.count)
    guard let number = Int(written), users.contains(number) else { throw .capacityUsers(text) }
    return number
  }
}
