internal import SottoWire

/// A push that is due in the store of a single relay.
package struct PushOrder: Equatable, Sendable {
  /// Greater than that of each that became due before.
  package let number: Int64
  package let push: DuePush

  package init(number: Int64, push: DuePush) { (self.number, self.push) = (number, push) }
}

/// Which of the due pushes lies with which gateway. A part without a clock, a store or a socket; the store keeps each until a
/// gateway has said what became of it. [push.10]
///
///     due --give--> held --done, gone--> settled
///      ^              |`--later--> resting, some rounds --+
///      |              v                                   |
///      +-- gateway gone, or silent <----------------------+
package struct PushLine {
  /// Names one connection.
  package typealias GatewayID = Int

  /// What a gateway said of a push that it held.
  package enum Settlement: Equatable, Sendable {
    case done(PushOrder)
    /// Nobody is to be woken with it any more.
    case gone(PushOrder)
    case later
  }

  private struct Held {
    let order: PushOrder
    let gateway: GatewayID
    let since: Int64
  }

  private var inHand: [GatewayID: Int] = [:]
  private var held: [Int64: Held] = [:]
  /// Numbers of what is to be given once more: the smallest is the last, once they are sorted.
  private var returned: [Int64] = []
  private var isSorted = true
  /// And of what is to be later, from `restingFrom` on in the order of their times, because all rest for as long.
  private var resting: [(number: Int64, until: Int64)] = []
  private var restingFrom = 0
  private var rounds: [Int64: Int] = [:]
  /// Everything up to this number was given out.
  package private(set) var last: Int64 = 0

  package init() {}

  package var gateways: Int { inHand.count }
  /// How many more gateways take.
  package var room: Int { inHand.values.reduce(0) { $0 + RelayLimits.pushesAhead - $1 } }

  package mutating func connected(_ gateway: GatewayID) { inHand[gateway] = 0 }

  /// What it held is to be given to another; how many there were.
  package mutating func lost(_ gateway: GatewayID) -> Int {
    inHand[gateway] = nil
    let numbers = held.filter { $0.value.gateway == gateway }.map(\.key)
    for number in numbers { held[number] = nil }
    keep(numbers)
    return numbers.count
  }

  /// nil when the gateway does not hold it.
  package mutating func answered(
    _ number: Int64, _ verdict: PushVerdict, by gateway: GatewayID, now: Int64
  ) -> Settlement? {
    guard let one = held[number], one.gateway == gateway else { return nil }
    held[number] = nil
    inHand[gateway, default: 1] -= 1
    let round = rounds.removeValue(forKey: number) ?? 0
    switch verdict {
    case .done: return .done(one.order)
    case .gone: return .gone(one.order)
    case .later where round >= RelayLimits.pushRounds: return .done(one.order)
    case .later:
      rounds[number] = round + 1
      resting.append((number, now + RelayLimits.pushRest))
      return .later
    }
  }

  /// At most `limit` of those that are to be given once more, the oldest first. The line has none of them any more: give,
  /// keep or forget each.
  package mutating func again(limit: Int, now: Int64) -> [Int64] {
    let ready = resting[restingFrom...].prefix { $0.until <= now }
    restingFrom += ready.count
    keep(ready.map(\.number))
    if restingFrom > resting.count / 2 {
      resting.removeFirst(restingFrom)
      restingFrom = 0
    }
    if !isSorted { returned.sort(by: >) }
    isSorted = true
    let next = Array(returned.suffix(limit).reversed())
    returned.removeLast(next.count)
    return next
  }

  /// These could not be read now: they are to be given once more.
  package mutating func keep(_ numbers: [Int64]) {
    guard !numbers.isEmpty else { return }
    returned += numbers
    isSorted = false
  }

  /// Nobody is to be woken by these any more.
  package mutating func forget(_ numbers: [Int64]) { for number in numbers { rounds[number] = nil } }

  /// Who is to have it; nil when nobody takes more, and then it is to be given once more.
  package mutating func give(_ order: PushOrder, now: Int64) -> GatewayID? {
    last = max(last, order.number)
    guard let gateway = inHand.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }),
      gateway.value < RelayLimits.pushesAhead
    else {
      keep([order.number])
      return nil
    }
    held[order.number] = Held(order: order, gateway: gateway.key, since: now)
    inHand[gateway.key] = gateway.value + 1
    return gateway.key
  }

  /// Gateways that have said nothing of a push for too long.
  package func silent(now: Int64) -> Set<GatewayID> {
    Set(held.values.lazy.filter { now >= $0.since + RelayLimits.pushPatience }.map(\.gateway))
  }
}
