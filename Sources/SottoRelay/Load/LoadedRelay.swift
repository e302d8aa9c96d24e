internal import Foundation
internal import NIOSSL
package import SottoWire

/// A relay of one's own to put a load on: a process with a folder of its own, on a free port of this machine.
package final class LoadedRelay: @unchecked Sendable {
  // Used by one task at a time.
  private let program: String
  private let folder: String
  private var arguments: [String]
  private var process = Process()
  private let tls: NIOSSLContext?
  package private(set) var authority: RelayAuthority

  package var target: LoadTarget {
    LoadTarget(port: authority.port, tls: tls, process: process.processIdentifier)
  }
  /// The relay's data.
  package var data: String { folder + "/data" }

  /// Starts `program` with a new folder inside `parent`, which goes with it.
  package init(_ program: String, in parent: String, tls isTLS: Bool = false) throws {
    self.program = program
    folder = parent + "/sotto-bench-" + UUID().uuidString
    arguments = ["serve", "--listen", "127.0.0.1:0", "--data", folder + "/data", "--log-level", "error"]
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      tls = isTLS ? try Self.certificate(in: folder, &arguments) : nil
      authority = try Self.start(process, program, arguments)
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error as? StartFailure ?? StartFailure.cannotCreate(folder)
    }
  }

  private static func start(_ process: Process, _ program: String, _ arguments: [String]) throws -> RelayAuthority {
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = line.split(separator: ":").last.flatMap({ Int($0.prefix(while: \.isNumber)) }),
      let authority = RelayAuthority("127.0.0.1:\(port)")
    else { throw StartFailure.loadUnreachable }
    return authority
  }

  private static func certificate(in folder: String, _ arguments: inout [String]) throws -> NIOSSLContext {
    let certificate = try SelfSignedCertificate(hosts: ["127.0.0.1"], now: Int64(Date.now.timeIntervalSince1970))
    let files = try certificate.write(to: folder)
    arguments += ["--tls-certificate", files.certificate, "--tls-key", files.key]
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .file(files.authority)
    return try NIOSSLContext(configuration: configuration)
  }

  /// Bytes of the store, its log included.
  package var bytesOnDisk: Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: data)) ?? []
    return names.filter { $0.hasPrefix("relay.sqlite") }.reduce(0) { sum, name in
      let size = try? FileManager.default.attributesOfItem(atPath: data + "/" + name)[.size] as? Int
      return sum + (size ?? 0)
    }
  }

  package func stop() {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Ends it without a word: SIGKILL.
  package func end() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Starts it again on what it had stored, on another port.
  package func restart() throws {
    process = Process()
    authority = try Self.start(process, program, arguments)
  }
}
