internal import Foundation
internal import SottoClient

/// The relay of a demo: the real program, as a process of its own, on a free port.
final class DemoRelay {
  let url: String
  let data: String
  private let process: Process

  /// What it wrote besides its first line.
  var log: String { data + ".log" }

  init(data: String) throws {
    self.data = data
    let program = try Self.program()
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: data + ".log", contents: nil)
    let output = Pipe()
    process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = ["serve", "--listen", "127.0.0.1:0", "--data", data]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: data + ".log")
    do { try process.run() } catch { throw Self.cannotStart(program) }
    guard let line = Self.firstLine(of: output.fileHandleForReading), line.hasPrefix("listening on ") else {
      process.terminate()
      throw Self.cannotStart(program)
    }
    url = String(line.dropFirst("listening on ".count))
  }

  /// Ends it as an operator would, and waits until it has.
  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  private static func program() throws -> String {
    let folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
    guard let path = folder?.appending(path: "sotto-relay").path, FileManager.default.isExecutableFile(atPath: path)
    else {
      throw ClientError(
        .unreadable, "There is no sotto-relay beside this program.",
        meaning: "The demo starts the real relay, which belongs in the same folder.",
        next: "Run `make demo`, or install both programs with `make install`.")
    }
    return path
  }

  /// The first line, if it comes within 10 seconds.
  private static func firstLine(of handle: FileHandle) -> String? {
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      var request = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
      var byte: UInt8 = 0
      guard unsafe poll(&request, 1, 10_000) == 1, unsafe read(handle.fileDescriptor, &byte, 1) == 1 else { return nil }
      line.append(byte)
    }
    return String(decoding: line.dropLast(), as: UTF8.self)
  }

  private static func cannotStart(_ program: String) -> ClientError {
    ClientError(
      .relayUnavailable, "The relay did not start.", meaning: "The demo needs a relay of its own.",
      next: "Run it by hand to see why: \(program) serve --listen 127.0.0.1:0")
  }
}
