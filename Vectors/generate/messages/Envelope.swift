import SottoCrypto
import SottoSession
import SottoWire

/// What an envelope is made of: nothing in it has to open.
private struct EnvelopeInput {
  /// The prelude, without which the type is 1.
  var prelude: [UInt8]?
  let header = seq(0x01, 80)
  let commitment = seq(0x51, 32)
  var sealed: [UInt8]

  /// Filled up to an envelope of `size` bytes.
  init(_ prelude: [UInt8]? = nil, size: Int) {
    self.prelude = prelude
    sealed = seq(0x71, size - 1 - (prelude?.count ?? 0) - 80 - 32)
  }

  var named: Named {
    let prelude: Named = prelude.map { ["prelude": .bytes($0)] } ?? [:]
    return prelude + ["header": .bytes(header), "commitment": .bytes(commitment), "sealed": .bytes(sealed)]
  }

  /// Also what no reader takes for an envelope.
  var bytes: [UInt8] {
    SottoSession.Envelope.encode(
      prelude: prelude, message: RatchetMessage(header: header, commitment: commitment, sealed: sealed))
  }
}

/// A prelude whose box1 has that many bytes, or claims to.
private func prelude(_ box1: Int, length: [UInt8]? = nil, ephemeral: [UInt8]? = nil) -> [UInt8] {
  let key = ephemeral ?? hex("883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77")
  return key + seq(0x20, 48) + seq(0x30, 1_568) + (length ?? lengthPrefix(box1)) + seq(0x40, box1)
}

@Sendable func envelope(_: Recorded) throws -> VectorFile {
  func written(_ id: String, _ rule: String, _ comment: String, _ input: EnvelopeInput) throws -> Case {
    try Case(id, rule, comment, input.named) {
      let read = try SottoSession.Envelope(decoding: input.bytes)
      try expectEqual(read.prelude != nil, input.prelude != nil, "the prelude")
      try expectEqual(read.message.sealed, input.sealed, "the sealed part")
      return ["envelope": .bytes(input.bytes)]
    }
  }
  func refused(
    _ id: String, _ comment: String, _ bytes: [UInt8], _ rule: String = "envelope.3"
  ) throws -> Case {
    try Case(id, rule, comment, ["envelope": .bytes(bytes)], refusedAt: .encoding) {
      _ = try SottoSession.Envelope(decoding: bytes)
    }
  }
  func refused(_ id: String, _ comment: String, _ input: EnvelopeInput, _ rule: String = "envelope.3") throws -> Case {
    try refused(id, comment, input.bytes, rule)
  }
  let smallest = EnvelopeInput(size: 512)
  let first = EnvelopeInput(prelude(5_904), size: 8_192)
  try expectEqual(first.prelude?.count, 7_554, "the number of bytes of the prelude")
  let prime = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
  let sizes = try SizeClass.allCases.filter { $0 <= .k16 }.map { size in
    try written("size-\(size.rawValue)", "envelope.1", "\(size.rawValue) bytes", EnvelopeInput(size: size.rawValue))
  }
  let preludes = [
    try written("first-message", "envelope.2", "a prelude of an initiator with one device", first),
    try written("smallest-box1", "handshake.2", "box1 of 272 bytes", EnvelopeInput(prelude(272), size: 4_096)),
    try written("least-sealed", "envelope.3", "269 bytes are sealed", EnvelopeInput(prelude(2_064), size: 4_096)),
    try written(
      "size-32768", "envelope.1", "32,768 bytes", EnvelopeInput(prelude(272), size: 32_768)),
    try written(
      "greatest-box1", "handshake.1", "box1 of 48,912 bytes, in an envelope of 65,536",
      EnvelopeInput(prelude(48_912), size: 65_536)),
  ]
  let shapes = [
    try refused("empty", "no bytes", []),
    try refused("short", "511 bytes", EnvelopeInput(size: 511)),
    try refused("long", "513 bytes", EnvelopeInput(size: 513)),
    try refused("half", "256 bytes, half the smallest", EnvelopeInput(size: 256)),
    try refused("between", "1,536 bytes, a multiple of 512", EnvelopeInput(size: 1_536)),
    try refused("type-0", "type 0", [0] + smallest.bytes.dropFirst()),
    try refused("type-3", "type 3", [3] + smallest.bytes.dropFirst()),
    try refused("type-255", "type 255", [255] + smallest.bytes.dropFirst()),
    try refused(
      "type-without-prelude", "type 2 in an envelope too small for a prelude", [2] + smallest.bytes.dropFirst()),
    try refused("sealed-13", "13 bytes are sealed", EnvelopeInput(prelude(2_320), size: 4_096)),
  ]
  let badPreludes = [
    try refused(
      "ephemeral-key-prime", "EK is 2^255 - 19", EnvelopeInput(prelude(272, ephemeral: prime), size: 4_096),
      "primitives.3"),
    try refused(
      "ephemeral-key-top-bit", "the top bit of EK",
      EnvelopeInput(prelude(272, ephemeral: seq(0x81, 32)), size: 4_096), "primitives.3"),
    try refused("box1-empty", "box1 of 0 bytes", EnvelopeInput(prelude(0), size: 4_096), "handshake.2"),
    try refused("box1-tag-alone", "box1 of 16 bytes", EnvelopeInput(prelude(16), size: 4_096), "handshake.2"),
    try refused("box1-271", "box1 of 271 bytes", EnvelopeInput(prelude(271), size: 4_096), "handshake.2"),
    try refused("box1-273", "box1 of 273 bytes", EnvelopeInput(prelude(273), size: 4_096), "handshake.2"),
    try refused(
      "box1-512", "box1 of 512 bytes: two blocks without a tag", EnvelopeInput(prelude(512), size: 4_096), "handshake.2"
    ),
    try refused(
      "box1-longer-length", "the length of box1 in four bytes",
      EnvelopeInput(prelude(272, length: [0x80, 0, 0x01, 0x10]), size: 4_096), "encoding.3"),
    try refused(
      "box1-across-the-end", "box1 goes beyond the envelope",
      EnvelopeInput(prelude(272, length: lengthPrefix(4_112)), size: 4_096), "encoding.1"),
    try refused(
      "box1-too-long", "box1 of 49,168 bytes", EnvelopeInput(prelude(49_168), size: 65_536), "handshake.1"),
  ]
  return VectorFile(
    construction: "messages", operation: "envelope", description: "What a relay carries, taken apart",
    cases: sizes + preludes + shapes + badPreludes)
}
