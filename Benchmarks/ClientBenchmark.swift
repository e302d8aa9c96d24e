import ArgumentParser
import Foundation
import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// `make bench-client`: what a command costs, as a process: with an empty store, and with one that is full.
struct ClientBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "client", abstract: "Measure the commands with an empty store and with a full one.",
    discussion: "The stores have the cheapest passphrase there is, so that its derivation does not hide the rest.")

  @Option(help: "How often each command runs; the median counts.") var rounds = 11
  @Option(help: "Contacts of the full store, each with a session.") var contacts = 1_000
  @Option(help: "Messages of the full store.") var messages = 100_000
  @Option(help: "Messages that wait for one receive.") var queued = 4_500
  @Option(help: "Mebibytes of a file that is sent and fetched.") var file = 1_024
  @Option(help: "Where everything lies: its disk counts.") var folder = NSTemporaryDirectory()
  @Flag(help: "Print one JSON object a line.") var json = false

  func validate() throws {
    guard 1...1000 ~= rounds, 1...10_000 ~= contacts, 1...1_000_000 ~= messages, 1...5_000 ~= queued,
      1...4_096 ~= file
    else {
      throw ValidationError("A number is out of range.")
    }
  }

  func run() async throws {
    let folder = folder + "/sotto-benchmarks-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let relay = try MeasuredServer(
      BenchmarksCommand.sibling("sotto-relay"), ["serve", "--listen", "127.0.0.1:0", "--data", folder + "/relay"])
    defer { relay.stop() }
    guard let port = relay.announcedPort() else { throw CleanExit.message("The relay did not start.") }
    let peer = try await MeasuredHome(folder + "/peer", relay: port)
    let empty = try await MeasuredHome(folder + "/empty", relay: port)
    let full = try await MeasuredHome(folder + "/full", relay: port)
    for home in [empty, full] { try home.befriend(peer) }
    BenchmarksCommand.say("Filling a store with \(contacts) contacts and \(messages) messages.")
    try full.fill(contacts: contacts, messages: messages)
    try commands(empty, full, peer, disk: folder)
    try await backlog(empty, peer)
    try attachment(empty, peer, in: folder)
  }

  /// A file that goes and comes; its bytes are zeros, which no step takes for less.
  private func attachment(_ home: MeasuredHome, _ peer: MeasuredHome, in folder: String) throws {
    let path = folder + "/file"
    guard FileManager.default.createFile(atPath: path, contents: nil), truncate(path, file << 20) == 0 else {
      throw CocoaError(.fileWriteUnknown)
    }
    let one = try home.sotto(["identity", "show"])
    let sent = try home.sotto(["send", "peer", "--attach", path])
    _ = try peer.sotto(["receive"])
    let fetched = try peer.sotto(["download", home.name, "--to", folder + "/fetched"])
    for (command, cost) in [("send", sent), ("download", fetched)] {
      if json {
        BenchmarksCommand.print(
          String(
            format: #"{"command":"%@","file_mib":%d,"mib_per_second":%.0f,"mib":%.1f,"mib_show":%.1f}"#, command, file,
            Double(file) / cost.seconds, cost.mebibytes, one.mebibytes))
      } else {
        BenchmarksCommand.print(
          String(
            format: "%@  a file of %d MiB: %.0f MiB a second, %.0f MiB of memory (goal 64; `identity show` %.0f)",
            command, file, Double(file) / cost.seconds, cost.mebibytes, one.mebibytes))
      }
    }
  }

  /// The commands in turn, so that whatever this machine does meanwhile, it does to all of them.
  private func commands(_ empty: MeasuredHome, _ full: MeasuredHome, _ peer: MeasuredHome, disk: String) throws {
    var times: [String: [Double]] = [:]
    func take(_ name: String, _ home: MeasuredHome, _ arguments: [String]) throws {
      times[name, default: []].append(try home.sotto(arguments).seconds)
    }
    for round in 0...rounds {
      for (kind, home) in round.isMultiple(of: 2)
        ? [("empty", empty), ("full", full)] : [("full", full), ("empty", empty)]
      {
        try take("show \(kind)", home, ["identity", "show"])
        try take(
          "send \(kind)", home, ["send", "peer", "A message of a usual length, which is some sixty characters."])
        _ = try peer.sotto(["receive"])
        _ = try peer.sotto(["send", home.name, "An answer of a usual length."])
        try take("receive \(kind)", home, ["receive"])
        try take("search \(kind)", home, ["search", "zanzibar", "--limit", "1"])
        try take("history \(kind)", home, ["history", "peer", "--limit", "20"])
      }
      times["write", default: []].append(try Self.syncedWrite(in: disk))
      // The first round warms up.
      if round == 0 { times = [:] }
    }
    let median = times.mapValues { $0.sorted()[$0.count / 2] }
    for command in ["show", "send", "receive", "search", "history"] {
      let (small, large) = (median["\(command) empty"]!, median["\(command) full"]!)
      print(command, small, large, floor: median["show empty"]! + (command == "show" ? 0 : median["write"]!))
    }
  }

  private func print(_ command: String, _ small: Double, _ large: Double, floor: Double) {
    if json {
      return BenchmarksCommand.print(
        String(
          format: #"{"command":"%@","ms_empty":%.1f,"ms_full":%.1f,"ratio_full":%.2f,"ratio_floor":%.2f}"#, command,
          small * 1000, large * 1000, large / small, small / floor))
    }
    BenchmarksCommand.print(
      String(
        format: "%@ %7.1f ms empty  %7.1f ms full  %5.2fx full/empty (goal 2)  %5.2fx floor (goal 2)",
        command.padding(toLength: 8, withPad: " ", startingAt: 0), small * 1000, large * 1000, large / small,
        small / floor))
  }

  /// Many messages that wait, received by one process.
  private func backlog(_ home: MeasuredHome, _ peer: MeasuredHome) async throws {
    BenchmarksCommand.say("Sending \(queued) messages.")
    try await peer.send(queued, to: home)
    let one = try home.sotto(["identity", "show"])
    let all = try home.sotto(["receive"])
    let perSecond = Double(queued) / all.seconds
    if json {
      return BenchmarksCommand.print(
        String(
          format: #"{"command":"receive","messages":%d,"per_second":%.0f,"mib":%.1f,"mib_show":%.1f}"#, queued,
          perSecond, all.mebibytes, one.mebibytes))
    }
    BenchmarksCommand.print(
      String(
        format: "receive  %d messages in one run: %.0f a second, %.0f MiB of memory (`identity show` %.0f)", queued,
        perSecond, all.mebibytes, one.mebibytes))
  }

  private static func syncedWrite(in folder: String) throws -> Double {
    let file = open(folder + "/synced", O_CREAT | O_WRONLY | O_APPEND, 0o600)
    defer { close(file) }
    let page = [UInt8](repeating: 1, count: 4096)
    let start = ContinuousClock.now
    guard write(file, page, page.count) == page.count, fdatasync(file) == 0 else { throw CocoaError(.fileWriteUnknown) }
    return (ContinuousClock.now - start).inSeconds
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// A home whose commands are measured.
final class MeasuredHome {
  let path: String
  let address: String
  var name: String { String(path.split(separator: "/").last!) }

  static let passphrase = "benchmark"
  private static var secret: Secret { Secret(copying: Array(passphrase.utf8)) }
  private static let options = Client.Options(passphraseCost: .minimal)

  init(_ path: String, relay port: Int) async throws {
    self.path = path
    let client = try await Client.create(
      home: path, passphrase: Self.secret, name: "", relay: "http://127.0.0.1:\(port)", options: Self.options)
    address = try await client.identity().address
    try await client.close()
  }

  /// A folder in which nothing is yet, for the same person.
  init(again path: String, like other: MeasuredHome) {
    self.path = path
    address = other.address
  }

  private func open() throws -> Client { try Client.open(home: path, passphrase: Self.secret, options: Self.options) }

  /// A confirmed session in both directions.
  func befriend(_ peer: MeasuredHome) throws {
    _ = try sotto(["contact", "add", peer.address, "--name", peer.name])
    _ = try peer.sotto(["contact", "add", address, "--name", name])
    _ = try sotto(["send", peer.name, "hello"])
    _ = try peer.sotto(["receive"])
    _ = try peer.sotto(["send", name, "hello"])
    _ = try sotto(["receive"])
  }

  func send(_ count: Int, to other: MeasuredHome) async throws {
    let client = try open()
    for number in 0..<count { _ = try await client.send("Message number \(number) of many.", to: other.name) }
    try await client.close()
  }

  /// What a process took.
  struct Cost {
    let seconds: Double
    let mebibytes: Double
  }

  /// Runs `sotto` to its end.
  func sotto(_ arguments: [String]) throws -> Cost {
    let program = BenchmarksCommand.sibling("sotto")
    var actions: posix_spawn_file_actions_t = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor: Int32 in [1, 2] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    let words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments + ["--home", path]).map { strdup($0) } + [nil]
    let environment = ["SOTTO_PASSPHRASE=\(Self.passphrase)", "PATH=/usr/bin:/bin", "HOME=/"]
    let variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    var pid: pid_t = 0
    let start = ContinuousClock.now
    guard posix_spawn(&pid, program, &actions, nil, words, variables) == 0 else { throw CocoaError(.executableLoad) }
    var status: Int32 = 0
    var usage = rusage()
    guard wait4(pid, &status, 0, &usage) == pid, status == 0 else {
      throw CleanExit.message("sotto \(arguments.joined(separator: " ")) ended with status \(status >> 8).")
    }
    return Cost(seconds: (ContinuousClock.now - start).inSeconds, mebibytes: Double(usage.ru_maxrss) / 1024)
  }

  // MARK: filling

  private static let words = [
    "about", "evening", "train", "tomorrow", "please", "coffee", "garden", "picture", "seven", "weather", "later",
    "thanks", "bridge", "music", "office", "holiday", "letter", "market", "number", "winter",
  ]

  /// Contacts with sessions that know nothing of each other, and messages of theirs and to them.
  func fill(contacts: Int, messages: Int) throws {
    let store = try Store(home: Home(existing: path), passphrase: Self.secret)
    var entropy = SeededEntropy(seed: 1)
    var accounts: [AccountID] = []
    for number in 0..<contacts {
      try store.transaction { records in
        let address = Address(
          account: AccountID(Digest.of("filling", Array("\(number)".utf8))),
          contactSecret: ContactSecret(from: &entropy), relay: RelayAuthority("relay.example")!)
        accounts.append(address.account)
        try records.save(Contact(address, name: "contact \(number)", isAccepted: true))
        try records.put(
          .session, address.account.bytes, group: address.account.bytes, Self.session(&entropy, with: address.account))
      }
    }
    let now = UInt64(Date().timeIntervalSince1970 * 1000)
    for batch in stride(from: 0, to: messages, by: 1000) {
      try store.transaction { records in
        var engine = Engine(records: records, now: now, entropy: entropy)
        for number in batch..<min(batch + 1000, messages) {
          let text = (0..<9).map { _ in Self.words[Int(entropy.bytes(1)[0]) % Self.words.count] }.joined(separator: " ")
          try engine.keepWritten(
            text + (number == messages / 2 ? " zanzibar" : ""), to: accounts[number % accounts.count],
            MessageID(from: &entropy))
        }
      }
    }
    try store.close()
  }

  /// As the client stores one: [state.2] behind a frame of its own.
  private static func session(_ entropy: inout SeededEntropy, with account: AccountID) throws -> Secret {
    let signedKey = AgreementPrivateKey(from: &entropy)
    let keys = HandshakeKeys(
      sid: try Digest(entropy.bytes(32)), root: RootKey(Secret(count: 32, from: &entropy)),
      initiatorHeader: HeaderKey(Secret(count: 32, from: &entropy)),
      responderHeader: HeaderKey(Secret(count: 32, from: &entropy)))
    let info = SessionInfo(
      sid: keys.sid, role: .responder, generation: 1, isConfirmed: true, createdAt: 1, preludeDigest: .zero,
      peerAccount: account, peerDevice: DeviceID(from: &entropy))
    let session = Session(info: info, ratchet: Ratchet(responder: keys, signedKey: signedKey), prelude: nil)
    var writer = SecretWriter()
    writer.u8(1)
    writer.u64(0)
    writer.u8(0)
    writer.fixed(Digest.zero.bytes)
    writer.u8(0)
    writer.secret(session.encoded())
    return writer.finish()
  }
}
