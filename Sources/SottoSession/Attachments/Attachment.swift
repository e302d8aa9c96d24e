import SottoCrypto
public import SottoWire

/// Where an attachment lies, what opens it, and what it claims to be: it travels inside a message, and a relay sees nothing
/// of it. [attachments.9]
public struct Attachment: Hashable, Sendable {
  /// The blob's name, which is also the right to read it.
  public let blob: BlobID
  /// The relay that has it.
  public let relay: RelayAuthority
  /// What opens it.
  public let key: AttachmentKey
  /// How long file and blob are.
  public let layout: AttachmentLayout
  /// What its author calls the file.
  public let name: FileName
  /// What its author says it is; nil: nothing.
  public let mediaType: MediaType?

  public init(
    blob: BlobID, relay: RelayAuthority, key: AttachmentKey, layout: AttachmentLayout, name: FileName,
    mediaType: MediaType?
  ) {
    self.blob = blob
    self.relay = relay
    self.key = key
    self.layout = layout
    self.name = name
    self.mediaType = mediaType
  }

  /// The bytes of the file.
  public var length: UInt64 { layout.length }

  /// The names and lengths of the blobs that a relay has of it, in order. [attachments.13]
  public var parts: [(name: BlobID, length: BlobLength)] {
    layout.parts.enumerated().map { (key.part(UInt32($0.offset), of: blob), $0.element) }
  }

  /// For the blob that it points to.
  public func opener() -> AttachmentOpener { AttachmentOpener(layout, key: key) }

  /// Nothing but a pointer, for vectors.
  package init(decoding bytes: [UInt8]) throws(Refused) {
    self = try refusing(at: .encoding) { try WireReader.decode(bytes, Attachment.init(from:)) }
  }

  package func write(to writer: inout WireWriter) {
    writer.fixed(blob.bytes)
    writer.vector(Array(relay.text.utf8))
    writer.fixed(key.bytes().revealed())
    writer.u64(length)
    writer.vector(Array(name.text.utf8))
    writer.vector(Array((mediaType?.text ?? "").utf8))
  }

  /// [attachments.10] A length beyond the bound is refused here, before anything is asked of a relay.
  init(from reader: inout WireReader) throws(WireError) {
    blob = try BlobID(try reader.fixed(BlobID.count))
    relay = try relayAuthority(&reader)
    key = AttachmentKey(Secret(copying: try reader.fixed(AttachmentKey.count)))
    guard let layout = AttachmentLayout(length: try reader.u64()) else { throw .outOfRange }
    self.layout = layout
    guard let name = FileName(try reader.text(limit: Limits.fileName)) else { throw .invalidValue }
    self.name = name
    let type = try reader.text(limit: Limits.mediaType)
    mediaType = type.isEmpty ? nil : MediaType(type)
    guard type.isEmpty == (mediaType == nil) else { throw .invalidValue }
  }
}

/// A file's name as it may be shown and used: one step of a path and nothing else. [attachments.11]
///
/// It is still a claim. Whoever stores the file chooses the folder, and overwrites nothing.
public struct FileName: Hashable, Sendable {
  public let text: String

  /// nil for what no author may send.
  public init?(_ text: some StringProtocol) {
    guard 1...Limits.fileName ~= text.utf8.count, text != ".", text != "..",
      text.unicodeScalars.allSatisfy(Self.isAllowed)
    else { return nil }
    self.text = String(text)
  }

  /// The name of a file that is to be sent, in the form that readers take: what they refuse becomes `_`, and what is too
  /// long loses its end.
  public init(sanitising text: some StringProtocol) {
    var name = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars {
      let scalar = Self.isAllowed(scalar) ? scalar : "_"
      count += UTF8.width(scalar)
      guard count <= Limits.fileName else { break }
      name.append(scalar)
    }
    self = FileName(String(name)) ?? FileName(unchecked: "file")
  }

  private init(unchecked text: String) { self.text = text }

  /// Neither of the separators that systems have, nor what a screen does not show: controls, ends of lines, and what turns
  /// the direction of writing, with which `txt.exe` is shown as `exe.txt`.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1f, 0x7f...0x9f, 0x2028...0x2029: false
    case 0x2f, 0x5c: false
    case 0x061c, 0x200e...0x200f, 0x202a...0x202e, 0x2066...0x2069: false
    default: true
    }
  }
}

/// What a file is, `type/subtype` (RFC 6838 section 4.2), in lower case and without parameters: one spelling.
/// [attachments.12]
public struct MediaType: Hashable, Sendable {
  public let text: String

  /// nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count <= Limits.mediaType else { return nil }
    let parts = Array(text.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy(Self.isName) else { return nil }
    self.text = String(text)
  }

  private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
    guard let first = name.first, isLetterOrDigit(first) else { return false }
    return name.allSatisfy { isLetterOrDigit($0) || "!#$&-^_.+".utf8.contains($0) }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
  }
}
