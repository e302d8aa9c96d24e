internal import NIOCore
package import SottoWire

// What a single relay and its gateway say to each other. [push.10]

/// From the relay: carry this out.
package struct PushRequest: Equatable, Sendable {
  /// Drawn by the relay for this job.
  package let number: UInt64
  package let job: PushJob

  package init(number: UInt64, job: PushJob) { (self.number, self.job) = (number, job) }

  package var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(number)
    return writer.bytes + job.encoded
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    number = try reader.u64()
    job = try PushJob(decoding: reader.rest())
  }
}

/// From the gateway: what became of it.
package struct PushAnswer: Equatable, Sendable {
  package let number: UInt64
  package let verdict: PushVerdict

  package init(number: UInt64, _ verdict: PushVerdict) { (self.number, self.verdict) = (number, verdict) }

  package var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(number)
    writer.u8(verdict.rawValue)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    number = try reader.u64()
    guard let verdict = PushVerdict(rawValue: try reader.u8()) else { throw .invalidValue }
    self.verdict = verdict
    try reader.finish()
  }
}

/// Messages on the socket, each after its length in two bytes. One that is longer than any ends the connection.
struct PushFrames: ByteToMessageDecoder {
  typealias InboundOut = [UInt8]

  static func frame(_ message: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(integer: UInt16(message.count))
    buffer.writeBytes(message)
    return buffer
  }

  mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) else { return .needMoreData }
    guard length <= RelayLimits.pushFrame else { throw WireError.outOfRange }
    guard buffer.readableBytes >= 2 + Int(length) else { return .needMoreData }
    buffer.moveReaderIndex(forwardBy: 2)
    context.fireChannelRead(wrapInboundOut(buffer.readBytes(length: Int(length)) ?? []))
    return .continue
  }

  mutating func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    // Half a message is none.
    .needMoreData
  }
}

/// Tells what it reads, on the connection's event loop.
final class PushFrameHandler: ChannelInboundHandler, Sendable {
  typealias InboundIn = [UInt8]

  private let onMessage: @Sendable ([UInt8]) throws -> Void

  /// A message at which `onMessage` throws ends the connection.
  init(onMessage: @escaping @Sendable ([UInt8]) throws -> Void) { self.onMessage = onMessage }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    do { try onMessage(unwrapInboundIn(data)) } catch { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
