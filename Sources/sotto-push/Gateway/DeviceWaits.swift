package import SottoWire

/// Devices about which their push service does not want to be asked for longer than a job waits anyway. They are known by the
/// handles of their jobs: whoever has a service say so of one, a stranger of theirs too, keeps nobody else asleep. [push.6]
package actor DeviceWaits {
  private struct Wait {
    let provider: ProviderName
    let end: ContinuousClock.Instant
  }

  private var waits: [PushHandle: Wait] = [:]

  package init() {}

  /// Of how many devices something is kept.
  package var count: Int { waits.count }

  /// Who is not to be asked about the device yet.
  package func provider(of device: PushHandle, now: ContinuousClock.Instant) -> ProviderName? {
    guard let wait = waits[device] else { return nil }
    if now < wait.end { return wait.provider }
    waits[device] = nil
    return nil
  }

  package func note(
    _ device: PushHandle, at provider: ProviderName, seconds: Int, now: ContinuousClock.Instant
  ) {
    if waits.count >= PushLimits.waits, waits[device] == nil {
      waits = waits.filter { now < $0.value.end }
      if waits.count >= PushLimits.waits { waits = [:] }
    }
    waits[device] = Wait(provider: provider, end: now + .seconds(seconds))
  }
}
