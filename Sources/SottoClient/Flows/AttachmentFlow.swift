internal import Foundation
internal import NIOHTTP1
internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// How much of a file has gone or come, for a person who waits: bytes of all bytes.
public typealias FileProgress = @Sendable (_ done: UInt64, _ total: UInt64) -> Void

/// A file that came with a message, or went with one.
public struct AttachedFile: Sendable, Equatable {
  /// What its author calls it: one step of a path, without controls. It is a claim.
  public let name: String
  /// Its length.
  public let bytes: UInt64
  /// What its author says it is, `type/subtype`; nil: nothing.
  public let mediaType: String?

  init?(_ attachment: Attachment?) {
    guard let attachment else { return nil }
    (name, bytes, mediaType) = (attachment.name.text, attachment.length, attachment.mediaType?.text)
  }
}

extension Client {
  /// Sends a file, with a text or without. It is read once and sealed into the identity's folder; from then on it may be
  /// changed or deleted, and a send that was cut goes on with the next command.
  ///
  /// - Parameters:
  ///   - path: the file; at most 4 GiB. Its name goes with it.
  ///   - mediaType: what it is, `type/subtype` in lower case; nil: nothing is said.
  ///   - progress: is told how much the relay has.
  public func send(
    _ text: String, file path: String, mediaType: String? = nil, to recipient: String,
    answering answered: String? = nil,
    progress: @escaping FileProgress = { _, _ in }
  ) async throws -> SentMessage {
    try step { try $0.checkMayAttach(for: recipient) }
    let file = try seal(path, mediaType)
    fileProgress = progress
    defer { fileProgress = nil }
    do {
      return try await send(recipient) { try $0.compose(text, to: recipient, answering: answered, file: file) }
    } catch {
      // What was not committed has left its bytes behind; what was is in use.
      sweepSpool()
      throw error
    }
  }

  private func seal(_ path: String, _ mediaType: String?) throws -> SealedFile {
    let file = try DiskFile(path, .reading)
    guard let length = try file.length() else {
      throw ClientError(
        .unreadable, "\(path) is no file.", meaning: "A folder or a device cannot be sent. Nothing was sent.",
        next: "Pack a folder first, for example with tar.")
    }
    guard let layout = AttachmentLayout(length: length) else {
      throw ClientError(
        .badData, "\(path) has \(length) bytes; a file that is sent has at most \(Limits.attachment).",
        meaning: "Nothing was sent.", next: "Cut it, for example with `split -b 4G`.")
    }
    let type = try mediaType.map { text in
      guard let type = MediaType(text) else {
        throw ClientError(
          .usage, "“\(text)” is no media type.", meaning: "It looks like image/png, in lower case. Nothing was sent.",
          next: "Leave it out, or correct it.")
      }
      return type
    }
    var entropy = SystemEntropy()
    let name = entropy.bytes(16)
    var sealer = AttachmentSealer(layout, from: &entropy)
    let key = sealer.key
    let spool = store.home.spool
    do {
      let sealed = try spool.create(name)
      var (read, written) = (UInt64(0), UInt64(0))
      while case let piece = try file.read(at: read, upTo: ClientLimits.blobSlice), !piece.isEmpty {
        let bytes = try sealer.seal(piece.span)
        try sealed.write(bytes, at: written)
        (read, written) = (read + UInt64(piece.count), written + UInt64(bytes.count))
      }
      while let bytes = try sealer.padding() {
        try sealed.write(bytes, at: written)
        written += UInt64(bytes.count)
      }
      try sealed.sync()
    } catch {
      spool.remove(name)
      guard error is UnsealableFile else { throw error }
      throw ClientError(
        .unreadable, "\(path) changes while it is read.", meaning: "Nothing was sent.",
        next: "Send it when it is at rest, or send a copy.")
    }
    let fileName = FileName(sanitising: path.split(separator: "/").last ?? "")
    return SealedFile(spool: name, key: key, layout: layout, name: fileName, mediaType: type)
  }

