import SottoRelay
import SottoWire
import Testing

/// The bookkeeping of sockets, step by step. `FleetSimulation` puts it together with others.
@Suite struct HomeMachineTests {
  private let mailbox = MailboxID(number: 7)
  private let mine = SocketHandle(number: 1)
  private let other = SocketHandle(number: 2)

  /// With one socket, whose ticket is 10 and whose claim is 3, that has been looked after once.
  private func holding() -> HomeMachine {
    var machine = HomeMachine()
    machine.connected(true)
    machine.opened(mailbox, ticket: 10, as: mine)
    machine.claimed(mailbox, mine, 3)
    #expect(machine.tick(0) == [.beat, .look([mailbox: mine])])
    #expect(machine.looked([mailbox: mine], [mailbox: home(mine, 3, 5)]) == [.reached(mailbox, 5)])
    return machine
  }

  private func home(
    _ socket: SocketHandle?, _ claim: UInt64, _ index: UInt64 = 0, acknowledged: UInt64 = 0
  ) -> Home {
    Home(socket: socket, claim: claim, lastIndex: index, acknowledged: acknowledged)
  }

  @Test func whatIsHeardIsPassedOnToSocketsThatAreHere() {
    var machine = holding()
    #expect(machine.heard(Notice(.arrived, [mine, other])) == [.arrived(mailbox)])
    machine.ended(mailbox, ticket: 10)
    #expect(machine.heard(Notice(.arrived, [mine])).isEmpty)
  }

  /// However many are told at once, the store is asked once, at the next tick.
  @Test func whatHasChangedIsLookedAfterAtTheNextTick() {
    var machine = holding()
    for _ in 0..<3 { #expect(machine.heard(Notice(.changed, [mine, other])).isEmpty) }
    #expect(machine.tick(1) == [.look([mailbox: mine])])
    #expect(machine.heard(Notice(.changed, [mine])).isEmpty)
    #expect(machine.tick(2).isEmpty, "one look at a time")
    _ = machine.looked([mailbox: mine], [mailbox: home(mine, 3, 5)])
    #expect(machine.tick(3) == [.look([mailbox: mine])])
    _ = machine.looked([mailbox: mine], [mailbox: home(mine, 3, 5)])
    #expect(machine.tick(4).isEmpty)
  }

  @Test func aNewerSocketElsewhereEndsThisOne() {
    var machine = holding()
    #expect(machine.looked([mailbox: mine], [mailbox: home(other, 4)]) == [.end(mailbox, ticket: 10, .displaced)])
    #expect(
      machine.looked([mailbox: mine], [mailbox: home(mine, 4)]) == [.end(mailbox, ticket: 10, .displaced)],
      "an older program claims and leaves the handle as it was")
    #expect(machine.looked([mailbox: mine], [:]) == [.end(mailbox, ticket: 10, .gone)])
    #expect(machine.looked([mailbox: mine], nil).isEmpty, "a store that does not answer says nothing")
  }

  /// Who is told `displaced` does not come back by itself. So nobody is told so when there is no other socket, or when the
  /// database fell back to what it had before.
  @Test func anOwnerWhoWasNotDisplacedComesBack() {
    var machine = holding()
    for former in [home(nil, 2), home(other, 2), home(other, 3), home(nil, 3), home(nil, 4), home(nil, 0)] {
      #expect(machine.looked([mailbox: mine], [mailbox: former]) == [.end(mailbox, ticket: 10, .restarting)])
    }
  }

  /// A database that has fallen back gives indexes again, to envelopes that a socket whose claim it still has would pass by.
  @Test func whoeverTheStoreHasFallenBehindBeginsAnew() {
    var machine = holding()
    _ = machine.tick(10)
    #expect(
      machine.looked([mailbox: mine], [mailbox: home(mine, 3, 4)]) == [.end(mailbox, ticket: 10, .restarting)],
      "of five indexes it knows four")

