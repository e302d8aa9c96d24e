public import SottoCrypto
internal import SottoWire

/// What seals one attachment, drawn for it alone. It is never sent but inside a message, and never printed. [attachments.4]
public struct AttachmentKey: Hashable, Sendable {
  /// The number of bytes of every key.
  public static let count = 32
  // Shared: a part of a content is copied, and the bytes need not be.
  private let box: SecretBox

  /// `secret` has 32 bytes.
  public init(_ secret: consuming Secret) {
    precondition(secret.count == Self.count)
    box = SecretBox(secret)
  }

  /// A fresh key.
  public init(from entropy: inout some Entropy) { self.init(Secret(count: Self.count, from: &entropy)) }

  /// The 32 bytes.
  public func bytes() -> Secret { box.secret.copy() }

  /// In time that does not depend on the bytes.
  public static func == (a: AttachmentKey, b: AttachmentKey) -> Bool { a.box.secret.isEqual(to: b.box.secret) }

  public func hash(into hasher: inout Hasher) {
    box.secret.withSpan { bytes in
      for index in bytes.indices { hasher.combine(bytes[index]) }
    }
  }

  /// `(k, COM) = P(K, "attachment"; length, header)`: the stream's key, and the commitment to key, length and header.
  /// [attachments.5]
  func derive(_ length: UInt64, _ header: StreamHeader) -> Derived {
    let bytes = (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    return PRF.derive(box.secret, "attachment", bytes, header.bytes)
  }
}

extension AttachmentKey {
  /// The name of a part of the blob: `(-, N) = P(K, "attachment part"; blob, index)`, and its first 16 bytes.
  /// [attachments.13]
  func part(_ index: UInt32, of blob: BlobID) -> BlobID {
    guard index > 0 else { return blob }
    let number = (0..<4).reversed().map { UInt8(truncatingIfNeeded: index >> (8 * $0)) }
    let derived = PRF.derive(box.secret, "attachment part", blob.bytes, number)
    return try! BlobID(Array(derived.b().revealed().prefix(BlobID.count)))
  }
}

extension Derived {
  /// k.
  var streamKey: StreamKey { StreamKey(a()) }
}
