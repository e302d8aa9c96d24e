internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import SottoCrypto
internal import SottoWire

// Attachments: uploaded under a capability of one mailbox, read by name alone. Bytes go from socket to file and back in
// pieces; nothing holds a whole one.

extension RelayResponder {
  /// 204 while there are bytes to come, 201 once it is whole and durable: both say how many are there. [blob.3]
  func claimUpload(_ mailbox: MailboxID, _ blob: BlobID, _ request: RelayRequest) async throws -> Reply {
    let target = UploadTarget(mailbox: mailbox, blob: blob, capability: try capability(request).hash)
    guard let length = Self.number(request, HeaderName.uploadLength).flatMap({ BlobLength($0) }) else {
      throw Refusal(.requestMalformed)
    }
    return Self.reply(try await services.blobs.claim(target, length, now: services.now()))
  }

  /// `request` has everything but the body, which is `stream`. [blob.5]
  func appendUpload(
    _ mailbox: MailboxID, _ blob: BlobID, _ request: RelayRequest, _ stream: Request, _ channel: any Channel
  ) async throws -> Reply {
    let target = UploadTarget(mailbox: mailbox, blob: blob, capability: try capability(request).hash)
    guard let offset = Self.number(request, HeaderName.uploadOffset) else { throw Refusal(.requestMalformed) }
    let outcome = try await services.blobs.append(
      stream.body, to: target, at: offset, declared: stream.headers[.contentLength].flatMap { Int($0) },
      now: services.now(), end: { channel.close(promise: nil) })
    return Self.reply(outcome)
  }

  /// One, or with nil all of the mailbox. [blob.12]
  func deleteUploads(_ mailbox: MailboxID, _ blob: BlobID?, _ request: RelayRequest) async throws -> Reply {
    try await services.store.deleteUploads(mailbox, blob, by: try mutation(try verified(request)))
    try? await services.blobs.collect()
    return .done
  }

  /// The blob, or the range of it that is asked for. [blob.8]
  func readBlob(_ id: BlobID, _ request: RelayRequest) async throws -> Reply {
    guard let (blob, file) = try await services.blobs.open(id, now: services.now()) else { throw Refusal(.notFound) }
    let length = blob.length.bytes
    let tag = "\"\(Hex.encode(blob.content.bytes))\""
    var fields = [
      HeaderField("content-type", "application/octet-stream"), HeaderField("accept-ranges", "bytes"),
      HeaderField("etag", tag),
    ]
    let isCurrent = request.values(HeaderName.ifRange).allSatisfy { $0 == tag }
    let range =
      request.method == .get && isCurrent ? ByteRange(request.values(HeaderName.range), length: length) : .whole
    switch range {
    case .whole: return Reply(status: 200, fields: fields, file: FilePart(file: file, range: 0..<length))
    case .part(let part):
      fields.append(HeaderField("content-range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(length)"))
      return Reply(status: 206, fields: fields, file: FilePart(file: file, range: part))
    case .unsatisfiable:
      return Reply(.rangeUnsatisfiable, fields: [HeaderField("content-range", "bytes */\(length)")])
    }
  }

  private static func reply(_ outcome: BlobDesk.Outcome) -> Reply {
    let fields = [HeaderField(HeaderName.uploadOffset, String(outcome.offset))]
    return switch outcome {
    case .at: Reply(status: 204, fields: fields)
    case .whole: Reply(status: 201, fields: fields)
    case .mismatch: Reply(.offsetMismatch, fields: fields)
    }
  }

  /// Exactly one header with a number. [relay.6]
  private static func number(_ request: RelayRequest, _ name: String) -> Int? {
    let values = request.values(name)
    return values.count == 1 ? DecimalNumber.decode(values[0]).map { Int(clamping: $0) } : nil
  }
}

/// A part of a file, as the body of an answer.
struct FilePart: Sendable {
  let file: OpenFile
  let range: Range<Int>

  /// Reads a piece when the one before it is on its way.
  func body(_ services: RelayServices, _ channel: any Channel) -> ResponseBody {
    ResponseBody(contentLength: range.count) { writer in
      for start in stride(from: range.lowerBound, to: range.upperBound, by: RelayLimits.blobPiece) {
        let count = min(RelayLimits.blobPiece, range.upperBound - start)
        try await writer.write(try await piece(count, at: start, services))
        // A write returns before the event loop has seen it, so a fast disk would fill the memory: 14 MB a reader.
        try await channel.eventLoop.submit {}.get()
      }
      try await writer.finish(nil)
    }
  }

  /// A file that cannot be read ends the connection: a promised length is not met with other bytes.
  private func piece(_ count: Int, at start: Int, _ services: RelayServices) async throws -> ByteBuffer {
    do {
      return try await BlobDesk.read(file, count, at: start)
    } catch StoreFailure.failed(let code) {
      services.log.write(.storeFailed(code: code))
      throw StoreFailure.failed(code)
    }
  }
}