  /// Removes sealed bytes that belong to no message.
  func sweepSpool() {
    guard let known = try? step({ try $0.spooled() }) else { return }
    store.home.spool.sweep(keeping: known)
  }

  // MARK: to the relay

  /// Brings a blob to the relay, from wherever an earlier try was cut. [blob.5]
  func bring(_ upload: BlobUpload, for account: AccountID) async throws {
    let file: DiskFile
    do { file = try DiskFile(store.home.spool.file(upload.spool), .reading) } catch {
      return try step { try $0.uploadLost(upload.message, account) }
    }
    let total = upload.parts.reduce(UInt64(0)) { $0 + UInt64($1.length.bytes) }
    var start: UInt64 = 0
    for part in upload.parts {
      do {
        try await bring(part, from: file, at: start, of: total, upload, as: .sender(account))
      } catch RelayFailure.declined(_, .blobConflict) {
        try step { try $0.uploadConflicts(upload.message, account) }
        throw RelayFailure.busy(upload.relay, retryAfter: nil)
      }
      start += UInt64(part.length.bytes)
    }
    try step { try $0.uploaded(upload.message, account) }
    store.home.spool.remove(upload.spool)
  }

  private func bring(
    _ part: BlobPart, from file: DiskFile, at start: UInt64, of total: UInt64, _ upload: BlobUpload, as voice: Voice
  ) async throws {
    let length = UInt64(part.length.bytes)
    func ask(_ method: SottoWire.HTTPMethod, _ field: HeaderField, _ body: [UInt8]? = nil) -> RelayRequest {
      var request = RelayRequest(
        method, .upload(upload.mailbox, part.name), at: upload.relay, capability: upload.capability, fields: [field],
        body: body)
      request.timeout = Connections.sliceTimeout
      return request
    }
    var (known, failures) = (UInt64(0), 0)
    while true {
      do throws(RelayFailure) {
        var answer = try await connections.exchange(
          ask(.put, HeaderField(HeaderName.uploadLength, "\(length)")), as: voice
        ).expecting(201, 204)
        while answer.status != 201 {
          let offset = try answer.uploadOffset()
          guard offset < length else { throw .nonsense(upload.relay, what: "it has more of a file than there is") }
          if offset > known { (known, failures) = (offset, 0) }
          fileProgress?(start + offset, total)
          let count = min(UInt64(ClientLimits.blobSlice), length - offset)
          guard let bytes = try? file.read(at: start + offset, upTo: Int(count)), bytes.count == Int(count) else {
            throw .unreachable(upload.relay, reason: "the sealed bytes of the file cannot be read")
          }
          answer = try await connections.exchange(
            ask(.patch, HeaderField(HeaderName.uploadOffset, "\(offset)"), bytes), as: voice
          ).expecting(201, 204)
          if answer.status == 204, try answer.uploadOffset() <= offset {
            throw .nonsense(upload.relay, what: "it takes bytes of a file and does not have them")
          }
        }
        fileProgress?(start + length, total)
        return
      } catch {
        // As long as it goes forward it is no failure; the relay says how far it is.
        failures += 1
        switch error {
        case .unreachable, .declined(_, .offsetMismatch): guard failures < 3 else { throw error }
        default: throw error
        }
      }
      try await Backoff.pause(attempt: failures, base: .milliseconds(200))
    }
  }

  // MARK: from the relay

