import SottoRelay
import Testing

/// How often an owner is woken. [push.12]
@Suite struct PushPaceTests {
  private let rate = RelayLimits.wakeups

  /// A pace at which one owner was woken as often as may be at once.
  private func spent(at now: Int64) -> PushPace {
    var pace = PushPace()
    for _ in 0..<rate.burst {
      let isAllowed = pace.allows(Owner(1).mailbox, now: now)
      #expect(isAllowed)
      pace.wakes(Owner(1).mailbox, now: now)
    }
    return pace
  }

  @Test func whoIsWokenTooOftenComesLater() {
    let (mailbox, other) = (Owner(1).mailbox, Owner(2).mailbox)
    var pace = spent(at: 1_000)
    let (isAllowed, isOtherAllowed) = (pace.allows(mailbox, now: 1_000), pace.allows(other, now: 1_000))
    #expect(!isAllowed && isOtherAllowed && pace.postponed == [mailbox])
    let (early, due) = (pace.ready(now: 999 + rate.interval), pace.ready(now: 1_000 + rate.interval))
    #expect(early.isEmpty && due == [mailbox] && pace.postponed.isEmpty)
    // Looked at, and not woken: nothing is spent.
    let (first, second) = (
      pace.allows(mailbox, now: 1_000 + rate.interval), pace.allows(mailbox, now: 1_000 + rate.interval)
    )
    #expect(first && second)
    pace.wakes(mailbox, now: 1_000 + rate.interval)
    let third = pace.allows(mailbox, now: 1_000 + rate.interval)
    #expect(!third)
  }

  /// A clock that was ahead keeps nobody asleep until it is there again.
  @Test func aClockThatIsSetBackKeepsNobodyAsleep() {
    let mailbox = Owner(1).mailbox
    var pace = spent(at: 100_000)
    let isAllowed = pace.allows(mailbox, now: 1_000)
    #expect(!isAllowed)
    let (early, due) = (pace.ready(now: 999 + rate.interval), pace.ready(now: 1_000 + rate.interval))
    #expect(early.isEmpty && due == [mailbox])
  }
}
