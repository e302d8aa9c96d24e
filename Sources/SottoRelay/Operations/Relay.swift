internal import Foundation
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle
internal import SottoCrypto
internal import UnixSignals

/// A blind relay: opens its store, listens, serves, and drains when it is told to stop.
///
///     init: folder, lock, store -> run: listen -> ready -> [graceful shutdown] -> not ready, no new connections,
///     idle connections closed, requests answered, sockets closed with 1012 one after the other -> writer flushed ->
///     return
public final class Relay: Service {
  private let configuration: RelayConfiguration
  private let directory: DataDirectory
  private let services: RelayServices
  private let serviceManager: ServiceManager?
  private let onListening: @Sendable (String) -> Void
  /// The codes of a disk that fails: the first ends the relay.
  private let broken: AsyncStream<Int>

  /// How many threads serve connections in this process: one core is left to the writer. On two cores a second thread of
  /// connections takes a sixth more processor time for each envelope. Called before anything else of the relay.
  public static func leaveACoreToTheWriter() {
    NIOSingletons.groupLoopCountSuggestion = max(System.coreCount - 1, 1)
  }

  /// Opens the store. `onListening` is told the URL, once connections are accepted.
  public convenience init(
    _ configuration: RelayConfiguration, logger: Logger, serviceManager: ServiceManager? = nil,
    onListening: @escaping @Sendable (String) -> Void
  ) throws(StartFailure) {
    try self.init(
      configuration, Adapters(), logger: logger, serviceManager: serviceManager, onListening: onListening)
  }

  /// `adapters`: what opens a store that is not a file, and reaches other relays.
  package init(
    _ configuration: RelayConfiguration, _ adapters: Adapters, logger: Logger,
    serviceManager: ServiceManager? = nil, onListening: @escaping @Sendable (String) -> Void
  ) throws(StartFailure) {
    try configuration.check()
    guard configuration.bus == nil || configuration.store != .sqlite else { throw .busWithoutDatabase }
    let settings = try LiveSettings(configuration)
    directory = try DataDirectory(configuration.dataDirectory)
    let metrics = RelayMetrics()
    let log = RelayLog(logger: logger)
    let (broken, tell) = AsyncStream.makeStream(of: Int.self)
    self.broken = broken
    var entropy = SystemEntropy()
    let node = NodeID(from: &entropy)
    let bus = try Self.bus(configuration.bus, node, adapters.bus)
    let pushBell = Bell()
    let store = try Self.open(configuration.store, directory.store, adapters.database) { report in
      switch report {
      case .committed(let jobs): metrics.committed(jobs)
      case .failed: metrics.commitFailed()
      case .broken(let code): tell.yield(code)
      case .elsewhere(let kind, let homes):
        for (other, sockets) in homes where other != node {
          let isTold = bus?.tell(other, Notice(kind, sockets)) ?? false
          metrics.noticed(isTold ? .told : .dropped, sockets.count)
        }
      case .pushDue: pushBell.ring()
      }
    }
    let blobs = try Self.blobs(configuration, directory, store)
    self.configuration = configuration
    self.onListening = onListening
    self.serviceManager = serviceManager
    let hub = StreamHub()
    let homes = (store as? any SharedStore).map {
      HomeDesk(node, $0, bus: bus, hub: hub, metrics: metrics, log: log)
    }
    let pushes: (any PushDesk)?
    switch configuration.push {
    case nil: pushes = nil
    case .bus:
      pushes = try Self.pushQueue(configuration, adapters.bus).flatMap { queue in
        (store as? any SharedStore).map {
          QueuePushDesk(node, $0, queue, bell: pushBell, metrics: metrics, now: configuration.now)
        }
      }
    case .socket(let path):
      pushes = (store as? SQLiteStore).map {
        SocketPushDesk(
          path: path, $0, hub, metrics: metrics, log: log, now: configuration.now, steadyNow: configuration.steadyNow)
      }
    }
    let audit = AuditLog(log, metrics)
    let registration = try Self.registration(configuration, store, settings, audit)
    services = RelayServices(
      store: store, blobs: blobs, hub: hub, homes: homes, pushes: pushes, registration: registration,
      settings: settings,
      clients: ClientLimits(configuration.clients, files: OpenFiles.raiseLimit()), metrics: metrics,
      now: configuration.now, log: log, audit: audit)
  }

