#if Fleet
  internal import Foundation
  package import SottoRelay
  package import SottoWire

  /// A thread with a connection to the broker that puts jobs into the queue, one lot after the other.
  package final class RabbitMQPushQueue: PushQueue {
    private struct Lot: Sendable {
      let jobs: [PushJob]
      let done: @Sendable (Set<PushHandle>) -> Void
    }

    private let lots = WorkQueue<Lot>(threads: 1)

    /// Connects when there is something to put.
    init(_ address: BusAddress) {
      let thread = Thread { [lots] in Self.run(lots, address) }
      thread.name = "sotto push"
      thread.start()
    }

    deinit { lots.close() }

    package func put(_ jobs: [PushJob]) async -> Set<PushHandle> {
      await withCheckedContinuation { continuation in
        if !lots.put(Lot(jobs: jobs, done: { continuation.resume(returning: $0) })) {
          continuation.resume(returning: [])
        }
      }
    }

    package func close() async {
      lots.close()
      await lots.ended()
    }

    private static func run(_ lots: WorkQueue<Lot>, _ address: BusAddress) {
      var broker: PushBroker?
      while let taken = lots.take(while: { _ in false }) {
        for lot in taken {
          var safe: Set<PushHandle> = []
          put(lot.work.jobs, &safe, &broker, address)
          lot.work.done(safe)
        }
      }
      broker?.close()
      lots.threadEnded()
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

  /// What a gateway takes jobs with. It blocks, so it belongs to one thread.
  package struct PushJobs: ~Copyable {
    private let broker: PushBroker

    /// What is to become of a job.
    package enum Verdict: Sendable {
      /// The device was woken, or never can be.
      case done
      /// Not now: the queue gives it again, up to its limit.
      case later
    }

    /// nil when the broker cannot be reached.
    package init?(_ address: BusAddress) {
      guard let broker = try? PushBroker(address, as: .gateway) else { return nil }
      self.broker = broker
    }

    /// Hands the next job, if one comes within so many milliseconds, to `carryOut`, and tells the queue what came of it. What
    /// is no job is put aside. False when the connection is lost: jobs that were not answered come again.
    package func next(within milliseconds: Int, _ carryOut: (PushJob) -> Verdict) -> Bool {
      do throws(BrokerLost) {
        guard let delivery = try broker.next(within: milliseconds) else { return true }
        guard let job = delivery.job else {
          try broker.refuse(delivery, again: false)
          return true
        }
        switch carryOut(job) {
        case .done: try broker.done(delivery)
        case .later: try broker.refuse(delivery, again: true)
        }
        return true
      } catch {
        return false
      }
    }
  }
#endif
