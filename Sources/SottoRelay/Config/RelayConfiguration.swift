internal import Foundation
public import Logging
public import SottoWire

/// How a relay is run. Defaults serve one machine; what is dangerous must be said.
public struct RelayConfiguration: Sendable {
  /// Who may create mailboxes and cards.
  public enum Registration: String, Sendable, CaseIterable {
    /// Anyone who reaches the relay.
    case open
    /// Who has an invitation.
    case invite
    /// Who signs in, or has an invitation.
    case oidc
  }

  /// How devices are woken. [push.1]
  public enum Push: Equatable, Sendable {
    /// Jobs for the gateway go into a queue of the bus's server.
    case bus
    /// A gateway on this machine gets them at the Unix socket with this path, and the store keeps them until it has.
    case socket(String)

    /// `bus`, or `unix:` and an absolute path.
    init?(_ text: String) {
      if text == "bus" {
        self = .bus
      } else if let path = SocketPath(text) {
        self = .socket(path.text)
      } else {
        return nil
      }
    }

    var text: String {
      switch self {
      case .bus: "bus"
      case .socket(let path): SocketPath.prefix + path
      }
    }
  }

  /// Where to listen.
  public var listen = ListenAddress(host: "127.0.0.1", port: 8090)
  /// The folder that holds everything the relay keeps.
  public var dataDirectory: String
  public var store = StoreLocation.sqlite
  /// The folder that other relays keep attachments in too; nil: one of its own.
  public var attachments: String?
  /// nil: no other relay is told anything.
  public var busLocation: BusAddress.Location?
  public var busPassword: String?
  public var busCA: String?
  /// nil: nobody is woken.
  public var push: Push?
  /// nil: not said. Then only this machine is served.
  public var registration: Registration?
  /// The file of a `RegistrationSecret`; nil: in the folder.
  public var registrationKey: String?
  /// Tokens of who signs in, in one epoch.
  public var registrationTokens = RelayLimits.tokensPerEpoch
  /// A file with the names of invitations that count no more.
  public var registrationWithdrawn: String?
  /// Where people sign in; both or neither.
  public var oidcIssuer: String?
  public var oidcClientID: String?
  public var oidcCA: String?
  /// The names that clients use; empty means any. [relay.11]
  public var authorities: Set<RelayAuthority> = []
  /// PEM files; both or neither.
  public var tlsCertificate: String?
  public var tlsKey: String?
  /// Where metrics are served; nil: nowhere.
  public var metrics: ListenAddress?
  package var rates = Rates()
  /// Limits by client.
  package var clients = ClientSettings()
  public var logLevel = Logger.Level.info
  /// Seconds without progress after which an upload or an answer is ended.
  package var transferSeconds = RelayLimits.stallSeconds
  /// Unix time in seconds.
  public var now: @Sendable () -> Int64 = { Int64(Date.now.timeIntervalSince1970) }
  /// Of a clock that only goes forward: for how long something lasts.
  package var steadyNow: @Sendable () -> ContinuousClock.Instant = { .now }

  public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

