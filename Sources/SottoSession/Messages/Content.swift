public import SottoCrypto
public import SottoWire

/// The name of a message, drawn by its author; the same in every copy and retry.
public struct MessageID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 16
  /// The 16 bytes.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    self.bytes = bytes
  }

  /// A fresh id.
  public init(from entropy: inout some Entropy) { bytes = entropy.bytes(Self.count) }
}

/// A message, as its author and its reader name it to each other.
public struct MessageReference: Hashable, Sendable {
  /// Whose message it is, seen from the author of the content that refers to it.
  public enum Side: UInt8, Sendable {
    case author = 1
    case reader = 2
  }

  public let side: Side
  public let id: MessageID

  public init(_ side: Side, _ id: MessageID) {
    self.side = side
    self.id = id
  }
}

/// How far a message has come.
public enum Receipt: UInt8, Hashable, Sendable, CaseIterable {
  /// A device of the reader's has it.
  case delivered = 1
  /// It was shown to the reader.
  case read = 2
}

/// One thing that a message says.
public enum ContentPart: Hashable, Sendable {
  /// Text, UTF-8.
  case text(String)
  /// Where the author can be answered from now on; also how a rotated contact secret is told.
  case replyPath(ReplyPath)
  /// The head of the author's list, and the head that the author holds of the reader's.
  case heads(own: ListHead, yours: ListHead)
  /// Messages that the author could not open and asks for again.
  case missing([MessageID])
  /// The message that this one answers.
  case answer(MessageReference)
  /// How far messages of the reader's have come; at least one.
  case receipt(Receipt, [MessageID])
  /// After how many seconds both sides forget this message, counted from when it was sent or read; 0: they keep it. In
  /// content without a text and a file: what holds for the messages to come.
  case timer(UInt32)
  /// A file that lies at a relay.
  case attachment(Attachment)
  /// What devices of one account say when one joins or leaves.
  case link(LinkMessage)
  /// What one device of an account tells the others of a conversation.
  case copy(ConversationCopy)
  /// A kind of 128 or above that this version does not know, to be ignored.
  case ignorable(kind: UInt8, body: [UInt8])
}

/// What is inside a message: `id || sent_at || parts<V>`. [messages.3]
public struct Content: Hashable, Sendable {
  /// The message's name.
  public let id: MessageID
  /// When its author wrote it: unix milliseconds by the author's clock.
  public let sentAt: UInt64
  /// What it says, in order.
  public let parts: [ContentPart]

  public init(id: MessageID, sentAt: UInt64, parts: [ContentPart]) {
    self.id = id
    self.sentAt = sentAt
    self.parts = parts
  }

  /// The text, if it has one.
  public var text: String? {
    for case .text(let text) in parts { return text }
    return nil
  }

  /// The message that it answers, if it does.
  public var answer: MessageReference? {
    for case .answer(let reference) in parts { return reference }
    return nil
  }

  /// The timer in seconds, if it has one.
  public var timer: UInt32? {
    for case .timer(let seconds) in parts { return seconds }
    return nil
  }

  /// The file, if it has one.
  public var attachment: Attachment? {
    for case .attachment(let attachment) in parts { return attachment }
    return nil
  }

  /// Whether there is something to keep and to show: a text or a file.
  public var isMessage: Bool { text != nil || attachment != nil }

  /// The bytes that are padded and sealed.
  public func encoded() -> [UInt8] {
    // Most messages fit the smallest envelope.
    var writer = WireWriter(capacity: SizeClass.b512.rawValue)
    writer.fixed(id.bytes)
    writer.u64(sentAt)
    writer.list(parts) { writer, part in
      writer.u8(part.kind)
      writer.vector { part.write(to: &$0) }
    }
    return writer.bytes
  }

  /// Reads content strictly; an unknown kind below 128 is refused. [messages.4]
  public init(decoding bytes: [UInt8]) throws(Refused) { try self.init(decoding: bytes) { _ in true } }

