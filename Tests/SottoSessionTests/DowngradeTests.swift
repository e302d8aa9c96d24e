import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Strip anything: there is one suite, and what is missing is refused, never done without. [handshake.9]
@Suite(.sealsAreForged) struct DowngradeTests {
  let alice: Person
  let bob: Person

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = try Person(seed: 2, now: day)
  }

  // Of what the relay serves.
  @Test func aBundleWithoutAPartIsRefused() throws {
    let honest = Served(bob)
    let part = try bob.signedPart()
    func refused(_ change: (inout Served) throws -> Void) throws -> RefusalStage? {
      var served = honest
      try change(&served)
      return served.refusal()
    }
    // The signed part, the one-time part's keys, its path.
    #expect(try refused { $0.signedPart = [] } == .encoding)
    #expect(try refused { $0.oneTime = [] } == .encoding)
    let one = bob.parts[0]
    #expect(try refused { $0.oneTime = try $0.oneTime!.replacing(one.kemKey.bytes, with: []) } == .encoding)
    #expect(try refused { $0.oneTime = try $0.oneTime!.replacing(one.agreementKey.bytes, with: []) } == .encoding)
    // The KEM key or SPK, even if their owner signs it.
    for key in [part.lastResortKey.bytes, part.signedKey.bytes] {
      let without = try bob.publish(part: try part.encoded().replacing(key, with: []))
      #expect(try refused { $0.signedPart = without } == .encoding)
    }
    // The ML-DSA halves of the keys.
    let account = bob.account.signing.publicKey.postQuantum.bytes
    let device = bob.device.signing.publicKey.postQuantum.bytes
    #expect(try refused { $0.card = try $0.card.replacing(account, with: []) } == .encoding)
    #expect(try refused { $0.signedPart = try $0.signedPart.replacing(device, with: []) } == .encoding)
    let zero = [UInt8](repeating: 0, count: MLDSAPublicKey.count)
    #expect(try refused { $0.card = try $0.card.replacing(account, with: zero) } == .account)
    #expect(try refused { $0.signedPart = try $0.signedPart.replacing(device, with: zero) } == .device)
  }

  // Without a one-time part the last-resort key is used: the API says so on both sides. [prekeys.6]
  @Test func withoutAOneTimePartItIsSaid() throws {
    var served = Served(bob)
    #expect(try served.bundle().kind == .oneTime)
    served.oneTime = nil
    let bundle = try served.bundle()
    #expect(bundle.kind == .lastResort)
    let prelude = try #require(
      try Envelope(decoding: try CraftedFlight.make(from: alice, to: bundle)).prelude)
    #expect(try prelude.openIDs(bob.device, of: bob.account.id).ids.kind == .lastResort)
  }

  // The list of versions: taken away by a relay, emptied, out of order, or without this one. [handshake.17]
  @Test func aListWithoutTheVersionIsRefused() throws {
    let list = bob.card.list.encoded()
    let end = Array(list.suffix(2))
    #expect(end == [1, 1], "one version, 1")
    let cases: [([UInt8], RefusalStage?)] = [
      ([1, 1], nil), ([0], .encoding), ([1, 2], .device), ([2, 1, 2], nil), ([2, 2, 1], .encoding),
      ([2, 1, 1], .encoding), ([9] + Array(1...9), .encoding),
    ]
    for (versions, expected) in cases {
      // The lists' own length stands before the devices.
      let devices = Array(list[(list.count - 123)...].dropLast(2)) + versions
      var writer = WireWriter()
      writer.fixed(Array(list[..<(list.count - 125)]))
      writer.vector(devices)
      var served = Served(bob)
      served.card = try bob.publish(list: writer.bytes)
      #expect(served.refusal() == expected, "\(versions)")
      if versions != end {
        // Unsigned, it does not even get that far.
        served.card = try Served(bob).card.replacing(list, with: Array(list.dropLast()) + [2])
        #expect(served.refusal() == .signature)
      }
    }
  }

  // [handshake.17] Whoever speaks has the version too: a device that the list says to have only a later one.
  @Test func aDeviceWithoutTheVersionBeginsNothing() throws {
    let listed = alice.card.list.devices[0]
    for (versions, expected) in [([1], nil), ([1, 2], nil), ([2], .device)] as [([UInt8], RefusalStage?)] {
      let device = Device(
        id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
        identityKey: listed.identityKey, relay: listed.relay, mailbox: listed.mailbox, versions: versions)
      let list = DeviceList(
        account: alice.account.id, sequence: 1, previous: .zero, notBefore: day, notAfter: day + 86_400,
        nextAccount: alice.account.nextID, relays: alice.card.list.relays, devices: [device])
      var session = try Session.initiate(
        to: try bob.bundle(now: day), as: try Card(list, signedBy: alice.account), device: alice.device,
        replyPath: try alice.replyPath(), generation: 1, reset: false, now: day, from: &alice.entropy)
      let flight = try Envelope(decoding: session.seal(alice.text("hello", at: day), from: &alice.entropy)!)
      #expect(stage { try bob.respond(to: flight, now: day) } == expected, "\(versions)")
    }
  }

  // Of the flight: each part of the prelude taken away or made zero, and the envelope filled up again.
  @Test func aFlightWithoutAPartIsRefused() throws {
    let flight = try CraftedFlight.make(from: alice, to: try Served(bob).bundle())
    let prelude = try #require(try Envelope(decoding: flight).prelude)
    let ephemeral = 1..<33
    let box0 = 33..<81
    let ciphertext = 81..<1649
    let box1 = 1651..<1651 + prelude.box1.count
    #expect(Array(flight[box1]) == prelude.box1 && Array(flight[ciphertext]) == prelude.ciphertext)
    let zeroed: [(Range<Int>, RefusalStage)] = [
      (ephemeral, .key), (box0, .box0), (ciphertext, .box1), (box1, .box1), (box1.upperBound..<flight.count, .header),
    ]
    for (part, expected) in zeroed {
      var bent = flight
      bent.replaceSubrange(part, with: [UInt8](repeating: 0, count: part.count))
      #expect(refusal(of: bent, by: bob) == expected)
    }
    for part in [ephemeral, box0, ciphertext, box1, 1649..<box1.upperBound] {
      var stripped = flight
      stripped.removeSubrange(part)
      #expect(refusal(of: stripped, by: bob) == .encoding, "an envelope of no size")
      stripped += [UInt8](repeating: 0, count: part.count)
      #expect(refusal(of: stripped, by: bob) != nil)
    }
    // Without its prelude it is a message of no session; with another type it is nothing.
    for type: UInt8 in [0, 1, 3, 255] {
      var other = flight
      other[0] = type
      #expect(refusal(of: other, by: bob) == (type == 1 ? .header : .encoding))
    }
  }

  // A flight whose author leaves out the KEM, the one-time agreement, or dh1: no step may be skipped.
  @Test func aHandshakeWithoutASecretIsRefused() throws {
    let bundle = try Served(bob).bundle()
    let nothing = SecretBox(Secret(copying: []))
    #expect(refusal(of: try CraftedFlight.make(from: alice, to: bundle, dh1: nothing), by: bob) == .header)
    #expect(refusal(of: try CraftedFlight.make(from: alice, to: bundle, shared: nothing), by: bob) == .box1)
    var keys = CraftedFlight.Keys(bundle)
    keys.oneTimeKey = nil
    #expect(refusal(of: try CraftedFlight.make(from: alice, to: bundle, keys: keys), by: bob) == .box1)
    #expect(refusal(of: try CraftedFlight.make(from: alice, to: bundle), by: bob) == nil)
  }
}
