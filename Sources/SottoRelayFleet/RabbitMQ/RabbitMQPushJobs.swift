#if Fleet
  internal import Foundation
  package import SottoRelay
  package import SottoWire
  internal import Synchronization

  /// A thread with a connection to the broker that takes jobs from the queue, and tells it what became of them. [push.6]
  package final class RabbitMQPushJobs: PushJobs {
    private struct Held: Sendable {
      /// The connection that it came by: on another its number means nothing, and it comes again.
      let connection: Int
      let tag: UInt64
      let job: PushJob
    }

    private struct State: Sendable {
      var isStopping = false
      /// The one that there is; 0: none.
      var connection = 0
      /// Jobs that are being carried out, by whatever connection they came.
      var inHand = 0
      var answers: [(held: Held, verdict: PushVerdict)] = []
    }

    package enum Event: Sendable {
      case connected
      case lost
      /// A job has waited too often, or is none.
      case gaveUp
    }

    private let address: BusAddress
    private let onEvent: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// `onEvent` is told first whether there is a connection, and then of everything that happens, on the thread.
    package init(_ address: BusAddress, onEvent: @escaping @Sendable (Event) -> Void = { _ in }) {
      (self.address, self.onEvent) = (address, onEvent)
    }

    package func stop() { state.withLock { $0.isStopping = true } }

    package func run(_ carryOut: @escaping @Sendable (PushJob) async -> PushVerdict) async {
      let (jobs, feed) = AsyncStream<Held>.makeStream()
      let thread = Thread {
        self.work(feed)
        feed.finish()
      }
      thread.name = "sotto push"
      thread.start()
      await withDiscardingTaskGroup { group in
        for await held in jobs {
          guard await mayCarryOut(held) else { continue }
          group.addTask {
            let verdict = await carryOut(held.job)
            self.state.withLock { state in
              state.inHand -= 1
              state.answers.append((held, verdict))
            }
          }
        }
        group.cancelAll()
      }
    }

    /// Those of a connection that was lost are carried out to their end: together they are no more than one may hold. What waits
    /// for that is not carried out once its own connection is lost, for it comes again.
    private func mayCarryOut(_ held: Held) async -> Bool {
      while !Task.isCancelled {
        let answer = state.withLock { state -> Bool? in
          guard state.connection == held.connection else { return false }
          guard state.inHand < RelayLimits.pushesAhead else { return nil }
          state.inHand += 1
          return true
        }
        if let answer { return answer }
        try? await Task.sleep(for: .milliseconds(20))
      }
      return false
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func work(_ feed: AsyncStream<Held>.Continuation) {
      var connection = 0
      var isFirst = true
      while !isStopping {
        guard let broker = try? PushBroker(address, as: .gateway) else {
          if isFirst { onEvent(.lost) }
          isFirst = false
          Thread.sleep(forTimeInterval: 1)
          continue
        }
        isFirst = false
        connection += 1
        let number = connection
        state.withLock { $0.connection = number }
        onEvent(.connected)
        do throws(BrokerLost) {
          try serve(broker, connection, feed)
          state.withLock { $0.connection = 0 }
          return broker.close()
        } catch {}
        state.withLock { $0.connection = 0 }
        onEvent(.lost)
        // A broker that lets it in and sends it away, as one does whose user may not write, is not asked all the time: each
        // time it gives out again what it had given out.
        Thread.sleep(forTimeInterval: 1)
      }
    }

    /// Returns when it was told to stop.
    private func serve(
      _ broker: borrowing PushBroker, _ connection: Int, _ feed: AsyncStream<Held>.Continuation
    ) throws(BrokerLost) {
      var inHand = 0
      var end: ContinuousClock.Instant?
      while true {
        let (answers, isStopping) = state.withLock { state in
          defer { state.answers = [] }
          return (state.answers, state.isStopping)
        }
        for (held, verdict) in answers where held.connection == connection {
          inHand -= 1
          switch verdict {
          case .done: try broker.done(held.tag)
          case .gone: try broker.gone(held.tag, held.job.handle)
          case .later: try broker.later(held.tag)
          }
        }
        if isStopping {
          let last = end ?? ContinuousClock.now + .milliseconds(RelayLimits.pushStop)
          end = last
          // What is in hand still goes to another gateway: somebody may be woken twice.
          if inHand == 0 || ContinuousClock.now > last {
            // A quorum queue hears of acknowledgements a little later than its connection: one that ends at once takes some
            // with it.
            Thread.sleep(forTimeInterval: Double(FleetLimits.pushSettle) / 1_000)
            return
          }
          Thread.sleep(forTimeInterval: Double(FleetLimits.pushTurn.busy) / 1_000)
          continue
        }
        let turn = inHand == 0 ? FleetLimits.pushTurn.idle : FleetLimits.pushTurn.busy
        guard let delivery = try broker.next(within: turn) else { continue }
        if let job = delivery.job {
          inHand += 1
          feed.yield(Held(connection: connection, tag: delivery.tag, job: job))
        } else {
          onEvent(.gaveUp)
          try broker.done(delivery.tag)
        }
      }
    }
  }
#endif
