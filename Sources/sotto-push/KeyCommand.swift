internal import ArgumentParser
internal import Foundation
internal import JWTKit
internal import SottoCrypto
internal import SottoRelay
internal import SottoWire

/// `sotto-push key`: makes the gateway's keys, or shows the public ones.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Make the gateway's keys, and print what devices must know of them.",
    discussion: """
      Keys that are there already stay. Devices seal what they are woken with to the gateway's key, and subscribe to Web \
      Push services with the other; whoever loses a key has to have every device enabled again.

      EXIT CODES: 0 made, or there; 64 usage; 73 cannot be written; 78 not a key.
      """)

  @Option(help: ArgumentHelp("The folder to keep the keys in.", valueName: "folder")) var out: String
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let gateway: String
    let webPush: String
    let keyFile: String
    let webPushKeyFile: String
  }

  func run() async throws {
    try await Terminal.failing {
      let files = try GatewayKey.make(in: out)
      let gateway = Hex.encode(try GatewayKey.read(files.key).publicKey.bytes)
      let text = try KeyFile.read(files.webPush, for: .webPushKey)
      guard let key = KeyFile.signingKey(in: text) else {
        throw StartFailure.unusable(.webPushKey, "\(files.webPush) is no private key of P-256 in PEM")
      }
      let webPush = Vapid.point(of: key)
      if json {
        try Terminal.write(
          json: Answer(gateway: gateway, webPush: webPush, keyFile: files.key, webPushKeyFile: files.webPush))
      } else {
        Terminal.write(
          """
          Devices are told:
            gateway   \(gateway)
            web push  \(webPush)
          The private keys are in \(files.key) and \(files.webPush).

          """)
      }
    }
  }
}
