internal import NIOCore
package import SottoWire

/// The phases of a load on one relay.
package struct RelayLoad: Sendable {
  package let generator: LoadGenerator
  package let target: LoadTarget
  package let authority: RelayAuthority
  /// Envelopes are spread over these, and nobody fetches them.
  package let mailboxes: [LoadMailbox]
  /// The owners of these come and take everything, so that nothing waits for them between phases.
  package let owners: [LoadMailbox]

  /// Creates mailboxes on the relay.
  package init(
    _ generator: LoadGenerator, _ target: LoadTarget, _ authority: RelayAuthority, mailboxes: Int, owners: Int = 64,
    progress: (Int) -> Void = { _ in }
  ) async throws {
    (self.generator, self.target, self.authority) = (generator, target, authority)
    self.mailboxes = (0..<mailboxes).map { _ in LoadMailbox() }
    self.owners = (0..<max(owners, 64)).map { _ in LoadMailbox() }
    var done = 0
    for some in Self.chunks(self.mailboxes + self.owners, 1_024) {
      try await Self.request(generator, target, some, 2) { RequestLoad.create($0, at: authority) }
      done += some.count
      progress(done)
    }
  }

  /// Deletes them, and everything in them.
  package func end() async throws {
    for some in Self.chunks(mailboxes + owners, 1_024) {
      try await Self.request(generator, target, some, 1) { RequestLoad.delete($0, at: authority) }
    }
  }

  /// Requests about mailboxes, over 16 connections.
  private static func request(
    _ generator: LoadGenerator, _ target: LoadTarget, _ mailboxes: [LoadMailbox], _ each: Int,
    _ load: ([LoadMailbox]) -> RequestLoad
  ) async throws {
    let shares = chunks(mailboxes, (mailboxes.count + 15) / 16)
    for share in Dictionary(grouping: shares, by: \.count).values {
      let connections = try await generator.open(share.map(load), to: target)
      defer { connections.closeSoon() }
      try await connections.turn(share[0].count * each, inFlight: 1)
    }
  }

  private static func chunks(_ all: [LoadMailbox], _ size: Int) -> [[LoadMailbox]] {
    stride(from: 0, to: all.count, by: max(size, 1)).map { Array(all[$0..<min($0 + size, all.count)]) }
  }

  /// `senders` send `each` envelopes to any of the mailboxes, `inFlight` ahead of the answers.
  package func accept(
    senders: Int = 64, each: Int, inFlight: Int, phase: LoadResult.Phase = .accept
  ) async throws -> LoadResult {
    let loads = (0..<senders).map { _ in SendLoad(to: mailboxes, at: authority) }
    return try await measure(phase, loads, each, inFlight)
  }

  /// The same with PUT requests, one at a time on each connection.
  package func put(senders: Int = 64, each: Int) async throws -> LoadResult {
    let loads = (0..<senders).map { _ in PutLoad(to: mailboxes, at: authority) }
    return try await measure(.put, loads, each, 1)
  }

  private func measure<Load: LoadConversation>(
    _ phase: LoadResult.Phase, _ loads: [Load], _ each: Int, _ inFlight: Int
  ) async throws -> LoadResult {
    let connections = try await generator.open(loads, to: target)
    defer { connections.closeSoon() }
    let measure = try await LoadMeasure.of(target.process) { try await connections.turn(each, inFlight: inFlight) }
    return LoadResult(phase, inFlight: inFlight, connections: loads.count, count: loads.count * each, measure)
  }

  /// `recipients` of the mailboxes get `each` envelopes while they are away.
  package func fill(recipients: ArraySlice<LoadMailbox>, each: Int) async throws {
    let loads = recipients.map { SendLoad(to: [$0], at: authority) }
    let connections = try await generator.open(loads, to: target)
    defer { connections.closeSoon() }
    try await connections.turn(each, inFlight: 16)
  }

  /// As many recipients come back and take what waits: measured from the first connection to the last envelope.
  package func deliver(recipients: Int = 64, each: Int) async throws -> LoadResult {
    let recipients = owners.prefix(recipients)
    try await fill(recipients: recipients, each: each)
    let loads = recipients.map { StreamLoad($0, at: authority) }
    let connections = Taken<LoadConnections<StreamLoad>>()
    let measure = try await LoadMeasure.of(target.process) {
      let opened = try await generator.open(loads, to: target, expecting: each)
      connections.value = opened
      try await opened.ended()
    }
    // What waits for the last acks is waited for, so that nothing of it falls into what is measured next.
    try await Task.sleep(for: .milliseconds(200))
    connections.value?.closeSoon()
    return LoadResult(.deliver, connections: loads.count, count: loads.count * each, measure)
  }

  /// `pairs` of senders and owners who are online, `perSecond` envelopes a second between all of them, on send sockets or
  /// each as a request.
  package func latency(
    pairs: Int = 32, perSecond: Int = 500, seconds: Int = 6, byRequest: Bool = false
  ) async throws -> LoadResult {
    if byRequest {
      return try await latency(pairs, perSecond, seconds) { PutLoad(to: [$0], at: authority, stamped: true) }
    }
    return try await latency(pairs, perSecond, seconds) { SendLoad(to: [$0], at: authority, stamped: true) }
  }

  private func latency(
    _ pairs: Int, _ perSecond: Int, _ seconds: Int, _ sender: (LoadMailbox) -> some LoadConversation
  ) async throws -> LoadResult {
    let recipients = owners.prefix(pairs)
    let streams = try await generator.open(
      recipients.map { StreamLoad($0, at: authority, stamped: true) }, to: target)
    defer { streams.closeSoon() }
    let senders = try await generator.open(recipients.map(sender), to: target)
    defer { senders.closeSoon() }
    let count = perSecond * seconds
    let measure = try await LoadMeasure.of(target.process) {
      try await senders.speak(perSecond: perSecond, for: seconds)
      for _ in 0..<500 where try await streams.conversations().reduce(0, { $0 + $1.received }) < count {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    let delays = try await streams.conversations().flatMap(\.delays).sorted()
    guard delays.count >= count else { throw StartFailure.loadLost(count - delays.count) }
    var result = LoadResult(.latency, connections: 2 * pairs, count: count, measure)
    result.p50 = Double(delays[count / 2]) / 1e3
    result.p99 = Double(delays[count * 99 / 100]) / 1e3
    return result
  }

  /// As many connections begin a request and do not end it; the relay closes them after some seconds.
  package func crowd(_ count: Int) async throws -> LoadConnections<SlowLoad> {
    try await generator.open((0..<count).map { _ in SlowLoad() }, to: target)
  }

  /// `count` owners are online and nothing happens: memory for each, and processor time to let each in.
  package func idle(
    _ count: Int, phase: LoadResult.Phase = .idle, settle seconds: Int = 10, progress: (Int) -> Void = { _ in }
  ) async throws -> LoadResult {
    let process = target.process.map(LoadProcess.init)
    let before = process?.residentBytes
    let loads = owners.prefix(count).map { StreamLoad($0, at: authority) }
    let taken = Taken<LoadConnections<StreamLoad>>()
    let measure = try await LoadMeasure.of(target.process) {
      taken.value = try await generator.open(loads, to: target, progress: progress)
    }
    defer { taken.value?.closeSoon() }
    try await Task.sleep(for: .seconds(seconds))
    let after = process?.residentBytes
    var result = LoadResult(phase, connections: loads.count, count: loads.count, measure)
    result.count = nil
    result.rssPerConnection = before.flatMap { before in
      after.map { Double($0 - before) / Double(loads.count) }
    }
    return result
  }
}

/// What a closure hands out.
private final class Taken<Value> {
  var value: Value?
}
