import SottoCrypto
import SottoWire

/// Who an initiator says it is: unverified until the enclosed ratchet message opens. [handshake.7]
package struct Box1 {
  let card: UnverifiedCard
  let device: DeviceID
  let replyPath: ReplyPath
  let generation: UInt32
  let reset: Bool
  let seen: ListHead

  package static func encode(
    card: Card, device: DeviceID, replyPath: ReplyPath, generation: UInt32, reset: Bool, seen: ListHead
  ) -> [UInt8] {
    var writer = WireWriter()
    card.write(to: &writer)
    writer.fixed(device.bytes)
    replyPath.write(to: &writer)
    writer.u32(generation)
    writer.u8(reset ? 1 : 0)
    seen.write(to: &writer)
    // [handshake.14] As few blocks as hold it: with one device and a short text the first message fits 8 KiB.
    let blocks = writer.bytes.count / Limits.box1Padding + 1
    return Padding.pad(writer.bytes, to: blocks * Limits.box1Padding)
  }

  init(decoding bytes: [UInt8]) throws(Refused) {
    let content = try Padding.unpad(bytes)
    self = try refusing(at: .encoding) { try WireReader.decode(content, Self.read) }
    // [handshake.8] A generation near the end of the counter would end all later resets.
    guard generation >= 1, generation <= Limits.generation else { throw Refused(.generation) }
  }

  private init(
    card: UnverifiedCard, device: DeviceID, replyPath: ReplyPath, generation: UInt32, reset: Bool, seen: ListHead
  ) {
    self.card = card
    self.device = device
    self.replyPath = replyPath
    self.generation = generation
    self.reset = reset
    self.seen = seen
  }

  private static func read(_ reader: inout WireReader) throws -> Box1 {
    let card = try UnverifiedCard(from: &reader)
    let device = try DeviceID(try reader.fixed(DeviceID.count))
    let replyPath = try ReplyPath(from: &reader)
    let generation = try reader.u32()
    let flag = try reader.u8()
    guard flag <= 1 else { throw WireError.invalidValue }
    return Box1(
      card: card, device: device, replyPath: replyPath, generation: generation, reset: flag == 1,
      seen: try ListHead(from: &reader))
  }
}

/// Who opened a session with us, once everything about them has been verified.
public struct Initiator: Sendable {
  /// Its card; newer than, or the same as, what was known, unless the first flight was slow.
  public let card: Card
  /// The device that speaks.
  public let device: Device
  /// Where it can be answered.
  public let replyPath: ReplyPath
  /// One above the highest that it knew.
  public let generation: UInt32
  /// Whether older sessions with that device end here.
  public let reset: Bool
  /// The head of our list as the initiator saw it: a mismatch is authenticated evidence of a stale view.
  public let seen: ListHead
}
