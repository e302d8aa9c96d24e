/// What a sender sends on the send socket, one binary WebSocket message each: an envelope for a mailbox. [send.1]
public struct PutFrame: Hashable, Sendable {
  /// The sender's own, and what the answer names.
  public let number: UInt32
  public let mailbox: MailboxID
  public let id: EnvelopeID
  public let capability: Capability
  /// A size class's number of them, or the relay refuses them.
  public let bytes: ArraySlice<UInt8>

  /// The greatest number of bytes of an encoded frame.
  public static let limit = 1 + 4 + MailboxID.count + EnvelopeID.count + Capability.count + 4 + SizeClass.k64.rawValue

  public init(number: UInt32, mailbox: MailboxID, id: EnvelopeID, capability: Capability, bytes: [UInt8]) {
    self.number = number
    self.mailbox = mailbox
    self.id = id
    self.capability = capability
    self.bytes = bytes[...]
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u8(0x91)
    writer.u32(number)
    writer.u128(mailbox.number)
    writer.u128(id.number)
    writer.fixed(capability.bytes)
    writer.vector(bytes)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    guard try reader.u8() == 0x91 else { throw .invalidValue }
    number = try reader.u32()
    mailbox = MailboxID(number: try reader.u128())
    id = EnvelopeID(number: try reader.u128())
    capability = try Capability(try reader.fixed(Capability.count))
    self.bytes = try reader.slice(limit: SizeClass.k64.rawValue)
    try reader.finish()
  }
}

/// What the relay sends on the send socket. [send.1]
public enum SendFrame: Hashable, Sendable {
  /// What became of some puts.
  case answers([PutAnswer])
  /// Why the relay closes; the close frame follows. [send.6]
  case closing(CloseReason)

  public var encoded: [UInt8] {
    switch self {
    case .answers(let answers):
      let count = answers.count * PutAnswer.count
      var writer = WireWriter(capacity: 1 + 8 + count)
      writer.u8(0x11)
      writer.varint(count)
      for answer in answers { answer.write(to: &writer) }
      return writer.bytes
    case .closing(let reason):
      var writer = WireWriter()
      writer.u8(0x12)
      writer.u16(reason.rawValue)
      return writer.bytes
    }
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    switch try reader.u8() {
    case 0x11:
      self = .answers(try reader.list(limit: .max) { reader throws(WireError) in try PutAnswer(from: &reader) })
    case 0x12:
      guard let reason = CloseReason(rawValue: try reader.u16()) else { throw .invalidValue }
      self = .closing(reason)
    default: throw .invalidValue
    }
    try reader.finish()
  }
}

/// What became of a put: as the answer to the PUT request would say it. [send.3]
public struct PutAnswer: Hashable, Sendable {
  public let number: UInt32
  /// nil: the envelope is durable, or its name was known already, as a 201 says.
  public let problem: Problem?
  /// For `too-many-requests`: seconds to wait; otherwise 0.
  public let retryAfter: UInt16

  /// A problem that has no code is told as `internal-error`.
  public init(number: UInt32, problem: Problem? = nil, retryAfter: UInt16 = 0) {
    self.number = number
    self.problem = problem.map { Self.problems.contains($0) ? $0 : .internalError }
    self.retryAfter = retryAfter
  }

  /// The number of bytes of an encoded answer.
  static let count = 4 + 2 + 1 + 2

  /// Why a put may be refused; each has its place in this list, counted from 1, as its code. [send.4]
  public static let problems: [Problem] = [
    .requestMalformed, .deliveryRefused, .tooManyRequests, .mailboxFull, .storageFull, .internalError, .unavailable,
  ]

  func write(to writer: inout WireWriter) {
    writer.u32(number)
    writer.u16(UInt16(problem?.status ?? 201))
    writer.u8(problem.flatMap { Self.problems.firstIndex(of: $0) }.map { UInt8($0 + 1) } ?? 0)
    writer.u16(retryAfter)
  }

  init(from reader: inout WireReader) throws(WireError) {
    number = try reader.u32()
    let status = Int(try reader.u16())
    let code = Int(try reader.u8())
    guard code <= Self.problems.count else { throw .invalidValue }
    problem = code == 0 ? nil : Self.problems[code - 1]
    guard status == problem?.status ?? 201 else { throw .invalidValue }
    retryAfter = try reader.u16()
  }
}
