import ArgumentParser
import Foundation
import SottoClient
import SottoCrypto
import SottoRelay
import SottoSession
import SottoWire

/// `make client-check`: real programs are killed in the middle of everything, and what became of each message is counted.
struct ClientCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "client-check", abstract: "Kill senders, receivers and relay, link and restore a device, and count.",
    discussion: """
      The last line is one JSON object. EXIT CODES: 0 nothing lost, shown twice, sealed twice or unreadable; 1 otherwise.
      """)

  /// A fault, to see that it is counted.
  enum Fault: String, CaseIterable, ExpressibleByArgument {
    /// The relay says that it has a message, and has it not.
    case lost
    /// What a program has shown is taken for shown once more.
    case twice
    /// Somebody seals two things under one key.
    case reused
    /// A message arrives bent.
    case unreadable
  }

  @Option(help: "How often each program is killed.") var cycles = 20
  @Option(help: "Plant a fault: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).") var plant: Fault?
  @Option(help: "Where everything lies.") var folder = NSTemporaryDirectory()

  private struct Answer: Encodable {
    var scenarios = 0
    var killed = 0
    var messages = 0
    var lost = 0
    var twice = 0
    var reusedKeys = 0
    var unableToDecrypt = 0

    enum CodingKeys: String, CodingKey {
      case scenarios, killed, messages, lost, twice
      case reusedKeys = "reused_keys"
      case unableToDecrypt = "unable_to_decrypt"
    }
  }

  func validate() throws {
    guard 1...1_000 ~= cycles else { throw ValidationError("A number is out of range.") }
  }

  func run() async throws {
    let folder = folder + "/sotto-check-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let answer = try await check(in: folder)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    BenchmarksCommand.print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    guard answer.lost + answer.twice + answer.reusedKeys + answer.unableToDecrypt == 0 else { throw ExitCode(1) }
  }

  private func check(in folder: String) async throws -> Answer {
    let relay = try LoadedRelay(BenchmarksCommand.sibling("sotto-relay"), in: folder)
    defer { relay.stop() }
    let tap = try Wiretap()
    defer { tap.end() }
    tap.forward(to: relay.authority.port)
    let alice = try await MeasuredHome(folder + "/alice", relay: tap.port)
    let bob = try await MeasuredHome(folder + "/bob", relay: tap.port)
    try alice.befriend(bob)
    let scene = Scene(relay: relay, tap: tap, alice: alice, bob: CheckedReader(bob, of: "alice"))
    var answer = Answer()
    for (name, scenario) in [
      ("a sender is killed", scene.killSenders), ("a receiver is killed", scene.killReceivers),
      ("the relay is killed", scene.killRelay),
    ] {
      try scenario(cycles)
      answer.scenarios += 1
      BenchmarksCommand.say("\(name): \(scene.killed) kills so far")
    }
    try scene.killDevices(cycles, relay: "http://127.0.0.1:\(tap.port)", in: folder)
    answer.scenarios += 1
    BenchmarksCommand.say("one of two devices is killed: \(scene.killed) kills so far")
    try plantOne(scene)
    try scene.settle()
    (answer.lost, answer.twice) = try scene.compare()
    try scene.restoreReader(into: folder)
    answer.scenarios += 1
    let restored = try scene.compare()
    answer.lost += restored.lost
    answer.twice += restored.twice
    answer.killed = scene.killed
    answer.messages = scene.number
    answer.unableToDecrypt = scene.suspects
    answer.reusedKeys = Self.reused(tap.envelopes + (plant == .reused ? Self.forged(tap.envelopes) : []))
    return answer
  }

  private func plantOne(_ scene: Scene) throws {
    switch plant {
    case nil, .reused?: return
    case .lost?: scene.tap.plant(.swallow)
    case .unreadable?: scene.tap.plant(.bend)
    case .twice?:
      scene.bob.shown.append(scene.bob.shown[0])
      return
    }
    try scene.write()
    try scene.receive()
    // What follows opens, so that the session does not stay suspect, and is not repaired.
    try scene.write()
  }

  /// Envelopes with one commitment are sealed under one key and nonce; a repetition is the same envelope.
  private static func reused(_ envelopes: [[UInt8]]) -> Int {
    let different = Set(envelopes)
    let commitments = Set(different.compactMap { try? Envelope(decoding: $0).message.commitment })
    return different.count - commitments.count
  }

  private static func forged(_ envelopes: [[UInt8]]) -> [[UInt8]] {
    envelopes.last.map { envelope in
      var other = envelope
      other[other.count - 1] ^= 1
      return [other]
    } ?? []
  }
}

