import Foundation
import Testing

/// `sotto-relay` as an operator meets it.
@Suite struct RelayProgramTests {
  private func relay(_ arguments: String..., environment: [String: String] = [:]) async throws -> Outcome {
    try await run(Programs.path("sotto-relay"), arguments, environment: environment)
  }

  @Test func `The configuration is checked, printed and explained`() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("relay.conf")
    let example = try await relay("config", "example")
    #expect(example.status == 0)
    try example.stdout.write(to: URL(filePath: file))
    let check = try await relay("config", "check", "--config", file, "--json")
    #expect(check.status == 0 && check.objects.first?["valid"] as? Bool == true, "\(check)")
    let print = try await relay(
      "config", "print", "--json", "--config", file, "--log-level", "debug",
      environment: ["SOTTO_RELAY_DATA": folder.path])
    let origins = Dictionary(
      uniqueKeysWithValues: print.objects.map { ($0["name"] as? String ?? "", $0["origin"] as? String) })
    #expect(origins["listen"] == file && origins["log.level"] == "--log-level", "\(print)")
    #expect(origins["data"] == "SOTTO_RELAY_DATA" && origins["metrics"] == "default")
    // What is printed for people is a file of its own.
    let text = try await relay("config", "print", "--authority", "relay.example", "--data", folder.path)
    try text.stdout.write(to: URL(filePath: folder.file("printed")))
    #expect(try await relay("config", "check", "--config", folder.file("printed")).status == 0)
    for arguments in [["serve"], ["config", "check"], ["config", "print"]] {
      let refused = try await run(
        Programs.path("sotto-relay"), arguments + ["--data", folder.path, "--listen", "0.0.0.0:0"])
      #expect(refused.status == 78 && refused.stderr.contains("registration"), "\(refused)")
      let misspelt = try await run(
        Programs.path("sotto-relay"), arguments, environment: ["SOTTO_RELAY_LISTN": "x", "HOME": folder.path])
      #expect(misspelt.status == 78 && misspelt.stdout.isEmpty, "\(misspelt)")
    }
    // What serve would refuse.
    let bus = ["config", "check", "--bus", "amqp://a@127.0.0.1/", "--bus-password", folder.file("none")]
    for (store, word) in [("sqlite", "the store is a file"), ("postgresql://a@127.0.0.1/a", "was built without")] {
      let refused = try await run(Programs.path("sotto-relay"), bus + ["--data", folder.path, "--store", store])
      let isNamed = refused.stderr.contains(word) || store != "sqlite" && refused.stderr.contains("bus.password")
      #expect(refused.status == 78 && isNamed, "\(refused)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("relay.sqlite")), "nothing was started")
  }

  /// [operation.2]
  @Test func `A hangup takes over what it may, names what it may not, and refuses what it cannot use`() async throws {
    let folder = try TemporaryFolder()
    let data = folder.file("relay")
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    func configure(_ text: String) throws {
      try text.write(toFile: data + "/relay.conf", atomically: true, encoding: .utf8)
    }
    try configure("authority = one.example")
    // The level is to come from the file.
    let relay = try await RelayProcess(data: data, wrapper: ["/usr/bin/env", "-u", "SOTTO_RELAY_LOG_LEVEL"])
    func status(_ host: String) throws -> Substring? {
      let socket = try #require(Socket.connected(to: relay.port))
      socket.write(Array("GET /v1/cards/\(String(repeating: "0", count: 32)) HTTP/1.1\r\nhost: \(host)\r\n\r\n".utf8))
      return HTTPMessage(from: socket)?.firstLine.dropFirst("HTTP/1.1 ".count).prefix(3)
    }
    #expect(try status("one.example") == "404")
    #expect(try status("two.example") == "421")

    try configure("authority = two.example\nlog.level = debug\n")
    relay.signal(SIGHUP)
    _ = try await relay.logged("reloaded")
    #expect(try await relay.logged("setting needs a restart").map { $0.contains(#""setting":"log.level""#) } == [true])
    #expect(try status("one.example") == "421")
    #expect(try status("two.example") == "404")

    try configure("authority = one.example\nrate.knock-claims = many\n")
    relay.signal(SIGHUP)
    let refused = try await relay.logged("reload refused")
    #expect(refused.count == 1 && refused[0].contains(#""setting":"rate.knock-claims""#))
    #expect(try status("one.example") == "421", "all of the running configuration stays")
    #expect(try status("two.example") == "404")
    #expect(relay.stop() == 0)
  }
}
