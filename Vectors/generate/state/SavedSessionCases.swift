import SottoCrypto
import SottoSession
import SottoWire

@Sendable func savedSession(_ recorded: Recorded) throws -> VectorFile {
  let fresh = try Talk(recorded)
  let talk = try Talk.established(recorded)
  let whole = talk.responder
  let cases = SavedSessionCases(whole: whole)
  return VectorFile(
    construction: "state", operation: "session", description: "A session and its skipped keys, as they are saved",
    cases: try cases.accepted(fresh, talk) + cases.sessions(fresh) + cases.skippedKeys())
}

private struct SavedSessionCases {
  /// With both chains.
  let whole: SavedSession

  private func accept(_ id: String, _ rule: String, _ comment: String, _ saved: SavedSession) throws -> Case {
    try Case(id, rule, comment, saved.inputs) {
      let live = try saved.live()
      let info = live.info
      guard SavedSession(live) == saved else { throw WrongVerdict(description: "\(id) is saved as other bytes") }
      return [
        "sid": .bytes(info.sid.bytes), "role": .text(info.role == .initiator ? "initiator" : "responder"),
        "generation": .number(Int(info.generation)), "confirmed": .text(info.isConfirmed ? "yes" : "no"),
        "peer_account": .bytes(info.peerAccount.bytes), "peer_device": .bytes(info.peerDevice.bytes),
      ]
    }
  }

  private func refuse(
    _ id: String, _ rule: String, _ comment: String, session: [UInt8]? = nil, skipped: [UInt8]? = nil
  ) throws -> Case {
    var saved = whole
    saved.session = session ?? whole.session
    saved.skipped = skipped ?? whole.skipped
    do { _ = try saved.live() } catch { return Case(id, rule, comment, saved.inputs, refusedAt: "state") }
    throw WrongVerdict(description: "\(id) is accepted")
  }

  /// A session with another field, which no check was made of.
  private func changed(_ change: (inout SessionFields) -> Void) -> [UInt8] {
    var fields = whole.fields
    change(&fields)
    return fields.encoded
  }

  private func key(_ number: Int) -> [UInt8] { [UInt8](repeating: 0, count: 31) + [UInt8(number)] }

  private func run(_ first: UInt32, _ count: Int, chain: UInt32 = 0) -> SkippedFields.Run {
    SkippedFields.Run(
      chain: chain, first: first, storedAt: Cast.begin, keys: (0..<count).map { key($0 & 0xff) })
  }

  func accepted(_ fresh: Talk, _ talk: Talk) throws -> [Case] {
    let schedule = fresh.initiator.fields
    let chain = ChainKey(Secret(copying: schedule.sending!.chain))
    let (first, second) = (chain.step().message.secret.revealed(), chain.step().next.step().message.secret.revealed())
    let example = SkippedFields(
      past: [(0, schedule.sending!.header)],
      runs: [SkippedFields.Run(chain: 0, first: 3, storedAt: Cast.begin, keys: [first, second])])
    let most = SkippedFields(
      past: (0..<5).map { (UInt32($0), seq(0x20 + $0, 32)) },
      runs: [run(0, 1000), run(2_000, 998)] + [run(7, 1, chain: 4), run(.max - 1, 1, chain: 5)])
    return [
      try accept("begun", "state.2", "an initiator that waits for an answer: it has the prelude", fresh.initiator),
      try accept("responding", "state.2", "a responder before its first message: no chains", fresh.responder),
      try accept("initiator", "state.2", "an initiator with both chains", talk.initiator),
      try accept("responder", "state.2", "a responder with both chains", whole),
      try accept(
        "example", "state.3", "the skipped keys of the example in Specs/State.md", try whole.with(example)),
      try accept(
        "most", "state.3", "five past chains and 2,000 keys, the last number of a chain among them",
        try whole.with(most)),
      try accept(
        "generation-1", "state.2", "generation 1, never confirmed",
        try whole.with { ($0.generation, $0.isConfirmed) = (1, false) }),
      try accept("last-generation", "state.2", "generation 2^31", try whole.with { $0.generation = 1 << 31 }),
      try accept(
        "numbers", "state.2", "each number at its place, big-endian",
        try whole.with {
          ($0.generation, $0.createdAt, $0.previousCount) = (0x0102_0304, 0x1112_1314_1516_1718, 0x2122_2324)
          ($0.sending!.next, $0.receiving!.next, $0.receiving!.number) = (0x3132_3334, 0x4142_4344, 0x5152_5354)
        }),
    ]
  }