/// Who receives, and what was shown to them.
private final class CheckedReader {
  let home: MeasuredHome
  let peer: String
  var shown: [String] = []

  init(_ home: MeasuredHome, of peer: String) {
    self.home = home
    self.peer = peer
  }
}

private final class Scene {
  let relay: LoadedRelay
  let tap: Wiretap
  let alice: MeasuredHome
  private(set) var bob: CheckedReader
  /// Another device of the reader's account, once there is one, and the number of the last message before.
  private var second: (reader: CheckedReader, since: Int)?
  private(set) var number = 0
  private(set) var killed = 0
  private(set) var suspects = 0
  /// Messages up to here are not asked for any more: they went to a device that is no more.
  private var from = 0

  init(relay: LoadedRelay, tap: Wiretap, alice: MeasuredHome, bob: CheckedReader) {
    (self.relay, self.tap, self.alice, self.bob) = (relay, tap, alice, bob)
  }

  func write(killedAfter milliseconds: Int? = nil) throws {
    number += 1
    let isDead = try alice.dying(["send", "bob", "message \(number)"], after: milliseconds).isKilled
    if isDead { killed += 1 }
  }

  func receive(killedAfter milliseconds: Int? = nil) throws { try receive(bob, killedAfter: milliseconds) }

  private func receive(_ reader: CheckedReader, killedAfter milliseconds: Int? = nil) throws {
    let outcome = try reader.home.dying(["receive", "--json"], after: milliseconds)
    if outcome.isKilled { killed += 1 }
    reader.shown += outcome.objects.compactMap { $0["text"] as? String }
    let sessions = try reader.home.dying(["session", "list", "--json"]).objects
    suspects += sessions.count { $0["state"] as? String == "suspect" }
  }

  func killSenders(_ cycles: Int) throws {
    for _ in 0..<cycles {
      try write(killedAfter: .random(in: 0...120))
      if Bool.random() { try receive() }
    }
    try settle()
  }

  func killReceivers(_ cycles: Int) throws {
    for _ in 0..<cycles {
      try write()
      try receive(killedAfter: .random(in: 0...150))
    }
    try settle()
  }

  func killRelay(_ cycles: Int) throws {
    for _ in 0..<cycles {
      let sender = try alice.start(["send", "bob", "message \(number + 1)"])
      number += 1
      usleep(.random(in: 0...150_000))
      relay.end()
      killed += 1
      sender.waitUntilExit()
      try relay.restart()
      tap.forward(to: relay.authority.port)
    }
    try settle()
  }

  /// The reader's account gets a second device; then it, or who writes to it, is killed.
  func killDevices(_ cycles: Int, relay: String, in folder: String) throws {
    let reader = CheckedReader(MeasuredHome(again: folder + "/bob-phone", like: bob.home), of: bob.peer)
    try link(reader.home, relay)
    second = (reader, number)
    // Its passphrase is derived at the usual price, which is most of a second.
    for _ in 0..<cycles {
      try write(killedAfter: .random(in: 0...120))
      try receive(reader, killedAfter: .random(in: 0...1500))
      number += 1
      let arguments = ["send", bob.peer, "answer \(number)"]
      if try reader.home.dying(arguments, after: .random(in: 0...1500)).isKilled { killed += 1 }
      if Bool.random() { try receive(killedAfter: .random(in: 0...150)) }
    }
    try settle()
  }

