internal import ArgumentParser
internal import Foundation

/// The flags of every command that needs to know how the gateway is run.
struct GatewayOptions: ParsableArguments {
  @Option(help: "The configuration file. (default: none)")
  var config: String?

  @Option(help: ArgumentHelp("The file with the gateway's private key.", valueName: "file"))
  var key: String?

  @Option(help: "The socket of a single relay on this machine, unix:/PATH.")
  var relay: String?

  @Option(help: "The RabbitMQ that relays put push jobs into, amqp://USER@HOST/VHOST.")
  var bus: String?

  @Option(help: ArgumentHelp("The file with its password.", valueName: "file"))
  var busPassword: String?

  @Option(help: ArgumentHelp("The authorities of its certificate, PEM.", valueName: "file"))
  var busCa: String?

  @Option(help: ArgumentHelp("The file with the key for Web Push, PEM.", valueName: "file"))
  var webPushKey: String?

  @Option(help: ArgumentHelp("Whom a Web Push service may write to.", valueName: "uri"))
  var webPushContact: String?

  @Option(help: ArgumentHelp("Web Push services of your own, separated by commas.", valueName: "hosts"))
  var webPushExempt: String?

  @Option(help: ArgumentHelp("Apple's key for APNs (.p8).", valueName: "file"))
  var apnsKey: String?

  @Option(help: ArgumentHelp("The key's id.", valueName: "id"))
  var apnsKeyId: String?

  @Option(help: ArgumentHelp("The team's id.", valueName: "id"))
  var apnsTeamId: String?

  @Option(help: ArgumentHelp("The app's bundle id.", valueName: "id"))
  var apnsTopic: String?

  @Option(help: ArgumentHelp("Where APNs is. (default: https://api.push.apple.com)", valueName: "url"))
  var apnsServer: String?

  @Option(help: ArgumentHelp("Where its sandbox is. (default: https://api.sandbox.push.apple.com)", valueName: "url"))
  var apnsSandbox: String?

  @Option(help: ArgumentHelp("Google's service account for FCM (JSON).", valueName: "file"))
  var fcmAccount: String?

  @Option(help: ArgumentHelp("Where FCM is. (default: https://fcm.googleapis.com)", valueName: "url"))
  var fcmServer: String?

  @Option(
    help: ArgumentHelp("More authorities that push services' certificates may come from, PEM.", valueName: "file"))
  var ca: String?

  @Option(help: "Where to serve Prometheus metrics, HOST:PORT on this machine. (default: nowhere)")
  var metrics: String?

  @Option(help: "The least important log line to write. (default: info)")
  var logLevel: String?

  /// The file, the environment and these flags.
  var sources: GatewaySources {
    let said: [(GatewaySetting, String?)] = [
      (.key, key), (.relay, relay), (.bus, bus), (.busPassword, busPassword), (.busCA, busCa),
      (.webPushKey, webPushKey),
      (.webPushContact, webPushContact), (.webPushExempt, webPushExempt), (.apnsKey, apnsKey),
      (.apnsKeyID, apnsKeyId), (.apnsTeamID, apnsTeamId), (.apnsTopic, apnsTopic), (.apnsServer, apnsServer),
      (.apnsSandbox, apnsSandbox), (.fcmAccount, fcmAccount), (.fcmServer, fcmServer), (.authorities, ca),
      (.metrics, metrics), (.logLevel, logLevel),
    ]
    var flags: [GatewaySetting: String] = [:]
    for case (let setting, let value?) in said { flags[setting] = value }
    return GatewaySources(flags: flags, environment: ProcessInfo.processInfo.environment, file: config)
  }
}
