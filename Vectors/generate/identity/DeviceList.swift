import SottoCrypto
import SottoSession
import SottoWire

@Sendable func deviceList(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  try expectEqual(alice.card.list.encoded().count, 260, "the number of bytes of the list")
  try expectEqual(
    alice.card.list.head.encoded,
    hex("0000000000000001f76253e9cd7d2cdb95e9e71a159aff6f3d00dd148aa51e23ed71fc8777d71c0e"), "the head")
  return VectorFile(
    construction: "identity", operation: "device-list",
    description: "A device list and its head; what no reader takes for a list, whoever signed it",
    cases: try goodLists(of: alice) + badLists(of: alice) + badListBytes(of: alice))
}

private func goodLists(of alice: Player) throws -> [Case] {
  func written(_ id: String, _ rule: String, _ comment: String, _ list: DeviceList) throws -> Case {
    let devices = list.devices.map { device in
      var writer = WireWriter()
      device.write(to: &writer, list.relays)
      return Hex.encode(writer.bytes)
    }
    return try Case(
      id, rule, comment,
      [
        "account": .bytes(list.account.bytes), "sequence": .number(Int(list.sequence)),
        "previous": .bytes(list.previous.bytes), "not_before": .number(Int(list.notBefore)),
        "not_after": .number(Int(list.notAfter)), "next_account": .bytes(list.nextAccount.bytes),
        "relays": .list(list.relays.map(\.text)), "devices": .list(devices),
      ]
    ) {
      try expectEqual(try DeviceList(decoding: list.encoded()), list, "the list, read again")
      return ["encoded": .bytes(list.encoded()), "head": .bytes(list.head.encoded)]
    }
  }
  func read(_ id: String, _ rule: String, _ comment: String, _ list: DeviceList) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(list.encoded())]) {
      ["head": .bytes(try DeviceList(decoding: list.encoded()).head.encoded)]
    }
  }
  let later = try LaterLists(of: alice)
  let relays = (1...8).map { RelayAuthority("relay-\($0).example")! }
  let versions = [1, 2, 3, 4, 5, 6, 7, 255] as [UInt8]
  let largest = try alice.list(
    relays: relays, devices: (1...64).map { try fillerDevice($0, at: relays[$0 % 8], $0 == 1 ? versions : [1]) })
  return [
    try written(
      "example", "list.2", "the list of the example in Specs/Identity.md: valid for 30 days", alice.card.list),
    try written("second", "list.8", "the list after it", later.second),
    try written("three-devices", "list.2", "three devices at two relays", later.fourth),
    try written("largest", "encoding.4", "8 relays, 64 devices, one of them with 8 versions", largest),
    try written("shortest-validity", "list.7", "valid for a second", alice.list(until: Cast.begin + 1)),
    try read(
      "end-of-numbers", "list.2", "the greatest sequence and not_after",
      alice.list(sequence: .max, previous: later.second.hash, from: .max - 1, until: .max)),
  ]
}

