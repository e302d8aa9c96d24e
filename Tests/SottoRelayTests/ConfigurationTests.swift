import Foundation
import Logging
import SottoRelay
import SottoWire
import Testing

/// Where settings come from and what is wrong with them.
@Suite struct ConfigurationTests {
  private let folder = Folder()
  private var file: String { folder.path + "/relay.conf" }

  private func write(_ text: String, to name: String = "relay.conf") throws {
    try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
  }

  private func read(
    _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
  ) throws -> EffectiveConfiguration {
    let base = ["SOTTO_RELAY_DATA": folder.path].merging(environment) { $1 }
    return try ConfigurationSources(flags: flags, environment: base, file: file, homeDirectory: "/nonexistent").read()
  }

  private func failure(
    _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
  ) -> StartFailure? {
    do {
      _ = try read(flags, environment, file: file)
      return nil
    } catch { return error as? StartFailure }
  }

  /// File, environment, flags: for every setting the later wins, and print says who it was. [operation.1]
  @Test(arguments: Setting.allCases.filter { $0 != .data }) func theLaterWins(_ setting: Setting) throws {
    let values: [String] =
      switch setting {
      case .data: []
      case .store: ["postgresql://sotto@db.example/sotto", "sqlite", "host=/run/postgresql dbname=sotto"]
      case .attachments: ["/one", "/two #2", "/three"]
      case .bus: ["amqp://sotto@mq.example", "amqps://sotto@a.example,b.example:5673/one", "amqp://sotto@[::1]/"]
      case .busPassword, .busCA: ["/one", "/two #2", "/three"]
      case .push: ["bus", "unix:/run/sotto/push.sock", "unix:/a b #2"]
      case .listen, .metrics: ["[::1]:1", "127.0.0.2:2", "localhost:3"]
      case .registration: ["open", "invite", "open"]
      case .registrationKey, .oidcCA, .registrationWithdrawn: ["/one", "/two #2", "/three"]
      case .registrationTokens: ["1", "99", "10000"]
      case .oidcIssuer: ["https://id.example", "http://127.0.0.1:9/a", "https://id.example/"]
      case .oidcClientID: ["sotto", "a b", "3"]
      case .authority: ["one.example", "two.example:8443", "three.example"]
      case .tlsCertificate, .tlsKey: ["/one", "/two #2", "/three"]
      case .knockClaims, .contactClaims, .knockEnvelopes: ["1/1", "2/20", "1000000/86400"]
      case .trustedProxies: ["10.0.0.1", "192.168.0.0/16", "2001:db8::/32"]
      case .forwardedHeader: ["forwarded", "x-forwarded-for", "forwarded"]
      case .limitLoopback: ["true", "false", "true"]
      case .maxConnections, .maxConnectionsPerClient: ["1", "99", "1000000"]
      case .clientConnections, .clientRequests, .clientSignedRequests, .clientFailedSignatures:
        ["1/1", "2/0.002", "1000000/86400"]
      case .transferSeconds: ["1", "60", "3600"]
      case .logLevel: ["trace", "error", "debug"]
      }
    // TLS takes two, and so does a bus, without which there is no push.
    let bus: [Setting: [String]] = [.bus: ["amqp://sotto@mq.example"], .busPassword: ["/other"]]
    let both: [Setting: [String]] =
      switch setting {
      case .tlsCertificate: [.tlsKey: ["/other"]]
      case .tlsKey: [.tlsCertificate: ["/other"]]
      case .attachments: [.store: ["postgresql://sotto@db.example/sotto"]]
      case .bus, .busPassword, .push: bus.filter { $0.key != setting }
      case .oidcIssuer: [.oidcClientID: ["other"], .registration: ["oidc"]]
      case .oidcClientID: [.oidcIssuer: ["https://other.example"], .registration: ["oidc"]]
      default: [:]
      }
    func line(_ effective: EffectiveConfiguration) throws -> EffectiveConfiguration.Line {
      try #require(effective.lines.first { $0.setting == setting })
    }
    try write("\(setting.name) = \(values[0])  # a comment")
    let fromFile = try line(try read(both))
    #expect(fromFile.values == [values[0]] && fromFile.origin == file)
    let environment = [setting.environmentName: values[1]]
    let fromEnvironment = try line(try read(both, environment))
    #expect(fromEnvironment.values == [values[1]] && fromEnvironment.origin == setting.environmentName)
    let flags = both.merging([setting: [values[2]]]) { $1 }
    let fromFlag = try line(try read(flags, environment))
    #expect(fromFlag.values == [values[2]] && fromFlag.origin == setting.flag)
  }

