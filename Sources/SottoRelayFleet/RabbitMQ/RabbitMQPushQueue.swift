#if Fleet
  internal import Foundation
  internal import SottoRelay
  internal import SottoWire

  /// A thread with a connection to the broker that puts jobs into the queue, one lot after the other.
  final class RabbitMQPushQueue: PushQueue {
    private enum Work: Sendable {
      case put([PushJob], @Sendable (Set<PushHandle>) -> Void)
      case ended(limit: Int, @Sendable ([PushHandle]) -> Void)
    }

    private let works = WorkQueue<Work>(threads: 1)

    /// Connects when there is something to put.
    init(_ address: BusAddress) {
      let thread = Thread { [works] in Self.run(works, address) }
      thread.name = "sotto push"
      thread.start()
    }

    deinit { works.close() }

    func put(_ jobs: [PushJob]) async -> Set<PushHandle> {
      await withCheckedContinuation { continuation in
        if !works.put(.put(jobs) { continuation.resume(returning: $0) }) { continuation.resume(returning: []) }
      }
    }

    func ended(limit: Int) async -> [PushHandle] {
      await withCheckedContinuation { continuation in
        if !works.put(.ended(limit: limit) { continuation.resume(returning: $0) }) {
          continuation.resume(returning: [])
        }
      }
    }

    func close() async {
      works.close()
      await works.ended()
    }

    private static func run(_ works: WorkQueue<Work>, _ address: BusAddress) {
      var broker: PushBroker?
      while let taken = works.take(while: { _ in false }) {
        for work in taken {
          switch work.work {
          case .put(let jobs, let done):
            var safe: Set<PushHandle> = []
            put(jobs, &safe, &broker, address)
            done(safe)
          case .ended(let limit, let done): done(ended(limit, &broker, address))
          }
        }
      }
      broker?.close()
      works.threadEnded()
    }

    private static func ended(_ limit: Int, _ broker: inout PushBroker?, _ address: BusAddress) -> [PushHandle] {
      do throws(BrokerLost) {
        if broker == nil { broker = try PushBroker(address, as: .relay) }
        return try broker?.ended(limit: limit) ?? []
      } catch {
        broker = nil
        return []
      }
    }

    /// With a connection that has broken since it was used last, what is not safe yet once more with a new one.
    private static func put(
      _ jobs: [PushJob], _ safe: inout Set<PushHandle>, _ broker: inout PushBroker?, _ address: BusAddress
    ) {
      let isUsed = broker != nil
      do throws(BrokerLost) {
        if broker == nil { broker = try PushBroker(address, as: .relay) }
        try broker?.put(jobs, &safe)
      } catch {
        broker = nil
        if isUsed { put(jobs.filter { !safe.contains($0.handle) }, &safe, &broker, address) }
      }
    }
  }
#endif
