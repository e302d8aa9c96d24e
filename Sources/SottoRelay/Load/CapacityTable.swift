/// Plans for people, 80 columns wide: a column for each.
package struct CapacityTable {
  /// So many stand beside each other.
  package static let columns = 3
  private static let first = 35
  private static let other = 15

  private let plans: [CapacityPlan]

  /// - Parameter plans: at most `columns`.
  package init(_ plans: [CapacityPlan]) { self.plans = plans }

  package var text: String { lines.joined(separator: "\n") + "\n" }

  /// What to think of it, below all tables.
  package static let tested = [
    "Tested was nothing above three nodes and 10,000 sockets, on one machine with 2",
    "cores. The rest is extrapolation, with the assumptions of Specs/Scale.md.",
  ]

  /// With what the plans differ from the standard, as flags.
  package static func given(_ capacity: Capacity) -> [String] {
    capacity.inputs.filter { $0.value != $0.input.standard }
      .map { "with --\($0.input.name) \(plain($0.value).filter { $0 != "," })" }
  }

  package var lines: [String] {
    [row("users") { Self.plain(Double($0.users)) }] + all + [""] + cell + [""] + database + [""] + storm
  }

  private var all: [String] {
    [
      row("cells") { Self.plain(Double($0.cells)) },
      row("  cells begin beyond users") { $0.limit == nil ? "none" : Self.plain(Double($0.mostUsersOfACell)) },
      row("  because of") { $0.limit?.rawValue ?? "" },
      row("relay nodes") { Self.count($0.total(Double($0.cell.nodes))) },
      row("NGINX machines") { Self.count($0.total(Double($0.cell.nginx))) },
      row("PostgreSQL machines, two a shard") { Self.count($0.total(2 * Double($0.cell.shards))) },
      row("accepts/s, mean") { Self.short($0.total($0.cell.meanAccepts)) },
      row("accepts/s and deliveries/s, peak") { Self.short($0.total($0.cell.peakAccepts)) },
      row("databases, bytes, one of 2 copies") { Self.short($0.total($0.cell.databaseBytes)) },
      row("attachments, bytes") { Self.short($0.total($0.cell.blobBytes)) },
    ]
  }

  private var cell: [String] {
    [
      row("ONE CELL, users") { Self.plain(Double($0.usersOfACell)) },
      row("accepts/s and deliveries/s, peak") { Self.short($0.cell.peakAccepts) },
      row("relay nodes, one to spare") { Self.count(Double($0.cell.nodes)) },
      row("  so many because of") { $0.cell.nodesFor.rawValue },
      row("  sockets of a node") { Self.short($0.cell.socketsOfANode) },
      row("  memory for them, bytes") { Self.short($0.cell.memoryOfANode) },
      row("  cores busy of a node") { Self.short($0.cell.relayCores / Double($0.cell.nodes)) },
      row("NGINX machines, one to spare") { Self.count(Double($0.cell.nginx)) },
      row("  client connections") { Self.short($0.cell.nginxConnections) },
      row("  TLS handshakes/s") { Self.short($0.cell.handshakes) },
      row("broker, messages/s") { Self.short($0.cell.brokerMessages) },
      row("attachments, bytes/s coming in") { Self.short($0.cell.uploads) },
    ]
  }

  private var database: [String] {
    [
      row("database shards") { Self.count(Double($0.cell.shards)) },
      row("  rows changed/s") { Self.short($0.cell.rows) },
      row("  write-ahead log, bytes/s") { Self.short($0.cell.walBytes) },
      row("  sweeps' queries/s") { Self.short($0.cell.sweeps) },
      row("  the same without the broker") { Self.short($0.cell.sweepsWithoutBus) },
      row("  busy") { Self.percent($0.cell.databaseBusy) },
      row("  the same without the broker") { Self.percent($0.cell.databaseBusyWithoutBus) },
      row("  connections of a shard") { Self.count(Double($0.cell.connectionsOfAShard)) },
      row("  bytes of a shard") { Self.short($0.cell.databaseBytes / Double($0.cell.shards)) },
      row("    waiting envelopes") { Self.short($0.cell.waitingBytes / Double($0.cell.shards)) },
      row("    names of delivered ones") { Self.short($0.cell.nameBytes / Double($0.cell.shards)) },
      row("    mailboxes, prekeys, cards") { Self.short($0.cell.mailboxBytes / Double($0.cell.shards)) },
    ]
  }

  private var storm: [String] {
    [
      row("A NODE IS LOST, sockets come back") { Self.short($0.cell.storm.sockets) },
      row("  connects/s wanted at first") { Self.short($0.cell.storm.wanted) },
      row("  connects/s the relays can take") { Self.short($0.cell.storm.relays) },
      row("  handshakes/s NGINX can take") { Self.short($0.cell.storm.nginx) },
      row("  claims/s the shards can take") { Self.short($0.cell.storm.database) },
      row("  seconds until all are back") { Self.short($0.cell.storm.seconds) },
    ]
  }

  private func row(_ label: String, _ cell: (CapacityPlan) -> String) -> String {
    let start = label + String(repeating: " ", count: max(Self.first - label.count, 0))
    let line = plans.reduce(start) { line, plan in
      let text = cell(plan)
      return line + String(repeating: " ", count: max(Self.other - text.count, 1)) + text
    }
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: Numbers

  /// Whole numbers with commas, others as they are.
  package static func plain(_ value: Double) -> String {
    guard value == value.rounded(), abs(value) < 1e18 else { return "\(value)" }
    let digits = String(Int(value))
    return digits.enumerated().reduce(into: "") { text, next in
      if next.offset > 0, (digits.count - next.offset).isMultiple(of: 3) { text += "," }
      text.append(next.element)
    }
  }

  /// Three digits: `12.3 k`.
  package static func short(_ value: Double) -> String {
    let units = ["", " k", " M", " G", " T", " P", " E", " Z"]
    var (value, unit) = (value, 0)
    // What would be rounded to 1,000 is 1.00 of the next.
    while value >= 999.5, unit < units.count - 1 { (value, unit) = (value / 1_000, unit + 1) }
    let digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    return decimal(value, digits) + units[unit]
  }

  /// Machines: every one of them, as long as they fit.
  private static func count(_ value: Double) -> String { value < 1e10 ? plain(value) : short(value) }

  private static func percent(_ share: Double) -> String { decimal(share * 100, 0) + " %" }

  private static func decimal(_ value: Double, _ digits: Int) -> String {
    let scale = [1, 10, 100][digits]
    let whole = Int(min((value * Double(scale)).rounded(), 1e15))
    guard digits > 0 else { return "\(whole)" }
    let fraction = String(whole % scale)
    return "\(whole / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
