#if Fleet
  import Foundation
  import NIOCore
  import NIOPosix
  import SottoRelay
  import SottoSimulation
  import Synchronization
  import Testing

  /// A RabbitMQ of the tests' own, on a free port of this machine, with everything in a temporary folder. One for a test
  /// process; a test that stops it has its own.
  final class RabbitMQBroker: @unchecked Sendable {
    private static let program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    static let isInstalled: Bool = {
      let isThere = FileManager.default.isExecutableFile(atPath: program)
      if !isThere { print("SKIPPED RabbitMQ: there is no server on this machine") }
      return isThere
    }()

    private static let common: Task<RabbitMQBroker, any Error> = Task {
      let broker = try await onThread { try RabbitMQBroker() }
      RabbitMQBroker.left.withLock { $0 = broker }
      atexit { RabbitMQBroker.left.withLock { $0?.remove() } }
      return broker
    }

    /// What is to be ended with the process.
    private static let left = Mutex<RabbitMQBroker?>(nil)

    /// The one that no test disturbs; it is ended with the process.
    static func shared() async throws -> RabbitMQBroker { try await common.value }

    let folder: String
    let port: Int
    let encryptedPort: Int
    /// For `localhost`, and no other name.
    let certificate: SelfSignedCertificate.Files
    private let mapperPort: Int
    private var server: Process?
    private let wrapper: [String]

    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "sotto-mq-\(UInt32.random(in: 0 ... .max))").path
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      var wrapper: [String] = []
      if getuid() == 0 {
        let user = try #require(getpwnam("rabbitmq"))
        chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        wrapper = [
          "/usr/bin/setpriv", "--reuid", "\(user.pointee.pw_uid)", "--regid", "\(user.pointee.pw_gid)",
          "--clear-groups",
        ]
      }
      self.wrapper = wrapper
      (port, encryptedPort, mapperPort) = (Self.freePort(), Self.freePort(), Self.freePort())
      certificate = try SelfSignedCertificate(hosts: ["localhost"], now: Int64(Date.now.timeIntervalSince1970))
        .write(to: folder)
      for path in [certificate.authority, certificate.certificate, certificate.key] { chmod(path, 0o644) }
      try write("password", "guest\n")
      // Small: one node, no plugins, nothing that another machine could reach.
      try write(
        "rabbitmq.conf",
        """
        listeners.tcp.1 = 127.0.0.1:\(port)
        listeners.ssl.1 = 127.0.0.1:\(encryptedPort)
        ssl_options.cacertfile = \(certificate.authority)
        ssl_options.certfile = \(certificate.certificate)
        ssl_options.keyfile = \(certificate.key)
        log.file.level = error
        heartbeat = 10
        """)
      try write("advanced.config", "[{kernel,[{inet_dist_use_interface,{127,0,0,1}}]}].\n")
      try write("enabled_plugins", "[].\n")
      try start()
    }

    deinit { remove() }

    private func write(_ name: String, _ text: String) throws {
      try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
      chmod(folder + "/" + name, 0o644)
    }

    var configuration: (inout RelayConfiguration) -> Void {
      { [port, folder] in
        $0.busLocation = BusAddress.Location("amqp://guest@127.0.0.1:\(port)/")
        $0.busPassword = folder + "/password"
      }
    }

    /// Of the plain port, unless another is said.
    func address(
      _ location: String? = nil, password: String? = nil, authorities: String? = nil
    ) throws -> BusAddress {
      let location = try #require(BusAddress.Location(location ?? "amqp://guest@127.0.0.1:\(port)/"))
      return BusAddress(
        location: location, passwordFile: password ?? folder + "/password", authorities: authorities)
    }

    func start() throws {
      let server = Process()
      let command = wrapper + [Self.program]
      server.executableURL = URL(filePath: command[0])
      server.arguments = Array(command.dropFirst())
      server.environment = environment.merging(["RABBITMQ_DIST_PORT": "\(Self.freePort())"]) { $1 }
      server.currentDirectoryURL = URL(filePath: folder)
      server.standardInput = FileHandle.nullDevice
      server.standardOutput = FileHandle.nullDevice
      server.standardError = FileHandle.nullDevice
      try server.run()
      self.server = server
      for _ in 0..<3_000 {
        // The port is open before anybody is let in.
        if (try? Self.connect(port)) != nil {
          try control("await_startup")
          return
        }
        try #require(server.isRunning, "RabbitMQ has ended; \(folder)/log")
        usleep(100_000)
      }
      Issue.record("RabbitMQ does not come up; \(folder)/log")
    }

    private var environment: [String: String] {
      [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": folder,
        "RABBITMQ_NODENAME": "sotto\(port)@localhost", "RABBITMQ_MNESIA_BASE": folder + "/mnesia",
        "RABBITMQ_LOG_BASE": folder + "/log", "RABBITMQ_CONFIG_FILE": folder + "/rabbitmq.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": folder + "/advanced.config",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder + "/enabled_plugins", "RABBITMQ_CONF_ENV_FILE": folder + "/none",
        "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": "\(mapperPort)",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none",
      ]
    }

    /// What an operator tells it.
    @discardableResult
    func control(_ arguments: String...) throws -> String {
      let process = Process()
      let command = wrapper + ["/usr/lib/rabbitmq/bin/rabbitmqctl"] + arguments
      process.executableURL = URL(filePath: command[0])
      process.arguments = Array(command.dropFirst())
      process.environment = environment
      process.currentDirectoryURL = URL(filePath: folder)
      process.standardInput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      // It stays open otherwise: see `PostgreSQLCluster`.
      defer { try? output.fileHandleForReading.close() }
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      try #require(process.terminationStatus == 0, "rabbitmqctl \(arguments)")
      return text
    }

    /// SIGKILL for the broker: connections break, queues of connections are gone.
    func kill() {
      for pid in processes() { Foundation.kill(pid, SIGKILL) }
      server?.waitUntilExit()
    }

    private func remove() {
      kill()
      server = nil
      try? FileManager.default.removeItem(atPath: folder)
    }

    /// The shell, the emulator and the port mapper that it leaves behind: what has the folder for its home.
    private func processes() -> [pid_t] {
      let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return all.compactMap { pid_t($0) }.filter { pid in
        guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
        return environment.split(separator: 0).contains { $0.elementsEqual("HOME=\(folder)".utf8) }
      }
    }

    /// A port that nothing listens on, below those that the system gives to whoever asks for any: a server that takes
    /// seconds to start, or that is started again, finds it free.
    private static func freePort() -> Int {
      while true {
        let port = ports.withLock { port in
          port = port < 9_999 ? port + 1 : 7_000
          return port
        }
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        guard let channel = try? bootstrap.bind(host: "127.0.0.1", port: port).wait() else { continue }
        try? channel.close().wait()
        return port
      }
    }

    /// The one that was given last.
    private static let ports = Mutex(Int.random(in: 7_000..<10_000))

    private static func connect(_ port: Int) throws {
      try ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port).wait().close().wait()
    }
  }
#endif
