package import SottoCrypto
package import SottoRelay
package import SottoWire

/// Carries jobs out: opens what the device has sealed, and asks the push service that it names to wake it. [push.6]
package final class Gateway: Sendable {
  private let key: AgreementPrivateKey
  private let providers: [any PushProvider]
  private let metrics: GatewayMetrics
  private let hosts = HostRests()
  private let places = WebPushPlaces()
  private let waits = DeviceWaits()
  private let now: @Sendable () -> ContinuousClock.Instant
  private let sleep: @Sendable (Duration) async -> Void

  package init(
    key: consuming AgreementPrivateKey, providers: [any PushProvider], metrics: GatewayMetrics,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now },
    sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
  ) {
    self.key = key
    (self.providers, self.metrics) = (providers, metrics)
    self.now = now
    self.sleep = sleep
  }

  /// What is to become of the job.
  package func carryOut(_ job: PushJob) async -> PushVerdict {
    guard let target = PushTarget(opening: job.sealed, with: key) else {
      metrics.ended(.none, .unreadable)
      return .done
    }
    if let provider = await waits.provider(of: job.handle, now: now()) {
      metrics.ended(provider, .later)
      return .later
    }
    for provider in providers {
      guard let reply = await wake(target.kind, by: provider) else { continue }
      metrics.ended(provider.name, GatewayMetrics.End(reply.outcome))
      // A job waits for a while anyway.
      if let wait = reply.wait, wait > RelayLimits.pushRest {
        await waits.note(job.handle, at: provider.name, seconds: wait, now: now())
      }
      switch reply.outcome {
      case .woken, .refused: return .done
      case .gone: return .gone
      case .busy, .throttled, .unauthorized: return .later
      }
    }
    metrics.ended(.none, .unknown)
    return .done
  }

  private func wake(_ kind: PushTarget.Kind, by provider: any PushProvider) async -> PushReply? {
    let host = HostRests.host(of: kind)
    guard provider.name == .webPush, case .webPush = kind else { return await ask(provider, kind, of: host) }
    // Not the host's fault, so it does not count against it.
    guard let place = await places.take(for: host) else { return PushReply(.busy) }
    let reply = await ask(provider, kind, of: host)
    await places.giveBack(place)
    return reply
  }

  private func ask(_ provider: any PushProvider, _ kind: PushTarget.Kind, of host: String) async -> PushReply? {
    var pause = PushLimits.pause
    for attempt in 1...PushLimits.attempts {
      guard await !hosts.rests(host) else { return PushReply(.busy) }
      let start = now()
      guard let reply = await provider.wake(kind) else { return nil }
      let outcome = reply.outcome
      // One that says so slowly, or nothing, is not asked again at once: it would hold others up.
      let isSlow = start.duration(to: now()) > PushLimits.patience
      await note(outcome, isSlow: isSlow, kind, of: host)
      if outcome != .busy || attempt == PushLimits.attempts || isSlow { return reply }
      await sleep(.seconds(pause))
      pause *= 4
    }
    return PushReply(.busy)
  }

  private func note(_ outcome: PushOutcome, isSlow: Bool, _ kind: PushTarget.Kind, of host: String) async {
    if case .webPush = kind {
      // That a device is gone, or was woken too often, says nothing against the host: strangers make up devices.
      if isSlow || outcome == .woken || outcome == .busy {
        await places.note(host, isGood: outcome == .woken && !isSlow)
      }
      if outcome == .throttled, !isSlow { return }
    } else if outcome == .throttled {
      return
    }
    // "Too many" is said of one device too, and behind the host is everybody else: at once it costs nobody time.
    await hosts.note(host, isBusy: outcome == .busy || outcome == .throttled)
  }

  package func close() async { for provider in providers { await provider.close() } }
}

/// Hosts that failed several times in a row are left alone for a while, so that one which only wastes time holds nobody else up.
package actor HostRests {
  private struct State {
    var failures = 0
    var restsUntil = ContinuousClock.now
  }

  private var states: [String: State] = [:]

  package init() {}

  /// Of how many hosts something is kept.
  package var count: Int { states.count }

  package func rests(_ host: String) -> Bool { states[host].map { ContinuousClock.now < $0.restsUntil } ?? false }

  package func note(_ host: String, isBusy: Bool) {
    guard isBusy else {
      states[host] = nil
      return
    }
    // Hosts that strangers name come and go.
    if states.count >= 10 * PushLimits.hosts, states[host] == nil {
      states = states.filter { ContinuousClock.now < $0.value.restsUntil }
      if states.count >= 10 * PushLimits.hosts { states = [:] }
    }
    var state = states[host] ?? State()
    state.failures += 1
    if state.failures >= PushLimits.failuresInARow {
      state.failures = 0
      state.restsUntil = .now + PushLimits.rest
    }
    states[host] = state
  }

  static func host(of kind: PushTarget.Kind) -> String {
    switch kind {
    case .webPush(let url, _, _): Endpoint(url)?.authority.text ?? ""
    case .apns(_, let isSandbox): isSandbox ? APNs.sandbox : APNs.origin
    case .fcm: FCM.origin
    }
  }
}
