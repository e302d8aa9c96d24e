internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import SottoCrypto
internal import SottoWire

internal import enum NIOHTTP1.HTTPParserError

/// A request that has a route, a name and a whole body: what the handlers see.
struct RelayRequest: Sendable {
  let route: Route
  let method: HTTPMethod
  let authority: RelayAuthority
  let fields: HTTPFields
  let body: [UInt8]

  /// All values of a header.
  func values(_ name: String) -> [String] {
    HTTPField.Name.of(name).map { fields[values: $0] } ?? []
  }
}

/// Answers every request that is not a stream. The path is matched by `Route`, which both sides share, and by nothing
/// else: there is no second grammar, no decoding of escapes, and one place that says 404, 405, 413 and 421.
struct RelayResponder: Sendable {
  let services: RelayServices
  /// What it answers on; nil is not limited.
  let connection: ClientConnection?

  func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
    let route = request.head.path.flatMap(Route.init(path:))
    var (reply, isKept) = await reply(to: request, route, channel)
    services.metrics.answered(RouteName(route), reply)
    if !isKept { reply.fields.append(HeaderField("connection", "close")) }
    if request.method == .head {
      try await writer.writeResponse(reply.response)
    } else if let file = reply.file {
      try await writer.write(response: reply.response, body: file.body(services, channel))
    } else {
      let body = reply.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body))
      try await writer.write(response: reply.response, body: body)
    }
    if !isKept {
      await Self.linger(channel)
      throw ConnectionOver()
    }
  }

  /// A connection that is closed with bytes unread is reset, and a reset overtakes the answer. So the other side has a
  /// moment to read it.
  private static func linger(_ channel: any Channel) async {
    let moment = channel.eventLoop.scheduleTask(in: .seconds(RelayLimits.closeSeconds)) {}
    channel.closeFuture.whenComplete { _ in moment.cancel() }
    try? await moment.futureResult.get()
  }

  /// The answer, and whether the connection is kept: the rest of the request is then read.
  private func reply(to request: Request, _ route: Route?, _ channel: any Channel) async -> (Reply, Bool) {
    let client = connection?.client { name in HTTPField.Name.of(name).map { request.headers[values: $0] } ?? [] }
    let (reply, isKept) = await reply(to: request, route, from: client, channel)
    switch reply.problem {
    case .signatureRefused, .tokenRefused, .credentialRefused: break
    default: return (reply, isKept)
    }
    do throws(Refusal) {
      try services.clients.admit(.failedSignatures, client)
      return (reply, isKept)
    } catch {
      // Signatures are still looked at, or a neighbour behind the same address could keep owners out. But every one
      // that fails now costs a new connection, and of those a client has its own budget. [limits.2]
      services.audit.write(error, services.now())
      return (Reply(error), false)
    }
  }

  private func reply(
    to request: Request, _ route: Route?, from client: ClientLimits.Client?, _ channel: any Channel
  ) async -> (Reply, Bool) {
    // Of an upload the rest may be long.
    var isKept = true
    do {
      let method = HTTPMethod(rawValue: request.method.rawValue)
      if let budget = route.map({ $0.budget(method) }) ?? .requests { try services.clients.admit(budget, client) }
      // Who sends two names, or none that is one, may mean several servers: nothing more is read from it.
      guard let authority = authority(request) else { return (Reply(.requestMalformed), false) }
      guard let route else { throw Refusal(.notFound) }
      guard let method, route.methods.contains(method) else {
        let allowed = route.methods.map(\.rawValue).joined(separator: ", ")
        return (Reply(.methodNotAllowed, fields: [HeaderField("allow", allowed)]), true)
      }
      guard services.authorities.isEmpty || services.authorities.contains(authority) else {
        throw Refusal(.misdirected)
      }
      if case .upload(let mailbox, let blob) = route, method == .patch {
        isKept = Self.isShort(request)
        let head = RelayRequest(route: route, method: method, authority: authority, fields: request.headers, body: [])
        let reply = try await appendUpload(mailbox, blob, head, request, channel)
        return (reply, isKept || reply.status < 300)
      }
      guard let body = try await Self.body(request, limit: route.bodyLimit(method)) else {
        return (Reply(.bodyTooLarge), Self.isShort(request))
      }
      if case .tokens = route {
        let cost = Int64(body.count / TokenRequest.count) * RelayLimits.tokenCost
        try services.clients.admit(.signedRequests, client, count: cost)
      }
      let whole = RelayRequest(
        route: route, method: method, authority: authority, fields: request.headers, body: body)
      return (try await answer(whole), true)
    } catch let refusal as Refusal {
      services.audit.write(refusal, services.now())
      return (await challenging(Reply(refusal), request), isKept)
    } catch is HTTPParserError {
      return (Reply(.requestMalformed), false)
    } catch StoreFailure.full {
      return (Reply(.storageFull), isKept)
    } catch StoreFailure.unavailable {
      return (Reply(.unavailable), isKept)
    } catch StoreFailure.failed(let code) {
      services.log.write(.storeFailed(code: code))
      return (Reply(.internalError), isKept)
    } catch {
      services.log.write(.requestFailed)
      return (Reply(.internalError), isKept)
    }
  }

  /// Says what kind of token would do. [token.9]
  private func challenging(_ reply: Reply, _ request: Request) async -> Reply {
    guard reply.problem == .tokenRequired || reply.problem == .tokenRefused, let registration = services.registration,
      let relay = authority(request), let challenge = await registration.challenge(relay, services.now())
    else { return reply }
    var reply = reply
    reply.fields.append(challenge)
    return reply
  }

  private func answer(_ request: RelayRequest) async throws -> Reply {
    switch (request.method, request.route) {
    case (_, .live): return Reply(status: 200)
    case (_, .ready):
      guard services.lifecycle.isReady, await services.probe.answers() else { throw Refusal(.unavailable) }
      return Reply(status: 200)
    case _ where services.isCutOff: throw Refusal(.unavailable)
    case (_, .tokenKeys): return try await tokenKeys()
    case (_, .tokens): return try await issueTokens(request)
    case (.get, .card(let id)): return try await readCard(id)
    case (.put, .card(let id)): return try await putCard(id, request)
    case (_, .card(let id)): return try await deleteCard(id, request)
    case (.get, .mailbox(let id)): return try await status(id, request)
    case (_, .claim(let id)): return try await claim(id, request)
    case (_, .envelope(let id, let envelope)): return try await putEnvelope(id, envelope, request)
    case (_, .stream), (_, .send): throw Refusal(services.lifecycle.isReady ? .upgradeRequired : .unavailable)
    case (.put, .upload(let id, let blob)): return try await claimUpload(id, blob, request)
    case (.delete, .upload(let id, let blob)): return try await deleteUploads(id, blob, request)
    case (_, .uploads(let id)): return try await deleteUploads(id, nil, request)
    case (_, .blob(let id)): return try await readBlob(id, request)
    case (let method, let route): return try await change(method, route, request)
    }
  }

  /// The name that the client used: exactly one Host header, in the one spelling; otherwise nil. [relay.11]
  private func authority(_ request: Request) -> RelayAuthority? {
    guard let host = HTTPField.Name.of("host"), request.headers[values: host].isEmpty else { return nil }
    return request.head.authority.flatMap(services.authority)
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

/// Ends a connection: its request has a body that nobody will read, or its client has asked too much.
private struct ConnectionOver: Error {}

extension Route {
  /// What a request costs its client, if anything: probes are for balancers, and cost next to nothing. [limits.2]
  fileprivate func budget(_ method: HTTPMethod?) -> ClientLimits.Budget? {
    guard let method, methods.contains(method) else { return .requests }
    return switch (self, method) {
    case (.live, _), (.ready, _): nil
    case (.tokenKeys, _), (.card, .get), (.claim, _), (.envelope, _), (.stream, _), (.send, _), (.upload, .put),
      (.upload, .patch),
      (.blob, _):
      .requests
    default: .signedRequests
    }
  }
}
