internal import Foundation
internal import JWTKit
internal import Logging
internal import NIOSSL
internal import SottoCrypto
package import SottoRelay
internal import SottoWire

/// How a gateway is run, with every file read that it needs.
package struct GatewayConfiguration: Sendable {
  /// The gateway's private key, 32 bytes.
  private let key: SecretBox
  /// Where jobs come from.
  enum Source: Sendable {
    case bus(BusAddress)
    case relay(SocketPath)
  }
  let source: Source
  let webPush: (key: ES256PrivateKey, contact: String, exempt: Set<RelayAuthority>)?
  let apns: (credentials: APNs.Credentials, server: String, sandbox: String)?
  let fcm: (account: FCM.ServiceAccount, server: String)?
  let tls: TLSConfiguration
  let metrics: ListenAddress?
  let logLevel: Logger.Level

  package init(_ said: [GatewaySetting: GatewaySources.Said]) throws(StartFailure) {
    let values = Values(said: said)
    key = try values.key()
    source = try values.source()
    webPush = try values.webPush()
    apns = try values.apns()
    fcm = try values.fcm()
    tls = try values.tls()
    metrics = try values.parse(.metrics) { ListenAddress($0).flatMap { $0.isLoopback ? $0 : nil } }
    logLevel = try values.parse(.logLevel) { Logger.Level(rawValue: $0) } ?? .info
    guard webPush != nil || apns != nil || fcm != nil else { throw .nobodyToAsk }
  }

  /// The gateway that carries out what its push services can.
  func gateway(
    metrics: GatewayMetrics, resolver: any Resolver, now: @escaping @Sendable () -> Int64
  ) throws(StartFailure) -> Gateway {
    let providers = providers(resolver: resolver, now: now)
    // It was read as one.
    guard let key = try? AgreementPrivateKey(key.secret.copy()) else { throw .unusable(.key, "it is none") }
    return Gateway(key: key, providers: providers, metrics: metrics)
  }

  /// The push services that were set up.
  func providers(resolver: any Resolver, now: @escaping @Sendable () -> Int64) -> [any PushProvider] {
    var providers: [any PushProvider] = []
    if let webPush {
      let rules = EndpointRules(exempt: webPush.exempt, resolver: resolver)
      let vapid = Vapid(webPush.key, contact: webPush.contact, now: now)
      providers.append(WebPush(rules: rules, vapid: vapid, tls: tls))
    }
    if let apns {
      providers.append(APNs(apns.credentials, origin: apns.server, sandbox: apns.sandbox, tls: tls, now: now))
    }
    if let fcm { providers.append(FCM(fcm.account, origin: fcm.server, tls: tls, now: now)) }
    return providers
  }
}

/// Reads single settings.
private struct Values {
  let said: [GatewaySetting: GatewaySources.Said]

  func required(_ setting: GatewaySetting) throws(StartFailure) -> String {
    guard let value = said[setting]?.value, !value.isEmpty else { throw .missing(setting) }
    return value
  }

  func parse<T>(_ setting: GatewaySetting, _ read: (String) -> T?) throws(StartFailure) -> T? {
    guard let said = said[setting] else { return nil }
    guard let value = read(said.value) else { throw .bad(setting, from: said.origin) }
    return value
  }

  func signingKey(_ setting: GatewaySetting) throws(StartFailure) -> ES256PrivateKey {
    let text = try KeyFile.read(try required(setting), for: setting)
    guard let key = KeyFile.signingKey(in: text) else {
      throw .unusable(setting, "there is no private key of P-256 in it, in PEM")
    }
    return key
  }

  func source() throws(StartFailure) -> GatewayConfiguration.Source {
    let relay = try parse(.relay) { SocketPath($0) }
    let bus = try parse(.bus) { BusAddress.Location($0) }
    switch (relay, bus) {
    case (let relay?, nil): return .relay(relay)
    case (nil, let bus?):
      return .bus(
        BusAddress(location: bus, passwordFile: try required(.busPassword), authorities: said[.busCA]?.value))
    default: throw .oneSource
    }
  }

  func key() throws(StartFailure) -> SecretBox {
    SecretBox(try GatewayKey.read(try required(.key)).secret.copy())
  }

