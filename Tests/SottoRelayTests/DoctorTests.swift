import Foundation
import SottoRelay
import Testing

/// What `sotto-relay doctor` says of what lies around a relay. [operation.8]
@Suite struct DoctorTests {
  private let folder = Folder()

  /// What one check says; the others have nothing to find, or nobody asks.
  private func finding(
    _ check: String, bus: (any BusConnector)? = nil, _ configure: (inout RelayConfiguration) -> Void = { _ in }
  ) async throws -> Doctor.Finding {
    var configuration = RelayConfiguration(dataDirectory: folder.path + "/data")
    configuration.listen.port = 0
    configure(&configuration)
    let findings = await Doctor(configuration, Adapters(bus: bus)).examine()
    return try #require(findings.first { $0.check == check })
  }

  private func chmod(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func make(_ name: String, _ mode: Int) throws -> String {
    let path = folder.path + "/" + name
    try Data("secret".utf8).write(to: URL(filePath: path))
    try chmod(path, mode)
    return path
  }

  @Test func filesWithSecretsAreForOneUserAlone() async throws {
    #expect(try await finding("secrets").verdict == .ok, "there are none")
    let (key, password, own) = (try make("key", 0o600), try make("password", 0o400), folder.path + "/data")
    try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
    let registration = try make("data/registration.key", 0o600)
    let link = folder.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: key)
    func secrets() async throws -> Doctor.Finding {
      try await finding("secrets") {
        $0.tlsKey = link
        $0.busPassword = password
      }
    }
    #expect(try await secrets().verdict == .ok)
    for (path, name) in [(key, "tls.key"), (password, "bus.password"), (registration, "registration.key")] {
      for mode in [0o640, 0o604, 0o620, 0o602] {
        try chmod(path, mode)
        let found = try await secrets()
        #expect(found.verdict == .warning && found.exitCode == 0, "\(name) \(mode)")
        #expect(
          found.what.contains(name) && found.next.hasPrefix("chmod 600 " + (path == key ? link : path) + ", "),
          "\(found)")
      }
      try chmod(path, 0o600)
    }
    try chmod(key, 0o644)
    try chmod(password, 0o644)
    let both = try await secrets()
    #expect(both.what.contains("tls.key") && both.what.contains("bus.password"), "\(both)")
    let named = try make("named", 0o644)
    #expect(try await finding("secrets") { $0.registrationKey = named }.what.contains(named))
  }

  /// Lets nobody in, or everybody.
  private struct Door: BusConnector {
    let isOpen: Bool

    func bus(_ address: BusAddress, as node: NodeID) throws(StartFailure) -> any RelayBus { throw .withoutBus }
    func pushQueue(_ address: BusAddress) throws(StartFailure) -> any PushQueue { throw .withoutBus }
    func reach(_ address: BusAddress) throws(StartFailure) { if !isOpen { throw .busAway } }
  }

  @Test func theBusIsAskedWhetherItLetsTheRelayIn() async throws {
    #expect(try await finding("bus", bus: Door(isOpen: false)).verdict == .ok, "there is none")
    func fleet(_ configuration: inout RelayConfiguration) {
      configuration.store = .postgreSQL("host=127.0.0.1 port=1 dbname=none")
      configuration.busLocation = BusAddress.Location("amqp://a@127.0.0.1:1/")
      configuration.busPassword = "/none"
    }
    #expect(try await finding("bus", bus: Door(isOpen: true), fleet).verdict == .ok)
    // A relay runs without it.
    let away = try await finding("bus", bus: Door(isOpen: false), fleet)
    #expect(away.verdict == .warning && away.exitCode == 0 && !away.next.isEmpty, "\(away)")
    // But not with a program that cannot reach one, nor beside a store that is a file.
    let without = try await finding("bus", bus: nil, fleet)
    #expect(without.verdict == .failed && without.exitCode == 78, "\(without)")
    let alone = try await finding("bus", bus: Door(isOpen: true)) {
      fleet(&$0)
      $0.store = .sqlite
    }
    #expect(alone.verdict == .failed && alone.exitCode == 78, "\(alone)")
  }

  @Test func theSocketForAGatewayHasAPlaceOfItsOwn() async throws {
    let place = folder.path + "/run"
    func push() async throws -> Doctor.Finding {
      try await finding("push") { $0.push = .socket(place + "/push.sock") }
    }
    #expect(try await finding("push").verdict == .ok, "nobody is woken")
    let missing = try await push()
    #expect(missing.verdict == .warning && missing.exitCode == 0 && missing.what.contains(place), "\(missing)")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
    for (mode, verdict) in [(0o700, Doctor.Finding.Verdict.ok), (0o770, .ok), (0o702, .warning), (0o777, .warning)] {
      try chmod(place, mode)
      let found = try await push()
      #expect(found.verdict == verdict && found.exitCode == 0, "\(mode) \(found)")
    }
    try FileManager.default.removeItem(atPath: place)
    try Data().write(to: URL(filePath: place))
    let file = try await push()
    #expect(file.verdict == .failed && file.exitCode == 69 && file.what.contains(place), "a file is no folder: \(file)")
    #expect(try await finding("push") { $0.push = .bus }.verdict == .ok)
  }
}
