internal import ArgumentParser
internal import Foundation
internal import Logging
internal import SottoRelay
internal import UnixSignals

#if Fleet
  internal import SottoRelayFleet
#endif

/// `sotto-push serve`: runs a gateway until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run a push gateway.",
    discussion: """
      It takes jobs from RabbitMQ's queue `sotto.push`, or from the socket of a relay on this machine, and asks the push \
      service that each names to wake the device. Several gateways with the same keys share the work. The first line on standard output is `waiting for jobs`; logs \
      go to standard error, one JSON object a line. SIGTERM takes no more jobs, ends those in hand, and exits 0.

      Settings come from the file (`name = value`), then from SOTTO_PUSH_*, then from flags. \
      `sotto-push config example` explains each.

      EXIT CODES: 0 stopped; 64 usage; 69 cannot listen; 78 configuration, a key or a certificate.
      """)

  @OptionGroup var options: GatewayOptions

  func run() async throws {
    try await Terminal.failing { try await serve(try GatewayConfiguration(try options.sources.read())) }
  }

  private func serve(_ configuration: GatewayConfiguration) async throws {
    var logger = Logger(label: "sotto-push") { _ in JSONLogHandler() }
    logger.logLevel = configuration.logLevel
    let (log, metrics) = (GatewayLog(logger: logger), GatewayMetrics())
    let now: @Sendable () -> Int64 = { Int64(Date.now.timeIntervalSince1970) }
    let jobs = try jobs(from: configuration.source, log, metrics)
    let gateway = try configuration.gateway(metrics: metrics, resolver: SystemResolver(), now: now)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    log.write(.started)
    Terminal.write("waiting for jobs\n")
    let metricsAddress = configuration.metrics
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await jobs.run { await gateway.carryOut($0) } }
      group.addTask {
        for await _ in signals {
          log.write(.draining)
          return jobs.stop()
        }
      }
      if let metricsAddress {
        group.addTask {
          let listener = MetricsListener(
            address: metricsAddress, logger: Logger(label: "metrics") { _ in SwiftLogNoOpLogHandler() },
            onServing: { log.write(.servingMetrics(port: $0)) }, text: { metrics.text })
          do {
            try await listener.run()
          } catch is CancellationError {
          } catch {
            throw error as? StartFailure ?? .cannotListen(metricsAddress.description, flag: "--metrics")
          }
        }
      }
      do {
        // Two end when it is told to stop: who heard that, and then whoever carried jobs out.
        try await group.next()
        try await group.next()
      } catch {
        jobs.stop()
        throw error
      }
      group.cancelAll()
    }
    await gateway.close()
    log.write(.stopped)
  }

  private func jobs(
    from source: GatewayConfiguration.Source, _ log: GatewayLog, _ metrics: GatewayMetrics
  ) throws(StartFailure) -> any PushJobs {
    switch source {
    case .relay(let path):
      return SocketPushJobs(path: path.text) { isConnected in
        metrics.isConnected(isConnected)
        log.write(isConnected ? .connected(.relay) : .lost(.relay))
      }
    case .bus(let address):
      #if Fleet
        guard RabbitMQ.isLinked else { throw .withoutRabbitMQ }
        try RabbitMQ().check(address)
        return RabbitMQPushJobs(address) { event in
          switch event {
          case .connected:
            metrics.isConnected(true)
            log.write(.connected(.bus))
          case .lost:
            metrics.isConnected(false)
            log.write(.lost(.bus))
          case .gaveUp: metrics.ended(.none, .gaveUp)
          }
        }
      #else
        throw .withoutRabbitMQ
      #endif
    }
  }
}

extension StartFailure {
  fileprivate static let withoutRabbitMQ = StartFailure(
    78, "The setting bus names a message server, and this program was built without RabbitMQ.",
    "It has no way to get jobs, so nothing was started.",
    "Use a program that was built with `swift build -c release --traits Fleet`, or one relay and its socket.")
}
