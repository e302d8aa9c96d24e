import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import Testing

/// Two people over a network that does its worst; a failing seed is printed, and `SOTTO_SEED=n` runs it alone.
@Suite(.sealsAreWatched) struct ConvergenceTests {
  static let seeds: [UInt64] = {
    if let one = ProcessInfo.processInfo.environment["SOTTO_SEED"].flatMap(UInt64.init) { return [one] }
    return Array(1...25)
  }()

  @Test func twoSessionsConvergeOverAHostileNetwork() throws {
    for seed in Self.seeds {
      do {
        var schedule = try Schedule(seed: seed)
        try schedule.run()
      } catch {
        Issue.record("seed \(seed): \(error). Replay it with SOTTO_SEED=\(seed).")
      }
    }
  }
}

/// One schedule of 200 events, then a quiet exchange that must work on one session.
private struct Schedule {
  let seed: UInt64
  var entropy: SeededEntropy
  let people: [Correspondent]
  var networks: [HostileNetwork]
  var sent: [Set<MessageID>] = [[], []]
  var now = day

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  init(seed: UInt64) throws {
    self.seed = seed
    entropy = SeededEntropy(seed: seed)
    people = try [1, 2].map { Correspondent(try Person(seed: seed * 10 + $0, now: day, depth: 1)) }
    networks = [3, 4].map { HostileNetwork(seed: seed * 10 + $0, dropped: 20, duplicated: 15) }
  }

  mutating func run() throws {
    for _ in 0..<200 { try event() }
    try settle()
  }

  private mutating func event() throws {
    let side = entropy.next(below: 2)
    now += UInt64(entropy.next(below: 120))
    switch entropy.next(below: 20) {
    case 0..<9: try send(from: side)
    case 9..<16: if let envelope = networks[side].take() { try receive(envelope, at: side) }
    case 16: if let envelope = networks[side].replay() { try receive(envelope, at: side) }
    case 17: try people[side].restart()
    case 18:
      if entropy.chance(1, in: 4) {
        try people[side].initiate(to: people[1 - side], reset: entropy.chance(1, in: 2), now: now)
      }
    default:
      // Junk, and something bent.
      if var envelope = networks[side].replay() {
        envelope[entropy.next(below: envelope.count)] ^= 1 << UInt8(entropy.next(below: 8))
        let before = people[side].shown.count
        people[side].receive(envelope, now: now)
        guard people[side].shown.count == before else { throw Failure(description: "something bent was shown") }
      }
    }
  }

  private mutating func send(from side: Int) throws {
    if people[side].chosen == nil { try people[side].initiate(to: people[1 - side], now: now) }
    guard let (id, envelope) = people[side].send("message", now: now) else {
      throw Failure(description: "nothing to send on")
    }
    sent[side].insert(id)
    networks[1 - side].put(envelope)
  }

  private func receive(_ envelope: [UInt8], at side: Int) throws {
    people[side].receive(envelope, now: now)
    let shown = people[side].shown
    guard Set(shown).count == shown.count else { throw Failure(description: "shown twice") }
    guard Set(shown).isSubset(of: sent[1 - side]) else { throw Failure(description: "shown but never sent") }
  }

  /// Without losses, a few messages each way bring both to the same session, and everything arrives.
  private mutating func settle() throws {
    for _ in 0..<4 {
      for side in 0..<2 {
        if people[side].chosen == nil { try people[side].initiate(to: people[1 - side], now: now) }
        guard let (id, envelope) = people[side].send("quiet", now: now) else {
          throw Failure(description: "nothing to send on")
        }
        sent[side].insert(id)
        try receive(envelope, at: 1 - side)
        guard people[1 - side].shown.last == id else { throw Failure(description: "a quiet message was lost") }
      }
    }
    guard people[0].chosen?.sid == people[1].chosen?.sid, people[0].chosen != nil else {
      throw Failure(description: "they did not converge")
    }
  }
}