  /// Fetches the file of a message. What came before a cut is not fetched again.
  ///
  /// - Parameters:
  ///   - id: the message's id, or the beginning of it in hexadecimal digits; nil: the newest that brought a file.
  ///   - nameOrAddress: whose conversation it is of.
  ///   - destination: a folder, in which it gets the name that its author gave it, or a path that is free; nil: the
  ///     present folder. Nothing is overwritten.
  ///   - progress: is told how much has come.
  /// - Returns: where it is.
  public func download(
    _ id: String? = nil, from nameOrAddress: String, to destination: String? = nil,
    progress: FileProgress = { _, _ in }
  ) async throws -> String {
    let download = try step { try $0.beginDownload(id, from: nameOrAddress) }
    let target = try Self.target(destination, download.attachment.name)
    let sealed = try store.home.spool.append(download.spool)
    do {
      try await fetch(
        download.attachment, into: sealed, as: .reader(download.message.account), progress)
      try Self.open(sealed, download.attachment, as: target)
    } catch is Refused {
      try end(download)
      throw ClientError(
        .refused, "What the relay has is not the file that was sent.",
        meaning: "The relay, or somebody on the way, has changed it. Nothing of it was kept.",
        next: "Try once more; if it stays so, ask them to send it again.")
    } catch RelayFailure.declined(_, .notFound) {
      try end(download)
      throw ClientError(
        .refused, "The relay does not have the file any more.",
        meaning: "It keeps files for 30 days, and whoever owns the mailbox may delete them earlier.",
        next: "Ask them to send it again.")
    } catch let failure as RelayFailure {
      throw failure.asClientError
    }
    try end(download)
    return target
  }

  private func end(_ download: Engine.Download) throws {
    try step { try $0.endDownload(download.message) }
    store.home.spool.remove(download.spool)
  }

  func fetch(
    _ attachment: Attachment, into file: DiskFile, as voice: Voice, _ progress: FileProgress
  ) async throws {
    let total = attachment.layout.blobLength
    var have = min(try file.length() ?? 0, total)
    try file.cut(to: have)
    var start: UInt64 = 0
    for part in attachment.blobParts {
      let end = start + UInt64(part.length.bytes)
      while have < end {
        progress(have, total)
        let count = min(UInt64(ClientLimits.blobSlice), end - have)
        var request = RelayRequest(
          .get, .blob(part.name), at: attachment.relay,
          fields: [HeaderField("range", "bytes=\(have - start)-\(have - start + count - 1)")], answerLimit: Int(count))
        request.timeout = Connections.sliceTimeout
        let answer = try await connections.stubbornly(request, as: voice).expecting(
          200, 206)
        // A relay may answer with all of it: then this is all of it.
        guard answer.body.count == Int(count) else {
          throw RelayFailure.nonsense(attachment.relay, what: "it serves another part of a file than was asked for")
        }
        try file.write(answer.body, at: have)
        have += count
      }
      start = end
    }
    progress(total, total)
  }

  /// Where a file is to be: a peer's name for it is a claim. One that begins with a point would be hidden, or be read by
  /// a shell when it starts; one with a hyphen would be taken for an option. [attachments.11]
  static func target(_ destination: String?, _ name: FileName) throws -> String {
    let first = name.text.first == "." || name.text.first == "-" ? "_" + name.text.dropFirst() : name.text
    let destination = destination ?? "."
    let target =
      System.isFolder(destination)
      ? (destination == "." ? first : destination + (destination.hasSuffix("/") ? "" : "/") + first) : destination
    guard !System.exists(target) else {
      throw ClientError(
        .cannotCreate, "There is a file \(target) already.", meaning: "Nothing was fetched and nothing overwritten.",
        next: "Choose another place with --to PATH.")
    }
    return target
  }

  /// Opens a blob that is there as a whole into a file without a name, and names it at the end. [attachments.7]
  private static func open(_ sealed: DiskFile, _ attachment: Attachment, as target: String) throws {
    var entropy = SystemEntropy()
    let folder = target.lastIndex(of: "/").map { String(target[...$0]) } ?? ""
    let unnamed = folder + ".sotto-" + Hex.encode(entropy.bytes(8))
    defer { System.remove(unnamed) }
    let file = try DiskFile(unnamed, .new)
    var opener = attachment.opener()
    var (read, written) = (UInt64(0), UInt64(0))
    while case let piece = try sealed.read(at: read, upTo: ClientLimits.blobSlice), !piece.isEmpty {
      let bytes = try opener.open(piece.span)
      try file.write(bytes, at: written)
      (read, written) = (read + UInt64(piece.count), written + UInt64(bytes.count))
    }
    try opener.finish()
    try file.sync()
    guard System.name(unnamed, target) else { throw DiskFile.failure("create", target, errno) }
  }
}
