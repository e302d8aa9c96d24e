internal import Foundation
internal import SottoCrypto
internal import SottoWire

/// Ed25519 signatures on which verifiers differ: C2SP's CCTV and the 12 of ed25519-speccheck. Neither file says what is
/// right, so this project does: `Vectors/ed25519-edge-cases/` pins one verdict with its reason for each case.
enum EdgeCases {
  static let schema = "sotto-verdicts/1"

  /// Names of the fields of one format.
  struct Format {
    let verdicts: String
    let key: String
    let message: String
    let signature: String
    /// CCTV's messages are text.
    let messageIsText: Bool
  }

  static let cctv = Format(verdicts: "cctv.json", key: "key", message: "msg", signature: "sig", messageIsText: true)
  static let speccheck = Format(
    verdicts: "speccheck.json", key: "pub_key", message: "message", signature: "signature", messageIsText: false)

  static func cases(_ list: [Any], _ format: Format, verdicts: Fields) throws -> [VectorCase] {
    let pinned = try verdicts.object("verdicts")
    guard pinned.values.count == list.count else {
      throw BadVector("\(list.count) cases, but \(format.verdicts) has a verdict on \(pinned.values.count)")
    }
    return try list.enumerated().map { index, value in
      let fields = try Fields(value, "case \(index)")
      let verdict = try pinned.text(String(index))
      return VectorCase(id: String(index)) { try check(fields, format, verdict) }
    }
  }

  private static func check(_ fields: Fields, _ format: Format, _ pinned: String) throws -> Verdict {
    let message =
      format.messageIsText ? Array(try fields.text(format.message).utf8) : try fields.bytes(format.message)
    let (keyBytes, signature) = (try fields.bytes(format.key), try fields.bytes(format.signature))
    let verified = (try? VerifyingKey(keyBytes))?.verify(signature, over: message) ?? false
    return .expect(
      verified == pinned.hasPrefix("accept"), "\(verified ? "accepted" : "refused"), but pinned as \"\(pinned)\"")
  }
}
