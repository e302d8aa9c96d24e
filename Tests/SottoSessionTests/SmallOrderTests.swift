import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Every bad encoding of an X25519 key in every place where one is read. [handshake.13] [primitives.3] [primitives.4]
@Suite(.sealsAreForged) struct SmallOrderTests {
  let alice: Person
  let bob: Person

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = try Person(seed: 2, now: day, depth: 0)
  }

  private static let ones = [UInt8](repeating: 0xff, count: 30)
  private static let zeros = [UInt8](repeating: 0, count: 31)

  /// 0, 1, two of order 8, and p - 1. They are canonical, so it is their use that is refused.
  private static let smallOrder: [[UInt8]] = [
    [0] + zeros, [1] + zeros, Hex.decode("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")!,
    Hex.decode("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")!, [0xec] + ones + [0x7f],
  ]
  /// All values from p to 2^255 - 1, and keys with the top bit set, an honest one too: second names of other keys.
  private static let secondNames: [[UInt8]] =
    (0xed...0xff).map { [$0] + ones + [0x7f] }
    + (smallOrder + [[9] + zeros, [0xff] + ones + [0x7f]]).map { $0.dropLast() + [$0[31] | 0x80] }

  private static let bad = smallOrder.map { ($0, RefusalStage.key) } + secondNames.map { ($0, .encoding) }

  /// The stage at which Alice, who writes first, refuses.
  private func refusal(of served: Served) -> RefusalStage? {
    stage { SessionCell(try alice.initiate(to: try served.bundle(), now: day)) }
  }

  @Test func asEphemeralKey() throws {
    let flight = try CraftedFlight.make(from: alice, to: try Served(bob).bundle())
    for (key, expected) in Self.bad {
      var bent = flight
      bent.replaceSubrange(1..<33, with: key)
      #expect(SottoSessionTests.refusal(of: bent, by: bob) == expected)
    }
  }

  @Test func asIdentityKeyOfTheResponder() throws {
    for (key, expected) in Self.bad {
      var served = Served(bob)
      served.card = try bob.publish(
        list: try bob.card.list.encoded().replacing(bob.device.identity.publicKey.bytes, with: key))
      #expect(refusal(of: served) == expected)
    }
  }

  @Test func asSignedPrekey() throws {
    let part = try bob.signedPart()
    for (key, expected) in Self.bad {
      var served = Served(bob)
      served.signedPart = try bob.publish(part: try part.encoded().replacing(part.signedKey.bytes, with: key))
      #expect(refusal(of: served) == expected)
    }
  }

  @Test func asOneTimePrekey() throws {
    let part = try bob.signedPart()
    let honest = bob.parts[0]
    for (key, expected) in Self.bad {
      var served = Served(bob)
      served.oneTime = try honest.encoded().replacing(honest.agreementKey.bytes, with: key)
      // The batch has one leaf, which the owner signs as it is.
      if let weak = try? AgreementPublicKey(key) {
        let leaf = OneTimeKeys.leaf(device: bob.device.id, batch: 1, index: 0, weak, honest.kemKey)
        served.signedPart = try bob.publish(
          part: try part.encoded().replacing(part.batches[0].root.bytes, with: leaf.bytes))
      }
      #expect(refusal(of: served) == expected)
    }
  }

  @Test func asIdentityKeyOfTheInitiator() throws {
    let listed = alice.device.listed(at: alice.relay)
    for (key, expected) in Self.bad {
      var (card, device) = (alice.card, listed)
      var claims: [UInt8]?
      if let weak = try? AgreementPublicKey(key) {
        device = Device(
          id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
          identityKey: weak, relay: listed.relay, mailbox: listed.mailbox, versions: listed.versions)
        let list = alice.card.list
        card = try Card(
          DeviceList(
            account: list.account, sequence: 1, previous: .zero, notBefore: list.notBefore, notAfter: list.notAfter,
            nextAccount: list.nextAccount, relays: list.relays, devices: [device]), signedBy: alice.account)
      } else {
        claims = try Box1.encode(
          card: card, device: device.id, replyPath: try alice.replyPath(), generation: 1, reset: false,
          seen: bob.card.list.head
        ).replacing(listed.identityKey.bytes, with: key)
      }
      // What dh1 comes to under a weak key is no secret.
      let flight = try CraftedFlight.make(
        from: alice, to: try Served(bob).bundle(), claims: claims, card: card, device: device,
        dh1: SecretBox(Secret(copying: [UInt8](repeating: 0, count: 32))))
      #expect(SottoSessionTests.refusal(of: flight, by: bob) == expected)
    }
  }

  // A header that does not decode is one that no key opens.
  @Test func asRatchetKey() throws {
    for (key, expected) in Self.bad {
      let flight = try CraftedFlight.make(from: alice, to: try Served(bob).bundle(), ratchetKey: key)
      #expect(SottoSessionTests.refusal(of: flight, by: bob) == (expected == .key ? .key : .header))
    }
  }
}
