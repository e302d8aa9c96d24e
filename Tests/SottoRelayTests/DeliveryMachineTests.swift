import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// The stream's machine alone: no socket, no clock.
@Suite struct DeliveryMachineTests {
  private let authority = RelayAuthority("relay.example")!
  private let challenge = try! StreamChallenge(restoreEpoch: 3, nonce: [UInt8](repeating: 4, count: 32))

  private func machine() -> DeliveryMachine {
    DeliveryMachine(challenge: challenge, authority: authority, mailbox: Owner(1).mailbox)
  }

  private func opened(last: UInt64) -> DeliveryMachine {
    var machine = machine()
    let answer = challenge.answer(authority: authority, signedBy: Owner(1).key).encoded
    #expect(machine.received(answer) == [.open])
    _ = machine.opened(lastIndex: last)
    return machine
  }

  private func queued(_ indexes: ClosedRange<UInt64>, size: SizeClass = .b512) -> [QueuedEnvelope] {
    indexes.map { QueuedEnvelope(index: $0, id: envelopeID(Int($0)), bytes: envelope(Int($0), size: size)) }
  }

  /// The owner has taken these, and the store has said that it deleted up to `former`.
  private func deleting(_ indexes: ClosedRange<UInt64>, after former: UInt64 = 0) -> DeliveryMachine.Action {
    let sent = queued(indexes).map { SentEnvelope(index: $0.index, id: $0.id) }
    return .acknowledge(Acknowledgement(sent, former: former))
  }

  private func ack(_ index: UInt64) -> [UInt8] { ClientFrame.ack(index: index, restoreEpoch: 3).encoded }

  /// [stream.3]
  @Test func nothingBeforeTheSignature() {
    var waiting = machine()
    #expect(waiting.start() == [.send(.challenge(challenge))])
    #expect(waiting.arrived() == [] && waiting.opened(lastIndex: 4) == [] && waiting.fetched(queued(1...1)) == [])
    #expect(waiting.received(ack(0)) == [.send(.closing(.refused)), .close(.refused)])
    #expect(waiting.received(ack(0)) == [], "closed is closed")
  }

  /// [stream.5]
  @Test func windowCountsEnvelopesAndBytes() {
    var machine = opened(last: 1_000)
    var sent: UInt64 = 0
    // 64 KiB each: the sixteenth fills 1 MiB.
    while true {
      let actions = machine.fetched(queued(sent + 1...sent + 4, size: .k64))
      sent += 4
      guard case .fetch(let after, let room)? = actions.last else { break }
      #expect(after == sent && room.count <= 64 && room.bytes <= 256 * 1024)
    }
    #expect(sent == 16)
    #expect(machine.arrived() == [])
    let actions = machine.received(ack(1))
    #expect(actions.contains(deleting(1...1)))
    #expect(actions.contains(.fetch(after: 16, Room(count: 64, bytes: 64 * 1024))))
  }

  /// [stream.6]
  @Test func deletionsAreOneAtATime() {
    var machine = opened(last: 5)
    _ = machine.fetched(queued(1...5))
    #expect(machine.received(ack(2)) == [deleting(1...2)])
    #expect(machine.received(ack(3)) == [])
    #expect(machine.received(ack(5)) == [])
    #expect(machine.received(ack(4)) == [], "behind an earlier one")
    #expect(machine.acknowledged() == [deleting(3...5, after: 2)])
    #expect(machine.acknowledged() == [])
  }

  /// What the store has not done is nothing that its end waits for.
  @Test func aDeletionThatFailedIsOver() {
    var machine = opened(last: 5)
    _ = machine.fetched(queued(1...5))
    #expect(machine.received(ack(2)) == [deleting(1...2)])
    #expect(machine.received(ack(3)) == [])
    machine.deletionFailed()
    #expect(!machine.isDeleting)
    #expect(machine.end(.unavailable).contains(.close(.unavailable)))
    #expect(machine.acknowledged() == [])
  }

