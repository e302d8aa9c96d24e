internal import NIOCore
internal import SottoWire

// How the messages of a single relay and its gateway stand on the socket. [push.10]

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
