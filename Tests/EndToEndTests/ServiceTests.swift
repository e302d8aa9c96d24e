import Foundation
import Testing

/// The relay under systemd and Prometheus, as far as both can be had.
@Suite struct ServiceTests {
  private static let deploy = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Deploy")
    .standardizedFileURL

  /// The program, or nil and a line that says what was left out.
  private func program(_ name: String) -> URL? {
    for folder in ["/usr/bin/", "/usr/local/bin/", "/bin/"] {
      if FileManager.default.isExecutableFile(atPath: folder + name) { return URL(filePath: folder + name) }
    }
    print("SKIPPED what needs \(name): it is not installed")
    return nil
  }

  /// [operation.9]
  @Test func `The service manager is told when the relay is ready, reloads and stops`() async throws {
    let folder = try TemporaryFolder()
    let manager = try NotifySocket(folder.file("notify"))
    let relay = try await RelayProcess(
      data: folder.file("relay"), environment: ["NOTIFY_SOCKET": folder.file("notify")])
    #expect(manager.next() == "READY=1")
    try "nonsense\n".write(toFile: relay.data + "/relay.conf", atomically: true, encoding: .utf8)
    relay.signal(SIGHUP)
    #expect(manager.next()?.wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=\d+/) != nil)
    #expect(manager.next() == "READY=1")
    #expect(relay.stop() == 0)
    #expect(manager.next() == "STOPPING=1")
  }

  @Test(arguments: ["sotto-relay", "sotto-push"])
  func `The unit is understood by systemd and exposes little`(program name: String) async throws {
    guard let analyze = program("systemd-analyze") else { return }
    let folder = try TemporaryFolder()
    let unit = try String(contentsOf: Self.deploy.appending(path: "\(name).service"), encoding: .utf8)
    let installed = "/usr/local/bin/\(name)"
    try #require(unit.contains(installed))
    let file = folder.file("\(name).service")
    try unit.replacing(installed, with: Programs.path(name).path).write(
      toFile: file, atomically: true, encoding: .utf8)
    let verified = try await run(analyze, ["verify", "--man=no", file])
    #expect(verified.status == 0 && !verified.stderr.contains("\(name).service:"), "\(verified)")
    // Exposure in tenths, 100 being the worst: 20 is 2.0, which systemd calls OK.
    let secure = try await run(analyze, ["security", "--offline=true", "--threshold=20", "--no-pager", file])
    #expect(secure.status == 0, "\(secure)")
  }

  @Test func `Prometheus accepts the rules, the metrics and every question of the dashboard`() async throws {
    guard let promtool = program("promtool"), let prometheus = program("prometheus") else { return }
    let rules = Self.deploy.appending(path: "prometheus-alerts.yml").path
    #expect(try await run(promtool, ["check", "rules", rules]).status == 0)
    let cases = Self.deploy.appending(path: "../Tests/EndToEndTests/Golden/alerts.yml").standardizedFileURL.path
    let tried = try await run(promtool, ["test", "rules", cases])
    #expect(tried.status == 0, "\(tried)")
    let config = try await run(promtool, ["check", "config", Self.deploy.appending(path: "prometheus.yml").path])
    #expect(config.status == 0, "\(config)")

    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), arguments: ["--metrics", "127.0.0.1:0"])
    let line = try await relay.logged("serving metrics").first ?? ""
    let port = try #require(line.firstMatch(of: /"port":(\d+)/).flatMap { Int($0.1) })
    let metrics = try get(port, "/metrics")
    let lint = try await run(promtool, ["check", "metrics"], input: Data(metrics.utf8))
    #expect(lint.status == 0 && lint.stderr.isEmpty && lint.stdout.isEmpty, "\(lint)")
    #expect(try get(port, "/") == "GET /metrics\n")

    let own = folder.file("prometheus.yml")
    try """
    global: { scrape_interval: 5s, evaluation_interval: 1s }
    rule_files: ["\(rules)"]
    scrape_configs: [{ job_name: sotto-relay, static_configs: [{ targets: ["127.0.0.1:\(port)"] }] }]
    """.write(toFile: own, atomically: true, encoding: .utf8)
    let server = Process()
    let free = Socket.unusedPort()
    server.executableURL = prometheus
    server.arguments = [
      "--config.file=\(own)", "--storage.tsdb.path=\(folder.file("tsdb"))", "--web.listen-address=127.0.0.1:\(free)",
    ]
    server.standardOutput = FileHandle.nullDevice
    server.standardError = FileHandle.nullDevice
    try Programs.start(server) { _ in }
    defer {
      server.terminate()
      server.waitUntilExit()
    }
    let ready = try await answered(free, "sotto_relay_ready{job=\"sotto-relay\"}") { $0.contains("\"1\"]") }
    #expect(ready, "scraped, and ready")
    for expression in try Self.expressions() {
      let answer = try get(free, "/api/v1/query?query=" + Self.escaped(expression))
      #expect(answer.contains("\"status\":\"success\""), "\(expression): \(answer)")
    }
    // What was so before the first scrape, or while the machine had no time for one, is over with the next.
    var alerts = ""
    for _ in 0..<600 {
      alerts = try get(free, "/api/v1/alerts")
      if alerts.contains("\"alerts\":[]") { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(alerts.contains("\"alerts\":[]"), "a healthy relay alarms nobody: \(alerts)")
  }

  /// Asks until the answer is right; false when it never is.
  private func answered(_ port: Int, _ query: String, _ isRight: (String) -> Bool) async throws -> Bool {
    for _ in 0..<1_200 {
      if let answer = try? get(port, "/api/v1/query?query=" + Self.escaped(query)), isRight(answer) { return true }
      try await Task.sleep(for: .milliseconds(100))
    }
    return false
  }

  private static func escaped(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
  }

  /// What the dashboard asks, with its variables filled in.
  private static func expressions() throws -> [String] {
    let data = try Data(contentsOf: deploy.appending(path: "grafana-dashboard.json"))
    let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let panels = try #require(dashboard["panels"] as? [[String: Any]])
    let targets = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
    return targets.compactMap { $0["expr"] as? String }.map {
      $0.replacing("$job", with: "sotto-relay").replacing("$__rate_interval", with: "1m")
    }
  }

  /// The body of an answer with a length or in chunks.
  private func get(_ port: Int, _ path: String) throws -> String {
    // Not `#require`: who waits for a server asks before it is there.
    guard let socket = Socket.connected(to: port) else { throw CocoaError(.fileReadUnknown) }
    socket.write(Array("GET \(path) HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n".utf8))
    guard let head = socket.readHead() else { throw CocoaError(.fileReadUnknown) }
    var body: [UInt8] = []
    let length = String(decoding: head, as: UTF8.self).lowercased().firstMatch(of: /content-length: (\d+)/)
      .flatMap { Int($0.1) }
    while body.count < length ?? .max {
      let more = socket.read()
      if more.isEmpty { break }
      body += more
    }
    return String(decoding: body, as: UTF8.self)
  }
}

/// The other end of `sd_notify`: a datagram socket with a path.
private final class NotifySocket {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    try #require(status == 0, "cannot bind \(path)")
    // A message that never comes must not hang the test.
    var limit = timeval(tv_sec: 120, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func next() -> String? {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
