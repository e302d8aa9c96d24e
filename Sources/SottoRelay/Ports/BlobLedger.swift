package import SottoCrypto
package import SottoWire

/// Who uploads what, and where to.
package struct UploadTarget: Hashable, Sendable {
  package let mailbox: MailboxID
  package let blob: BlobID
  /// `H("capability"; ...)` of what the sender showed.
  package let capability: Digest

  package init(mailbox: MailboxID, blob: BlobID, capability: Digest) {
    self.mailbox = mailbox
    self.blob = blob
    self.capability = capability
  }
}

/// An upload as it stands.
package struct Upload: Equatable, Sendable {
  package enum State: Equatable, Sendable {
    /// Its file, and how many bytes of it are on stable storage.
    case arriving(PartName, saved: Int)
    /// Every byte is there, and whoever knows the name can read them.
    case whole
  }

  package let length: BlobLength
  package let state: State

  package init(length: BlobLength, state: State) {
    self.length = length
    self.state = state
  }
}

/// A whole blob: its file has the name of its content.
package struct StoredBlob: Hashable, Sendable {
  /// `H("blob"; content)`.
  package let content: Digest
  package let length: BlobLength

  package init(content: Digest, length: BlobLength) {
    self.content = content
    self.length = length
  }
}

/// The name of the file of an upload: 16 random bytes, used once, so that nothing done to it can hit a later one.
package struct PartName: Hashable, Sendable {
  package static let count = 16
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    self.bytes = bytes
  }

  package init(from entropy: inout some Entropy) { bytes = entropy.bytes(Self.count) }

  /// One that begins with `mark`; chance has the rest.
  package init(_ mark: [UInt8], from entropy: inout some Entropy) {
    bytes = mark + entropy.bytes(Self.count - mark.count)
  }
}

/// A file of a blob.
package enum BlobFile: Hashable, Sendable {
  case part(PartName)
  /// Blobs with the same bytes share it.
  case content(Digest)
}

/// What is kept about blobs, and what was promised: the database's half, without the bytes. A part of `RelayStore`, under
/// the same terms. A row exists before its file of arriving bytes and after its file of whole ones; a row that goes
/// leaves its file's name among the abandoned ones, in the same transaction.
package protocol BlobLedger: Sendable {
  /// Whether other relays have rows in it too: a row whose file is not here may have it there.
  var isShared: Bool { get }

  /// Takes the place for a blob, with `part` for its file, or finds that it was taken: then that stands as it is.
  /// `admit` is asked before a place is taken. [blob.3]
  func claimBlob(
    _ target: UploadTarget, _ length: BlobLength, part: PartName, now: Int64,
    admit: @escaping @Sendable () throws -> Void
  ) async throws -> Upload
  /// Refuses like `claimBlob`, and what was never claimed or has expired as `not-found`.
  func upload(_ target: UploadTarget, now: Int64) async throws -> Upload
  /// That many bytes of the part are on stable storage. Refuses as `not-found` when the upload is gone.
  func saveUpload(_ part: PartName, upTo saved: Int) async throws
  /// The upload goes on in another file, of which that many bytes are on stable storage. The name of the one before is left
  /// behind. Refuses as `not-found` when no upload has that one.
  func moveUpload(_ part: PartName, to other: PartName, saved: Int) async throws
  /// Its file is about to have the name of its content, which the row needs from now on, though nobody reads it yet.
  /// Refuses as `not-found` when the upload is gone.
  func announceUpload(_ part: PartName, as content: Digest) async throws
  /// The bytes are on stable storage under the name of their content: from now on they are read. Refuses as `not-found`
  /// when the upload is gone. [blob.6]
  func finishUpload(_ part: PartName, as content: Digest, now: Int64) async throws
  /// nil unless it is whole and has not expired.
  func blob(_ id: BlobID, now: Int64) async throws -> StoredBlob?
  /// Removes one upload of a mailbox, whole or not, or with nil all of them.
  func deleteUploads(_ id: MailboxID, _ blob: BlobID?, by mutation: Mutation) async throws
  /// Removes what has expired. [blob.9]
  func sweepBlobs(now: Int64) async throws

  /// Some files of rows that are gone.
  func abandonedFiles(limit: Int) async throws -> [BlobFile]
  /// They were seen to.
  func forgetFiles(_ files: [BlobFile]) async throws
  /// Those that no row has.
  func unneeded(_ files: [BlobFile]) async throws -> [BlobFile]
  /// Whole blobs in the order of their contents, each content once, from after `content` on.
  func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob]
  /// Removes every row of a content whose file is gone.
  func dropBlobs(_ content: Digest) async throws
}

extension BlobLedger {
  /// Whether a row has it.
  package func needs(_ file: BlobFile) async throws -> Bool { try await unneeded([file]).isEmpty }
}
