import SottoClient
import SottoSession
import SottoSimulation
import SottoWire
import sotto

/// A conversation of two real sessions, which tell what engines would tell of them.
final class Story {
  typealias Trace = ConversationTrace

  private static let now: UnixTime = 1_800_000_000

  private let persons: [Trace.Side: Person]
  private let usesOneTimePrekey: Bool
  private var sessions: [Trace.Side: SessionCell] = [:]
  private var recorder = TraceRecorder()
  var trace: Trace

  /// On its way.
  struct Letter {
    let author: Trace.Side
    let id: EnvelopeID
    let bytes: [UInt8]
  }

  init(_ first: String = "Alice", _ second: String = "Bob", usesOneTimePrekey: Bool = true) throws {
    persons = [.first: try Person(seed: 1, now: Self.now), .second: try Person(seed: 2, now: Self.now)]
    self.usesOneTimePrekey = usesOneTimePrekey
    trace = Trace(people: .init(first, second))
  }

  func position(of side: Trace.Side) -> SessionPosition? { sessions[side]?.session.position }

  /// A session that was given up and begins anew is another story.
  @discardableResult
  func seal(_ author: Trace.Side, _ text: String) throws -> Letter {
    let person = persons[author]!
    let cell = try sessions[author] ?? begin(author)
    let bytes = cell.session.seal(person.text(text, at: Self.now), from: &person.entropy)!
    let id = EnvelopeID(from: &person.entropy)
    let hasPrelude = cell.session.encodedPrelude != nil
    record(.sealed(id, bytes: bytes.count, hasPrelude: hasPrelude, text: text, cell.session.position), author)
    recorder.tell(
      .stored(
        .init(
          name: .init(of: id.bytes), mailbox: .init(author == .first ? 0xb0b0_0001 : 0xa11c_e001), bytes: bytes.count,
          hasPrelude: hasPrelude, capability: hasPrelude ? .knock : .contact, day: 20_512)))
    trace.events = recorder.events
    return Letter(author: author, id: id, bytes: bytes)
  }

  private func begin(_ side: Trace.Side) throws -> SessionCell {
    let bundle = try persons[side.other]!.bundle(oneTime: usesOneTimePrekey, now: Self.now)
    let cell = SessionCell(try persons[side]!.initiate(to: bundle, now: Self.now))
    sessions[side] = cell
    record(.began(.initiator, usesOneTimePrekey: bundle.kind == .oneTime), side)
    return cell
  }

  func open(_ letter: Letter) throws {
    let side = letter.author.other
    let person = persons[side]!
    let envelope = try Envelope(decoding: letter.bytes)
    let opened: Session.Opened
    if let cell = sessions[side] {
      opened = try cell.session.open(envelope, now: Self.now, from: &person.entropy)
    } else {
      let before = person.oneTime.count
      let (meeting, first) = try person.respond(to: envelope, now: Self.now)
      sessions[side] = meeting.cell
      record(.began(.responder, usesOneTimePrekey: usesOneTimePrekey), side)
      if person.oneTime.count < before { record(.oneTimePrekeyGone, side) }
      opened = first
    }
    record(.opened(letter.id, text: opened.content.text, sessions[side]!.session.position), side)
    recorder.tell(.delivered(.init(of: letter.id.bytes)))
    trace.events = recorder.events
  }

  private func record(_ observation: Observation, _ side: Trace.Side) { recorder.record(observation, of: side) }

  /// Alice writes first, Bob answers, and of the two that follow the second comes first.
  static func bridge() throws -> Story {
    let story = try Story()
    try story.open(story.seal(.first, "Bob, are you there?"))
    try story.open(story.seal(.second, "I am here now."))
    let third = try story.seal(.first, "Seven o’clock, by the old bridge.")
    try story.open(story.seal(.first, "Bring the papers."))
    try story.open(third)
    try story.open(story.seal(.second, "I will bring them. Is eight too late?"))
    try story.open(story.seal(.first, "Eight is fine. À bientôt!"))
    story.trace.versions = [.init("sotto", "0.1.0")]
    story.trace.search = .init(
      tables: [.init("mailbox", 2), .init("queue", 6)], bytes: 1_394_264, searches: 5,
      needles: [.init("texts", 6), .init("names", 2)], found: 0, controlFound: 10)
    return story
  }
}