  private static func bus(
    _ address: BusAddress?, _ node: NodeID, _ connector: (any BusConnector)?
  ) throws(StartFailure) -> (any RelayBus)? {
    guard let address else { return nil }
    guard let connector else { throw .withoutBus }
    return try connector.bus(address, as: node)
  }

  /// nil when everybody is let in.
  private static func registration(
    _ configuration: RelayConfiguration, _ ledger: any RegistrationLedger, _ settings: LiveSettings, _ audit: AuditLog
  ) throws(StartFailure) -> RegistrationDesk? {
    guard let mode = configuration.registration, mode != .open else { return nil }
    let secret = try configuration.registrationSecret()
    var provider: (OIDCProvider, ProviderFetch)?
    if mode == .oidc, let named = configuration.provider {
      provider = (named, try ProviderFetch(authorityFile: configuration.oidcCA))
    }
    return RegistrationDesk(
      mode, secret, ledger, provider: provider, limit: configuration.registrationTokens, settings: settings,
      audit: audit, now: configuration.now)
  }

  private static func pushQueue(
    _ configuration: RelayConfiguration, _ connector: (any BusConnector)?
  ) throws(StartFailure) -> (any PushQueue)? {
    guard let address = configuration.bus else { return nil }
    guard let connector else { throw .withoutBus }
    return try connector.pushQueue(address)
  }

  private static func open(
    _ location: StoreLocation, _ path: String, _ database: (any StoreDatabase)?,
    report: @escaping @Sendable (CommitReport) -> Void
  ) throws(StartFailure) -> any RelayStore {
    if case .postgreSQL(let address) = location {
      guard let database else { throw .withoutDatabase }
      return try database.open(address, report: report)
    }
    do {
      return try SQLiteStore(path: path, report: report)
    } catch StoreFailure.newerSchema {
      throw .newerStore
    } catch StoreFailure.olderSchema {
      throw .olderStore
    } catch StoreFailure.converted {
      throw .convertedStore
    } catch StoreFailure.notDurable {
      throw .notDurable
    } catch {
      throw .unusableStore(path)
    }
  }

  private static func blobs(
    _ configuration: RelayConfiguration, _ directory: DataDirectory, _ ledger: any BlobLedger
  ) throws(StartFailure) -> BlobDesk {
    try configuration.checkAttachments()
    let shared = configuration.attachments
    do {
      return try BlobDesk(ledger, folder: shared ?? directory.blobs, isShared: shared != nil)
    } catch {
      throw shared.map(StartFailure.attachmentsUnusable) ?? .cannotCreate(directory.blobs)
    }
  }

  /// Serves until the surrounding service group shuts down gracefully. Throws a `StartFailure` when it cannot listen.
  public func run() async throws {
    defer { directory.release() }
    do {
      try await serve()
    } catch {
      await services.homes?.close()
      await services.pushes?.close()
      await services.registration?.close()
      try? await services.store.close()
      throw error
    }
    await services.homes?.close()
    await services.pushes?.close()
    await services.registration?.close()
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
    services.clients.take(new.clients)
    let fixed = Setting.allCases.filter {
      !$0.isReloadable && new.values(of: $0) != configuration.values(of: $0)
    }
    for setting in fixed + left { services.log.write(.needsRestart(setting)) }
    services.log.write(.reloaded)
  }

  /// Reads the configuration again. One that cannot be used changes nothing.
  fileprivate func reload(_ read: () throws(StartFailure) -> RelayConfiguration) {
    serviceManager?.tell(.reloading)
    do {
      try reload(try read())
    } catch {
      services.log.write(.reloadRefused(error.setting))
    }
    serviceManager?.tell(.ready)
  }

