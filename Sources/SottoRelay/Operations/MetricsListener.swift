internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix

/// Answers `GET /metrics` on a listener of its own, which only this machine can reach, and nothing else. [operation.5]
struct MetricsListener: Sendable {
  let address: ListenAddress
  let services: RelayServices
  let logger: Logger

  func run() async throws {
    let responder: HTTPChannelHandler.Responder = { request, writer, _ in
      let isKnown = request.method == .get && request.head.path == "/metrics"
      let text = isKnown ? await text() : "GET /metrics\n"
      let fields: HTTPFields = [
        .contentType: "text/plain; version=0.0.4; charset=utf-8", .contentLength: String(text.utf8.count),
      ]
      try await writer.write(
        response: HTTPResponse(status: isKnown ? .ok : .notFound, headerFields: fields),
        body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
    let channel = HTTP1Channel(
      responder: responder, configuration: .init(idleTimeout: .seconds(RelayLimits.idleSeconds)))
    try await Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(address: .hostname(address.host, port: address.port)),
      onServerRunning: { services.log.write(.servingMetrics(port: $0.localAddress?.port ?? address.port)) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger
    ).run()
  }

  private func text() async -> String {
    services.metrics.text(
      uptime: services.now() - services.startedAt, isReady: services.lifecycle.isReady,
      certificateExpires: services.settings.tls?.expires)
  }
}
