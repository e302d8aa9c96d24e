import ArgumentParser
import Foundation

/// `make bench-crypto`: each operation of the core beside its floor, in turn.
struct CryptoBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crypto", abstract: "Measure the cryptographic core against the calls it cannot do without.")

  @Option(help: "How often each is measured; the median counts.") var rounds = 25
  @Option(help: "Measure this one beside the unit; may be repeated. (default: all)") var operation: [String] = []
  @Flag(help: "Print one JSON object an operation.") var json = false

  func validate() throws {
    guard 1...1_000 ~= rounds else { throw ValidationError("A number is out of range.") }
  }

  func run() throws {
    let operations = try CryptoOperations()
    let postQuantum = try PostQuantumFloor()
    let all = CryptoRow.all(operations, CryptoFloor(operations.sizes), postQuantum)
    if let unknown = operation.first(where: { name in !all.contains { $0.op == name } }) {
      throw ValidationError("There is no operation “\(unknown)”: they are \(all.map(\.op).joined(separator: ", ")).")
    }
    let rows = operation.isEmpty ? all : [all[0]] + all.dropFirst().filter { operation.contains($0.op) }
    let besides = operation.isEmpty ? CryptoRow.besides(operations, postQuantum) : []
    // What comes first pays for warming up; it is not counted.
    for round in 0...rounds {
      for row in rows + besides { try row.take(isCounted: round > 0) }
    }
    let unit = rows[0].floor
    if json {
      for row in rows { BenchmarksCommand.print(row.json) }
    } else {
      BenchmarksCommand.print(CryptoRow.line(["operation", "us", "floor", "x floor", "x X25519", "goal", ""]))
      for row in rows { BenchmarksCommand.print(row.text(unit)) }
    }
    for row in besides { say(row.text(unit)) }
    try sayFigures(operations)
    if let folder = ProcessInfo.processInfo.environment["SOTTO_PEERS"] { try Peers(folder).run(say) }
  }

  /// What is no row: in a table below it, with JSON on standard error.
  private func say(_ text: String) {
    if json { BenchmarksCommand.say(text) } else { BenchmarksCommand.print(text) }
  }

  private func sayFigures(_ operations: CryptoOperations) throws {
    let unanswered = try operations.unansweredSize()
    say("a saved session: \(operations.savedSize) bytes; with its prelude, before the first answer: \(unanswered)")
    guard let counter = AllocationCounter() else { return say("allocations: not counted, nothing counts them here") }
    let count = try operations.allocations(counter)
    say("allocations of a message, into the caller's memory: encrypt \(count.encrypt), decrypt \(count.decrypt)")
    say("allocations of the control, which makes one: \(count.control)")
  }
}

/// One operation and its floor, round by round.
final class CryptoRow {
  let op: String
  private(set) var own: [Double] = []
  private(set) var floor: [Double] = []
  private let goal: Goal?
  private let measureOwn: () throws -> Double
  private let measureFloor: () throws -> Double

  /// What a row must not exceed.
  struct Goal {
    var floors: Double?
    var units: Double?
    /// On a machine whose X25519 takes 30.
    var microseconds: Double?
  }

  private static let unit = 30.0

  init(
    _ op: String, _ goal: Goal? = nil, _ own: @escaping () throws -> Double, floor: @escaping () throws -> Double
  ) {
    self.op = op
    self.goal = goal
    measureOwn = own
    measureFloor = floor
  }

  /// In another order each time.
  func take(isCounted: Bool) throws {
    let isOwnFirst = own.count.isMultiple(of: 2)
    let early = try isOwnFirst ? measureOwn() : measureFloor()
    let late = try isOwnFirst ? measureFloor() : measureOwn()
    guard isCounted else { return }
    own.append(isOwnFirst ? early : late)
    floor.append(isOwnFirst ? late : early)
  }

  /// The median of the rounds' ratios.
  private var ratio: Double { zip(own, floor).map { $0 / $1 }.median }

  var json: String {
    func number(_ value: Double) -> String { String(format: "%.3f", value) }
    return #"{"op":"\#(op)","us_per_op":\#(number(own.median)),"floor_us":\#(number(floor.median)),"#
      + #""ratio":\#(number(ratio))}"#
  }

  /// `unit` is the X25519 of each round.
  func text(_ unit: [Double]) -> String {
    let units = zip(own, unit).map { $0 / $1 }.median
    var goals: [String] = []
    var isMet = true
    func add(_ value: Double, _ limit: Double?, _ name: String) {
      guard let limit else { return }
      goals.append("<= \(String(format: "%g", limit)) \(name)")
      isMet = isMet && value <= limit
    }
    add(ratio, goal?.floors, "floor")
    add(units, goal?.units, "X25519")
    // In terms of the unit: the machine's own microseconds swing with what else it does.
    add(units * Self.unit, goal?.microseconds, "us at \(Int(Self.unit))")
    return Self.line([
      op, String(format: "%.2f", own.median), String(format: "%.2f", floor.median), String(format: "%.2f", ratio),
      String(format: "%.3f", units), goals.joined(separator: ", "), goals.isEmpty ? "" : isMet ? "met" : "MISSED",
    ])
  }