  /// What the libraries would log holds addresses and paths: only our own events are written. [relay.31]
  private static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }

  private func serve() async throws {
    do { try await services.registration?.prepare(services.now()) } catch let error as StartFailure {
      throw error
    } catch {
      // The store cannot be asked now: whoever needs a key asks again.
    }
    try await services.pushes?.prepare()
    let server = RelayChannel(services).server(
      configuration: .init(address: .hostname(configuration.listen.host, port: configuration.listen.port)),
      onServerRunning: { self.listening(at: $0) }, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Self.silent)
    // Without the setting nobody writes down who looked.
    if configuration.push == nil, let file = services.store as? SQLiteStore { try? await file.forgetWhoWasAsked() }
    // What was paid for where not everybody was let in stays when everybody is. [token.13]
    if services.registration == nil { try? await services.store.forgiveLeases() }
    // Cancelled and waited for when the relay stops, so that neither meets a closed store.
    async let _ = Self.sweepNowAndThen(services)
    async let _ = measureNowAndThen()
    async let _ = services.homes?.run()
    async let _ = services.pushes?.run()
    try await withGracefulShutdownHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.listen(server) }
        group.addTask { try await self.untilBroken() }
        // The first that ends ends the other.
        try await group.next()
        group.cancelAll()
      }
    } onGracefulShutdown: {
      self.services.lifecycle.drain()
      self.services.log.write(.draining)
      self.serviceManager?.tell(.stopping)
    }
  }

  /// Serves clients and whoever collects metrics, until both have ended.
  private func listen(_ server: any Service) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await Self.explaining(self.configuration.listen, "--listen") { try await server.run() } }
      if let address = self.configuration.metrics {
        let services = services
        let listener = MetricsListener(
          address: address, logger: Self.silent, onServing: { services.log.write(.servingMetrics(port: $0)) },
          text: { services.metricsText() })
        group.addTask { try await listener.run() }
      }
      // The first that fails ends the other too.
      for try await _ in group {}
    }
  }

  /// Throws when the disk has failed: what it holds is known again after a start. [operation.10]
  private func untilBroken() async throws {
    for await code in broken {
      services.lifecycle.drain()
      services.log.write(.storeFailed(code: code))
      throw StartFailure.diskFailed
    }
  }

  private func listening(at channel: any Channel) {
    let address = configuration.listen.with(port: channel.localAddress?.port)
    services.lifecycle.becomeReady()
    services.log.write(.started(port: address.port))
    onListening("\(configuration.scheme)://\(address)")
    serviceManager?.tell(.ready)
  }

  /// Keeps the disk bounded. A sweep that fails is tried again an hour later. [relay.28]
  private static func sweepNowAndThen(_ services: RelayServices) async {
    try? await services.blobs.recover()
    while !Task.isCancelled {
      let done = (try? await sweep(services)) != nil
      services.metrics.swept(done)
      if done { services.log.write(.swept) }
      try? await Task.sleep(for: .seconds(RelayLimits.sweepSeconds))
    }
  }

  private static func sweep(_ services: RelayServices) async throws {
    // What others held when this relay started.
    if services.registration == nil { try await services.store.forgiveLeases() }
    try await services.store.sweep(now: services.now())
    try await services.blobs.sweep(now: services.now())
  }

  /// Keeps the gauges of the store fresh, so that a scrape asks nothing of it.
  private func measureNowAndThen() async {
    while !Task.isCancelled {
      if let usage = try? await services.store.usage() { services.metrics.measured(usage) }
      try? await Task.sleep(for: .seconds(RelayLimits.measureSeconds))
    }
  }

  /// Listens, and stops at once.
  static func tryListening(_ address: ListenAddress) async throws {
    try await explaining(address, "--listen") {
      let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .bind(host: address.host, port: address.port).get()
      try await channel.close()
    }
  }

  /// Runs a listener; that it cannot listen is said with its address, and the flag that this was said with.
  static func explaining(_ address: ListenAddress, _ flag: String, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as IOError {
      let text = address.description
      throw error.errnoCode == EADDRINUSE
        ? StartFailure.addressInUse(text, flag: flag) : StartFailure.cannotListen(text, flag: flag)
    }
  }
}

/// Waits for SIGHUP.
private struct Reloading: Service {
  let relay: Relay
  let read: @Sendable () throws(StartFailure) -> RelayConfiguration

  func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      relay.reload(read)
    }
  }
}
