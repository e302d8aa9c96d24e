internal import SottoCrypto
internal import SottoWire

/// The operations of Specs/Encoding.md. A positive case is encoded, and what was encoded is decoded again; a negative
/// case is decoded.
enum EncodingOperations {
  static let all: [String: VectorOperation] = [
    "encoding/integers": integers, "encoding/varint": varint, "encoding/vector": vector, "encoding/list": list,
    "encoding/text": text, "encoding/hex": hex, "encoding/base32": base32, "encoding/base64": base64,
  ]

  /// A struct of one integer of each width, so that nothing is missing and nothing follows.
  private static func integers(_ fields: Fields) throws -> [String: VectorValue] {
    try roundTrip(fields) { writer in
      writer.u8(try number(fields, "u8"))
      writer.u16(try number(fields, "u16"))
      writer.u32(try number(fields, "u32"))
      writer.u64(try number(fields, "u64"))
    } decode: { (reader) throws(WireError) in
      "\(try reader.u8()) \(try reader.u16()) \(try reader.u32()) \(try reader.u64())"
    }
  }

  private static func varint(_ fields: Fields) throws -> [String: VectorValue] {
    try roundTrip(fields) { writer in
      writer.varint(try number(fields, "value"))
    } decode: { (reader) throws(WireError) in
      String(try reader.varint())
    }
  }

  private static func vector(_ fields: Fields) throws -> [String: VectorValue] {
    let limit = try fields.number("limit")
    return try roundTrip(fields) { writer in
      writer.vector(try fields.bytes("value"))
    } decode: {
      (reader) throws(WireError) in
      Hex.encode(try reader.vector(limit: limit))
    }
  }

  /// Elements are vectors of at most `element_limit` bytes.
  private static func list(_ fields: Fields) throws -> [String: VectorValue] {
    let (limit, elementLimit) = (try fields.number("limit"), try fields.number("element_limit"))
    return try roundTrip(fields) { writer in
      writer.list(try fields.byteLists("values")) { $0.vector($1) }
    } decode: { (reader) throws(WireError) in
      let values = try reader.list(limit: limit) { (element) throws(WireError) in
        try element.vector(limit: elementLimit)
      }
      return values.map(Hex.encode).joined(separator: " ")
    }
  }

  private static func text(_ fields: Fields) throws -> [String: VectorValue] {
    let limit = try fields.number("limit")
    return try roundTrip(fields) { writer in
      writer.vector(Array(try fields.text("value").utf8))
    } decode: {
      (reader) throws(WireError) in
      try reader.text(limit: limit)
    }
  }

  /// Encodes with `encode`, or decodes the field `encoded`; either way `decode` must yield something that is encoded as
  /// the very same bytes.
  private static func roundTrip(
    _ fields: Fields, _ encode: (inout WireWriter) throws -> Void,
    decode: (inout WireReader) throws(WireError) -> String
  ) throws -> [String: VectorValue] {
    func decoded(_ bytes: [UInt8]) throws -> String {
      do { return try WireReader.decode(bytes, decode) } catch let error as WireError {
        throw Refused(stage: "encoding", reason: error.reason)
      }
    }
    if fields.has("encoded") { return ["value": .text(try decoded(try fields.bytes("encoded")))] }
    var writer = WireWriter()
    try encode(&writer)
    _ = try decoded(writer.bytes)
    return ["encoded": .bytes(writer.bytes)]
  }

  private static func hex(_ fields: Fields) throws -> [String: VectorValue] {
    try textEncoding(fields, Hex.encode, { Hex.decode($0) })
  }

  private static func base32(_ fields: Fields) throws -> [String: VectorValue] {
    try textEncoding(fields, Base32.encode, { Base32.decode($0) })
  }

  private static func base64(_ fields: Fields) throws -> [String: VectorValue] {
    try textEncoding(fields, Base64.encode, { Base64.decode($0) })
  }

  private static func textEncoding(
    _ fields: Fields, _ encode: ([UInt8]) -> String, _ decode: (String) -> [UInt8]?
  ) throws -> [String: VectorValue] {
    if fields.has("text") {
      guard let bytes = decode(try fields.text("text")) else { throw Refused(stage: "encoding") }
      return ["bytes": .bytes(bytes)]
    }
    let bytes = try fields.bytes("bytes")
    let text = encode(bytes)
    guard decode(text) == bytes else { throw Refused(stage: "encoding") }
    return ["text": .text(text)]
  }

  /// Integers stand as decimal text: not every JSON reader keeps 64 bits.
  private static func number<T: FixedWidthInteger>(_ fields: Fields, _ name: String) throws -> T {
    guard let number = T(try fields.text(name)) else { throw BadVector("\(fields.place).\(name) is out of range") }
    return number
  }
}