  /// A password is in a file, because what is in a configuration is printed. [operation.12]
  @Test(arguments: [
    "amqp://sotto:secret@mq.example/", "amqp://mq.example", "amqp://sotto@", "amqp://sotto@mq.example,/",
    "amqp://sotto@mq.example/a/b", "http://sotto@mq.example/", "amqp://sotto@mq.example:x/", "amqp://a@b@mq.example/",
  ]) func whatIsNoBusIsRefused(_ bus: String) {
    let found = failure([.bus: [bus], .busPassword: ["/password"]])
    #expect(found?.exitCode == 78 && found?.setting == .bus && found?.description.contains("secret") == false)
  }

  /// A folder that is not there may be a file system that is not mounted. [operation.19]
  @Test func attachmentsAreSharedByRelaysWithADatabase() throws {
    func failure(_ path: String, _ store: String = "postgresql://sotto@db.example/sotto") throws -> StartFailure? {
      let configuration = try read([.store: [store], .attachments: [path]]).configuration
      do { try configuration.checkAttachments() } catch { return error }
      return nil
    }
    try Data().write(to: URL(filePath: folder.path + "/file"))
    #expect(try failure(folder.path) == nil)
    for found in [
      try failure(folder.path, "sqlite"), try failure(folder.path + "/missing"), try failure(folder.path + "/file"),
    ] { #expect(found?.exitCode == 78 && found?.setting == .attachments) }
  }

  @Test func aBusTakesTwoSettings() {
    #expect(failure([.bus: ["amqp://sotto@mq.example"]])?.what.contains("bus.password") == true)
    #expect(failure([.busPassword: ["/password"]])?.what.contains("bus.password") == true)
    #expect(failure([.bus: ["amqp://sotto@mq.example"], .busPassword: ["/password"]]) == nil)
    #expect(failure([.push: ["bus"]])?.setting == .push, "there is no queue")
    for push in ["elsewhere", "unix:", "unix:s", "unix:./s", "/s", "unix:/" + String(repeating: "a", count: 103)] {
      let found = failure([.push: [push], .bus: ["amqp://sotto@mq.example"], .busPassword: ["/password"]])
      #expect(found?.exitCode == 78 && found?.setting == .push, "\(push)")
    }
    #expect(failure([.push: ["unix:/s"]]) == nil)
    let many = failure([.push: ["unix:/s"], .store: ["postgresql://sotto@db.example/sotto"]])
    #expect(many?.setting == .push && many?.what.contains("socket") == true)
  }

  /// [operation.14]
  @Test func aBusIsForASharedStore() async throws {
    await #expect(throws: StartFailure.self) {
      try await TestRelay.start {
        $0.busLocation = BusAddress.Location("amqp://sotto@127.0.0.1:1/")
        $0.busPassword = "/nonexistent"
      }
    }
  }

  @Test func theFolderIsNotMovedByTheFileInIt() throws {
    #expect(try read().configuration.dataDirectory == folder.path)
    #expect(try read([.data: ["/flag"]]).configuration.dataDirectory == "/flag")
    try write("data = /elsewhere")
    #expect(failure()?.exitCode == 78)
    let named = ConfigurationSources(flags: [:], environment: [:], file: file, homeDirectory: "/nonexistent")
    #expect(try named.read().configuration.dataDirectory == "/elsewhere")
    try write("listen = 127.0.0.1:1", to: "other.conf")
    #expect(try read([:], ["SOTTO_RELAY_CONFIG": folder.path + "/other.conf"]).configuration.listen.port == 1)
    let nobody = ConfigurationSources(flags: [:], environment: ["XDG_DATA_HOME": "/x"], file: nil, homeDirectory: "/h")
    #expect(try nobody.read().configuration.dataDirectory == "/x/sotto-relay")
  }

  @Test func lists() throws {
    try write("authority = a.example\nauthority = b.example:1\n")
    let names = { (effective: EffectiveConfiguration) in effective.lines.first { $0.setting == .authority }?.values }
    #expect(names(try read()) == ["a.example", "b.example:1"])
    #expect(names(try read([:], ["SOTTO_RELAY_AUTHORITY": "c.example,d.example"])) == ["c.example", "d.example"])
    #expect(names(try read([:], ["SOTTO_RELAY_AUTHORITY": ""])) == [])
    #expect(names(try read([.authority: ["e.example", "f.example"]])) == ["e.example", "f.example"])
    try write("trusted-proxies = 10.0.0.2\ntrusted-proxies = 10.1.0.0/16\n")
    let proxies = { (effective: EffectiveConfiguration) in
      effective.lines.first { $0.setting == .trustedProxies }?.values
    }
    #expect(proxies(try read()) == ["10.0.0.2", "10.1.0.0/16"])
    #expect(proxies(try read([:], ["SOTTO_RELAY_TRUSTED_PROXIES": "::1,10.0.0.3"])) == ["::1", "10.0.0.3"])
    #expect(try read().configuration.clients.proxies.contains(ClientAddress("10.1.2.3")!))
  }

