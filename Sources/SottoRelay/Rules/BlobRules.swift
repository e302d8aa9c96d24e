package import SottoWire

/// What may be uploaded, and how long it is kept.
package enum BlobRules {
  /// Whether a mailbox that has `usage` may take one more. What is claimed counts whole, from the first byte on. [blob.4]
  package static func admit(_ length: BlobLength, besides usage: QueueState.Usage) throws(Refusal) {
    guard usage.count < RelayLimits.blobs, usage.bytes + length.bytes <= RelayLimits.blobBytes else {
      throw Refusal(.blobsFull)
    }
  }

  /// Strangers may not upload: to them it is as if there were no mailbox. [blob.3]
  package static func mayUpload(_ kind: CapabilityClass) -> Bool { kind != .knock }

  /// The first day whose blobs are still kept. [blob.9]
  package static func firstDay(isWhole: Bool, now: Int64) -> Int64 {
    MailboxRules.day(now) - (isWhole ? RelayLimits.blobDays : RelayLimits.uploadDays)
  }
}

/// How far one request brings an upload.
///
///     saved <= end <= length      bytes before `saved` are promised, bytes before `end` are written
package struct UploadRun: Sendable {
  package let length: BlobLength
  package private(set) var end: Int
  package private(set) var saved: Int

  package init(_ length: BlobLength, at offset: Int) {
    self.length = length
    (end, saved) = (offset, offset)
  }

  /// Whether `count` more bytes belong to the blob. [blob.5]
  package func check(_ count: Int) throws(Refusal) {
    guard count <= length.bytes - end else { throw Refusal(.bodyTooLarge) }
  }

  package mutating func wrote(_ count: Int) { end += count }
  package mutating func didSave() { saved = end }

  package var isWhole: Bool { end == length.bytes }
  /// Enough to be worth a wait for the disk. What makes it whole is not saved but published.
  package var isWorthSaving: Bool { !isWhole && end - saved >= RelayLimits.uploadSaveBytes }
  package var hasUnsaved: Bool { !isWhole && end > saved }
}
