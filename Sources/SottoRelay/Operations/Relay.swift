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
    directory = try DataDirectory(configuration.dataDirectory)
    let store = try Self.open(directory.store)
    let blobs = try Self.open(directory.blobs, store)
    self.configuration = configuration
    self.onListening = onListening
    services = RelayServices(
      store: store, blobs: blobs, transferSeconds: configuration.transferSeconds,
      authorities: configuration.authorities, now: configuration.now, log: RelayLog(logger: logger))
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

  private static func open(_ folder: String, _ ledger: any BlobLedger) throws(StartFailure) -> BlobDesk {
    do {
      return try BlobDesk(ledger, folder: folder)
    } catch {
      throw .cannotCreate(folder)
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

  /// Serves until SIGTERM or SIGINT, drains, and returns.
  public func runUntilSignalled() async throws {
    var group = ServiceGroupConfiguration(
      services: [.init(service: self)], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.silent)
    group.maximumGracefulShutdownDuration = .seconds(RelayLimits.drainSeconds)
    try await ServiceGroup(configuration: group).run()
  }

  /// What the libraries would log holds addresses and paths: only our own events are written. [relay.31]
  private static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }

  private func serve() async throws {
    let server = RelayChannel(services).server(
      configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
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
    let port = channel.localAddress?.port ?? configuration.port
    services.lifecycle.becomeReady()
    services.log.write(.started(port: port))
    onListening(configuration.origin(port: port))
  }

  /// Keeps the disk bounded. A sweep that fails is tried again an hour later. [relay.28]
  private func sweepNowAndThen() async {
    try? await services.blobs.recover()
    while !Task.isCancelled {
      if (try? await sweep()) != nil { services.log.write(.swept) }
      try? await Task.sleep(for: .seconds(RelayLimits.sweepSeconds))
    }
  }

  private func sweep() async throws {
    try await services.store.sweep(now: services.now())
    try await services.blobs.sweep(now: services.now())
  }

  private func failure(_ error: any Error) -> any Error {
    guard let error = error as? IOError else { return error }
    let address = configuration.origin(port: configuration.port).dropFirst("http://".count)
    return error.errnoCode == EADDRINUSE
      ? StartFailure.addressInUse(String(address)) : StartFailure.cannotListen(String(address))
  }
}
