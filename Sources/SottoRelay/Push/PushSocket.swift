package import NIOCore
internal import SottoWire

// How the messages of a single relay and its gateway stand on the socket. [push.10]

/// Messages on the socket, each after its length in two bytes. One that is longer than any ends the connection.
package struct PushFrames: NIOSingleStepByteToMessageDecoder {
  package typealias InboundOut = [UInt8]

  package init() {}

  package static func frame(_ message: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(integer: UInt16(message.count))
    buffer.writeBytes(message)
    return buffer
  }

  package mutating func decode(buffer: inout ByteBuffer) throws -> [UInt8]? {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) else { return nil }
    guard length <= RelayLimits.pushFrame else { throw WireError.outOfRange }
    guard buffer.readableBytes >= 2 + Int(length) else { return nil }
    buffer.moveReaderIndex(forwardBy: 2)
    return buffer.readBytes(length: Int(length))
  }

  package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> [UInt8]? {
    // Half a message is none.
    nil
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
