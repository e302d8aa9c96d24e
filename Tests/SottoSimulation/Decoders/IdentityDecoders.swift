import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// Device lists and cards, as whoever has the account's key can make them.
  static let lists = Decoder(
    "lists", limit: 8192,
    oneOf: [{ try list($0) }, { try card($0) }, { try sealedCard($0) }])

  /// Signed parts and one-time parts, as a device can make them.
  static let prekeys = Decoder(
    "prekeys", limit: 8192,
    oneOf: [{ try signedPart($0) }, { try published($0) }, { try oneTimePart($0) }])

  private static func list(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    // A list keeps the bytes that it was read from.
    func encodedAnew(_ list: DeviceList) -> [UInt8] {
      DeviceList(
        account: list.account, sequence: list.sequence, previous: list.previous, notBefore: list.notBefore,
        notAfter: list.notAfter, nextAccount: list.nextAccount, relays: list.relays, devices: list.devices
      ).encoded()
    }
    let read = try promiseOneSpelling(bytes, { try DeviceList(decoding: $0) }, encodedAnew)
    guard let list = read else { return false }
    try promise(
      1...Limits.devices ~= list.devices.count && 1...Limits.relays ~= list.relays.count
        && list.devices.allSatisfy { list.device($0.id) == $0 }, "a list beyond its bounds")
    let isValid = list.isValid(at: stage.now)
    try promise((try? list.check(after: list.head)) != nil, "a list does not follow itself")
    guard list.account == stage.alice.account.id, let card = try? Card(list, signedBy: stage.alice.account) else {
      return false
    }
    let arrived = try UnverifiedCard(decoding: card.encoded())
    let verified = try? arrived.verified(for: list.account, foundAt: nil, now: stage.now)
    try promise(verified == (isValid ? card : nil), "a card that was signed is another")
    return isValid
  }

  private static func card(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    guard let card = try? UnverifiedCard(decoding: bytes) else { return false }
    let verified = try? card.verified(for: card.claimedAccount, foundAt: nil, now: stage.now)
    // Only Alice's key is at hand, and it signed one list.
    try promise(verified == nil || verified?.list == stage.alice.card.list, "a forged card")
    try promise(verified == nil || verified?.encoded() == bytes, "a card has a second spelling")
    return verified != nil
  }

  private static func sealedCard(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    guard let id = try? CardID([UInt8](repeating: 1, count: 16)) else { return false }
    let kind = SealedKind.card(id, sequence: 1)
    let sealed = kind.seal(bytes, under: stage.sealingKey(), from: &Fixed.entropy)
    try promise((try? kind.open(sealed, under: stage.sealingKey())) == bytes, "what was sealed is not opened")
    try promise((sealed.count - SealingKey.overhead).isMultiple(of: Limits.sealedPadding), "a size that tells")
    // Padding that its author made up.
    let raw = stage.sealingKey().seal(bytes, ad: kind.associatedData, from: &Fixed.entropy)
    guard let opened = try? kind.open(raw, under: stage.sealingKey()) else { return false }
    try promise(Padding.pad(opened, to: bytes.count) == bytes, "padding has a second spelling")
    return true
  }

  private static func signedPart(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    guard let part = try promiseOneSpelling(bytes, { try SignedPart.decode($0) }, { $0.encoded() }) else {
      return false
    }
    try promise(
      part.batches.count <= Limits.batches && part.batches.allSatisfy { $0.depth <= Limits.batchDepth },
      "a signed part beyond its bounds")
    let device = stage.bob.device.listed(at: stage.bob.relay)
    guard let published = try? part.published(signedBy: stage.bob.device.signing) else { return false }
    let read = try? VerifiedBundle.signedPart(published, of: device, account: stage.bob.account.id, now: stage.now)
    let isFor = part.account == stage.bob.account.id && part.device == device.id
    try promise(read == nil || (isFor && read == part), "a signed part of another device")
    let kind = SealedKind.signedPart(device.mailbox, id: part.id)
    let bundle = try? VerifiedBundle(
      card: stage.bob.card, device: device.id, spkID: part.id,
      sealedSignedPart: kind.seal(published, under: stage.sealingKey(), from: &Fixed.entropy), oneTime: nil,
      keys: ContactKeys(stage.bob.address), now: stage.now)
    try promise((bundle == nil) == (read == nil), "a bundle is stricter or laxer than its part")
    return read != nil
  }

  private static func published(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    let device = stage.bob.device.listed(at: stage.bob.relay)
    let part = try? VerifiedBundle.signedPart(bytes, of: device, account: stage.bob.account.id, now: stage.now)
    // Only Bob's key is at hand, and it signed one part; signatures are randomised.
    try promise(part == nil || part == stage.bundle.signedPart, "a forged signed part")
    return part != nil
  }

  private static func oneTimePart(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    guard let keys = try promiseOneSpelling(bytes, { try OneTimeKeys.decode($0) }, { $0.encoded() }) else {
      return false
    }
    try promise(keys.path.count <= Limits.batchDepth, "a path beyond its bound")
    let part = try? VerifiedBundle.oneTimePart(bytes, of: stage.bob.device.id, under: stage.bundle.signedPart)
    try promise(part == nil || part == stage.bundle.oneTime || stage.bob.parts.contains(keys), "a forged one-time part")
    return part != nil
  }
}

/// Nonces of seals that nobody else opens.
enum Fixed {
  static var entropy: FixedEntropy {
    get { FixedEntropy([UInt8](repeating: 4, count: 24)) }
    set { _ = newValue }
  }
}
