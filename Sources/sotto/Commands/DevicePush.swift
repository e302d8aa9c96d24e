internal import ArgumentParser
internal import SottoClient

/// `sotto device push`: how this device is woken when it does not listen.
struct DevicePushCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Say how this device is woken when a message waits.",
    subcommands: [DevicePushEnableCommand.self, DevicePushDisableCommand.self])

  /// What both say at the end.
  static func answer(_ isEnabled: Bool, _ isPublished: Bool, json: Bool) throws {
    if json {
      try Output.line(
        JSON(["enabled": .bool(isEnabled), "state": .string(isPublished ? "published" : "queued")]))
    } else {
      Output.note(isEnabled ? "This device is woken when a message waits." : "This device is not woken.")
      if !isPublished { Output.note("Queued: the relay cannot be reached now. The next send or receive tells it.") }
    }
    if !isPublished { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }
}

/// `sotto device push enable`: from now on.
struct DevicePushEnableCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enable", abstract: "Have this device woken.",
    discussion: """
      The push gateway of the relay's operator asks the push service; what it is asked with is sealed to the gateway's key, \
      so the relay cannot read it. A push says "wake up" and nothing else.

      To see it work on this machine: sotto device push enable --web-push http://127.0.0.1:9000/ --gateway KEY, then \
      sotto receive --wait-push.

      Exit code 75: the relay cannot be reached; the next send or receive tells it. 77: the relay wakes nobody.
      """)

  @Option(help: ArgumentHelp("A Web Push endpoint.", valueName: "url"))
  var webPush: String?

  // Base64url may begin with `-`, and so may a token of Google's: whatever stands behind these options is their value.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The public key of a browser's subscription, or UnifiedPush's. (default: this device makes keys)",
      valueName: "base64url"))
  var p256dh: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("And its authentication secret.", valueName: "base64url"))
  var auth: String?

  @Option(help: ArgumentHelp("A device token of Apple's, hexadecimal.", valueName: "token"))
  var apns: String?

  @Flag(help: "The token is one of Apple's sandbox.")
  var sandbox = false

  @Option(parsing: .unconditional, help: ArgumentHelp("A registration token of Google's.", valueName: "token"))
  var fcm: String?

  @Option(help: ArgumentHelp("The gateway's public key, as the relay's operator publishes it.", valueName: "key"))
  var gateway: String

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard [webPush, apns, fcm].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("Give one of --web-push URL, --apns TOKEN and --fcm TOKEN.")
    }
    guard (p256dh == nil) == (auth == nil), p256dh == nil || webPush != nil else {
      throw ValidationError("--p256dh and --auth belong together, and to --web-push.")
    }
    guard !sandbox || apns != nil else { throw ValidationError("--sandbox belongs to --apns.") }
  }

  func run() async throws {
    let keys = p256dh.map { Client.WebPushKeys(p256dh: $0, auth: auth ?? "") }
    let waker: Client.Waker =
      if let webPush {
        .webPush(endpoint: webPush, keys: keys)
      } else if let apns {
        .apns(token: apns, isSandbox: sandbox)
      } else {
        .fcm(token: fcm ?? "")
      }
    let isPublished = try await options.withClient { try await $0.enablePush(by: waker, gateway: gateway) }
    try DevicePushCommand.answer(true, isPublished, json: options.json)
  }
}

/// `sotto device push disable`: not any more.
struct DevicePushDisableCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable", abstract: "Have this device woken no more.",
    discussion: "Exit code 75: the relay cannot be reached; the next send or receive tells it.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let isPublished = try await options.withClient { try await $0.disablePush() }
    try DevicePushCommand.answer(false, isPublished ?? true, json: options.json)
  }
}
