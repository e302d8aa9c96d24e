import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// Two people and every session that either can begin, made once: handshakes cost more than all the rest, so schedules
/// share them.
///
/// The names of sessions are drawn by the KEM, which no seed decides. Those here are made until their order is always
/// the same, so that a schedule goes the same way whenever it is replayed.
final class SharedSessions {
  struct Beginning: Hashable {
    let author: Int
    let generation: UInt32
    let isReset: Bool
  }

  static let generations: ClosedRange<UInt32> = 1...4
  let people: [Person]
  private let oneTimeKeys: [[Person.OneTimeKeyName: SecretBox]]
  private var states: [Beginning: [UInt8]] = [:]

  init() throws {
    people = try [1, 2].map { try Person(seed: $0, now: day, depth: 4) }
    for author in 0..<2 {
      for generation in Self.generations {
        for isReset in [false, true] {
          let bundle = try people[1 - author].bundle(now: day)
          let place = UInt8((author + Int(generation)) % 2 * 2 + (isReset ? 1 : 0))
          var session: SessionCell
          repeat {
            session = SessionCell(
              try people[author].initiate(to: bundle, generation: generation, reset: isReset, now: day))
          } while session.session.info.sid.bytes[0] >> 6 != place
          let beginning = Beginning(author: author, generation: generation, isReset: isReset)
          states[beginning] = session.session.encoded().revealed()
        }
      }
    }
    oneTimeKeys = people.map(\.oneTime)
  }

  /// Both, as they were before anything was sent.
  func reset(seed: UInt64) -> [Correspondent] {
    for (side, person) in people.enumerated() {
      person.oneTime = oneTimeKeys[side]
      person.entropy = SeededEntropy(seed: seed * 2 + UInt64(side))
    }
    return people.map { Correspondent($0) }
  }

  func session(_ beginning: Beginning) throws -> SessionCell {
    SessionCell(try Session(decoding: Secret(copying: states[beginning]!), skippedKeys: Secret(copying: [1, 0, 0])))
  }
}

/// 200 events that a seed decides, each foretold by the model.
struct ModelSchedule {
  private typealias Harm = SideModel.Harm

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// An envelope, and what the model knows of it.
  private struct Letter {
    let bytes: [UInt8]
    let id: MessageID
    let preludeCount: Int
    let envelope: SideModel.Envelope
  }

  private let shared: SharedSessions
  private var entropy: SeededEntropy
  private let people: [Correspondent]
  private var models: [SideModel]
  /// On the way to each side.
  private var mail: [[Letter]] = [[], []]
  private var seen: [Letter] = []
  private var now = day
  private var speaker = 0
  /// How many envelopes were shown, and how many refused, to see that a schedule is no idle one.
  private(set) var shown = 0
  private(set) var refused: [RefusalStage: Int] = [:]

  init(seed: UInt64, with shared: SharedSessions) {
    self.shared = shared
    entropy = SeededEntropy(seed: seed)
    people = shared.reset(seed: seed)
    models = [0, 1].map { SideModel(side: $0) }
  }

  mutating func run(events: Int = 200) throws {
    for number in 0..<events {
      do { try event() } catch let failure as Failure { throw Failure(description: "event \(number): \(failure)") }
    }
  }

  private mutating func event() throws {
    if entropy.chance(1, in: 6) { speaker = 1 - speaker }
    let side = speaker
    switch entropy.next(below: 80) {
    case 0..<30: try send(from: side)
    case 30..<56: try deliver(to: 1 - side)
    case 56..<60: if let letter = seen.randomElement(using: &entropy) { try hand(letter, to: entropy.next(below: 2)) }
    case 60..<68:
      if let letter = seen.randomElement(using: &entropy) { try hand(letter, to: entropy.next(below: 2), bent: true) }
    case 68..<72: lose(to: 1 - side)
    case 72..<75: now += UInt64(entropy.next(below: entropy.chance(1, in: 4) ? 20 * 86_400 : 3600))
    case 75..<76:
      try people[side].restart()
      try compare(side)
    case 76..<77: try begin(side, reset: entropy.chance(1, in: 3))
    default: if entropy.chance(1, in: 30) { try burst(from: side) }
    }
  }

  private mutating func begin(_ side: Int, reset: Bool) throws {
    let generation = models[side].nextGeneration
    guard SharedSessions.generations.contains(generation) else { return }
    guard people[side].nextGeneration == generation else { throw Failure(description: "another generation") }
    let session = try shared.session(.init(author: side, generation: generation, isReset: reset))
    models[side].begin(
      .init(sid: session.session.info.sid, author: side, generation: generation, isReset: reset), at: now)
    people[side].begin(session, reset: reset, now: now)
    try compare(side)
  }

  private mutating func send(from side: Int) throws {
    guard let letter = try seal(from: side) else { return }
    seen.append(letter)
    mail[1 - side].append(letter)
    if entropy.chance(1, in: 8) { mail[1 - side].append(letter) }
  }

