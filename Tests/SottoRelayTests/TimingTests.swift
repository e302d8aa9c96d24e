import Foundation
import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire
import Testing

/// Whether the time of an answer tells a mailbox that exists from one that does not. `SOTTO_SOAK=1` measures, with as many
/// calls as SOTTO_TIMING_CALLS says; without it only the arithmetic is tested. [relay.24]
@Suite(.serialized) struct TimingTests {
  /// Beyond it, two samples of one distribution are as good as impossible (dudect, TVLA).
  private static let threshold = 4.5
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"
  private static let calls = ProcessInfo.processInfo.environment["SOTTO_TIMING_CALLS"].flatMap(Int.init) ?? 1_000_000

  @Test func theStatisticIsWelchs() throws {
    // A worked example: means 3 and 12, variances 2.5 and 22.5, five of each: t = -9 / sqrt(0.5 + 4.5).
    var welch = Welch()
    for value in [1, 2, 3, 4, 5] as [Double] { welch.add(value, to: .known) }
    for value in [6, 9, 12, 15, 18] as [Double] { welch.add(value, to: .unknown) }
    #expect(abs(welch.t - -9 / 5.0.squareRoot()) < 1e-9)
    // Equal distributions stay below the threshold, a shift of a tenth of the deviation does not.
    var entropy = SeededEntropy(seed: 1)
    var (equal, shifted) = (Welch(), Welch())
    for _ in 1...20_000 {
      let noise = (0..<4).reduce(0.0) { sum, _ in sum + Double(entropy.next(below: 1_000)) }
      let kind: Welch.Kind = entropy.next(below: 2) == 0 ? .known : .unknown
      equal.add(noise, to: kind)
      shifted.add(noise + (kind == .known ? 58 : 0), to: kind)
    }
    #expect(abs(equal.t) < Self.threshold && shifted.t > Self.threshold)
  }

  /// What a stranger may ask of a mailbox with a capability.
  enum Question: String, CaseIterable {
    case claim
    case put

    func ask(_ store: SQLiteStore, _ mailbox: MailboxID, _ capability: Digest) async throws {
      switch self {
      case .claim: _ = try await store.claim(mailbox, capability: capability, now: 1_700_000_000) { _ in }
      case .put:
        let arrival = Arrival(mailbox: mailbox, id: envelopeID(1), capability: capability, bytes: envelope(1))
        _ = try await store.accept(arrival, now: 1_700_000_000) { _ in }
      }
    }
  }

  @Test(.enabled(if: isSoak, "SOTTO_SOAK=1 measures"), arguments: Question.allCases)
  func aRefusalTakesAsLongWhetherTheMailboxIsThereOrNot(_ question: Question) async throws {
    let folder = Folder()
    let store = try SQLiteStore(path: folder.path + "/store")
    let mailboxes = try await Self.mailboxes(store)
    let real = try await Self.measure(calls: Self.calls, mailboxes) { try await question.ask(store, $0, $1) }
    print("TIMING \(question), known against unknown mailbox: t = \(real.t) of \(real.count) calls")
    #expect(abs(real.t) < Self.threshold, "\(real)")
    // The same with an exit that a hasty hand would put in front. It must not pass.
    let known = Set(mailboxes.known)
    let hasty = try await Self.measure(calls: min(Self.calls, 50_000), mailboxes) { mailbox, capability in
      guard known.contains(mailbox) else { throw Refusal(.deliveryRefused) }
      try await question.ask(store, mailbox, capability)
    }
    print("TIMING \(question) with a planted early exit: t = \(hasty.t) of \(hasty.count) calls")
    #expect(abs(hasty.t) > Self.threshold, "\(hasty)")
    try await store.close()
  }

  private struct Mailboxes {
    var known: [MailboxID] = []
    var unknown: [MailboxID] = []
  }

