import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Which gateway has which push. [push.10]
@Suite struct PushLineTests {
  private func order(_ number: Int64) -> PushOrder {
    let job = PushJob(handle: PushHandle(number: UInt128(number)), sealed: [5])
    return PushOrder(number: number, push: DuePush(mailbox: Owner(1).mailbox, job: job))
  }

  @Test func aPushLiesWithOneGateway() {
    var line = PushLine()
    #expect(line.room == 0)
    #expect(line.give(order(1), now: 0) == nil, "there is none")
    #expect(line.again(limit: 9, now: 0) == [1])
    line.connected(1)
    line.connected(2)
    #expect(line.room == 2 * RelayLimits.pushesAhead)
    // The one that has less to do.
    #expect((1...4).map { line.give(order($0), now: 0) } == [1, 2, 1, 2])
    #expect(line.last == 4)
    #expect(line.answered(1, .done, by: 2, now: 0) == nil, "another has it")
    #expect(line.answered(9, .done, by: 1, now: 0) == nil, "nobody has it")
    #expect(line.answered(1, .done, by: 1, now: 0) == .done(order(1)))
    #expect(line.answered(1, .done, by: 1, now: 0) == nil, "once")
    #expect(line.answered(3, .gone, by: 1, now: 0) == .gone(order(3)))
    #expect(line.room == 2 * RelayLimits.pushesAhead - 2)
  }

  @Test func aGatewayHoldsSoManyAndNoMore() {
    var line = PushLine()
    line.connected(1)
    let limit = Int64(RelayLimits.pushesAhead)
    for number in 1...limit { #expect(line.give(order(number), now: 0) == 1) }
    #expect(line.room == 0 && line.give(order(limit + 1), now: 0) == nil)
    _ = line.answered(1, .done, by: 1, now: 0)
    #expect(line.room == 1 && line.again(limit: 9, now: 0) == [limit + 1])
  }

  /// What it held is given to the next, the oldest first.
  @Test func whatALostGatewayHeldComesAgain() {
    var line = PushLine()
    line.connected(1)
    for number in [1, 2, 3] as [Int64] { _ = line.give(order(number), now: 0) }
    _ = line.answered(2, .done, by: 1, now: 0)
    #expect(line.lost(1) == 2)
    #expect(line.lost(1) == 0 && line.room == 0 && line.answered(1, .done, by: 1, now: 0) == nil)
    line.connected(2)
    #expect(line.again(limit: 1, now: 0) == [1])
    #expect(line.again(limit: 9, now: 0) == [3])
    #expect(line.again(limit: 9, now: 0).isEmpty)
    line.keep([3])
    #expect(line.again(limit: 9, now: 0) == [3])
  }

  /// Five minutes, twelve times; then it is over.
  @Test func oneThatCannotBeCarriedOutRests() {
    var line = PushLine()
    line.connected(1)
    var now: Int64 = 0
    for round in 1...RelayLimits.pushRounds {
      #expect(line.give(order(1), now: now) == 1)
      #expect(line.answered(1, .later, by: 1, now: now) == .later, "\(round)")
      #expect(line.again(limit: 9, now: now + RelayLimits.pushRest - 1).isEmpty)
      now += RelayLimits.pushRest
      #expect(line.again(limit: 9, now: now) == [1])
    }
    _ = line.give(order(1), now: now)
    #expect(line.answered(1, .later, by: 1, now: now) == .done(order(1)))
    // A push of the same number that was forgotten begins anew.
    _ = line.give(order(2), now: now)
    _ = line.answered(2, .later, by: 1, now: now)
    line.forget(line.again(limit: 9, now: now + RelayLimits.pushRest))
    for _ in 1...RelayLimits.pushRounds {
      _ = line.give(order(2), now: now)
      #expect(line.answered(2, .later, by: 1, now: now) == .later)
      now += RelayLimits.pushRest
      _ = line.again(limit: 9, now: now)
    }
  }

  /// A gateway that says nothing holds nobody up for ever.
  @Test func aSilentGatewayIsFound() {
    var line = PushLine()
    line.connected(1)
    line.connected(2)
    _ = line.give(order(1), now: 10)
    _ = line.give(order(2), now: 20)
    #expect(line.silent(now: 9 + RelayLimits.pushPatience).isEmpty)
    #expect(line.silent(now: 10 + RelayLimits.pushPatience) == [1])
    _ = line.answered(1, .done, by: 1, now: 20)
    #expect(line.silent(now: 20 + RelayLimits.pushPatience) == [2])
  }
}