  private mutating func seal(from side: Int) throws -> Letter? {
    if models[side].chosen == nil { try begin(side, reset: false) }
    guard let chosen = models[side].chosen else { return nil }
    let cell = people[side].sessions.first { $0.cell.session.info.sid == chosen.name.sid }?.cell
    let prelude = cell?.session.encodedPrelude
    guard let (id, bytes) = people[side].send("hi", now: now) else { throw Failure(description: "nothing to send on") }
    let letter = Letter(
      bytes: bytes, id: id, preludeCount: prelude?.count ?? 0, envelope: models[side].seal(on: chosen.name.sid))
    guard letter.envelope.hasPrelude == (prelude != nil) else { throw Failure(description: "a prelude too many") }
    return letter
  }

  /// Many messages of which the last may come through: gaps near the bound, and past it.
  private mutating func burst(from side: Int) throws {
    guard let chosen = models[side].chosen, chosen.isConfirmed else { return }
    for _ in 0..<(entropy.chance(1, in: 2) ? 990 + entropy.next(below: 20) : entropy.next(below: 900)) {
      guard let letter = try seal(from: side) else { return }
      if entropy.chance(1, in: 100) { seen.append(letter) }
    }
    try send(from: side)
  }

  private mutating func lose(to side: Int) {
    guard !mail[side].isEmpty else { return }
    mail[side].remove(at: entropy.next(below: mail[side].count))
  }

  /// Any of those that wait, more often one of the first.
  private mutating func deliver(to side: Int) throws {
    guard !mail[side].isEmpty else { return }
    let place = entropy.next(below: entropy.chance(1, in: 2) ? min(2, mail[side].count) : mail[side].count)
    try hand(mail[side].remove(at: place), to: side)
  }

  private mutating func hand(_ letter: Letter, to side: Int, bent: Bool = false) throws {
    var (harm, bytes) = (Harm.none, letter.bytes)
    if bent { (harm, bytes) = bend(letter) }
    let foretold = models[side].receive(letter.envelope, harm, at: now)
    let before = state(of: side)
    let outcome = people[side].receive(bytes, now: now)
    switch (foretold, outcome) {
    case (.shown(let expected), .shown(let id, let dropped)) where expected == dropped && id == letter.id: shown += 1
    case (.refused(let expected), .refused(let stage)) where expected == stage:
      refused[stage, default: 0] += 1
      guard state(of: side) == before else { throw Failure(description: "refused at \(stage), and yet changed") }
    default: throw Failure(description: "\(harm) for \(side): \(foretold) was foretold, \(outcome) came")
    }
    try compare(side)
  }

  private mutating func bend(_ letter: Letter) -> (Harm, [UInt8]) {
    let harms = Harm.allCases.filter { $0 != .none && (letter.preludeCount > 0 || !$0.needsPrelude) }
    let harm = harms.randomElement(using: &entropy)!
    let start = 1 + letter.preludeCount
    if harm == .size { return (harm, Array(letter.bytes.prefix(entropy.next(below: letter.bytes.count)))) }
    let range =
      switch harm {
      case .type, .size, .none: 0..<1
      // The last byte may make a key that is none; box1's length stands before it.
      case .key: 1..<32
      case .box0: 33..<81
      case .ciphertext: 81..<1649
      case .box1: 1651..<start
      case .header: start..<start + 80
      case .commitment: start + 80..<start + 112
      case .sealed: start + 112..<letter.bytes.count
      }
    if harm == .commitment, letter.preludeCount == 0, entropy.chance(1, in: 2),
      let other = seen.randomElement(using: &entropy), other.preludeCount == 0, other.id != letter.id
    {
      return (harm, letter.bytes.joined(to: other.bytes, at: 81))
    }
    let bit = range.lowerBound * 8 + entropy.next(below: range.count * 8)
    return (harm, letter.bytes.flipping(bit))
  }

  private func state(of side: Int) -> [UInt8] {
    people[side].sessions.reduce(into: []) { bytes, entry in
      bytes += entry.cell.session.encoded().revealed() + entry.cell.session.encodedSkippedKeys().revealed()
    }
  }

  /// The same sessions, in the same states, and the same one to send on.
  private func compare(_ side: Int) throws {
    let (model, real) = (models[side], people[side].candidates)
    let agrees =
      model.entries.count == real.count
      && zip(model.entries, real).allSatisfy { entry, candidate in
        entry.name.sid == candidate.info.sid && entry.name.generation == candidate.info.generation
          && entry.isConfirmed == candidate.info.isConfirmed && entry.archivedAt == candidate.archivedAt
          && entry.role == candidate.info.role
      }
    guard agrees, model.chosen?.name.sid == people[side].chosen?.sid else {
      throw Failure(description: "side \(side) has other sessions than its model")
    }
  }
}
