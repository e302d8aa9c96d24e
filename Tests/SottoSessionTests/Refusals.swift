import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// The stage at which `body` is refused; nil when it is not. Anything but a refusal is a failure of the test.
func stage<R>(_ body: () throws -> R) -> RefusalStage? {
  do {
    _ = try body()
    return nil
  } catch let refused as Refused {
    return refused.stage
  } catch {
    Issue.record(error)
    return nil
  }
}

/// The stage at which `person` refuses a first flight: then every byte that they store is as it was.
func refusal(
  of flight: [UInt8], by person: Person, known: DeviceList? = nil, at now: UnixTime = day
) -> RefusalStage? {
  let before = person.snapshot()
  let stage = stage { try person.respond(to: try Envelope(decoding: flight), known: known, now: now) }
  if stage != nil { #expect(person.snapshot() == before) }
  return stage
}

/// What a relay serves for a device, every byte of which a test can falsify. It is sealed again with what everybody has
/// who has the address: the seal proves nothing.
struct Served {
  let address: Address
  var device: DeviceID
  let mailbox: MailboxID
  var card: [UInt8]
  var signedPart: [UInt8]
  var spkID: UInt64 = 1
  var oneTime: [UInt8]?
  var batch: UInt64 = 1
  var index: UInt32 = 0

  /// The first one-time part of `person`, and what goes with it.
  init(_ person: Person) {
    address = person.address
    device = person.device.id
    mailbox = person.device.mailbox
    card = person.card.encoded()
    signedPart = person.published[1]!
    oneTime = person.parts[0].encoded()
  }

  /// Everything that an initiator checks before it computes anything of a handshake.
  func bundle(now: UnixTime = day) throws -> VerifiedBundle {
    let keys = ContactKeys(address)
    let key = keys.cardKey()
    var entropy = SeededEntropy(seed: 6)
    func served(_ kind: SealedKind, _ plaintext: [UInt8]) -> [UInt8] {
      kind.seal(plaintext, under: key, from: &entropy)
    }
    let place = SealedKind.card(keys.cardID, sequence: 1)
    let card = try UnverifiedCard(decoding: try place.open(served(place, card), under: key))
      .verified(for: address.account, foundAt: address.relay, as: 1, now: now)
    let part = oneTime.map { served(.oneTimePart(mailbox, batch: batch, index: index), $0) }
    return try VerifiedBundle(
      card: card, device: device, spkID: spkID,
      sealedSignedPart: served(.signedPart(mailbox, id: spkID), signedPart),
      oneTime: part.map { (batch, index, $0) }, keys: keys, now: now)
  }

  /// The stage at which it is refused: before anything is encapsulated, agreed or drawn, because whoever does that must
  /// show a `VerifiedBundle`.
  func refusal(now: UnixTime = day) -> RefusalStage? { stage { try bundle(now: now) } }
}

extension Person {
  /// Any bytes as this device's signed part, with a genuine signature.
  func publish(part content: [UInt8]) throws -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(device.signing.publicKey.postQuantum.bytes)
    writer.vector(content)
    writer.fixed(try device.signing.sign("signed part", content).bytes)
    return writer.bytes
  }

  /// Any bytes as this account's list, with a genuine signature.
  func publish(list content: [UInt8]) throws -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(account.signing.publicKey.classical.bytes)
    writer.fixed(account.signing.publicKey.postQuantum.bytes)
    writer.vector(content)
    writer.fixed(try account.signing.sign("device list", content).bytes)
    return writer.bytes
  }

  /// The first signed part.
  func signedPart() throws -> SignedPart { try SignedPrekey(decoding: signedPrekeys[1]!.secret.copy()).part }
}

extension [UInt8] {
  /// With `new` in the place of the one `old` that must be there.
  func replacing(_ old: [UInt8], with new: [UInt8]) throws -> [UInt8] {
    let start = try #require(indices.first { self[$0...].starts(with: old) })
    return Array(self[..<start]) + new + self[(start + old.count)...]
  }
}
