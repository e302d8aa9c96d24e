package import NIOCore
package import SottoWire

/// A client's WebSocket (RFC 6455) as bytes: the request, and frames of one message each.
package struct LoadWebSocket: Sendable {
  private let request: String
  /// Masks what is sent: one for all frames of a connection, which is enough for a load.
  let mask: [UInt8]
  private var isOpen = false

  package init(_ route: Route, at authority: RelayAuthority, from entropy: inout SplitMix64) {
    let key = (0..<16).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
    mask = (0..<4).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
    request = """
      GET \(route.path) HTTP/1.1\r\nhost: \(authority.text)\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
      sec-websocket-version: 13\r\nsec-websocket-key: \(Base64.encode(key))\r\n\r\n
      """
  }

  package func begin(_ out: inout ByteBuffer) { out.writeString(request) }

  /// Whether the server has agreed; takes its answer off `input`.
  package mutating func opened(_ input: inout ByteBuffer) throws -> Bool {
    if isOpen { return true }
    guard let answer = try HTTPAnswer(&input) else { return false }
    guard answer.status == 101 else { throw StartFailure.loadRefused(answer.status) }
    isOpen = true
    return true
  }

  /// The next binary message; nil when none is complete. Pings and pongs are passed over.
  package func message(_ input: inout ByteBuffer) throws -> ByteBuffer? {
    while true {
      let start = input.readerIndex
      guard let first: UInt8 = input.getInteger(at: start), let short: UInt8 = input.getInteger(at: start + 1) else {
        return nil
      }
      var (count, head) = (Int(short), 2)
      if short == 126 {
        guard let long: UInt16 = input.getInteger(at: start + 2) else { return nil }
        (count, head) = (Int(long), 4)
      } else if short == 127 {
        guard let long: UInt64 = input.getInteger(at: start + 2) else { return nil }
        (count, head) = (Int(clamping: long), 10)
      }
      guard input.readableBytes >= head + count else { return nil }
      input.moveReaderIndex(forwardBy: head)
      let message = input.readSlice(length: count)
      switch first {
      case 0x82: return message
      case 0x89, 0x8A: continue
      default: throw StartFailure.loadConnectionEnded
      }
    }
  }

  /// One binary message, masked.
  package func write(_ message: [UInt8], _ out: inout ByteBuffer) {
    writeHead(message.count, &out)
    out.writeBytes(message.indices.map { message[$0] ^ mask[$0 & 3] })
  }

  /// What stands before a masked message.
  func writeHead(_ count: Int, _ out: inout ByteBuffer) {
    out.writeInteger(0x82 as UInt8)
    if count < 126 {
      out.writeInteger(0x80 | UInt8(count))
    } else {
      out.writeInteger(0x80 | 126 as UInt8)
      out.writeInteger(UInt16(count))
    }
    out.writeBytes(mask)
  }
}

/// The status of an HTTP/1.1 answer, which `init` takes off the front of what arrived, body and all.
package struct HTTPAnswer {
  package let status: Int

  /// nil when it is not complete.
  package init?(_ input: inout ByteBuffer) throws {
    guard let (status, count) = try Self.first(in: input.readableBytesUInt8Span) else { return nil }
    input.moveReaderIndex(forwardBy: count)
    self.status = status
  }

  /// The status of the first answer, and its bytes. Without strings: one is taken for everything that is said.
  private static func first(in bytes: Span<UInt8>) throws -> (status: Int, count: Int)? {
    guard let end = bytes.firstIndex(behind: "\r\n\r\n") else { return nil }
    guard bytes.holds("http/1.1 ", at: 0), let status = number(bytes, from: 9) else {
      throw StartFailure.loadConnectionEnded
    }
    var count = end
    if let start = bytes.firstIndex(behind: "\r\ncontent-length:", before: end) {
      guard let body = number(bytes, from: start) else { throw StartFailure.loadConnectionEnded }
      count += body
    }
    return bytes.count >= count ? (status, count) : nil
  }

  /// The digits that begin there, after spaces.
  private static func number(_ bytes: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
    let first = index
    var value = 0
    while index < min(bytes.count, first + 9), 0x30...0x39 ~= bytes[index] {
      value = value * 10 + Int(bytes[index] - 0x30)
      index += 1
    }
    return index > first ? value : nil
  }
}

extension Span<UInt8> {
  /// Whether this text, in lower case, stands there in whatever case.
  fileprivate func holds(_ text: StaticString, at start: Int) -> Bool {
    guard start + text.utf8CodeUnitCount <= count else { return false }
    return text.withUTF8Buffer { text in
      for offset in text.indices {
        let (byte, wanted) = unsafe (self[start + offset], text[offset])
        guard byte == wanted || (0x41...0x5A ~= byte && byte | 0x20 == wanted) else { return false }
      }
      return true
    }
  }

  /// Where the first of this text ends.
  fileprivate func firstIndex(behind text: StaticString, before end: Int? = nil) -> Int? {
    let length = text.utf8CodeUnitCount
    var index = 0
    while index + length <= end ?? count {
      if holds(text, at: index) { return index + length }
      index += 1
    }
    return nil
  }
}

/// Numbers that look random, quickly: names of envelopes in a load, never anything secret (Steele, Lea and Flood 2014).
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64 = .random(in: 0 ... .max)) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
