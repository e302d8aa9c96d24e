internal import Foundation
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle
internal import UnixSignals

/// A blind relay: opens its store, listens, serves, and drains when it is told to stop.
///
///     init: folder, lock, store -> run: listen -> ready -> [graceful shutdown] -> not ready, no new connections,
///     idle connections closed, streams closed with 1012, requests answered -> writer flushed -> return
public final class Relay: Service {
  private let configuration: RelayConfiguration
  private let directory: DataDirectory
  private let services: RelayServices
  private let onListening: @Sendable (String) -> Void

  /// Opens the store. `onListening` is told the URL, once connections are accepted.
  public init(
    _ configuration: RelayConfiguration, logger: Logger, onListening: @escaping @Sendable (String) -> Void
  ) throws(StartFailure) {
    try configuration.check()
    let settings = try LiveSettings(configuration)
    directory = try DataDirectory(configuration.dataDirectory)
    let store = try Self.open(directory.store)
    self.configuration = configuration
    self.onListening = onListening
    services = RelayServices(
      store: store, settings: settings, now: configuration.now, log: RelayLog(logger: logger))
  }

  private static func open(_ path: String) throws(StartFailure) -> any RelayStore {
    do {
      return try SQLiteStore(path: path)
    } catch StoreFailure.newerSchema {
      throw .newerStore
    } catch StoreFailure.notDurable {
      throw .notDurable
    } catch {
      throw .unusableStore(path)
    }
  }

  /// Serves until the surrounding service group shuts down gracefully. Throws a `StartFailure` when it cannot listen.
  public func run() async throws {
    do {
      try await serve()
    } catch {
      try? await services.store.close()
      throw failure(error)
    }
    try await services.store.close()
    services.log.write(.stopped)
  }

  /// Serves until SIGTERM or SIGINT, drains, and returns. SIGHUP asks `configuration` again and takes over what it may.
  public func runUntilSignalled(
    rereading configuration: @escaping @Sendable () throws(StartFailure) -> RelayConfiguration
  ) async throws {
    let reloading = Reloading(relay: self, read: configuration)
    var group = ServiceGroupConfiguration(
      services: [.init(service: self), .init(service: reloading)], gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Self.silent)
    group.maximumGracefulShutdownDuration = .seconds(RelayLimits.drainSeconds)
    try await ServiceGroup(configuration: group).run()
  }

  /// Takes over what may change without a restart, and names what may not. All of it or, when it throws, nothing.
  /// [operation.2]
  package func reload(_ new: RelayConfiguration) throws(StartFailure) {
    let left = try services.settings.take(new)
    let fixed = Setting.allCases.filter {
      !$0.isReloadable && new.values(of: $0) != configuration.values(of: $0)
    }
    for setting in fixed + left { services.log.write(.needsRestart(setting)) }
    services.log.write(.reloaded)
  }

  /// A configuration that cannot be used changes nothing.
  func refuseReload(_ failure: StartFailure) { services.log.write(.reloadRefused(failure.setting)) }

  /// What the libraries would log holds addresses and paths: only our own events are written. [relay.31]
  private static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }

  private func serve() async throws {
    let server = RelayChannel(services).server(
      configuration: .init(address: .hostname(configuration.listen.host, port: configuration.listen.port)),
      onServerRunning: { self.listening(at: $0) }, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Self.silent)
    let sweeper = Task { await self.sweepNowAndThen() }
    defer { sweeper.cancel() }
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      self.services.lifecycle.drain()
      self.services.log.write(.draining)
    }
  }

  private func listening(at channel: any Channel) {
    let address = configuration.listen.with(port: channel.localAddress?.port)
    services.lifecycle.becomeReady()
    services.log.write(.started(port: address.port))
    onListening("\(configuration.scheme)://\(address)")
  }

  /// Keeps the disk bounded. A sweep that fails is tried again an hour later. [relay.28]
  private func sweepNowAndThen() async {
    while !Task.isCancelled {
      if (try? await services.store.sweep(now: services.now())) != nil { services.log.write(.swept) }
      try? await Task.sleep(for: .seconds(RelayLimits.sweepSeconds))
    }
  }

  private func failure(_ error: any Error) -> any Error {
    guard let error = error as? IOError else { return error }
    let address = configuration.listen.description
    return error.errnoCode == EADDRINUSE ? StartFailure.addressInUse(address) : StartFailure.cannotListen(address)
  }
}

/// Waits for SIGHUP.
private struct Reloading: Service {
  let relay: Relay
  let read: @Sendable () throws(StartFailure) -> RelayConfiguration

  func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      do {
        try relay.reload(try read())
      } catch {
        relay.refuseReload(error)
      }
    }
  }
}