  func sessions(_ fresh: Talk) throws -> [Case] {
    let session = whole.session
    func byte(_ offset: Int, _ value: UInt8) -> [UInt8] {
      var bytes = session
      bytes[offset] = value
      return bytes
    }
    /// A begun session whose prelude has another length prefix.
    func preludeLength(_ prefix: [UInt8]) -> [UInt8] {
      let begun = fresh.initiator
      let at = 3 + 32 + 4 + 8 + 32 + 32 + 8
      return Array(begun.session[..<at]) + prefix + begun.session[(at + 2)...]
    }
    let remote = whole.fields.receiving!.remote
    return [
      try refuse("session-empty", "state.1", "no bytes", session: []),
      try refuse("session-version-0", "state.1", "version 0", session: byte(0, 0)),
      try refuse("session-version-2", "state.1", "version 2", session: byte(0, 2)),
      try refuse("session-cut", "state.1", "a byte less", session: session.dropLast()),
      try refuse("session-trailing", "state.1", "a byte more", session: session + [0]),
      try refuse("role-0", "state.2", "role 0", session: byte(1, 0)),
      try refuse("role-3", "state.2", "role 3", session: byte(1, 3)),
      try refuse("flags-16", "state.2", "a flag that is not known", session: byte(2, session[2] | 16)),
      try refuse("flags-128", "state.2", "another", session: byte(2, session[2] | 128)),
      try refuse(
        "flags-without-chain", "state.2", "the flag of the sending chain is not set, and its fields are there",
        session: byte(2, session[2] & ~4)),
      try refuse("generation-0", "state.1", "generation 0", session: changed { $0.generation = 0 }),
      try refuse(
        "generation-too-high", "state.1", "generation 2^31 + 1", session: changed { $0.generation = (1 << 31) + 1 }),
      try refuse(
        "ratchet-key-with-top-bit", "primitives.3", "DHr has the top bit set",
        session: changed { $0.receiving!.remote = remote.dropLast() + [remote[31] | 0x80] }),
      try refuse(
        "prelude-longer-length", "encoding.3", "the length of the prelude in four bytes",
        session: preludeLength([0x80, 0, UInt8(fresh.prelude.count >> 8), UInt8(fresh.prelude.count & 0xff)])),
      try refuse(
        "prelude-too-long", "encoding.1", "the prelude goes beyond the end", session: preludeLength([0x7f, 0xff])),
    ]
  }

  func skippedKeys() throws -> [Case] {
    let example = SkippedFields(past: [(0, seq(0x20, 32))], runs: [run(3, 2)])
    let encoded = example.encoded
    /// Where the number of keys of the one run stands.
    let count = 1 + 1 + 36 + 1 + 16
    func replacing(_ range: Range<Int>, _ bytes: [UInt8]) -> [UInt8] {
      encoded[..<range.lowerBound] + bytes + encoded[range.upperBound...]
    }
    func fields(past: Int = 1, _ runs: [SkippedFields.Run]) -> [UInt8] {
      SkippedFields(past: (0..<past).map { (UInt32($0), seq(0x20 + $0, 32)) }, runs: runs).encoded
    }
    return [
      try refuse("skipped-empty", "state.1", "no bytes", skipped: []),
      try refuse("skipped-version-0", "state.1", "version 0", skipped: replacing(0..<1, [0])),
      try refuse("skipped-version-2", "state.1", "version 2", skipped: replacing(0..<1, [2])),
      try refuse("skipped-cut", "state.1", "a byte less", skipped: encoded.dropLast()),
      try refuse("skipped-trailing", "state.1", "a byte more", skipped: encoded + [0]),
      try refuse(
        "six-past-chains", "state.3", "six past chains", skipped: fields(past: 6, (0..<6).map { run(3, 1, chain: $0) })),
      try refuse("run-of-none", "state.3", "a run of no keys", skipped: fields([run(3, 2), run(7, 0)])),
      try refuse(
        "run-beyond-the-last", "state.3", "the second key has the number 2^32 - 1", skipped: fields([run(.max - 1, 2)])),
      try refuse(
        "too-many-keys", "state.3", "2,001 keys in two runs", skipped: fields([run(0, 1000), run(2_000, 1001)])),
      try refuse(
        "longer-count", "encoding.3", "the number of keys in two bytes",
        skipped: replacing(count..<count + 1, [0x40, 2])),
      try refuse(
        "longer-past-count", "encoding.3", "the number of past chains in two bytes",
        skipped: replacing(1..<2, [0x40, 1])),
      try refuse(
        "longer-run-count", "encoding.3", "the number of runs in two bytes", skipped: replacing(38..<39, [0x40, 1])),
      try refuse(
        "more-keys-than-bytes", "encoding.1", "three keys, and the bytes of two",
        skipped: replacing(count..<count + 1, [3])),
    ]
  }
}
