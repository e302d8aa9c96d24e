internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import SottoCrypto
internal import SottoWire

/// A request that has a route, a name and a whole body: what the handlers see.
struct RelayRequest: Sendable {
  let route: Route
  let method: HTTPMethod
  let authority: RelayAuthority
  let fields: HTTPFields
  let body: [UInt8]

  /// All values of a header.
  func values(_ name: String) -> [String] {
    HTTPField.Name(name).map { fields[values: $0] } ?? []
  }
}

/// Answers every request that is not a stream. The path is matched by `Route`, which both sides share, and by nothing
/// else: there is no second grammar, no decoding of escapes, and one place that says 404, 405, 413 and 421.
struct RelayResponder: Sendable {
  let services: RelayServices

  func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
    let (reply, isDrained) = await reply(to: request, channel)
    var head = reply.response
    if !isDrained { head.headerFields[.connection] = "close" }
    if request.method == .head {
      try await writer.writeResponse(head)
    } else if let file = reply.file {
      let watch = TransferWatch(channel, services)
      defer { watch.end() }
      try await writer.write(response: head, body: file.body(services, channel, watch))
    } else {
      let body = reply.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body))
      try await writer.write(response: head, body: body)
    }
    if !isDrained {
      await Self.linger(channel)
      throw UnwantedBody()
    }
  }

  /// A connection that is closed with bytes unread is reset, and a reset overtakes the answer. So the other side has a
  /// moment to read it.
  private static func linger(_ channel: any Channel) async {
    let moment = channel.eventLoop.scheduleTask(in: .seconds(RelayLimits.closeSeconds)) {}
    channel.closeFuture.whenComplete { _ in moment.cancel() }
    try? await moment.futureResult.get()
  }

  /// The answer, and whether the rest of the request may be read to keep the connection.
  private func reply(to request: Request, _ channel: any Channel) async -> (Reply, Bool) {
    var isDrained = true
    do {
      guard let route = request.head.path.flatMap(Route.init(path:)) else { throw Refusal(.notFound) }
      guard let method = HTTPMethod(rawValue: request.method.rawValue), route.methods.contains(method) else {
        let allowed = route.methods.map(\.rawValue).joined(separator: ", ")
        return (Reply(.methodNotAllowed, fields: [HeaderField("allow", allowed)]), true)
      }
      let authority = try Self.authority(request, services)
      if case .upload(let mailbox, let blob) = route, method == .patch {
        isDrained = Self.isShort(request)
        let head = RelayRequest(route: route, method: method, authority: authority, fields: request.headers, body: [])
        let reply = try await appendUpload(mailbox, blob, head, request, channel)
        return (reply, isDrained || reply.status < 300)
      }
      guard let body = try await Self.body(request, limit: route.bodyLimit(method)) else {
        return (Reply(.bodyTooLarge), Self.isShort(request))
      }
      let whole = RelayRequest(
        route: route, method: method, authority: authority, fields: request.headers, body: body)
      return (try await answer(whole), true)
    } catch let refusal as Refusal {
      return (Reply(refusal), isDrained)
    } catch StoreFailure.full {
      return (Reply(.storageFull), isDrained)
    } catch StoreFailure.failed(let code) {
      services.log.write(.storeFailed(code: code))
      return (Reply(.internalError), isDrained)
    } catch {
      services.log.write(.requestFailed)
      return (Reply(.internalError), isDrained)
    }
  }

  private func answer(_ request: RelayRequest) async throws -> Reply {
    switch (request.method, request.route) {
    case (_, .live): return Reply(status: 200)
    case (_, .ready):
      guard services.lifecycle.isReady, (try? await services.store.ping()) != nil else { throw Refusal(.unavailable) }
      return Reply(status: 200)
    case (.get, .card(let id)): return try await readCard(id)
    case (.put, .card(let id)): return try await putCard(id, request)
    case (_, .card(let id)): return try await deleteCard(id, request)
    case (.get, .mailbox(let id)): return try await status(id, request)
    case (_, .claim(let id)): return try await claim(id, request)
    case (_, .envelope(let id, let envelope)): return try await putEnvelope(id, envelope, request)
    case (.put, .upload(let id, let blob)): return try await claimUpload(id, blob, request)
    case (.delete, .upload(let id, let blob)): return try await deleteUploads(id, blob, request)
    case (_, .uploads(let id)): return try await deleteUploads(id, nil, request)
    case (_, .blob(let id)): return try await readBlob(id, request)
    case (_, .stream): throw Refusal(services.lifecycle.isReady ? .upgradeRequired : .unavailable)
    case (let method, let route): return try await change(method, route, request)
    }
  }

  /// The name that the client used: exactly one Host header, in the one spelling, and one of ours. [relay.11]
  private static func authority(_ request: Request, _ services: RelayServices) throws(Refusal) -> RelayAuthority {
    guard let host = HTTPField.Name("host"), request.headers[values: host].isEmpty,
      let authority = request.head.authority.flatMap({ RelayAuthority($0) })
    else { throw Refusal(.requestMalformed) }
    guard services.authorities.isEmpty || services.authorities.contains(authority) else {
      throw Refusal(.misdirected)
    }
    return authority
  }

  /// Whether the rest of a body that nobody wants may be read and dropped.
  private static func isShort(_ request: Request) -> Bool {
    request.headers[.contentLength].flatMap { Int($0) }.map { $0 <= RelayLimits.unwantedBody } ?? false
  }

  /// nil when it is longer than `limit`: never more than that is kept.
  private static func body(_ request: Request, limit: Int) async throws -> [UInt8]? {
    if let declared = request.headers[.contentLength].flatMap({ Int($0) }), declared > limit { return nil }
    var body: [UInt8] = []
    for try await part in request.body {
      guard body.count + part.readableBytes <= limit else { return nil }
      body += part.readableBytesView
    }
    return body
  }
}

/// Ends a connection whose request has a body that nobody will read.
private struct UnwantedBody: Error {}