  /// Takes the values of one setting, as they stand in a file, the environment or a flag: one, or any number for a list.
  /// False when they are not what it takes.
  mutating func set(_ setting: Setting, to values: [String]) -> Bool {
    guard setting.isList || (values.count == 1 && !values[0].isEmpty) else { return false }
    switch setting {
    case .data: dataDirectory = values[0]
    case .store: return take(&store, StoreLocation(values[0]))
    case .attachments: attachments = values[0]
    case .bus:
      busLocation = BusAddress.Location(values[0])
      return busLocation != nil
    case .busPassword: busPassword = values[0]
    case .busCA: busCA = values[0]
    case .push:
      push = Push(values[0])
      return push != nil
    case .listen: return take(&listen, ListenAddress(values[0]))
    case .registration:
      registration = Registration(rawValue: values[0])
      return registration != nil
    case .registrationKey: registrationKey = values[0]
    case .registrationWithdrawn: registrationWithdrawn = values[0]
    case .registrationTokens: return take(&registrationTokens, Self.tokens(values[0]))
    case .oidcIssuer:
      guard OIDCProvider(issuer: values[0], clientID: "any") != nil else { return false }
      oidcIssuer = values[0]
    case .oidcClientID:
      guard OIDCProvider(issuer: "https://any.example", clientID: values[0]) != nil else { return false }
      oidcClientID = values[0]
    case .oidcCA: oidcCA = values[0]
    case .authority:
      let authorities = values.compactMap { RelayAuthority($0) }
      self.authorities = Set(authorities)
      return authorities.count == values.count
    case .tlsCertificate: tlsCertificate = values[0]
    case .tlsKey: tlsKey = values[0]
    case .metrics:
      metrics = ListenAddress(values[0])
      return metrics != nil
    case .knockClaims: return take(&rates.knockClaims, TokenBucket.Rate(values[0]))
    case .contactClaims: return take(&rates.contactClaims, TokenBucket.Rate(values[0]))
    case .knockEnvelopes: return take(&rates.knockEnvelopes, TokenBucket.Rate(values[0]))
    case .trustedProxies:
      clients.proxies.ranges = values.compactMap { AddressRange($0) }
      return clients.proxies.ranges.count == values.count
    case .forwardedHeader:
      return take(&clients.proxies.header, TrustedProxies.Header(rawValue: values[0].lowercased()))
    case .limitLoopback: return take(&clients.limitsLoopback, Bool(values[0]))
    case .maxConnections: return take(&clients.maxConnections, Self.connections(values[0]))
    case .maxConnectionsPerClient: return take(&clients.maxConnectionsPerClient, Self.connections(values[0]))
    case .clientConnections: return take(&clients.connections, ClientRate(values[0]))
    case .clientRequests: return take(&clients.requests, ClientRate(values[0]))
    case .clientSignedRequests: return take(&clients.signedRequests, ClientRate(values[0]))
    case .clientFailedSignatures: return take(&clients.failedSignatures, ClientRate(values[0]))
    case .transferSeconds: return take(&transferSeconds, Self.seconds(values[0]))
    case .logLevel: return take(&logLevel, Logger.Level(rawValue: values[0]))
    }
    return true
  }

  private static func connections(_ text: String) -> Int? {
    DecimalNumber.decode(text).flatMap { 1...RelayLimits.largestConnections ~= $0 ? Int($0) : nil }
  }

  private static func tokens(_ text: String) -> Int? {
    DecimalNumber.decode(text).flatMap { 1...UInt64(RelayLimits.mostTokensPerEpoch) ~= $0 ? Int($0) : nil }
  }

  private static func seconds(_ text: String) -> Int64? {
    DecimalNumber.decode(text).flatMap { 1...RelayLimits.longestTransferSeconds ~= $0 ? Int64($0) : nil }
  }

  private func take<T>(_ place: inout T, _ value: T?) -> Bool {
    if let value { place = value }
    return value != nil
  }

  /// What is in force, in the spelling that `set` takes; none where nothing is set.
  func values(of setting: Setting) -> [String] {
    switch setting {
    case .data: [dataDirectory]
    case .store: [store.text]
    case .attachments: [attachments].compactMap(\.self)
    case .bus: [busLocation?.text].compactMap(\.self)
    case .busPassword: [busPassword].compactMap(\.self)
    case .busCA: [busCA].compactMap(\.self)
    case .push: [push?.text].compactMap(\.self)
    case .listen: [listen.description]
    case .registration: [registration?.rawValue].compactMap(\.self)
    case .registrationKey: [registrationKey].compactMap(\.self)
    case .registrationTokens: [String(registrationTokens)]
    case .registrationWithdrawn: [registrationWithdrawn].compactMap(\.self)
    case .oidcIssuer: [oidcIssuer].compactMap(\.self)
    case .oidcClientID: [oidcClientID].compactMap(\.self)
    case .oidcCA: [oidcCA].compactMap(\.self)
    case .authority: authorities.map(\.text).sorted()
    case .tlsCertificate: [tlsCertificate].compactMap(\.self)
    case .tlsKey: [tlsKey].compactMap(\.self)
    case .metrics: [metrics?.description].compactMap(\.self)
    case .knockClaims: [rates.knockClaims.description]
    case .contactClaims: [rates.contactClaims.description]
    case .knockEnvelopes: [rates.knockEnvelopes.description]
    case .trustedProxies: clients.proxies.ranges.map(\.text)
    case .forwardedHeader: [clients.proxies.header.rawValue]
    case .limitLoopback: [String(clients.limitsLoopback)]
    case .maxConnections: [String(clients.maxConnections)]
    case .maxConnectionsPerClient: [String(clients.maxConnectionsPerClient)]
    case .clientConnections: [clients.connections.description]
    case .clientRequests: [clients.requests.description]
    case .clientSignedRequests: [clients.signedRequests.description]
    case .clientFailedSignatures: [clients.failedSignatures.description]
    case .transferSeconds: [String(transferSeconds)]
    case .logLevel: [logLevel.rawValue]
    }
  }

