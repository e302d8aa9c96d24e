internal import Logging

/// Every setting of a relay, once: its name in the file, in the environment and as a flag, what it takes and what it is
/// when nobody says. What parses, prints, explains and reloads settings walks through this list.
public enum Setting: String, CaseIterable, Sendable {
  case data
  case store
  case attachments
  case bus
  case busPassword = "bus.password"
  case busCA = "bus.ca"
  case push
  case listen
  case registration
  case registrationKey = "registration.key"
  case registrationTokens = "registration.tokens"
  case registrationWithdrawn = "registration.withdrawn"
  case oidcIssuer = "oidc.issuer"
  case oidcClientID = "oidc.client-id"
  case oidcCA = "oidc.ca"
  case authority
  case tlsCertificate = "tls.certificate"
  case tlsKey = "tls.key"
  case metrics
  case knockClaims = "rate.knock-claims"
  case contactClaims = "rate.contact-claims"
  case knockEnvelopes = "rate.knock-envelopes"
  case trustedProxies = "trusted-proxies"
  case forwardedHeader = "forwarded-header"
  case limitLoopback = "limit-loopback"
  case maxConnections = "max-connections"
  case maxConnectionsPerClient = "max-connections-per-client"
  case clientConnections = "client-connections"
  case clientRequests = "client-requests"
  case clientSignedRequests = "client-signed-requests"
  case clientFailedSignatures = "client-failed-signatures"
  case transferSeconds = "transfer-seconds"
  case logLevel = "log.level"

  /// What stands before every name in the environment.
  static let environmentPrefix = "SOTTO_RELAY_"

  /// As it stands in the file: `tls.certificate`.
  public var name: String { rawValue }
  /// As it stands in the environment: `SOTTO_RELAY_TLS_CERTIFICATE`.
  public var environmentName: String {
    Self.environmentPrefix + String(name.uppercased().map { $0.isLetter ? $0 : "_" })
  }
  /// As it stands on a command line: `--tls-certificate`.
  public var flag: String { "--" + String(name.map { $0 == "." ? "-" : $0 }) }
  /// Whether it takes several values: repeated in the file and as a flag, separated by commas in the environment.
  public var isList: Bool { self == .authority || self == .trustedProxies }

  /// Whether SIGHUP brings a new value into force; the others wait for a restart. [operation.2]
  public var isReloadable: Bool {
    switch self {
    case .authority, .tlsCertificate, .tlsKey, .knockClaims, .contactClaims, .knockEnvelopes, .trustedProxies,
      .forwardedHeader, .limitLoopback, .maxConnections, .maxConnectionsPerClient, .clientConnections,
      .clientRequests, .clientSignedRequests, .clientFailedSignatures, .transferSeconds, .registrationWithdrawn:
      true
    case .data, .store, .attachments, .bus, .busPassword, .busCA, .push, .listen, .registration, .registrationKey,
      .registrationTokens, .oidcIssuer, .oidcClientID, .oidcCA, .metrics, .logLevel:
      false
    }
  }

