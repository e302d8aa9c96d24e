import Foundation
import NIOCore
import SottoRelay
import SottoWire
import Synchronization

/// Owners and senders that come back whenever their connection ends.
final class FleetLoad: Sendable {
  private let ledger: CrashLedger
  private let target: LoadTarget
  private let authority: RelayAuthority
  private let generator = LoadGenerator()
  private let owners: [LoadMailbox]
  private let isOver = Atomic(false)
  private let tasks = Mutex<[Task<Void, Never>]>([])
  private let streams = Mutex(Streams())

  private struct Streams {
    /// How often owners were asked to come again, and which of these times each of them has come.
    var asked = 0
    var come: [Int: Int] = [:]
    /// Those that their owners have let be.
    var former: [LoadConnections<CrashOwner>] = []
  }

  var count: Int { owners.count }

  init(_ fleet: Fleet, _ ledger: CrashLedger, owners count: Int) async throws {
    self.ledger = ledger
    (target, authority) = try fleet.front()
    let load = try await RelayLoad(generator, target, authority, mailboxes: 0, owners: count)
    owners = Array(load.owners.prefix(count))
  }

  func start(senders: Int, sendSockets: Int) {
    let listening = owners.indices.map { index in Task { await self.listen(index) } }
    let sending = (0..<senders + sendSockets).map { number in
      Task { await self.send(isSocket: number >= senders) }
    }
    tasks.withLock { $0 = listening + sending }
  }

  /// Until so many more were acknowledged; fails after five minutes.
  func acknowledge(_ more: Int) async throws {
    let enough = ledger.acknowledged + more
    let end = ContinuousClock.now + .seconds(300)
    while ledger.acknowledged < enough {
      guard .now < end else { throw StartFailure.loadUnreachable }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Every owner opens another stream and lets the one that it has be, as a telephone does whose network is another now.
  /// Returns when all have; fails after five minutes.
  func comeAgain() async throws {
    let asked = streams.withLock { streams in
      streams.asked += 1
      return streams.asked
    }
    let end = ContinuousClock.now + .seconds(300)
    while streams.withLock({ streams in owners.indices.contains { streams.come[$0, default: 0] < asked } }) {
      guard .now < end else { throw StartFailure.loadUnreachable }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// How many streams that were let be look open to their owners.
  var former: Int {
    streams.withLock { streams in
      streams.former.removeAll { $0.hasEnded }
      return streams.former.count
    }
  }

  /// Says again what was not answered, and fetches everything; fails after five minutes.
  func settle() async throws {
    isOver.store(true, ordering: .relaxed)
    for task in tasks.withLock({ $0 }) { await task.value }
    for stream in streams.withLock({ $0.former }) { stream.closeSoon() }
    let end = ContinuousClock.now + .seconds(300)
    while ledger.toSayAgain > 0 {
      guard .now < end else { throw StartFailure.loadUnreachable }
      await sendOnce(isSocket: false, ledger.toSayAgain)
    }
    // The second time everything must be gone.
    for _ in 0..<2 {
      for index in owners.indices {
        var stream = try? await open(index)
        while stream == nil {
          guard .now < end else { throw StartFailure.loadUnreachable }
          stream = try? await open(index)
        }
        stream?.closeSoon()
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  private func open(_ index: Int) async throws -> LoadConnections<CrashOwner> {
    try await generator.open([CrashOwner(index, owners[index], at: authority, ledger)], to: target)
  }

  private func listen(_ index: Int) async {
    while !isOver.load(ordering: .relaxed) {
      let asked = streams.withLock { $0.asked }
      if let stream = try? await open(index) {
        streams.withLock { $0.come[index] = asked }
        while !isOver.load(ordering: .relaxed), !stream.hasEnded, asked == streams.withLock({ $0.asked }) {
          try? await Task.sleep(for: .milliseconds(20))
        }
        if !isOver.load(ordering: .relaxed), !stream.hasEnded {
          streams.withLock { $0.former.append(stream) }
          continue
        }
        stream.closeSoon()
      }
      try? await Task.sleep(for: .milliseconds(.random(in: 0...500)))
    }
  }

  private func send(isSocket: Bool) async {
    while !isOver.load(ordering: .relaxed) {
      await sendOnce(isSocket: isSocket, 50)
      try? await Task.sleep(for: .milliseconds(.random(in: 0...100)))
    }
  }

  /// On one connection, until it ends or enough was said.
  private func sendOnce(isSocket: Bool, _ count: Int) async {
    let lane = Lane(ledger)
    if isSocket {
      let sender = CrashSender(lane, owners, at: authority)
      if let open = try? await generator.open([sender], to: target) {
        await say(count, on: open)
      }
    } else {
      let sender = FleetSender(lane, owners, at: authority)
      if let open = try? await generator.open([sender], to: target) {
        await say(count, on: open)
      }
    }
    lane.end()
  }

  /// With time in between: what is asked is what becomes of envelopes, not how many there can be, and a part that comes
  /// back needs the processor too.
  private func say<Sender>(_ count: Int, on connection: LoadConnections<Sender>) async {
    for _ in 0..<count {
      guard (try? await connection.turn(1, inFlight: 1)) != nil else { break }
      try? await Task.sleep(for: .milliseconds(.random(in: 5...25)))
    }
    connection.closeSoon()
  }
}

/// A request for each envelope.
private struct FleetSender: LoadConversation {
  private let lane: Lane
  private let mailboxes: [LoadMailbox]
  private let authority: RelayAuthority
  /// In the order in which they were said, which is that of the answers.
  private var names: [EnvelopeID] = []

  init(_ lane: Lane, _ mailboxes: [LoadMailbox], at authority: RelayAuthority) {
    (self.lane, self.mailboxes, self.authority) = (lane, mailboxes, authority)
  }

  mutating func begin(_ out: inout ByteBuffer) {}
  var isReadyAtOnce: Bool { true }

  mutating func say(_ out: inout ByteBuffer) {
    let put = lane.next()
    names.append(put.name)
    let bytes = put.envelope
    out.writeString(
      """
      PUT \(Route.envelope(mailboxes[put.mailbox].id, put.name).path) HTTP/1.1\r\nhost: \(authority.text)\r\n\
      sotto-capability: \(LoadMailbox.capability.text)\r\ncontent-length: \(bytes.count)\r\n\r\n
      """)
    out.writeBytes(bytes)
  }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let answer = try HTTPAnswer(&input) {
      guard 200..<300 ~= answer.status else { throw StartFailure.loadRefused(answer.status) }
      lane.answered(names.removeFirst())
      progress.done += 1
    }
    return progress
  }
}