  static func line(_ cells: [String]) -> String {
    let widths = [30, 10, 10, 10, 10, 28, 8]
    return zip(cells, widths).map { $0 + String(repeating: " ", count: max($1 - $0.count, 1)) }.joined()
  }

  static func all(
    _ sotto: CryptoOperations, _ floor: CryptoFloor, _ postQuantum: PostQuantumFloor
  ) -> [CryptoRow] {
    let saved = sotto.savedSize
    let message = Goal(floors: 2, microseconds: 4)
    return [
      CryptoRow("x25519", nil, sotto.agree) { Clock.microseconds(200) { _ in floor.agree() } },
      CryptoRow("chain_encrypt_256", message, sotto.encrypt) { Clock.microseconds(500) { _ in floor.encrypt() } },
      CryptoRow("chain_decrypt_256", message, sotto.decrypt) { Clock.microseconds(500) { _ in floor.decrypt() } },
      CryptoRow("pingpong_leg_256", Goal(floors: 1.1, units: 3.6), sotto.pingPongLeg) {
        Clock.microseconds(200) { _ in floor.pingPongLeg() }
      },
      CryptoRow("handshake_initiate_classical", Goal(floors: 1.1), sotto.initiateClassical) {
        Clock.microseconds(40) { _ in floor.initiateClassical() }
      },
      CryptoRow("handshake_respond_classical", Goal(floors: 1.1), sotto.respondClassical) {
        Clock.microseconds(40) { _ in floor.respondClassical() }
      },
      CryptoRow("handshake_initiate", nil, sotto.initiate) {
        try Clock.microseconds(20) { _ in
          floor.initiateClassical()
          postQuantum.verify()
          try postQuantum.encapsulate()
        }
      },
      CryptoRow("handshake_respond", nil, sotto.respond) {
        try Clock.microseconds(20) { _ in
          floor.respondClassical()
          postQuantum.verify()
          try postQuantum.decapsulate()
        }
      },
      CryptoRow("open_after_gap_999", Goal(floors: 1.2), sotto.openAfterGap) {
        Clock.microseconds(5) { _ in floor.skip() }
      },
      CryptoRow("save_session", Goal(microseconds: 5), sotto.save) {
        Clock.microseconds(500) { _ in floor.save(saved) }
      },
      CryptoRow("find_session_1000", Goal(microseconds: 1_000), sotto.find) {
        Clock.microseconds(5) { _ in floor.find(among: 1_000) }
      },
    ]
  }

  /// What the rows with post-quantum parts and with saved state are read beside.
  static func besides(_ sotto: CryptoOperations, _ postQuantum: PostQuantumFloor) -> [CryptoRow] {
    func alone(_ name: String, _ call: @escaping () throws -> Void) -> CryptoRow {
      let measure = { try Clock.microseconds(40) { _ in try call() } }
      return CryptoRow(name, nil, measure, floor: measure)
    }
    return [
      alone("mlkem1024_encapsulate", postQuantum.encapsulate), alone("mlkem1024_decapsulate", postQuantum.decapsulate),
      alone("mldsa65_verify", postQuantum.verify),
      // Full against empty: flat.
      CryptoRow("save_session, 2,000 skipped/0", nil, sotto.save, floor: sotto.saveEmpty),
    ]
  }
}

/// What CountAllocations.c counts of this thread; nil where it was not loaded before the C library.
struct AllocationCounter {
  private let read: @convention(c) () -> Int

  init?() {
    guard let symbol = dlsym(nil, "sotto_allocations") else { return nil }
    read = unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)
  }

  func count(_ body: () throws -> Void) rethrows -> Int {
    let before = read()
    try body()
    return read() - before
  }
}

/// The drivers of other libraries, as `SOTTO_PEERS` has them: they say what each costs in terms of the X25519 of its pass.
private struct Peers {
  private let script: String

  init(_ folder: String) { script = folder + "/crypto/run.sh" }

  private struct Row: Decodable {
    let peer: String
    let op: String
    let cost: Double?
    let units: Double?

    private enum CodingKeys: String, CodingKey {
      case peer, op
      case cost = "us_per_op"
      case units = "x_x25519"
    }
  }

  func run(_ say: (String) -> Void) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script]
    // The peers are to be measured as they are.
    process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "LD_PRELOAD" }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return say("SKIPPED peers: \(script) failed") }
    for line in output.split(separator: UInt8(ascii: "\n")) {
      guard let row = try? JSONDecoder().decode(Row.self, from: Data(line)), let cost = row.cost,
        let units = row.units
      else { continue }
      let name = "\(row.peer) \(row.op)"
      say(CryptoRow.line([name, String(format: "%.2f", cost), "", "", String(format: "%.3f", units), "", ""]))
    }
  }
}