  /// Reads a message inside a copy: it has nothing but what makes a message, so that copies do not nest. [devices.8]
  init(copied bytes: [UInt8]) throws(Refused) {
    try self.init(decoding: bytes) { [1, 5, 7, 8].contains($0) }
    guard isMessage else { throw Refused(.content) }
  }

  private init(decoding bytes: [UInt8], allowing isAllowed: (UInt8) -> Bool) throws(Refused) {
    var reader = WireReader(bytes)
    do throws(WireError) {
      id = try MessageID(try reader.fixed(MessageID.count))
      sentAt = try reader.u64()
      parts = try reader.list(limit: Limits.contentParts) { reader throws(WireError) in
        let kind = try reader.u8()
        guard isAllowed(kind) else { throw .invalidValue }
        return try ContentPart(kind: kind, body: try reader.slice(limit: SizeClass.k64.rawValue))
      }
      try reader.finish()
    } catch {
      throw Refused(.content)
    }
  }
}

// The bodies of the kinds. [messages.5]
extension ContentPart {
  package var kind: UInt8 {
    switch self {
    case .text: 1
    case .replyPath: 2
    case .heads: 3
    case .missing: 4
    case .answer: 5
    case .receipt: 6
    case .timer: 7
    case .attachment: 8
    case .link: 9
    case .copy: 10
    case .ignorable(let kind, _): kind
    }
  }

  /// Writes the body and returns its kind.
  @discardableResult package func write(to body: inout WireWriter) -> UInt8 {
    switch self {
    case .text(let text): body.fixed(Array(text.utf8))
    case .replyPath(let path): path.write(to: &body)
    case .heads(let own, let yours):
      own.write(to: &body)
      yours.write(to: &body)
    case .missing(let ids):
      for id in ids { body.fixed(id.bytes) }
    case .answer(let reference):
      body.u8(reference.side.rawValue)
      body.fixed(reference.id.bytes)
    case .receipt(let receipt, let ids):
      body.u8(receipt.rawValue)
      for id in ids { body.fixed(id.bytes) }
    case .timer(let seconds): body.u32(seconds)
    case .attachment(let attachment): attachment.write(to: &body)
    case .link(let message): message.write(to: &body)
    case .copy(let copy): copy.write(to: &body)
    case .ignorable(_, let bytes): body.fixed(bytes)
    }
    return kind
  }

  /// Reads the body of a kind.
  package init(kind: UInt8, body: ArraySlice<UInt8>) throws(WireError) {
    if kind == 1 {
      guard let text = String(validating: body, as: UTF8.self) else { throw .invalidValue }
      self = .text(text)
      return
    }
    var reader = WireReader(Array(body))
    switch kind {
    case 2: self = .replyPath(try ReplyPath(from: &reader))
    case 3: self = .heads(own: try ListHead(from: &reader), yours: try ListHead(from: &reader))
    case 4: self = .missing(try reader.messageIDs())
    case 5:
      guard let side = MessageReference.Side(rawValue: try reader.u8()) else { throw .invalidValue }
      self = .answer(MessageReference(side, try MessageID(try reader.fixed(MessageID.count))))
    case 6:
      guard let receipt = Receipt(rawValue: try reader.u8()), reader.remaining > 0 else { throw .invalidValue }
      self = .receipt(receipt, try reader.messageIDs())
    case 7:
      let seconds = try reader.u32()
      guard seconds <= Limits.timer else { throw .outOfRange }
      self = .timer(seconds)
    case 8: self = .attachment(try Attachment(from: &reader))
    case 9: self = .link(try LinkMessage(from: &reader))
    case 10: self = .copy(try ConversationCopy(from: &reader))
    case 128...: self = .ignorable(kind: kind, body: reader.rest())
    default: throw .invalidValue
    }
    try reader.finish()
  }
}

extension WireReader {
  /// Message ids, to the end.
  fileprivate mutating func messageIDs() throws(WireError) -> [MessageID] {
    var ids: [MessageID] = []
    while remaining > 0 { ids.append(try MessageID(try fixed(MessageID.count))) }
    return ids
  }
}
