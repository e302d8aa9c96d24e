internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import SottoWire

/// What is answered, before it is an HTTP response. [leakage.4]
struct Reply: Sendable {
  let status: Int
  var fields: [HeaderField] = []
  var body: [UInt8] = []
  /// Why not, if so.
  var problem: Problem?
  /// Whether that is because of the provider that people sign in at.
  var isProviderAway = false
  /// The body, when it is no bytes in memory.
  var file: FilePart?

  /// Done; there is nothing to say.
  static let done = Reply(status: 204)

  init(status: Int, fields: [HeaderField] = [], body: [UInt8] = [], file: FilePart? = nil) {
    self.status = status
    self.fields = fields
    self.body = body
    self.file = file
  }

  /// Opaque bytes.
  init(bytes: [UInt8], fields: [HeaderField] = []) {
    self.init(status: 200, fields: fields + [HeaderField("content-type", "application/octet-stream")], body: bytes)
  }

  /// A problem document: the same bytes for the same problem, whatever was asked. [relay.10]
  init(_ problem: Problem, fields: [HeaderField] = []) {
    self.init(
      status: problem.status, fields: fields + [HeaderField("content-type", Problem.mediaType)],
      body: Array(problem.document.utf8))
    self.problem = problem
  }

  init(_ refusal: Refusal) {
    var fields: [HeaderField] = []
    if let sequence = refusal.sequence { fields.append(HeaderField(HeaderName.sequence, String(sequence))) }
    if let seconds = refusal.retryAfter { fields.append(HeaderField("retry-after", String(seconds))) }
    self.init(refusal.problem, fields: fields)
    isProviderAway = refusal.isProviderAway
  }

  /// Every answer that may have a body has its length, and none may be kept by a cache.
  private var allFields: [HeaderField] {
    let kept = fields + [HeaderField("cache-control", "no-store")]
    guard status != 204 else { return kept }
    return kept + [HeaderField("content-length", String(file?.range.count ?? body.count))]
  }

  /// For a handler that speaks HTTP/1.1 itself. Its body is in memory.
  var parts: [HTTPServerResponsePart] {
    let headers = HTTPHeaders(allFields.map { ($0.name, $0.value) })
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    if body.isEmpty { return [.head(head), .end(nil)] }
    return [.head(head), .body(.byteBuffer(ByteBuffer(bytes: body))), .end(nil)]
  }

  var response: HTTPResponse {
    var headers = HTTPFields()
    for field in allFields {
      if let name = HTTPField.Name.of(field.name) { headers.append(HTTPField(name: name, value: field.value)) }
    }
    return HTTPResponse(status: .init(code: status), headerFields: headers)
  }
}

extension HTTPField.Name {
  /// Names that nearly every request or answer has: to check and copy one costs more than to find it.
  private static let frequent = Dictionary(
    uniqueKeysWithValues: [
      "host", "cache-control", "content-length", "content-type", HeaderName.capability, HeaderName.contentDigest,
      HeaderName.signature, HeaderName.signatureInput, HeaderName.sequence,
    ].compactMap { name in HTTPField.Name(name).map { (name, $0) } })

  /// nil when it cannot be the name of a header.
  static func of(_ name: String) -> HTTPField.Name? { frequent[name] ?? HTTPField.Name(name) }
}
