import Foundation
import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire
import Testing

/// Whether the time of an answer tells a mailbox that exists from one that does not. `SOTTO_SOAK=1` measures, with as many
/// calls as SOTTO_TIMING_CALLS says. [relay.24]
@Suite(.serialized) struct TimingTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"
  private static let calls = ProcessInfo.processInfo.environment["SOTTO_TIMING_CALLS"].flatMap(Int.init) ?? 1_000_000

  /// Hashes that differ in their first byte, and others that differ in their last.
  @Test(.enabled(if: isSoak, "SOTTO_SOAK=1 measures"))
  func `A wrong capability takes as long wherever its hash differs`() throws {
    let right = Digest.of("timing right")
    let wrong = try (0..<512).map { index in
      var bytes = right.bytes
      bytes[index & 1 == 0 ? 0 : 31] ^= 1 << UInt8(index >> 1 & 7)
      return DigestNumbers(try Digest(bytes))
    }
    let known = DigestNumbers(right)
    let welch = TimedCalls.measure(calls: Self.calls, variants: 256) { kind, variant in
      let shown = wrong[variant * 2 + kind.rawValue]
      for _ in 0..<64 where shown == known { Issue.record("a wrong capability is taken") }
    }
    print("TIMING capability: t = \(welch.t) of \(welch.count) calls")
    #expect(abs(welch.t) < Welch.threshold, "\(welch)")
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
    #expect(abs(real.t) < Welch.threshold, "\(real)")
    // The same with an exit that a hasty hand would put in front. It must not pass.
    let known = Set(mailboxes.known)
    let hasty = try await Self.measure(calls: min(Self.calls, 50_000), mailboxes) { mailbox, capability in
      guard known.contains(mailbox) else { throw Refusal(.deliveryRefused) }
      try await question.ask(store, mailbox, capability)
    }
    print("TIMING \(question) with a planted early exit: t = \(hasty.t) of \(hasty.count) calls")
    #expect(abs(hasty.t) > Welch.threshold, "\(hasty)")
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

  /// Times refusals, of both kinds in random order.
  private static func measure(
    calls: Int, _ mailboxes: Mailboxes, _ call: (MailboxID, Digest) async throws -> Void
  ) async throws -> Welch {
    var entropy = SeededEntropy(seed: 3)
    var timed = TimedCalls(calls: calls)
    let clock = ContinuousClock()
    // Drawn beforehand: nothing of the choice is timed.
    let wrong = (0..<1_024).map { Digest.of("timing wrong", [UInt8($0 & 255), UInt8($0 >> 8)]) }
    for _ in 0..<(timed.warmUp + calls) {
      let draw = Int(truncatingIfNeeded: entropy.next() >> 16)
      let kind: Welch.Kind = draw & 1 == 0 ? .one : .other
      let all = kind == .one ? mailboxes.known : mailboxes.unknown
      let (mailbox, capability) = (all[draw >> 1 & 255], wrong[draw >> 9 & 1_023])
      let start = clock.now
      do {
        try await call(mailbox, capability)
        Issue.record("a wrong capability opened a mailbox")
      } catch let refusal as Refusal {
        let time = (clock.now - start) / .nanoseconds(1)
        guard refusal.problem == .deliveryRefused else { throw refusal }
        timed.add(time, to: kind)
      }
    }
    return timed.welch
  }
}
