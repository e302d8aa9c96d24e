import ArgumentParser
import Foundation
import NIOCore
import SottoRelay

/// The least that a durable server can do: append what came to one file, sync it once for everything that came together,
/// and say so. No names, no mailboxes, no index, no reading back.
///
/// Its calls, in a loop on one thread: `poll`; one `read` for each connection that is ready; one `write` to the file;
/// one `fdatasync`; one `write` of four bytes for each message.
struct FloorServer: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "floor", abstract: "Run the floor's server.")

  @Option(help: "The file to append to.") var file: String

  func run() throws {
    let listener = socket(AF_INET, stream, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 4_096) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    let output = open(file, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0o600)
    guard isBound, output >= 0 else { throw ExitCode(73) }
    BenchmarksCommand.print("listening on tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
    var floor = Floor(listener: listener, output: output)
    while true { try floor.round() }
  }
}

#if canImport(Darwin)
  private let stream = SOCK_STREAM
  private func synchronize(_ file: Int32) -> Int32 { fcntl(file, F_FULLFSYNC) }
#else
  private let stream = Int32(SOCK_STREAM.rawValue)
  private func synchronize(_ file: Int32) -> Int32 { fdatasync(file) }
#endif

private struct Floor {
  private let output: Int32
  private var polled: [pollfd]
  private var rests: [[UInt8]] = [[]]
  private var chunk = [UInt8](repeating: 0, count: 65_536)

  init(listener: Int32, output: Int32) {
    self.output = output
    polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
  }

  mutating func round() throws {
    poll(&polled, nfds_t(polled.count), -1)
    var batch: [UInt8] = []
    var owed: [(Int32, Int)] = []
    var gone: [Int] = []
    for index in polled.indices.dropFirst() where polled[index].revents != 0 {
      let count = read(polled[index].fd, &chunk, chunk.count)
      guard count > 0 else {
        gone.append(index)
        continue
      }
      rests[index] += chunk[..<count]
      let messages = Self.takeMessages(&rests[index], &batch)
      if messages > 0 { owed.append((polled[index].fd, messages)) }
    }
    if !batch.isEmpty {
      guard write(output, batch, batch.count) == batch.count, synchronize(output) == 0 else { throw ExitCode(74) }
    }
    for (connection, messages) in owed {
      for _ in 0..<messages { _ = write(connection, "OKAY", 4) }
    }
    for index in gone.reversed() {
      close(polled[index].fd)
      polled.remove(at: index)
      rests.remove(at: index)
    }
    if polled[0].revents != 0 { admit() }
  }

  private mutating func admit() {
    let connection = accept(polled[0].fd, nil, nil)
    guard connection >= 0 else { return }
    var one: Int32 = 1
    setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    polled.append(pollfd(fd: connection, events: Int16(POLLIN), revents: 0))
    rests.append([])
  }

  /// Moves whole messages over, and counts them: four bytes of length, little-endian, then as many bytes.
  private static func takeMessages(_ rest: inout [UInt8], _ batch: inout [UInt8]) -> Int {
    var (start, count) = (0, 0)
    while rest.count - start >= 4 {
      let length = (0..<4).reduce(0) { $0 | Int(rest[start + $1]) << (8 * $1) }
      guard rest.count - start >= 4 + length else { break }
      start += 4 + length
      count += 1
    }
    batch += rest[..<start]
    rest.removeFirst(start)
    return count
  }
}

/// A sender to the floor.
struct FloorLoad: LoadConversation {
  private let message: ByteBuffer

  init(size: Int) {
    var message = ByteBuffer()
    message.writeInteger(UInt32(size), endianness: .little)
    message.writeRepeatingByte(0x78, count: size)
    self.message = message
  }

  var isReadyAtOnce: Bool { true }
  mutating func begin(_ out: inout ByteBuffer) {}
  mutating func say(_ out: inout ByteBuffer) { out.writeImmutableBuffer(message) }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) -> LoadProgress {
    var progress = LoadProgress()
    progress.done = input.readableBytes / 4
    input.moveReaderIndex(forwardBy: progress.done * 4)
    return progress
  }
}