  /// Where an index is free nothing was sent, and nothing is deleted that may have come there since. [stream.6]
  @Test func onlyWhatWasSentIsDeleted() {
    var machine = opened(last: 6)
    _ = machine.fetched(queued(2...3) + queued(6...6))
    #expect(machine.received(ack(1)) == [])
    #expect(machine.received(ack(3)) == [deleting(2...3)])
    #expect(machine.received(ack(5)) == [])
    #expect(machine.acknowledged() == [])
    #expect(machine.received(ack(6)) == [deleting(6...6, after: 3)])
    // What was not sent yet nobody can have.
    #expect(machine.received(ack(7)) == [.send(.closing(.protocolError)), .close(.protocolError)])
  }

  /// [stream.7]
  @Test func caughtUpComesOnceAndAfterWhatWasThere() {
    var early = opened(last: 70)
    #expect(early.fetched(queued(1...64)).last == .fetch(after: 64, Room(count: 64, bytes: 256 * 1024)))
    var late = opened(last: 3)
    let actions = late.fetched(queued(1...3))
    #expect(actions.last == .send(.caughtUp(index: 3)))
    #expect(late.arrived() == [.fetch(after: 3, Room(count: 64, bytes: 256 * 1024))])
    #expect(!late.fetched(queued(4...4)).contains(.send(.caughtUp(index: 3))))
    var expired = opened(last: 3)
    #expect(expired.fetched([]) == [.send(.caughtUp(index: 3))], "what expired is not waited for")
  }

  /// Where nothing waits nothing is read; what comes while the stream is opened is told, and read.
  @Test func anEmptyMailboxIsNotRead() {
    let answer = challenge.answer(authority: authority, signedBy: Owner(1).key).encoded
    var quiet = machine()
    _ = quiet.received(answer)
    #expect(quiet.opened(lastIndex: 0, reached: 9) == [.send(.caughtUp(index: 0))])
    #expect(quiet.reached(9) == [])
    #expect(quiet.reached(10) == [.fetch(after: 0, Room(count: 64, bytes: 256 * 1024))])
    var told = machine()
    _ = told.received(answer)
    #expect(told.arrived() == [])
    #expect(
      told.opened(lastIndex: 0)
        == [.send(.caughtUp(index: 0)), .fetch(after: 0, Room(count: 64, bytes: 256 * 1024))])
  }

  /// What the store says that it has and a fetch did not find may be there later, if the store has fallen back meanwhile: it
  /// is fetched once more. What is missed again has expired. [operation.14]
  @Test func whatWasMissedIsFetchedOnceMore() {
    var machine = opened(last: 0)
    for (index, isFetched) in [(5, true), (5, true), (5, false), (6, true)] as [(UInt64, Bool)] {
      let actions = machine.reached(index)
      #expect(actions.isEmpty != isFetched, "\(index)")
      if isFetched { #expect(machine.fetched([]) == []) }
    }
    #expect(machine.reached(6) != [])
    #expect(machine.fetched(queued(6...6)).count == 1)
    #expect(machine.reached(6) == [])
  }

  /// An arrival while the store is read is not lost. [stream.5]
  @Test func arrivalDuringAFetchIsFetched() {
    var machine = opened(last: 1)
    #expect(machine.arrived() == [], "one fetch at a time")
    #expect(machine.fetched([]).last == .fetch(after: 0, Room(count: 64, bytes: 256 * 1024)))
  }

  /// [stream.9]
  @Test func nothingIsReadForASocketThatTakesNothing() {
    var machine = opened(last: 0)
    _ = machine.fetched([])
    #expect(machine.writable(false) == [])
    #expect(machine.arrived() == [])
    #expect(machine.writable(true) == [.fetch(after: 0, Room(count: 64, bytes: 256 * 1024))])
  }

  /// [stream.10]
  @Test func twoUnansweredPingsEndIt() {
    var machine = opened(last: 0)
    #expect(machine.pingDue() == [.ping] && machine.pingDue() == [.ping])
    machine.ponged()
    #expect(machine.pingDue() == [.ping] && machine.pingDue() == [.ping] && machine.pingDue() == [.hangUp])
  }
}
