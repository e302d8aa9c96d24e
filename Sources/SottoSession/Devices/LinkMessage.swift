public import SottoCrypto
public import SottoWire

/// What a device that joins an account and the devices of that account say to each other. [devices.5]
public enum LinkMessage: Hashable, Sendable {
  /// The account offers itself to whoever showed the code.
  case offer
  /// The new device's keys, for the account to list.
  case request(LinkRequest)
  /// The new device is listed: what it needs besides.
  case grant(LinkGrant)
  /// The account's newest card, for a device that cannot fetch it any more.
  case card(UnverifiedCard)
}

/// What a new device asks to be listed as.
public struct LinkRequest: Hashable, Sendable {
  public let device: Device
  /// The `contact` capability of its mailbox.
  public let capability: Capability
  /// What its user calls it.
  public let name: DeviceName

  public init(device: Device, capability: Capability, name: DeviceName) {
    self.device = device
    self.capability = capability
    self.name = name
  }
}

/// What a new device is given besides the card, which the handshake has brought.
public struct LinkGrant: Hashable, Sendable {
  /// What the account's user calls their devices.
  public let names: [DeviceID: DeviceName]
  /// Contacts and messages, as a file.
  public let history: Attachment

  public init(names: [DeviceID: DeviceName], history: Attachment) {
    self.names = names
    self.history = history
  }
}

/// What a user calls a device, or a contact in a copy: 1 to 64 bytes of UTF-8 without controls. [devices.5]
public struct DeviceName: Hashable, Sendable {
  public let text: String

  public init?(_ text: String) {
    let hasControls = text.unicodeScalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }
    guard (1...Limits.deviceName).contains(text.utf8.count), !hasControls else { return nil }
    self.text = text
  }

  package func write(to writer: inout WireWriter) { writer.vector(Array(text.utf8)) }

  package init(from reader: inout WireReader) throws(WireError) {
    guard
      let text = String(validating: try reader.vector(limit: Limits.deviceName), as: UTF8.self),
      let name = DeviceName(text)
    else { throw .invalidValue }
    self = name
  }
}

extension LinkMessage {
  private enum Step: UInt8 {
    case offer = 1
    case request = 2
    case grant = 3
    case card = 4
  }

  package func write(to writer: inout WireWriter) {
    switch self {
    case .offer: writer.u8(Step.offer.rawValue)
    case .request(let request):
      writer.u8(Step.request.rawValue)
      writer.vector(Array(request.device.relay.text.utf8))
      request.device.write(to: &writer, [request.device.relay])
      writer.fixed(request.capability.bytes)
      request.name.write(to: &writer)
    case .grant(let grant):
      writer.u8(Step.grant.rawValue)
      let names = grant.names.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
      writer.list(names) { writer, entry in
        writer.fixed(entry.key.bytes)
        entry.value.write(to: &writer)
      }
      grant.history.write(to: &writer)
    case .card(let card):
      writer.u8(Step.card.rawValue)
      card.write(to: &writer)
    }
  }

  package init(from reader: inout WireReader) throws(WireError) {
    guard let step = Step(rawValue: try reader.u8()) else { throw .invalidValue }
    switch step {
    case .offer: self = .offer
    case .request:
      let relay = try relayAuthority(&reader)
      let device = try Device(from: &reader, [relay])
      let capability = try Capability(try reader.fixed(Capability.count))
      self = .request(LinkRequest(device: device, capability: capability, name: try DeviceName(from: &reader)))
    case .grant:
      let names = try reader.list(limit: Limits.devices) { reader throws(WireError) in
        (try DeviceID(try reader.fixed(DeviceID.count)), try DeviceName(from: &reader))
      }
      // Ascending, so that there is one encoding and no device has two names.
      guard zip(names, names.dropFirst()).allSatisfy({ $0.0.bytes.lexicographicallyPrecedes($1.0.bytes) }) else {
        throw .invalidValue
      }
      self = .grant(
        LinkGrant(names: Dictionary(uniqueKeysWithValues: names), history: try Attachment(from: &reader)))
    case .card:
      do { self = .card(try UnverifiedCard(decoding: reader.rest())) } catch { throw .invalidValue }
    }
  }
}

/// Fifteen digits that are equal on both sides of a link if nobody stands in between. [devices.4]
public enum LinkCode {
  /// - Parameter sid: the session between them, which no other handshake has: who stands in between has two.
  public static func of(account: AccountID, guest: AccountID, sid: Digest) -> String {
    let hash = Digest.of("link code", account.bytes, guest.bytes, sid.bytes).bytes
    return fiveDigitGroups(hash, count: 3)
  }
}
