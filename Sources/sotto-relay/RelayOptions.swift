internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// The flags of every command that needs to know how the relay is run.
struct RelayOptions: ParsableArguments {
  @Option(help: "The configuration file. (default: DATA/relay.conf, if it is there)")
  var config: String?

  @Option(help: "The folder to keep everything in. (default: $XDG_DATA_HOME/sotto-relay)")
  var data: String?

  @Option(help: "Where the store is: sqlite, or the address of a PostgreSQL database. (default: sqlite)")
  var store: String?

  @Option(help: "The RabbitMQ that relays with one database use, amqp://USER@HOST/VHOST. (default: none)")
  var bus: String?

  @Option(help: ArgumentHelp("The file with its password.", valueName: "file"))
  var busPassword: String?

  @Option(help: ArgumentHelp("The authorities of its certificate, PEM.", valueName: "file"))
  var busCa: String?

  @Option(
    help: ArgumentHelp(
      "How devices that do not listen are woken: `bus` is a queue of that RabbitMQ, `unix:/PATH` a gateway on this machine. (default: not at all)",
      valueName: "way"))
  var push: String?

  @Option(help: "Where to listen; port 0 picks a free one. (default: 127.0.0.1:8090)")
  var listen: String?

  @Option(
    help: "Who may create mailboxes: `open`, `invite` or `oidc`. Needed unless only this machine can reach the relay.")
  var registration: String?

  @Option(help: ArgumentHelp("The secret behind invitations. (default: DATA/registration.key)", valueName: "file"))
  var registrationKey: String?

  @Option(help: ArgumentHelp("Tokens of who signs in, in 30 days. (default: 64)", valueName: "count"))
  var registrationTokens: String?

  @Option(help: ArgumentHelp("A file with invitations that count no more. (default: none)", valueName: "file"))
  var registrationWithdrawn: String?

  @Option(help: ArgumentHelp("The OpenID Connect provider that people sign in at.", valueName: "url"))
  var oidcIssuer: String?

  @Option(help: ArgumentHelp("What the provider calls Sotto.", valueName: "id"))
  var oidcClientId: String?

  @Option(help: ArgumentHelp("The authorities of the provider's certificate, PEM.", valueName: "file"))
  var oidcCa: String?

  @Option(help: "A name that clients reach the relay by, host[:port]; may be repeated. (default: any)")
  var authority: [String] = []

  @Option(help: ArgumentHelp("The certificate chain, PEM; with it the relay speaks TLS.", valueName: "file"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The certificate's private key, PEM.", valueName: "file"))
  var tlsKey: String?

  @Option(help: "Where to serve Prometheus metrics, HOST:PORT on this machine. (default: nowhere)")
  var metrics: String?

  @Option(help: "Prekeys that strangers may claim of a mailbox, BURST/SECONDS. (default: 20/60)")
  var rateKnockClaims: String?

  @Option(help: "The same for contacts. (default: 60/10)")
  var rateContactClaims: String?

  @Option(help: "Envelopes that strangers may put into a mailbox. (default: 100/6)")
  var rateKnockEnvelopes: String?

  @Option(
    help: ArgumentHelp(
      "A proxy whose word for whom it asks counts, or a range; may be repeated. (default: none)", valueName: "address"))
  var trustedProxies: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where it says so: x-forwarded-for or forwarded. (default: x-forwarded-for)", valueName: "header"))
  var forwardedHeader: String?

  @Option(help: ArgumentHelp("Limit this machine's clients too. (default: false)", valueName: "true|false"))
  var limitLoopback: String?

  @Option(help: ArgumentHelp("Connections at a time. (default: 65536)", valueName: "count"))
  var maxConnections: String?

  @Option(help: ArgumentHelp("Connections at a time of one client. (default: 4096)", valueName: "count"))
  var maxConnectionsPerClient: String?

  @Option(help: "New connections of one client, BURST/SECONDS. (default: 6000/0.01)")
  var clientConnections: String?

  @Option(help: "Requests of one client that nobody signs. (default: 30000/0.002)")
  var clientRequests: String?

  @Option(help: "Signed requests of one client. (default: 6000/0.01)")
  var clientSignedRequests: String?

  @Option(help: "Signatures of one client that are refused. (default: 120/0.5)")
  var clientFailedSignatures: String?

  @Option(help: ArgumentHelp("Seconds without progress that end a transfer. (default: 30)", valueName: "seconds"))
  var transferSeconds: String?

  @Option(help: "The least important log line to write. (default: info)")
  var logLevel: String?

  /// The file, the environment and these flags.
  var sources: ConfigurationSources {
    let single: [(Setting, String?)] = [
      (.data, data), (.store, store), (.bus, bus), (.busPassword, busPassword), (.busCA, busCa), (.push, push),
      (.listen, listen), (.registration, registration), (.registrationKey, registrationKey),
      (.registrationTokens, registrationTokens), (.registrationWithdrawn, registrationWithdrawn),
      (.oidcIssuer, oidcIssuer), (.oidcClientID, oidcClientId),
      (.oidcCA, oidcCa),
      (.tlsCertificate, tlsCertificate),
      (.tlsKey, tlsKey), (.metrics, metrics), (.knockClaims, rateKnockClaims), (.contactClaims, rateContactClaims),
      (.knockEnvelopes, rateKnockEnvelopes), (.forwardedHeader, forwardedHeader), (.limitLoopback, limitLoopback),
      (.maxConnections, maxConnections), (.maxConnectionsPerClient, maxConnectionsPerClient),
      (.clientConnections, clientConnections), (.clientRequests, clientRequests),
      (.clientSignedRequests, clientSignedRequests), (.clientFailedSignatures, clientFailedSignatures),
      (.transferSeconds, transferSeconds), (.logLevel, logLevel),
    ]
    var flags: [Setting: [String]] = [:]
    for (setting, values) in [(Setting.authority, authority), (.trustedProxies, trustedProxies)] where !values.isEmpty {
      flags[setting] = values
    }
    for case (let setting, let value?) in single { flags[setting] = [value] }
    return ConfigurationSources(
      flags: flags, environment: ProcessInfo.processInfo.environment, file: config, homeDirectory: NSHomeDirectory())
  }
}