/// Lists of well-formed bytes.
private func badLists(of alice: Player) throws -> [Case] {
  let listed = alice.card.list.devices[0]
  let filler = try fillerDevice(1, at: alice.relay)
  let previous = try LaterLists(of: alice).second.hash
  let end = alice.card.list.notAfter
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ list: DeviceList, at stage: RefusalStage = .encoding
  ) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(list.encoded())], refusedAt: stage) {
      _ = try DeviceList(decoding: list.encoded())
    }
  }
  func two(_ id: String, _ comment: String, _ second: Device) throws -> Case {
    try refused(id, "list.3", comment, alice.list(devices: [listed, second]))
  }
  return [
    try refused("no-devices", "list.3", "no devices", alice.list(devices: [])),
    try refused("relay-twice", "list.3", "a relay is named twice", alice.list(relays: [alice.relay, alice.relay])),
    try two("same-id", "two devices with one id", filler.with(id: listed.id)),
    try two("same-signing-key", "two devices with one signing key", filler.with(signingKey: listed.signingKey)),
    try two("same-identity-key", "two devices with one identity key", filler.with(identityKey: listed.identityKey)),
    try two("same-mailbox", "two devices with one mailbox", filler.with(mailbox: listed.mailbox)),
    try refused(
      "no-versions", "list.2", "a device without versions", alice.list(devices: [listed.with(versions: [])])),
    try refused(
      "versions-descending", "list.2", "versions 2, 1", alice.list(devices: [listed.with(versions: [2, 1])])),
    try refused("version-twice", "list.2", "versions 1, 1", alice.list(devices: [listed.with(versions: [1, 1])])),
    try refused(
      "nine-versions", "encoding.4", "9 versions", alice.list(devices: [listed.with(versions: seq(1, 9))])),
    try refused(
      "nine-relays", "encoding.4", "9 relays",
      alice.list(relays: [alice.relay] + (2...9).map { RelayAuthority("relay-\($0).example")! })),
    try refused(
      "sixty-five-devices", "encoding.4", "65 devices",
      alice.list(devices: (1...65).map { try fillerDevice($0, at: alice.relay) })),
    try refused(
      "sequence-zero", "list.7", "sequence 0, after another list", alice.list(sequence: 0, previous: previous),
      at: .validity),
    try refused("no-validity", "list.7", "not_before is not_after", alice.list(until: Cast.begin), at: .validity),
    try refused(
      "validity-backwards", "list.7", "not_before is after not_after", alice.list(until: Cast.begin - 1), at: .validity),
    try refused("long-validity", "list.7", "valid for 30 days and a second", alice.list(until: end + 1), at: .validity),
    try refused(
      "first-with-previous", "list.8", "the first list follows another", alice.list(previous: previous), at: .chain),
    try refused(
      "second-without-previous", "list.8", "the second list follows none", alice.list(sequence: 2), at: .chain),
  ]
}

/// Bytes that no list is encoded as.
private func badListBytes(of alice: Player) throws -> [Case] {
  func refused(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: .encoding) {
      _ = try DeviceList(decoding: bytes)
    }
  }
  let list = alice.card.list.encoded()
  // The example has its relays at 120 and its devices, with a length of two bytes, at 135.
  let (head, device) = (Array(list[..<120]), Array(list[137...]))
  func with(relays: [UInt8], device: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(head)
    writer.vector(relays)
    writer.vector(device)
    return writer.bytes
  }
  func with(relay: [UInt8]) -> [UInt8] { with(relays: lengthPrefix(relay.count) + relay, device: device) }
  func with(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
    with(
      relays: Array(list[121..<135]),
      device: Array(device[..<offset] + bytes + device[(offset + bytes.count)...]))
  }
  try expectEqual(with(0, [0xd0]), list, "the list, put together again")
  let prime = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
  return [
    try refused(
      "no-relays", "list.3", "no relays, and so none for the device either", with(relays: [], device: device)),
    try refused("relay-index", "list.3", "the device names relay 1 of one", with(104, [1])),
    try refused("relay-upper-case", "address.3", "an upper-case letter", with(relay: Array("Relay.example".utf8))),
    try refused(
      "relay-default-port", "address.3", "443 is the port of https", with(relay: Array("relay.example:443".utf8))),
    try refused("relay-empty", "address.3", "a relay without a name", with(relay: [])),
    try refused("relay-not-utf-8", "encoding.5", "a relay in Latin-1", with(relay: Array("rel".utf8) + [0xe4])),
    try refused("identity-key-prime", "primitives.3", "the identity key is 2^255 - 19", with(72, prime)),
    try refused(
      "identity-key-top-bit", "primitives.3", "the top bit of the identity key", with(72 + 31, [device[72 + 31] | 0x80])
    ),
    try refused("cut", "encoding.1", "a byte less", list.dropLast()),
    try refused("empty", "encoding.1", "no bytes", []),
    try refused("trailing", "encoding.2", "a byte more", list + [0]),
    try refused(
      "trailing-in-devices", "encoding.2", "a byte after the device, within the devices",
      with(relays: Array(list[121..<135]), device: device + [0])),
    try refused(
      "longer-length", "encoding.3", "the length of the relays in two bytes",
      Array(list[..<120] + [0x40, 0x0e] + list[121...])),
  ]
}