    // As many as were lost may have come since: then the last index says nothing, and what was deleted does.
    machine = holding()
    machine.acknowledged(mailbox, ticket: 10, upTo: 5)
    #expect(machine.tick(10).contains(.look([mailbox: mine])))
    #expect(
      machine.looked([mailbox: mine], [mailbox: home(mine, 3, 6, acknowledged: 4)])
        == [.end(mailbox, ticket: 10, .restarting)])

    // What a look has said is known too.
    machine = holding()
    _ = machine.tick(10)
    let later = home(mine, 3, 9, acknowledged: 8)
    #expect(machine.looked([mailbox: mine], [mailbox: later]) == [.reached(mailbox, 9)])
    _ = machine.tick(20)
    #expect(machine.looked([mailbox: mine], [mailbox: later]) == [.reached(mailbox, 9)])
    _ = machine.tick(30)
    #expect(
      machine.looked([mailbox: mine], [mailbox: home(mine, 3, 9, acknowledged: 7)])
        == [.end(mailbox, ticket: 10, .restarting)])
  }

  /// What became known while an answer was on its way is not missed in it; and what is known is of one socket.
  @Test func anAnswerIsHeldAgainstWhatWasKnownBefore() {
    var machine = holding()
    _ = machine.tick(10)
    machine.acknowledged(mailbox, ticket: 10, upTo: 7)
    #expect(machine.looked([mailbox: mine], [mailbox: home(mine, 3, 5)]) == [.reached(mailbox, 5)])
    machine.acknowledged(mailbox, ticket: 9, upTo: 90)
    _ = machine.tick(20)
    let now = home(mine, 3, 7, acknowledged: 7)
    #expect(machine.looked([mailbox: mine], [mailbox: now]) == [.reached(mailbox, 7)])
    machine.opened(mailbox, ticket: 11, as: other)
    machine.claimed(mailbox, other, 4)
    _ = machine.tick(30)
    #expect(machine.looked([mailbox: other], [mailbox: home(other, 4, 2)]) == [.reached(mailbox, 2)])
  }

  /// Whatever a look says, it is of the socket that was asked about.
  @Test func aSocketThatIsNewerThanTheQuestionIsNotJudged() {
    var machine = holding()
    machine.opened(mailbox, ticket: 11, as: other)
    #expect(machine.looked([mailbox: mine], [mailbox: home(SocketHandle(number: 3), 4)]).isEmpty)
    #expect(machine.heard(Notice(.arrived, [mine])).isEmpty)
    _ = machine.heard(Notice(.changed, [other]))
    #expect(machine.tick(1) == [.leave([mine: mailbox])], "its own claim will say")
    machine.claimed(mailbox, other, 5)
    #expect(machine.tick(2) == [.look([mailbox: other])])
    #expect(
      machine.looked([mailbox: other], [mailbox: home(SocketHandle(number: 3), 6)])
        == [.end(mailbox, ticket: 11, .displaced)])
  }

  /// Two event loops may open sockets of one mailbox in an order that is not that of their tickets, and end one when the
  /// other is there.
  @Test func theGreatestTicketCounts() {
    var machine = holding()
    machine.opened(mailbox, ticket: 9, as: other)
    #expect(machine.holds(mailbox, ticket: 10) && !machine.holds(mailbox, ticket: 9))
    machine.ended(mailbox, ticket: 9)
    #expect(machine.holds(mailbox, ticket: 10))
    #expect(machine.heard(Notice(.arrived, [mine])) == [.arrived(mailbox)])
    machine.opened(mailbox, ticket: 12, as: other)
    machine.ended(mailbox, ticket: 10)
    machine.claimed(mailbox, other, 4)
    #expect(machine.heard(Notice(.arrived, [other])) == [.arrived(mailbox)], "the end of the former was not its own")
    #expect(machine.tick(10).contains(.look([mailbox: other])))
  }

  @Test func whatHasEndedIsLeft() {
    var machine = holding()
    machine.ended(mailbox, ticket: 10)
    #expect(machine.tick(1) == [.leave([mine: mailbox])])
    machine.left([mine: mailbox], true)
    #expect(machine.tick(2).isEmpty)
    // One whose claim is answered when it has ended is left once more: the first may have come too early.
    machine.opened(mailbox, ticket: 11, as: other)
    machine.ended(mailbox, ticket: 11)
    #expect(machine.tick(3) == [.leave([other: mailbox])])
    machine.left([other: mailbox], true)
    machine.claimed(mailbox, other, 4)
    #expect(machine.tick(4) == [.leave([other: mailbox])])
    #expect(!machine.holds(mailbox, ticket: 11))
  }

  /// Until the store has answered, and one batch at a time: a store that is away is not asked by more and more.
  @Test func whatCouldNotBeLeftIsLeftLater() {
    var machine = holding()
    machine.ended(mailbox, ticket: 10)
    #expect(machine.tick(1) == [.leave([mine: mailbox])])
    let next = MailboxID(number: 9)
    machine.opened(next, ticket: 11, as: other)
    machine.ended(next, ticket: 11)
    #expect(machine.tick(2).isEmpty, "the store has not answered")
    machine.left([mine: mailbox], false)
    #expect(machine.tick(3) == [.leave([mine: mailbox, other: next])])
    machine.left([mine: mailbox, other: next], false)
    #expect(machine.tick(4) == [.leave([mine: mailbox, other: next])])
    machine.left([mine: mailbox, other: next], true)
    #expect(!machine.tick(5).contains { if case .leave = $0 { true } else { false } })
    // The last word of a relay that ends has it too.
    machine.opened(mailbox, ticket: 12, as: mine)
    machine.ended(mailbox, ticket: 12)
    #expect(machine.tick(6).contains(.leave([mine: mailbox])))
    machine.left([mine: mailbox], false)
    #expect(machine.close() == [mine: mailbox])
  }

  @Test func theStoreIsAskedNowAndThen() {
    var machine = holding()
    func looks(_ seconds: ClosedRange<Int64>) -> [Int64] {
      seconds.filter { second in
        let actions = machine.tick(second)
        if actions.contains(.look([mailbox: mine])) {
          _ = machine.looked([mailbox: mine], [mailbox: home(mine, 3, 5)])
        }
        return actions.contains(.look([mailbox: mine]))
      }
    }
    #expect(looks(1...30) == [10, 20, 30])
    machine.connected(false)
    #expect(looks(31...38) == [32, 34, 36, 38], "more often while nobody is heard")
    machine.connected(true)
    #expect(looks(39...50) == [39, 49], "at once when others are heard again: what they said before is lost")
  }

  @Test func aLookThatFailsIsRepeated() {
    var machine = holding()
    #expect(machine.tick(10).contains(.look([mailbox: mine])))
    #expect(!machine.tick(11).contains(.look([mailbox: mine])), "the store has not answered")
    _ = machine.looked([mailbox: mine], nil)
    #expect(machine.tick(12).contains(.look([mailbox: mine])))
  }

  @Test func itBeats() {
    var machine = HomeMachine()
    #expect((0...10).filter { machine.tick($0).contains(.beat) } == [0, 5, 10])
  }

  /// Where the store is not reached nothing is heard of what arrives. So nobody is kept there, and when the store answers
  /// again the relay is one of many as before.
  @Test func aRelayThatIsCutOffKeepsNobody() {
    var machine = holding()
    for second in 1..<RelayLimits.leaseSeconds {
      if machine.tick(second).contains(where: { if case .look = $0 { true } else { false } }) {
        _ = machine.looked([mailbox: mine], nil)
      }
    }
    #expect(!machine.isCutOff)
    #expect(machine.tick(15).prefix(2) == [.endInTurn([mailbox: 10]), .beat])
    #expect(machine.isCutOff)
    _ = machine.looked([mailbox: mine], nil)
    machine.ended(mailbox, ticket: 10)
    #expect(machine.tick(16).contains(.beat), "every second, so that it is found out soon that the store answers")
    machine.answered()
    #expect(!machine.isCutOff)
    machine.opened(mailbox, ticket: 11, as: other)
    machine.claimed(mailbox, other, 4)
    #expect(machine.tick(26).contains(.look([mailbox: other])))
    _ = machine.looked([mailbox: other], [mailbox: home(other, 4)])
    #expect((27...40).allSatisfy { second in !machine.tick(second).contains(.endInTurn([mailbox: 11])) })
  }

  /// Whoever has not had its turn when the store answers again stays, and is looked after like all others.
  @Test func whoIsLeftWhenTheStoreAnswersAgainStays() {
    var machine = holding()
    #expect(machine.tick(15) == [.endInTurn([mailbox: 10]), .beat, .look([mailbox: mine])])
    #expect(machine.isCutOff)
    #expect(machine.looked([mailbox: mine], [mailbox: home(mine, 3, 9)]) == [.reached(mailbox, 9)])
    #expect(!machine.isCutOff && machine.holds(mailbox, ticket: 10))
    #expect(machine.tick(25) == [.beat, .look([mailbox: mine])])
    #expect(machine.looked([mailbox: mine], [mailbox: home(other, 4)]) == [.end(mailbox, ticket: 10, .displaced)])
  }

  @Test func itLeavesEverythingWhenItCloses() {
    var machine = holding()
    let ended = MailboxID(number: 9)
    machine.opened(ended, ticket: 11, as: other)
    machine.ended(ended, ticket: 11)
    #expect(machine.close() == [mine: mailbox, other: ended])
    #expect(machine.close().isEmpty && !machine.holds(mailbox, ticket: 10))
  }
}
