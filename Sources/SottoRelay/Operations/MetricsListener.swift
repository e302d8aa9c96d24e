internal import HTTPTypes
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import NIOPosix

/// Answers `GET /metrics` on a listener of its own, which only this machine can reach, and nothing else. [operation.5]
package struct MetricsListener: Sendable {
  private let address: ListenAddress
  private let logger: Logger
  private let onServing: @Sendable (_ port: Int) -> Void
  private let text: @Sendable () -> String

  package init(
    address: ListenAddress, logger: Logger, onServing: @escaping @Sendable (_ port: Int) -> Void,
    text: @escaping @Sendable () -> String
  ) {
    (self.address, self.logger, self.onServing, self.text) = (address, logger, onServing, text)
  }

  /// Until it is cancelled. Throws a `StartFailure` when it cannot listen.
  package func run() async throws {
    let responder: HTTPChannelHandler.Responder = { request, writer, _ in
      let isKnown = request.method == .get && request.head.path == "/metrics"
      let text = isKnown ? text() : "GET /metrics\n"
      let fields: HTTPFields = [
        .contentType: "text/plain; version=0.0.4; charset=utf-8", .contentLength: String(text.utf8.count),
      ]
      try await writer.write(
        response: HTTPResponse(status: isKnown ? .ok : .notFound, headerFields: fields),
        body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
    let channel = HTTP1Channel(
      responder: responder, configuration: .init(idleTimeout: .seconds(RelayLimits.idleSeconds)))
    let server = Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(address: .hostname(address.host, port: address.port)),
      onServerRunning: { onServing($0.localAddress?.port ?? address.port) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    try await Relay.explaining(address, "--metrics") { try await server.run() }
  }
}