  /// As many of each: what is looked up is never the same twice in a row.
  private static func mailboxes(_ store: SQLiteStore) async throws -> Mailboxes {
    var mailboxes = Mailboxes()
    var entropy = SeededEntropy(seed: 2)
    for number in 0..<512 {
      let key = try SigningKey(seed: Secret(count: 32, from: &entropy))
      let id = MailboxID(owner: key.publicKey)
      guard number.isMultiple(of: 2) else {
        mailboxes.unknown.append(id)
        continue
      }
      mailboxes.known.append(id)
      func mutation(_ sequence: UInt64) -> Mutation {
        Mutation(key: key.publicKey, sequence: sequence, digest: Digest.of("timing", [UInt8(sequence)]))
      }
      try await store.createMailbox(id, by: mutation(1))
      // What an account registers: a knock, a contact, and a retiring one for a while.
      let slots = CapabilityClass.allCases.map {
        CapabilitySlot($0, Digest.of("timing slot", id.bytes, [$0.rawValue]), expires: $0 == .retiring ? 1 << 40 : nil)
      }
      try await store.setCapabilities(id, try CapabilitySet(slots), by: mutation(2))
      try await store.putSignedPart(id, SignedPartUpload(id: 1, sealed: [1]), by: mutation(3))
    }
    return mailboxes
  }

  /// Times refusals, of both kinds in random order. The slowest tenth is left out, by a bound that the first calls set for
  /// both kinds alike: it is other programs, not this one.
  private static func measure(
    calls: Int, _ mailboxes: Mailboxes, _ call: (MailboxID, Digest) async throws -> Void
  ) async throws -> Welch {
    var entropy = SeededEntropy(seed: 3)
    var welch = Welch()
    var first: [Double] = []
    var bound = Double.infinity
    let warmUp = min(calls / 10, 10_000)
    let clock = ContinuousClock()
    // Drawn beforehand: nothing of the choice is timed.
    let wrong = (0..<1_024).map { Digest.of("timing wrong", [UInt8($0 & 255), UInt8($0 >> 8)]) }
    for number in 0..<(warmUp + calls) {
      let draw = Int(truncatingIfNeeded: entropy.next() >> 16)
      let kind: Welch.Kind = draw & 1 == 0 ? .known : .unknown
      let all = kind == .known ? mailboxes.known : mailboxes.unknown
      let (mailbox, capability) = (all[draw >> 1 & 255], wrong[draw >> 9 & 1_023])
      let start = clock.now
      do {
        try await call(mailbox, capability)
        Issue.record("a wrong capability opened a mailbox")
      } catch let refusal as Refusal {
        let time = (clock.now - start) / .nanoseconds(1)
        guard refusal.problem == .deliveryRefused else { throw refusal }
        if number < warmUp {
          first.append(time)
          if first.count == warmUp { bound = first.sorted()[warmUp * 9 / 10] }
        } else if time < bound {
          welch.add(time, to: kind)
        }
      }
    }
    return welch
  }
}

/// Welch's t of two kinds of samples, from running means and variances.
private struct Welch: CustomStringConvertible {
  enum Kind { case known, unknown }

  private struct Sample {
    var count = 0.0
    var mean = 0.0
    var squares = 0.0

    mutating func add(_ value: Double) {
      count += 1
      let delta = value - mean
      mean += delta / count
      squares += delta * (value - mean)
    }

    var errorSquared: Double { squares / (count - 1) / count }
  }

  private var known = Sample()
  private var unknown = Sample()

  mutating func add(_ value: Double, to kind: Kind) {
    if kind == .known { known.add(value) } else { unknown.add(value) }
  }

  var t: Double { (known.mean - unknown.mean) / (known.errorSquared + unknown.errorSquared).squareRoot() }
  var count: Int { Int(known.count + unknown.count) }
  var description: String { "t = \(t); known \(known.mean) ns, unknown \(unknown.mean) ns, \(count) calls" }
}
