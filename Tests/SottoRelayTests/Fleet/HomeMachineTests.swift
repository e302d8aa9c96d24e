import SottoRelay
import SottoWire
import Testing

/// The bookkeeping of sockets, step by step. The simulation in `FleetSimulation` puts it together with others.
@Suite struct HomeMachineTests {
  private let node = NodeID(number: 1)
  private let other = NodeID(number: 2)
  private let mailbox = MailboxID(number: 7)

  /// With one socket, whose claim is 3, that has been looked after once.
  private func holding() -> HomeMachine {
    var machine = HomeMachine(node)
    machine.connected(true)
    machine.opened(mailbox)
    machine.claimed(mailbox, 3)
    #expect(machine.tick(0) == [.beat, .look([mailbox: 3])])
    #expect(machine.looked([mailbox: 3], [mailbox: home(node, 3, 5)]) == [.reached(mailbox, 5)])
    return machine
  }

  private func home(_ node: NodeID?, _ claim: UInt64, _ index: UInt64 = 0) -> Home {
    Home(node: node, claim: claim, lastIndex: index)
  }

  @Test func whatIsHeardIsPassedOnToSocketsThatAreHere() {
    var machine = holding()
    #expect(machine.heard(Notice(.arrived, [mailbox, MailboxID(number: 8)])) == [.arrived(mailbox)])
    #expect(machine.heard(Notice(.changed, [mailbox, MailboxID(number: 8)])) == [.look([mailbox: 3])])
    machine.ended(mailbox)
    #expect(machine.heard(Notice(.arrived, [mailbox])).isEmpty)
    #expect(machine.heard(Notice(.changed, [mailbox])).isEmpty)
  }

  @Test func anotherNodesClaimEndsTheSocket() {
    var machine = holding()
    #expect(machine.looked([mailbox: 3], [mailbox: home(other, 4)]) == [.displaced(mailbox)])
    #expect(machine.looked([mailbox: 3], [mailbox: home(nil, 4)]) == [.displaced(mailbox)])
    #expect(machine.looked([mailbox: 3], [:]) == [.gone(mailbox)])
    #expect(machine.looked([mailbox: 3], nil).isEmpty, "a store that does not answer says nothing")
  }

  /// A database that fell back to what it had before, or a mailbox that was made anew, takes nothing from its owner: who
  /// is told `displaced` does not come back.
  @Test func aClaimThatTheStoreHasForgottenIsMadeAgain() {
    for former in [home(nil, 2), home(other, 2), home(other, 1), home(nil, 3), home(node, 0)] {
      var machine = holding()
      #expect(machine.looked([mailbox: 3], [mailbox: former]) == [.forgotten(mailbox)])
      machine.ended(mailbox)
      #expect(machine.tick(1).isEmpty, "the number may be another's by now")
    }
  }

  @Test func aSocketThatIsNewerThanTheQuestionIsNotJudged() {
    var machine = holding()
    machine.opened(mailbox)
    #expect(machine.looked([mailbox: 3], [mailbox: home(other, 4)]).isEmpty)
    #expect(machine.heard(Notice(.changed, [mailbox])).isEmpty, "its own claim will say")
    machine.claimed(mailbox, 5)
    #expect(machine.looked([mailbox: 3], [mailbox: home(other, 4)]).isEmpty)
    #expect(machine.heard(Notice(.changed, [mailbox])) == [.look([mailbox: 5])])
  }

  @Test func whatHasEndedIsLeftOnce() {
    var machine = holding()
    machine.ended(mailbox)
    #expect(machine.tick(1) == [.leave([mailbox: 3])])
    #expect(machine.tick(2).isEmpty)
    // One that ends before its claim is answered is left when it is.
    machine.opened(mailbox)
    machine.ended(mailbox)
    #expect(machine.tick(3).isEmpty)
    machine.claimed(mailbox, 4)
    #expect(machine.tick(4) == [.leave([mailbox: 4])])
    // One that was never answered has nothing to leave.
    machine.opened(mailbox)
    machine.ended(mailbox)
    machine.claimed(mailbox, nil)
    #expect(machine.tick(4).isEmpty)
  }

  @Test func theStoreIsAskedNowAndThen() {
    var machine = holding()
    func looks(_ seconds: ClosedRange<Int64>) -> [Int64] {
      seconds.filter { second in
        let actions = machine.tick(second)
        if actions.contains(.look([mailbox: 3])) { _ = machine.looked([mailbox: 3], nil) }
        return actions.contains(.look([mailbox: 3]))
      }
    }
    #expect(looks(1...30) == [10, 20, 30])
    machine.connected(false)
    #expect(looks(31...38) == [31, 33, 35, 37], "more often while nobody is heard")
    machine.connected(true)
    #expect(looks(38...50) == [38, 48], "at once when others are heard again: what they said before is lost")
    machine.beaten(wasAlive: true)
    #expect(looks(51...52).isEmpty)
    machine.beaten(wasAlive: false)
    #expect(looks(53...54) == [53], "and when they may have taken it for dead")
  }

  @Test func oneLookAtATime() {
    var machine = holding()
    #expect(machine.tick(20).contains(.look([mailbox: 3])))
    #expect(!machine.tick(40).contains(.look([mailbox: 3])), "the store has not answered")
    _ = machine.looked([mailbox: 3], nil)
    #expect(machine.tick(41).contains(.look([mailbox: 3])))
  }

  @Test func itBeats() {
    var machine = HomeMachine(node)
    #expect((0...10).filter { machine.tick($0).contains(.beat) } == [0, 5, 10])
  }

  @Test func itLeavesEverythingWhenItCloses() {
    var machine = holding()
    machine.opened(MailboxID(number: 9))
    machine.claimed(MailboxID(number: 9), 1)
    machine.ended(MailboxID(number: 9))
    #expect(machine.close() == [mailbox: 3, MailboxID(number: 9): 1])
    #expect(machine.close().isEmpty)
  }
}