  /// [operation.1]
  @Test(arguments: [
    "listen", "speed = 9", "listen = 8090", "listen = :8090", "listen = ::1:8090", "listen = a:65536", "listen = a:",
    "listen = [::1]", "listen =", "LISTEN = 127.0.0.1:1", "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2",
    "registration = closed", "authority = Relay.example", "authority = https://relay.example", "rate.knock-claims = 20",
    "rate.knock-claims = 0/60", "rate.knock-claims = 1/0", "rate.knock-claims = 1/86401", "rate.knock-claims = 1/60s",
    "rate.contact-claims = 1000001/1", "rate.knock-envelopes = -1/1", "log.level = loud", "metrics = 9090",
    "metrics = 0.0.0.0:9090", "tls.certificate = /c", "tls.key = /k", "listen = 0.0.0.0:1", "listen = [::]:1",
    "listen = 127.example:1", "trusted-proxies = proxy.example", "trusted-proxies = 10.0.0.1/8",
    "trusted-proxies = 10.0.0.1, 10.0.0.2", "forwarded-header = x-real-ip", "limit-loopback = yes",
    "max-connections = 0", "max-connections = -1", "max-connections-per-client = 1000001", "client-requests = 5 per 4",
    "client-requests = 0/1", "client-connections = 1/0", "client-signed-requests = 9999999/1",
    "client-failed-signatures = 1/0.0000001", "store = mysql://db.example/sotto", "store = /var/lib/store",
    // A password is nothing for a file that is printed. [operation.12]
    "store = postgresql://sotto:secret@db.example/sotto", "store = host=db.example password=secret",
    "store = postgresql://db.example/sotto?password=secret", "store = postgresql://db.example/sotto?%70assword=secret",
    "store = host=db.example sslPassword = secret", "store = postgresql://sotto:se/cret@db.example/sotto",
    "store = postgresql://db.example/sotto?p%61ssword=secret",
  ]) func mistakesAreErrors(_ text: String) throws {
    try write(text)
    let failure = try #require(self.failure())
    #expect(failure.exitCode == 78 && !failure.what.isEmpty && !failure.meaning.isEmpty && !failure.next.isEmpty)
    try write("")
    #expect(self.failure() == nil)
  }

  /// [operation.12]
  @Test func aPasswordIsNotRepeated() throws {
    let found = self.failure([.store: ["postgresql://sotto:secret@db.example/sotto"]])
    let failure = try #require(found)
    #expect(!failure.description.contains("secret") && failure.next.contains("PGPASSFILE"))
  }

  /// [operation.12]
  @Test func aProgramWithoutPostgreSQLSaysSo() throws {
    let configuration = try read([.store: ["postgresql://sotto@db.example/sotto"]]).configuration
    let logger = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
    let failure = #expect(throws: StartFailure.self) { try Relay(configuration, logger: logger) { _ in } }
    #expect(failure?.exitCode == 78 && failure?.next.contains("--traits Fleet") == true)
  }

  @Test func mistakesAreNamedByTheirPlace() throws {
    try write("\n# nothing\nlistn = 127.0.0.1:1")
    #expect(failure()?.what.contains("'listn' (\(file), line 3)") == true)
    try write("")
    #expect(failure([:], ["SOTTO_RELAY_LISTN": "x"])?.what.contains("SOTTO_RELAY_LISTN") == true)
    #expect(failure([:], ["SOTTO_RELAY_LISTEN": "x"])?.what.contains("SOTTO_RELAY_LISTEN") == true)
    #expect(failure([.listen: ["x"]])?.what.contains("--listen") == true)
    #expect(failure(file: folder.path + "/missing")?.exitCode == 78)
    try Data([0xff, 0xfe, 0x00]).write(to: URL(filePath: file))
    #expect(failure()?.exitCode == 78)
  }

  @Test func aRelayForOthersSaysWhoMayRegister() throws {
    #expect(failure([.listen: ["0.0.0.0:1"], .registration: ["open"]]) == nil)
    #expect(failure([.listen: ["127.255.0.1:1"]]) == nil)
  }

  /// The example is complete, valid and changes nothing; with every comment taken away it is valid too.
  @Test func theExampleIsAConfiguration() throws {
    let before = try read().lines.map(\.values)
    try write(EffectiveConfiguration.example)
    #expect(try read().lines.map(\.values) == before)
    for setting in Setting.allCases {
      let lines = ["\n\(setting.name) = ", "\n#\(setting.name) = "]
      #expect(lines.contains { EffectiveConfiguration.example.contains($0) }, "\(setting)")
    }
    let all = EffectiveConfiguration.example.split(separator: "\n").map { line in
      line.hasPrefix("#") && !line.hasPrefix("# ") ? line.dropFirst() : line
    }
    try write(all.joined(separator: "\n"), to: "all.conf")
    let effective = try ConfigurationSources(
      flags: [:], environment: [:], file: folder.path + "/all.conf", homeDirectory: "/nonexistent"
    ).read()
    #expect(effective.lines.allSatisfy { !$0.values.isEmpty && $0.origin == folder.path + "/all.conf" })
  }
}
