internal import NIOCore
internal import NIOHTTP1
internal import SottoWire

/// One request, ready to be sent; the engine may have stored it as bytes before.
struct RelayRequest {
  let method: SottoWire.HTTPMethod
  let route: Route
  let relay: RelayAuthority
  let fields: [HeaderField]
  let body: [UInt8]?
  /// What a sane answer cannot exceed.
  let answerLimit: Int
  /// A whole exchange takes no longer.
  var timeout = Connections.exchangeTimeout

  /// A request that nobody signs.
  init(
    _ method: SottoWire.HTTPMethod, _ route: Route, at relay: RelayAuthority, capability: Capability? = nil,
    fields others: [HeaderField] = [], body: [UInt8]? = nil, answerLimit: Int = 4096
  ) {
    self.method = method
    self.route = route
    self.relay = relay
    self.body = body
    self.answerLimit = answerLimit
    fields = others + (capability.map { [HeaderField(HeaderName.capability, $0.text)] } ?? [])
  }

  /// A request that the engine has signed.
  init(
    _ method: SottoWire.HTTPMethod, _ route: Route, at relay: RelayAuthority, fields: [HeaderField],
    body: [UInt8]? = nil
  ) {
    self.method = method
    self.route = route
    self.relay = relay
    self.fields = fields
    self.body = body
    answerLimit = 4096
  }
}

/// What came back. Nothing in it is believed before it has been decoded.
struct RelayAnswer {
  let relay: RelayAuthority
  let status: Int
  let headers: HTTPHeaders
  let body: [UInt8]

  /// The answer itself when its status is one of `statuses`; otherwise what it amounts to.
  func expecting(_ statuses: Int...) throws(RelayFailure) -> RelayAnswer {
    if statuses.contains(status) { return self }
    throw failure
  }

  /// The sequence of the device list in a card, which its seal is bound to.
  func listSequence() throws(RelayFailure) -> UInt64 {
    guard let sequence = headers.first(name: HeaderName.listSequence).flatMap({ DecimalNumber.decode($0) }) else {
      throw .nonsense(relay, what: "it serves a card without a list sequence")
    }
    return sequence
  }

  /// How many bytes of an upload the relay has. [blob.3]
  func uploadOffset() throws(RelayFailure) -> UInt64 {
    guard let offset = headers.first(name: HeaderName.uploadOffset).flatMap({ DecimalNumber.decode($0) }) else {
      throw .nonsense(relay, what: "it does not say how far an upload is")
    }
    return offset
  }

  /// The body as a `T`.
  func decoded<T>(_ decode: ([UInt8]) throws -> T) throws(RelayFailure) -> T {
    do { return try decode(body) } catch { throw .nonsense(relay, what: "its answer cannot be decoded") }
  }

  /// What the status and the problem document say.
  var failure: RelayFailure {
    let retryAfter = headers.first(name: "retry-after").flatMap { Int($0) }.map { min(max($0, 0), 86_400) }
    let known = String(validating: body, as: UTF8.self).flatMap { Problem(document: $0) }
    switch (known, status) {
    case (.tooManyRequests?, _), (.unavailable?, _), (.internalError?, _): return .busy(relay, retryAfter: retryAfter)
    case (let problem?, _) where problem.status == status: return .declined(relay, problem)
    case (_, 429), (_, 500...599): return .busy(relay, retryAfter: retryAfter)
    default: return .nonsense(relay, what: "it answered with status \(status)")
    }
  }
}
