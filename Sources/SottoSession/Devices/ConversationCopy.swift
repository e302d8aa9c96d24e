import SottoCrypto
package import SottoWire

/// What one device of an account tells the others of a conversation: how it stands, and perhaps a message in it.
/// [devices.8]
public struct ConversationCopy: Hashable, Sendable {
  /// How the account stands with the contact.
  public enum Standing: UInt8, Sendable {
    /// Neither added nor answered, or removed.
    case stranger = 0
    case accepted = 1
    case blocked = 2
  }

  /// Who has written the message.
  public enum Author: UInt8, Sendable {
    case account = 1
    case contact = 2
  }

  /// A message, and whose it is.
  public struct Message: Hashable, Sendable {
    public let author: Author
    public let content: Content

    public init(_ author: Author, _ content: Content) {
      self.author = author
      self.content = content
    }
  }

  public let address: Address
  /// What the account's user calls them.
  public let name: DeviceName?
  public let standing: Standing
  /// When safety numbers were compared: unix seconds; 0: never.
  public let verifiedAt: UnixTime
  /// The timer of the conversation in seconds; 0: none.
  public let timer: UInt32
  /// nil: only the rest is told, and holds from now on.
  public let message: Message?

  public init(
    address: Address, name: DeviceName?, standing: Standing, verifiedAt: UnixTime, timer: UInt32, message: Message?
  ) {
    self.address = address
    self.name = name
    self.standing = standing
    self.verifiedAt = verifiedAt
    self.timer = timer
    self.message = message
  }

  package func write(to writer: inout WireWriter) {
    writer.fixed(address.account.bytes)
    writer.fixed(address.contactSecret.bytes)
    writer.vector(Array(address.relay.text.utf8))
    writer.vector(Array((name?.text ?? "").utf8))
    writer.u8(standing.rawValue)
    writer.u64(verifiedAt)
    writer.u32(timer)
    writer.u8(message?.author.rawValue ?? 0)
    if let message { writer.fixed(message.content.encoded()) }
  }

  package init(from reader: inout WireReader) throws(WireError) {
    address = Address(
      account: AccountID(try digest(&reader)),
      contactSecret: try parsed(try reader.fixed(ContactSecret.count), ContactSecret.init),
      relay: try relayAuthority(&reader))
    guard let text = String(validating: try reader.vector(limit: Limits.deviceName), as: UTF8.self) else {
      throw .invalidValue
    }
    name = text.isEmpty ? nil : DeviceName(text)
    guard text.isEmpty == (name == nil), let standing = Standing(rawValue: try reader.u8()) else {
      throw .invalidValue
    }
    self.standing = standing
    verifiedAt = try reader.u64()
    timer = try reader.u32()
    guard timer <= Limits.timer else { throw .outOfRange }
    let author = try reader.u8()
    guard author != 0 else {
      message = nil
      return
    }
    guard let author = Author(rawValue: author), let content = try? Content(copied: reader.rest()) else {
      throw .invalidValue
    }
    message = Message(author, content)
  }
}