  func webPush() throws(StartFailure) -> (ES256PrivateKey, String, Set<RelayAuthority>)? {
    let settings: [GatewaySetting] = [.webPushKey, .webPushContact]
    guard settings.contains(where: { said[$0] != nil }) else { return nil }
    let key = try signingKey(.webPushKey)
    _ = try required(.webPushContact)
    let contact = try parse(.webPushContact) { text in
      text.hasPrefix("mailto:") || text.hasPrefix("https://") ? text : nil
    }
    let exempt = try parse(.webPushExempt) { text -> Set<RelayAuthority>? in
      let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      let authorities = words.compactMap { RelayAuthority($0) }
      return authorities.count == words.count ? Set(authorities) : nil
    }
    return (key, contact ?? "", exempt ?? [])
  }

  func apns() throws(StartFailure) -> (APNs.Credentials, String, String)? {
    let settings: [GatewaySetting] = [.apnsKey, .apnsKeyID, .apnsTeamID, .apnsTopic]
    guard settings.contains(where: { said[$0] != nil }) else { return nil }
    let key = try signingKey(.apnsKey)
    let credentials = APNs.Credentials(
      key: key, keyID: try required(.apnsKeyID), teamID: try required(.apnsTeamID), topic: try required(.apnsTopic))
    return (credentials, try origin(.apnsServer), try origin(.apnsSandbox))
  }

  func fcm() throws(StartFailure) -> (FCM.ServiceAccount, String)? {
    guard said[.fcmAccount] != nil else { return nil }
    let text = try KeyFile.read(try required(.fcmAccount), for: .fcmAccount)
    let account: FCM.ServiceAccount
    do {
      account = try KeyFile.account(in: text)
    } catch FCM.ServiceAccount.Fault.tokenURI {
      throw .unusable(.fcmAccount, "its token_uri is not https://HOST/PATH")
    } catch FCM.ServiceAccount.Fault.key {
      throw .unusable(.fcmAccount, "its private_key is no RSA key of 2,048 bits or more, in PEM")
    } catch {
      throw .unusable(.fcmAccount, "it is not the JSON of a service account")
    }
    return (account, try origin(.fcmServer))
  }

  /// `https://HOST[:PORT]`, without anything behind it.
  private func origin(_ setting: GatewaySetting) throws(StartFailure) -> String {
    try parse(setting) { text in
      text.hasPrefix("https://") && RelayAuthority(text.dropFirst("https://".count)) != nil ? text : nil
    } ?? ""
  }

  func tls() throws(StartFailure) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let path = said[.authorities]?.value {
      guard let certificates = try? NIOSSLCertificate.fromPEMFile(path) else {
        throw .unusable(.authorities, "\(path) has no certificates")
      }
      tls.additionalTrustRoots = [.certificates(certificates)]
    }
    return tls
  }
}

extension StartFailure {
  private static let idle = "Nobody would be woken, so nothing was started."
  private static let see = "`sotto-push config example` shows every setting."

  fileprivate static func missing(_ setting: GatewaySetting) -> StartFailure {
    StartFailure(78, "The setting \(setting.rawValue) is not set.", idle, see)
  }

  fileprivate static func bad(_ setting: GatewaySetting, from origin: String) -> StartFailure {
    StartFailure(
      78, "The setting \(setting.rawValue) (\(origin)) has a value that is not understood.", "Nothing was started.",
      "It takes: " + setting.explanation.joined(separator: " "))
  }

  static func unusable(_ setting: GatewaySetting, _ why: String) -> StartFailure {
    StartFailure(
      78, "The file that \(setting.rawValue) names cannot be used: \(why).", idle,
      "Check the setting, and that this user may read the file.")
  }

  fileprivate static let oneSource = StartFailure(
    78, "Of the settings relay and bus exactly one must be set.", "Jobs come from one place.",
    "Set `relay` to the socket of a relay on this machine, or `bus` to the RabbitMQ of several. " + see)

  fileprivate static let nobodyToAsk = StartFailure(
    78, "No push service is set up.", idle, "Set web-push.key and web-push.contact, or those of apns or fcm. " + see)
}