  private func link(_ new: MeasuredHome, _ relay: String) throws {
    let output = Pipe()
    let joining = try new.start(["device", "link", "--relay", relay, "--yes", "--json"], to: output)
    var line: [UInt8] = []
    while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
      line.append(byte)
    }
    let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
    guard let code = object?["code"] as? String else { throw CocoaError(.coderInvalidValue) }
    _ = try bob.home.dying(["device", "link", code, "--yes", "--json"])
    _ = try output.fileHandleForReading.readToEnd()
    joining.waitUntilExit()
    guard joining.terminationStatus == 0 else { throw CocoaError(.coderInvalidValue) }
  }

  /// Everybody is left in peace: what waits goes, and what came is shown; also what one device has told another.
  func settle() throws {
    for _ in 0..<3 {
      _ = try alice.dying(["receive", "--json"])
      try receive()
      if let second { try receive(second.reader) }
    }
  }

  /// The reader's device is lost, and comes back from its backup: those who write are told, and it is written to.
  func restoreReader(into folder: String) throws {
    let code = ["SOTTO_RECOVERY_CODE": RecoveryCode.fresh()]
    let file = folder + "/backup"
    _ = try bob.home.dying(["backup", "create", file], environment: code)
    try write()
    let restored = MeasuredHome(again: folder + "/bob-restored", like: bob.home)
    _ = try restored.dying(["backup", "restore", file], environment: code)
    bob = CheckedReader(restored, of: bob.peer)
    _ = try alice.dying(["receive", "--json"])
    from = number
    for _ in 0..<3 { try write() }
    try settle()
  }

  /// Of all that the writer's history says was written: what the reader's has not, and what it has, or was shown, twice.
  func compare() throws -> (lost: Int, twice: Int) {
    let written = try texts(alice, with: "bob", by: "me")
    let read = try texts(bob.home, with: bob.peer, by: "them")
    let wanted = written.filter { Self.number($0) > from }
    var lost = Set(wanted).subtracting(read).count
    func repeated(_ texts: [String]) -> Int { texts.count - Set(texts).count }
    var twice = repeated(read) + repeated(bob.shown)
    if let (second, since) = second {
      let there = try texts(second.home, with: bob.peer, by: "them")
      lost += Set(written.filter { Self.number($0) > since }).subtracting(there).count
      // What was written on the second device is known to the first, and read.
      let answers = try texts(second.home, with: bob.peer, by: "me", "answer ")
      for (home, contact, author) in [(bob.home, bob.peer, "me"), (alice, "bob", "them")] {
        let known = try texts(home, with: contact, by: author, "answer ")
        // A reader who was restored knows what was written since then.
        lost += Set(answers.filter { Self.number($0) > (home === bob.home ? from : 0) }).subtracting(known).count
        twice += repeated(known)
      }
      twice += repeated(there) + repeated(second.shown)
    }
    return (lost, twice)
  }

  private static func number(_ text: String) -> Int { text.split(separator: " ").last.flatMap { Int($0) } ?? 0 }

  private func texts(
    _ home: MeasuredHome, with contact: String, by author: String, _ prefix: String = "message "
  ) throws -> [String] {
    try home.dying(["history", contact, "--json", "--limit", "100000"]).objects
      .filter { $0["author"] as? String == author && $0["state"] as? String != "failed" }
      .compactMap { $0["text"] as? String }.filter { $0.hasPrefix(prefix) }
  }
}

extension MeasuredHome {
  /// How a program ended, and what it wrote.
  fileprivate struct Ending {
    let isKilled: Bool
    let objects: [[String: Any]]
  }

  fileprivate func start(_ arguments: [String], environment: [String: String] = [:], to output: Any? = nil) throws
    -> Process
  {
    let process = Process()
    process.executableURL = URL(filePath: BenchmarksCommand.sibling("sotto"))
    process.arguments = arguments + ["--home", path]
    process.environment = [
      "SOTTO_PASSPHRASE": Self.passphrase, "PATH": "/usr/bin:/bin", "HOME": "/", "SWIFT_BACKTRACE": "enable=no",
    ].merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Runs `sotto`, to its end or until it is killed.
  fileprivate func dying(
    _ arguments: [String], after milliseconds: Int? = nil, environment: [String: String] = [:]
  ) throws -> Ending {
    let output = Pipe()
    let process = try start(arguments, environment: environment, to: output)
    // It stays open otherwise: see `Fleet`.
    defer { try? output.fileHandleForReading.close() }
    if let milliseconds {
      let pid = process.processIdentifier
      DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
        if process.isRunning { kill(pid, SIGKILL) }
      }
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let objects = text.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    return Ending(isKilled: process.terminationReason == .uncaughtSignal, objects: objects)
  }
}
