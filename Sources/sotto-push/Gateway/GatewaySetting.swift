internal import Logging

/// Every setting of a gateway, once: its name in the file, in the environment and as a flag, and what it takes. [operation.16]
package enum GatewaySetting: String, CaseIterable, Sendable {
  case key
  case relay
  case bus
  case busPassword = "bus.password"
  case busCA = "bus.ca"
  case webPushKey = "web-push.key"
  case webPushContact = "web-push.contact"
  case webPushExempt = "web-push.exempt"
  case apnsKey = "apns.key"
  case apnsKeyID = "apns.key-id"
  case apnsTeamID = "apns.team-id"
  case apnsTopic = "apns.topic"
  case apnsServer = "apns.server"
  case apnsSandbox = "apns.sandbox"
  case fcmAccount = "fcm.account"
  case fcmServer = "fcm.server"
  case authorities = "ca"
  case metrics
  case logLevel = "log.level"

  package static let environmentPrefix = "SOTTO_PUSH_"

  /// As it stands in the environment: `SOTTO_PUSH_BUS_PASSWORD`.
  package var environmentName: String {
    Self.environmentPrefix + String(rawValue.uppercased().map { $0.isLetter ? $0 : "_" })
  }

  /// Whether it takes several values, separated by commas.
  var isList: Bool { self == .webPushExempt }

  /// What it is for and what it takes: lines of at most 100 characters.
  package var explanation: [String] {
    switch self {
    case .key: ["The file with the gateway's private key, which `sotto-push key` makes. It must be given."]
    case .relay:
      [
        "The socket of a single relay on this machine, as its setting `push` has it: unix:/PATH. This or `bus` must be",
        "given.",
      ]
    case .bus:
      ["The RabbitMQ that the relays put push jobs into: amqp://USER@HOST[,HOST]/VHOST, or amqps://."]
    case .busPassword: ["The file with the user's password at RabbitMQ."]
    case .busCA: ["The authorities that RabbitMQ's certificate may come from, PEM. Without it those of this machine."]
    case .webPushKey:
      [
        "The file with the private key that Web Push services know the gateway by, PEM, P-256. `sotto-push key` makes it."
      ]
    case .webPushContact: ["Whom a Web Push service may write to: mailto:NAME@HOST or https://HOST."]
    case .webPushExempt:
      [
        "Web Push services of your own, HOST[:PORT], separated by commas: they may have private addresses. All others",
        "must have public ones, and answer at port 443.",
      ]
    case .apnsKey: ["The file with Apple's key for APNs (.p8). With it the next three must be given too."]
    case .apnsKeyID: ["The key's id."]
    case .apnsTeamID: ["The team's id."]
    case .apnsTopic: ["The app's bundle id."]
    case .apnsServer: ["Where APNs is."]
    case .apnsSandbox: ["Where the sandbox of APNs is."]
    case .fcmAccount: ["The file with Google's service account for FCM (JSON)."]
    case .fcmServer: ["Where FCM is."]
    case .authorities: ["More authorities that push services' certificates may come from, PEM."]
    case .metrics: ["Where to serve Prometheus metrics, HOST:PORT on this machine; without it, nowhere."]
    case .logLevel: ["The least important log line: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."]
    }
  }

  /// What is in force when nobody says.
  var standard: String? {
    switch self {
    case .apnsServer: APNs.origin
    case .apnsSandbox: APNs.sandbox
    case .fcmServer: FCM.origin
    case .logLevel: "info"
    default: nil
    }
  }

  /// A value that is valid, for the example.
  var example: String {
    switch self {
    case .key: "/etc/sotto-push/gateway.key"
    case .relay: "unix:/run/sotto-relay/push.sock"
    case .bus: "amqps://sotto-push@mq1.example,mq2.example/"
    case .busPassword: "/etc/sotto-push/bus-password"
    case .busCA: "/etc/sotto-push/bus-ca.pem"
    case .webPushKey: "/etc/sotto-push/web-push.pem"
    case .webPushContact: "mailto:operator@relay.example"
    case .webPushExempt: "push.internal.example:8443"
    case .apnsKey: "/etc/sotto-push/AuthKey.p8"
    case .apnsKeyID: "ABC123DEFG"
    case .apnsTeamID: "DEF123GHIJ"
    case .apnsTopic: "org.example.sotto"
    case .fcmAccount: "/etc/sotto-push/service-account.json"
    case .authorities: "/etc/sotto-push/ca.pem"
    case .metrics: "127.0.0.1:9091"
    case .apnsServer, .apnsSandbox, .fcmServer, .logLevel: standard ?? ""
    }
  }
}
