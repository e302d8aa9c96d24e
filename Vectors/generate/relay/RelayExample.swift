import SottoCrypto
import SottoWire

/// The owner, the capability and the relay of the examples in Specs/Relay.md.
enum RelayExample {
  static let seed = seq(0, 32)
  static let authority = SottoWire.RelayAuthority("relay.example")!
  static let capability = [UInt8](repeating: 7, count: 32)
  /// `created` of the signed request.
  static let created: Int64 = 1_700_000_000
  /// `sotto-sequence` of the signed request.
  static let sequence: UInt64 = 1_700_000_000_000
  static let capabilities = hex("2902a770efc913a39142fe4a69a63affca500f6ffed46fe4aa29ee12d3d771aa4ec20000000000000000")

  static func publicKey() throws -> VerifyingKey { try SigningKey(seed: Secret(copying: seed)).publicKey }
  static func mailbox() throws -> MailboxID { MailboxID(owner: try publicKey()) }
}

/// Cases of one structure of Specs/Relay.md. Each is run through the code before it is written down.
struct RelayStructure<T: Equatable> {
  let encode: (T) -> [UInt8]
  let decode: ([UInt8]) throws -> T

  /// From its fields.
  func one(_ id: String, _ rule: String, _ comment: String, _ input: Named, _ value: T) throws -> Case {
    let bytes = encode(value)
    guard try decode(bytes) == value else { throw WrongVerdict(id: id, verdict: "decoded as another value") }
    return Case(id, rule, comment, input, output: ["encoded": .bytes(bytes)])
  }

  /// From its bytes: for numbers that are too large for the integers of JSON.
  func accepted(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    guard encode(try decode(bytes)) == bytes else { throw WrongVerdict(id: id, verdict: "encoded as other bytes") }
    return Case(id, rule, comment, ["encoded": .bytes(bytes)], output: ["encoded": .bytes(bytes)])
  }

  func refused(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8], _ reason: String) throws -> Case {
    do {
      _ = try decode(bytes)
      throw WrongVerdict(id: id, verdict: "accepted")
    } catch let error as WireError {
      guard error.reason == reason else { throw WrongVerdict(id: id, verdict: error.reason) }
      return Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: "encoding", reason)
    }
  }
}

/// The bytes of integers, vectors and lists one after another, valid or not.
func wire(_ write: (inout WireWriter) -> Void) -> [UInt8] {
  var writer = WireWriter()
  write(&writer)
  return writer.bytes
}

/// 2^63, the first number that is out of range, and the one before it.
let tooLarge: UInt64 = 1 << 63
let greatest: UInt64 = tooLarge - 1
