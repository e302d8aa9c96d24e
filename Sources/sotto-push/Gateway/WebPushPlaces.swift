/// Who may hold one of the gateway's jobs for Web Push. Strangers name the hosts, and each of their jobs can have one of its own
/// that takes its time; so hosts which have not proved themselves share a few places, and all of Web Push leaves some to others.
/// [push.6]
package actor WebPushPlaces {
  package enum Place: Sendable {
    case proven
    case stranger
  }

  /// Hosts whose last answer was a good one, and when that was.
  private var proven: [String: ContinuousClock.Instant] = [:]
  private var taken = 0
  private var takenByStrangers = 0

  /// What waits when a gateway starts is mostly for hosts that everybody knows.
  package init() {
    let now = ContinuousClock.now
    proven = Dictionary(uniqueKeysWithValues: PushLimits.knownHosts.map { ($0, now) })
  }

  /// How many hosts are known to be good.
  package var count: Int { proven.count }

  /// nil: there is no place. Whoever gets one gives it back.
  package func take(for host: String) -> Place? {
    let isProven = proven[host] != nil
    guard taken < PushLimits.webPushJobs, isProven || takenByStrangers < PushLimits.strangersJobs else { return nil }
    taken += 1
    if !isProven { takenByStrangers += 1 }
    return isProven ? .proven : .stranger
  }

  package func giveBack(_ place: Place) {
    taken -= 1
    if place == .stranger { takenByStrangers -= 1 }
  }

  /// `isGood`: it took the message, and at once.
  package func note(_ host: String, isGood: Bool) {
    guard isGood else {
      proven[host] = nil
      return
    }
    // Hosts that strangers name come and go, and those that many use are heard of all the time.
    if proven.count >= PushLimits.provenHosts, proven[host] == nil,
      let oldest = proven.min(by: { $0.value < $1.value })
    {
      proven[oldest.key] = nil
    }
    proven[host] = ContinuousClock.now
  }
}