  /// What it is for and what it takes: lines of at most 100 characters.
  public var explanation: [String] {
    switch self {
    case .data:
      ["The folder that everything is kept in. DIR/relay.conf cannot move it; a file given by --config can."]
    case .store:
      [
        "Where the store is: `sqlite`, a file in the folder, or a PostgreSQL database, as",
        "postgresql://USER@HOST/DATABASE or host=HOST dbname=DATABASE. The password stands in PGPASSWORD or in",
        "the file that PGPASSFILE or passfile=FILE names, never here.",
      ]
    case .attachments:
      [
        "The folder for attachments that relays with one database share, on a file system that all of them",
        "reach; it must be there. Without it each keeps those that it took in its own folder, and the others",
        "cannot give them out.",
      ]
    case .bus:
      [
        "The RabbitMQ that relays with one database tell each other with: amqp://USER@HOST[,HOST]/VHOST, or",
        "amqps:// for TLS. It needs bus.password. Without it they look into the database every two seconds.",
      ]
    case .busPassword: ["The file with the user's password at RabbitMQ, readable by the relay's user alone."]
    case .busCA: ["The authorities that RabbitMQ's certificate may come from, PEM. Without it those of this machine."]
    case .push:
      [
        "How devices that do not listen are woken: `bus` puts a job for the push gateway into a queue of",
        "RabbitMQ; `unix:/PATH` hands it to a gateway on this machine, at a Unix socket that the relay makes.",
        "Without it nobody is.",
      ]
    case .listen: ["Where to listen, HOST:PORT; an IPv6 address in brackets. Port 0 picks a free one."]
    case .registration:
      [
        "Who may create mailboxes and cards: `open` is anyone; `invite` is who has an invitation, made with",
        "`sotto-relay token issue`; `oidc` is also who signs in at a provider. It must be said unless only",
        "this machine can reach the relay.",
      ]
    case .registrationKey:
      [
        "The file with the secret that invitations are signed with, readable by the relay's user alone. Without",
        "it DIR/registration.key, which is made. Relays with one database need the same, so there it must be said.",
      ]
    case .registrationTokens:
      ["Tokens that who signs in has in 30 days: a mailbox, a card or a device costs one."]
    case .registrationWithdrawn:
      [
        "A file with invitations that count no more, and with who may invite no more: a line each, the name that",
        "`sotto-relay token show` says, 32 hexadecimal digits.",
      ]
    case .oidcIssuer:
      [
        "The OpenID Connect provider that people sign in at, as it spells itself: https://id.example. Only on",
        "this machine it may be http.",
      ]
    case .oidcClientID: ["What the provider calls Sotto: the client id of a public client."]
    case .oidcCA:
      ["The authorities that the provider's certificate may come from, PEM. Without it those of this machine."]
    case .authority:
      [
        "A name that clients reach the relay by, host[:port]; once a line. Any other is refused, so that a",
        "request that was signed for one relay is worth nothing at another. Without it any name will do.",
      ]
    case .tlsCertificate:
      [
        "The certificate chain, PEM, the relay's own first. With it and tls.key the relay speaks TLS itself;",
        "without them put it behind a proxy that does. Read again on SIGHUP, for new connections.",
      ]
    case .tlsKey: ["The private key of the certificate, PEM, readable by the relay's user alone."]
    case .metrics: ["Where to serve Prometheus metrics, HOST:PORT on this machine; without it, nowhere."]
    case .knockClaims:
      ["Prekeys that strangers may claim of one mailbox: BURST/SECONDS, so many at once and then one in", "SECONDS."]
    case .contactClaims: ["The same for contacts."]
    case .knockEnvelopes: ["Envelopes that strangers may put into one mailbox."]
    case .trustedProxies:
      [
        "A proxy in front of the relay, or a range of them (10.0.0.0/8); once a line. It is believed when it",
        "says for whom it asks. Without it nobody is.",
      ]
    case .forwardedHeader:
      ["The header that a trusted proxy says it in: \(Self.forwardedHeaders). The other is ignored."]
    case .limitLoopback:
      [
        "Whether the limits by client hold for this machine too. They are by IPv4 address or IPv6 /64; behind",
        "a proxy that is not trusted everybody is one client.",
      ]
    case .maxConnections:
      ["Connections at a time, of all clients together. Fewer when the process may not open as many files."]
    case .maxConnectionsPerClient: ["Connections at a time of one client."]
    case .clientConnections:
      [
        "New connections of one client: BURST/SECONDS, so many at once and then one in SECONDS, which may",
        "have six decimals.",
      ]
    case .clientRequests: ["The same for requests that nobody signs, an envelope on a send socket included."]
    case .clientSignedRequests: ["The same for signed requests."]
    case .clientFailedSignatures: ["The same for signatures that are refused."]
    case .transferSeconds:
      ["Seconds without progress after which an upload, or an answer that nobody reads, is ended."]
    case .logLevel: ["The least important log line: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."]
    }
  }

  private static var forwardedHeaders: String {
    TrustedProxies.Header.allCases.map(\.rawValue).joined(separator: " or ")
  }

  /// A value that is valid and not the default, for the example.
  var example: String {
    switch self {
    case .data: "/var/lib/sotto-relay"
    case .store: "postgresql://sotto@db1.example,db2.example/sotto"
    case .attachments: "/srv/sotto/attachments"
    case .bus: "amqps://sotto@mq1.example,mq2.example/"
    case .busPassword: "/etc/sotto-relay/bus-password"
    case .busCA: "/etc/sotto-relay/bus-ca.pem"
    case .push: "bus"
    case .listen: "0.0.0.0:443"
    case .registration: "oidc"
    case .registrationKey: "/etc/sotto-relay/registration.key"
    case .registrationTokens: "32"
    case .registrationWithdrawn: "/etc/sotto-relay/withdrawn"
    case .oidcIssuer: "https://id.example"
    case .oidcClientID: "sotto"
    case .oidcCA: "/etc/sotto-relay/oidc-ca.pem"
    case .authority: "relay.example"
    case .tlsCertificate: "/etc/sotto-relay/certificate.pem"
    case .tlsKey: "/etc/sotto-relay/key.pem"
    case .metrics: "127.0.0.1:9090"
    case .knockClaims, .contactClaims, .knockEnvelopes: "1/60"
    case .trustedProxies: "10.0.0.2"
    case .forwardedHeader: "forwarded"
    case .limitLoopback: "true"
    case .maxConnections, .maxConnectionsPerClient: "1000"
    case .clientConnections, .clientRequests, .clientSignedRequests, .clientFailedSignatures: "100/0.5"
    case .transferSeconds: "60"
    case .logLevel: "debug"
    }
  }
}