  /// What no setting can say alone: a relay that others reach must say who may register, TLS needs both files, a bus its
  /// password, push a bus, and metrics are for this machine.
  package func check() throws(StartFailure) {
    guard listen.isLoopback || registration != nil else { throw .registrationMissing }
    guard (tlsCertificate == nil) == (tlsKey == nil) else { throw .tlsIncomplete }
    guard metrics?.isLoopback ?? true else { throw .metricsReachable }
    guard (busLocation == nil) == (busPassword == nil) else { throw .busIncomplete }
    guard push != .bus || busLocation != nil else { throw .pushWithoutBus }
    if case .socket = push, store != .sqlite { throw .pushSocketOfMany }
    guard registration ?? .open == .open || store == .sqlite || registrationKey != nil else {
      throw .registrationKeyOfOne
    }
    guard (registration == .oidc) == (provider != nil), (oidcIssuer == nil) == (oidcClientID == nil) else {
      throw .oidcIncomplete
    }
  }

  /// Where people sign in; nil when that is not said.
  package var provider: OIDCProvider? {
    guard let oidcIssuer, let oidcClientID else { return nil }
    return OIDCProvider(issuer: oidcIssuer, clientID: oidcClientID)
  }

  /// Whether the files that registration needs can be read. Makes none.
  package func checkRegistration() throws(StartFailure) {
    guard let registration, registration != .open else { return }
    // That of a relay with a file of its own is made when it is needed.
    let key = registrationKey ?? ownRegistrationKey
    if registrationKey != nil || FileManager.default.fileExists(atPath: key) { _ = try RegistrationSecret.read(key) }
    if let oidcCA { try ProviderFetch.check(authorityFile: oidcCA) }
    _ = try withdrawn()
  }

  /// Whether there is what sharing attachments takes: a database, and the folder, for this user to write in. Makes nothing.
  package func checkAttachments() throws(StartFailure) {
    guard let attachments else { return }
    guard store != .sqlite else { throw .attachmentsOfOne }
    guard BlobFiles(existing: attachments).isUsable else { throw .attachmentsUnusable(attachments) }
  }

  /// Whether there is what a bus takes: a database, a program that can, a password and authorities.
  package func checkBus(_ connector: (any BusConnector)?) throws(StartFailure) {
    guard let bus else { return }
    guard store != .sqlite else { throw .busWithoutDatabase }
    guard let connector else { throw .withoutBus }
    try connector.check(bus)
  }

  /// Names of invitations, and of who invites, that count no more: a line each, 32 hexadecimal digits. [token.15]
  func withdrawn() throws(StartFailure) -> Set<[UInt8]> {
    guard let registrationWithdrawn else { return [] }
    guard let text = try? String(contentsOfFile: registrationWithdrawn, encoding: .utf8) else {
      throw .withdrawnUnusable(registrationWithdrawn, "it cannot be read")
    }
    var names: Set<[UInt8]> = []
    // Whatever editor wrote it: a line that is taken for the end of a comment would let somebody in.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() {
      let words = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      if words.isEmpty { continue }
      guard let name = Hex.decode(words.lowercased()), name.count == 16 else {
        throw .withdrawnUnusable(registrationWithdrawn, "line \(number + 1) is not 32 hexadecimal digits")
      }
      names.insert(name)
    }
    return names
  }

  /// What a relay that does not let everybody in knows its own tokens and invitations by. In the relay's folder it is made
  /// when it is not there.
  package func registrationSecret() throws(StartFailure) -> RegistrationSecret {
    if let registrationKey { return try RegistrationSecret.read(registrationKey) }
    try RegistrationSecret.make(at: ownRegistrationKey)
    return try RegistrationSecret.read(ownRegistrationKey)
  }

  private var ownRegistrationKey: String { dataDirectory + "/registration.key" }

  /// Where secrets of this machine may lie, and the settings that say so. What `store` names is not among them: libpq looks
  /// at those files itself, and takes none that others can read.
  var secretFiles: [(setting: Setting, path: String)] {
    var files: [(setting: Setting, path: String)] = [(.registrationKey, registrationKey ?? ownRegistrationKey)]
    if let busPassword { files.append((.busPassword, busPassword)) }
    if let tlsKey { files.append((.tlsKey, tlsKey)) }
    return files
  }

  /// The bus with what belongs to it; nil without one.
  var bus: BusAddress? {
    guard let busLocation, let busPassword else { return nil }
    return BusAddress(location: busLocation, passwordFile: busPassword, authorities: busCA)
  }

  /// What stands before the address in a URL.
  var scheme: String { tlsCertificate == nil ? "http" : "https" }
}
