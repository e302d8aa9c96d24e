/// When the sockets of a relay that stops, or is cut off, are closed: one after the other, so that their clients do not all
/// come back at once. Few are over at once; many have the same time together. In microseconds. [operation.18]
package struct DrainSchedule: Sendable {
  /// What the first was told: how many there are, and how long they take together.
  private struct Plan {
    let sockets: Int64
    let time: Int64
  }

  private var open: Int64 = 0
  private var plan: Plan?
  /// How many have been told.
  private var told: Int64 = 0

  package init() {}

  package mutating func opened() { open += 1 }
  package mutating func closed() { open -= 1 }

  /// How long the next socket waits, once the relay is told to stop: each asks once. One that was opened meanwhile is
  /// closed after all others.
  package mutating func wait() -> Int64 {
    let plan = self.plan ?? Plan(sockets: open, time: min(open * RelayLimits.drainStep, RelayLimits.drainSpread))
    self.plan = plan
    defer { told += 1 }
    return told < plan.sockets ? plan.time * told / plan.sockets : plan.time
  }
}
