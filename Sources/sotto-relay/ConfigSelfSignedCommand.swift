internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// `sotto-relay config self-signed`: a certificate for trying things out.
struct ConfigSelfSignedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self-signed",
    abstract: "Make a certificate for development, and its key.",
    discussion: """
      Writes certificate.pem, key.pem, and the authority.pem that clients must be given to trust it: \
      `sotto --ca-file authority.pem`. All are valid for a year. EXIT CODES: 0 made; 64 usage; 73 cannot write, or the files are there.
      """)

  @Option(help: "A name or IP address that clients reach the relay by; may be repeated.")
  var host: [String]
  @Option(help: ArgumentHelp("The folder to write to.", valueName: "dir")) var out = "."
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let authority: String
    let certificate: String
    let key: String
  }

  func run() async throws {
    umask(0o077)
    try await Terminal.failing {
      let now = Int64(Date.now.timeIntervalSince1970)
      let files = try SelfSignedCertificate(hosts: host, now: now).write(to: out)
      if json {
        try Terminal.write(json: Answer(authority: files.authority, certificate: files.certificate, key: files.key))
      } else {
        Terminal.write(
          """
          tls.certificate = \(files.certificate)
          tls.key = \(files.key)
          # for clients: --ca-file \(files.authority)

          """)
      }
    }
  }
}
