import Foundation
import JWTKit
import SottoRelay
import SottoWire
import Testing
import sotto_push

/// [operation.16]
@Suite struct GatewayConfigurationTests {
  private final class Folder {
    let path = NSTemporaryDirectory() + "sotto-push-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, _ name: String) throws -> String {
      try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
      return path + "/" + name
    }
  }

  private func failure(_ body: () throws -> Void) -> StartFailure? {
    do {
      try body()
      return nil
    } catch {
      return error as? StartFailure
    }
  }

  private func read(
    _ flags: [GatewaySetting: String] = [:], _ environment: [String: String] = [:], file: String? = nil
  ) throws -> [GatewaySetting: GatewaySources.Said] {
    try GatewaySources(flags: flags, environment: environment, file: file).read()
  }

  @Test func theLaterWins() throws {
    let folder = try Folder()
    let file = try folder.write("# a comment\nbus = amqp://a@b/  # another\n\nmetrics=127.0.0.1:1\n", "push.conf")
    #expect(try read(file: file)[.bus] == .init(value: "amqp://a@b/", origin: file))
    let environment = ["SOTTO_PUSH_BUS": "amqp://c@d/", "SOTTO_PUSH_CONFIG": file, "PATH": "/bin"]
    #expect(try read([:], environment)[.bus] == .init(value: "amqp://c@d/", origin: "SOTTO_PUSH_BUS"))
    #expect(try read([.bus: "amqp://e@f/"], environment)[.bus] == .init(value: "amqp://e@f/", origin: "--bus"))
    #expect(try read([.busPassword: "/x"])[.busPassword]?.origin == "--bus-password")
    #expect(try read([:], environment)[.metrics]?.origin == file)
    #expect(try read()[.apnsServer] == .init(value: "https://api.push.apple.com", origin: "default"))
  }

  @Test func whatIsMisspeltIsRefused() throws {
    let folder = try Folder()
    for (text, word) in [
      ("buss = x", "There is no setting 'buss'"), ("bus = a\nbus = b", "is given twice"), ("bus", "This is not"),
    ] {
      let file = try folder.write(text, "push.conf")
      let refused = failure { _ = try read(file: file) }
      #expect(refused?.exitCode == 78 && refused?.what.contains(word) == true, "\(text)")
    }
    #expect(failure { _ = try read([:], ["SOTTO_PUSH_BUSS": "x"]) }?.what.contains("'SOTTO_PUSH_BUSS'") == true)
    #expect(failure { _ = try read(file: "/nonexistent") }?.exitCode == 78)
  }

  @Test func theExampleIsReadAndNamesEverySetting() throws {
    let folder = try Folder()
    let file = try folder.write(GatewaySources.example, "push.conf")
    #expect(try read(file: file)[.fcmServer]?.value == "https://fcm.googleapis.com")
    for setting in GatewaySetting.allCases {
      #expect(
        GatewaySources.example.contains("\n\(setting.rawValue) = ")
          || GatewaySources.example.contains("\n#\(setting.rawValue) = "))
      #expect(setting.explanation.allSatisfy { $0.count <= 120 }, "\(setting)")
    }
    let open = GatewaySources.example.replacing("\n#", with: "\n").split(separator: "\n")
      .filter { $0.contains(" = ") && !$0.hasPrefix(" ") }.joined(separator: "\n")
    let all = try read(file: try folder.write(open, "all.conf"))
    #expect(all.count == GatewaySetting.allCases.count)
  }

  /// Everything that a gateway needs, and then one thing after the other that it cannot be without.
  @Test func everyFileIsLookedAt() throws {
    let folder = try Folder()
    let keys = try GatewayKey.make(in: folder.path + "/keys")
    let good: [GatewaySetting: String] = [
      .key: keys.key, .bus: "amqp://push@127.0.0.1/", .busPassword: "/x", .webPushKey: keys.webPush,
      .webPushContact: "mailto:a@example.org", .webPushExempt: "push.internal:8443, localhost:9",
      .apnsKey: try folder.write(ES256PrivateKey().pemRepresentation, "a.p8"), .apnsKeyID: "K", .apnsTeamID: "T",
      .apnsTopic: "org.example", .metrics: "127.0.0.1:0",
    ]
    #expect(failure { _ = try GatewayConfiguration(try read(good)) } == nil)
    let nonsense = try folder.write("nonsense", "nonsense")
    let endless = try folder.write(String(repeating: "a", count: 65_537), "endless")
    let bad: [(GatewaySetting, String?)] = [
      (.key, nil), (.key, nonsense), (.key, "/nonexistent"), (.bus, nil), (.bus, "http://a"), (.busPassword, nil),
      (.relay, "unix:/both"), (.relay, "nonsense"),
      (.webPushKey, nil), (.webPushKey, nonsense), (.webPushContact, nil), (.webPushContact, "a@example.org"),
      (.webPushExempt, "a b"), (.apnsKey, nonsense), (.apnsKeyID, nil), (.apnsTeamID, nil), (.apnsTopic, nil),
      (.apnsServer, "http://a"), (.apnsServer, "https://a/b"), (.fcmAccount, nonsense), (.fcmAccount, "/nonexistent"),
      (.webPushKey, endless), (.apnsKey, endless), (.fcmAccount, endless), (.fcmAccount, try folder.write("", "empty")),
      (.authorities, nonsense), (.authorities, "/nonexistent"), (.metrics, "0.0.0.0:1"), (.logLevel, "loud"),
    ]
    for (setting, value) in bad {
      var flags = good
      flags[setting] = value
      let refused = failure { _ = try GatewayConfiguration(try read(flags)) }
      #expect(refused?.exitCode == 78, "\(setting.rawValue) = \(value ?? "nothing")")
      #expect(refused?.description.contains(setting.rawValue) == true, "\(refused?.description ?? "")")
    }
    var single = good.filter { ![.bus, .busPassword].contains($0.key) }
    single[.relay] = "unix:/run/sotto/push.sock"
    #expect(failure { _ = try GatewayConfiguration(try read(single)) } == nil)
    let nobody = good.filter { [.key, .bus, .busPassword].contains($0.key) }
    #expect(failure { _ = try GatewayConfiguration(try read(nobody)) }?.what == "No push service is set up.")
  }

  /// What the account's key signs buys tokens from whoever has it, so it goes nowhere in the clear.
  @Test func theAccountBuysItsTokensOverTLS() throws {
    let folder = try Folder()
    let keys = try GatewayKey.make(in: folder.path + "/keys")
    func refusal(of tokenURI: String) throws -> StartFailure? {
      let account = [
        "project_id": "p", "client_email": "a@p.example", "private_key": "nonsense", "token_uri": tokenURI,
      ]
      let text = String(decoding: try JSONEncoder().encode(account), as: UTF8.self)
      let flags: [GatewaySetting: String] = [
        .key: keys.key, .relay: "unix:/run/push.sock", .fcmAccount: try folder.write(text, "account.json"),
      ]
      return failure { _ = try GatewayConfiguration(try read(flags)) }
    }
    for tokenURI in [
      "http://oauth2.googleapis.com/token", "http://127.0.0.1:8080/token", "http://localhost/token",
      "HTTPS://oauth2.googleapis.com/token", "https:/token", "https:///token", "https://user@google.example/token",
      "oauth2.googleapis.com/token", "",
    ] {
      let refused = try refusal(of: tokenURI)
      #expect(refused?.exitCode == 78 && refused?.what.contains("token_uri") == true, "\(tokenURI)")
      #expect(refused?.what.contains(GatewaySetting.fcmAccount.rawValue) == true)
    }
    for tokenURI in ["https://oauth2.googleapis.com/token", "https://127.0.0.1:8443/token"] {
      let refused = try refusal(of: tokenURI)
      #expect(refused?.exitCode == 78 && refused?.what.contains("private_key") == true, "\(tokenURI)")
    }
  }

  @Test func keysAreMadeOnceAndForTheirOwnerAlone() throws {
    let folder = try Folder()
    let first = try GatewayKey.make(in: folder.path + "/keys")
    let before = try Data(contentsOf: URL(filePath: first.key))
    let second = try GatewayKey.make(in: folder.path + "/keys")
    #expect(first.key == second.key && first.webPush == second.webPush)
    #expect(try Data(contentsOf: URL(filePath: first.key)) == before)
    for path in [first.key, first.webPush] {
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
    // A point of P-256 for browsers, which know no other form.
    let key = try ES256PrivateKey(pem: String(contentsOfFile: first.webPush, encoding: .utf8))
    let point = Vapid.point(of: key)
    #expect(point.count == 87 && point.hasPrefix("B") && !point.contains { "+/=".contains($0) })
    let file = try folder.write("x", "file")
    #expect(failure { _ = try GatewayKey.make(in: file + "/keys") }?.exitCode == 73)
  }
}
