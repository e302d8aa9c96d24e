import SottoCrypto
import SottoWire

extension Decoder {
  /// Both readers of the encoding, driven by the input's first bytes over the rest: what they read, written again, is what
  /// stood there, and they agree on what both can read.
  static let codec = Decoder("codec", limit: 1024) { bytes in
    let programLength = min(Int(bytes.first ?? 0), 24)
    let program = bytes.dropFirst().prefix(programLength)
    let rest = Array(bytes.dropFirst(1 + programLength))
    try secretReader(program, over: rest)
    return try wireReader(program, over: rest)
  }

  private static func wireReader(_ program: ArraySlice<UInt8>, over rest: [UInt8]) throws -> Bool {
    var reader = WireReader(rest)
    var writer = WireWriter()
    do {
      for step in program {
        switch step % 10 {
        case 0: writer.u8(try reader.u8())
        case 1: writer.u16(try reader.u16())
        case 2: writer.u32(try reader.u32())
        case 3: writer.u64(try reader.u64())
        case 4: writer.u128(try reader.u128())
        case 5: writer.varint(try reader.varint())
        case 6: writer.fixed(try reader.fixed(Int(step)))
        case 7: writer.vector(try reader.slice(limit: 64))
        case 8: writer.vector(Array(try reader.text(limit: 32).utf8))
        default:
          let values = try reader.list(limit: 8) { inner throws(WireError) in try inner.vector(limit: 64) }
          try promise(values.count <= 8 && values.allSatisfy { $0.count <= 64 }, "a list is longer than its limit")
          writer.list(values) { $0.vector($1) }
        }
      }
    } catch let broken as BrokenPromise {
      throw broken
    } catch {
      return false
    }
    let read = rest.count - reader.remaining
    try promise(writer.bytes == Array(rest[..<read]), "the codec has a second spelling")
    try promise(((try? reader.finish()) != nil) == (reader.remaining == 0), "trailing bytes are not seen")
    try promise(reader.rest().count == rest.count - read, "what is left is not all that was not read")
    return true
  }

  private static func secretReader(_ program: ArraySlice<UInt8>, over rest: [UInt8]) throws {
    var plain = WireReader(rest)
    var secret = SecretReader(Secret(copying: rest))
    for step in program {
      switch step % 5 {
      case 0: try agree(try? plain.u8(), try? secret.u8())
      case 1: try agree(try? plain.u32(), try? secret.u32())
      case 2: try agree(try? plain.u64(), try? secret.u64())
      case 3: try agree(try? plain.fixed(Int(step)), try? secret.secret(Int(step)).revealed())
      default: try agree(try? plain.vector(limit: .max), try? secret.vector())
      }
      // After an error neither says where it stands.
      guard plain.remaining == secret.remaining else { return }
    }
  }

  private static func agree<T: Equatable>(_ one: T?, _ other: T?) throws {
    try promise(one == other, "the two readers disagree")
  }
}
