import Foundation
import NIOCore
import SottoRelay

/// nats-server with JetStream on files, as its client protocol (docs.nats.io, "Client Protocol" and "JetStream wire API")
/// shows it: 64 durable consumers of a work queue, a subject for each.
final class JetStream {
  static let boxes = 64
  private let server: MeasuredServer
  private let generator: LoadGenerator

  /// nil when it is not installed.
  init?(_ generator: LoadGenerator, in folder: String) async throws {
    guard
      let program = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
        .first(where: FileManager.default.isExecutableFile)
    else { return nil }
    let configuration = folder + "/nats.conf"
    try Data(
      """
      listen: 127.0.0.1:-1
      ports_file_dir: "\(folder)"
      jetstream { store_dir: "\(folder)/jetstream", max_mem: 1G, max_file: 40G }
      """.utf8
    ).write(to: URL(filePath: configuration))
    let started = try MeasuredServer(program, ["-c", configuration])
    guard let port = try await Self.port(of: started, in: folder) else { return nil }
    server = started
    self.generator = generator
    target = LoadTarget(port: port, process: started.pid)
    try await prepare()
  }

  let target: LoadTarget

  /// The server writes the ports that it found into a file.
  private static func port(of server: MeasuredServer, in folder: String) async throws -> Int? {
    struct Ports: Decodable { let nats: [String] }
    let path = "\(folder)/nats-server_\(server.pid).ports"
    for _ in 0..<200 {
      try await Task.sleep(for: .milliseconds(50))
      if let data = FileManager.default.contents(atPath: path),
        let ports = try? JSONDecoder().decode(Ports.self, from: data)
      {
        return ports.nats.first?.split(separator: ":").last.flatMap { Int($0) }
      }
    }
    return nil
  }

  private func prepare() async throws {
    try await ask(
      [
        (
          "STREAM.CREATE.BOX",
          #"{"name":"BOX","subjects":["box.*"],"storage":"file","retention":"workqueue","num_replicas":1}"#
        )
      ])
    try await ask(
      (0..<Self.boxes).map { box in
        (
          "CONSUMER.DURABLE.CREATE.BOX.c\(box)",
          #"{"stream_name":"BOX","config":{"durable_name":"c\#(box)","ack_policy":"explicit","#
            + #""filter_subject":"box.\#(box)","max_ack_pending":100000}}"#
        )
      })
  }

  func ask(_ requests: [(String, String)]) async throws {
    let connections = try await generator.open([JetStreamAdmin(requests)], to: target)
    defer { connections.closeSoon() }
    try await connections.turn(requests.count, inFlight: 1)
  }

  /// Senders, each to a box of its own, `inFlight` ahead of the acknowledgements. What they sent is thrown away
  /// afterwards unless it is to be delivered.
  func accept(each: Int, inFlight: Int, keep: Bool = false) async throws -> LoadResult {
    let connections = try await generator.open((0..<Self.boxes).map { JetStreamSender(box: $0) }, to: target)
    defer { connections.closeSoon() }
    let measure = try await LoadMeasure.of(target.process) { try await connections.turn(each, inFlight: inFlight) }
    if !keep { try await ask([("STREAM.PURGE.BOX", "")]) }
    return LoadResult(.accept, inFlight: inFlight, connections: Self.boxes, count: Self.boxes * each, measure)
  }

  /// The consumers come back and take what waits, acknowledging each.
  func deliver(each: Int) async throws -> LoadResult {
    _ = try await accept(each: each, inFlight: 16, keep: true)
    var opened: LoadConnections<JetStreamReceiver>?
    let measure = try await LoadMeasure.of(target.process) {
      let connections = try await generator.open(
        (0..<Self.boxes).map { JetStreamReceiver(box: $0) }, to: target, expecting: each)
      opened = connections
      try await connections.ended()
    }
    try await Task.sleep(for: .milliseconds(200))
    opened?.closeSoon()
    return LoadResult(.deliver, connections: Self.boxes, count: Self.boxes * each, measure)
  }

  func stop() { server.stop() }
}

/// One connection's lines: what the three kinds of client have in common.
private struct JetStreamWire: Sendable {
  enum Event {
    case ready
    case message(reply: String?, ByteBuffer)
  }

  let inbox: String

  func begin(_ out: inout ByteBuffer) {
    out.writeString("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n")
    out.writeString("SUB \(inbox) 1\r\nPING\r\n")
  }

  func publish(_ subject: String, reply: String? = nil, _ payload: ByteBuffer, _ out: inout ByteBuffer) {
    out.writeString("PUB \(subject) \(reply.map { $0 + " " } ?? "")\(payload.readableBytes)\r\n")
    out.writeImmutableBuffer(payload)
    out.writeString("\r\n")
  }

  /// The next thing that the server said and that means something; nil when there is none yet.
  func next(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> Event? {
    while let end = input.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
      let length = end - input.readerIndex
      guard let line = input.getString(at: input.readerIndex, length: length - 1) else { return nil }
      let words = line.split(separator: " ")
      switch words.first {
      case "PONG":
        input.moveReaderIndex(forwardBy: length + 1)
        return .ready
      case "PING":
        input.moveReaderIndex(forwardBy: length + 1)
        out.writeString("PONG\r\n")
      case "MSG", "HMSG":
        guard let count = words.last.flatMap({ Int($0) }) else { throw JetStreamFailure.said(line) }
        guard input.readableBytes >= length + 1 + count + 2 else { return nil }
        input.moveReaderIndex(forwardBy: length + 1)
        let payload = input.readSlice(length: count) ?? ByteBuffer()
        input.moveReaderIndex(forwardBy: 2)
        let hasReply = words.count == (words[0] == "MSG" ? 5 : 6)
        return .message(reply: hasReply ? String(words[3]) : nil, payload)
      case "INFO", "+OK": input.moveReaderIndex(forwardBy: length + 1)
      default: throw JetStreamFailure.said(line)
      }
    }
    return nil
  }
}

enum JetStreamFailure: Error { case said(String) }

private struct JetStreamAdmin: LoadConversation {
  private let wire = JetStreamWire(inbox: "_INBOX.admin")
  private let requests: [(subject: String, body: String)]
  private var said = 0

  init(_ requests: [(String, String)]) { self.requests = requests }

  mutating func begin(_ out: inout ByteBuffer) { wire.begin(&out) }

  mutating func say(_ out: inout ByteBuffer) {
    let (subject, body) = requests[said]
    said += 1
    wire.publish("$JS.API.\(subject)", reply: wire.inbox, ByteBuffer(string: body), &out)
  }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let event = try wire.next(&input, &out) {
      switch event {
      case .ready: progress.isReady = true
      case .message(_, let payload):
        let text = String(buffer: payload)
        guard !text.contains("\"error\"") else { throw JetStreamFailure.said(text) }
        progress.done += 1
      }
    }
    return progress
  }
}

private struct JetStreamSender: LoadConversation {
  private let wire: JetStreamWire
  private let subject: String
  private let payload = ByteBuffer(repeating: 0x78, count: 1_024)

  init(box: Int) {
    wire = JetStreamWire(inbox: "_INBOX.s\(box)")
    subject = "box.\(box)"
  }

  mutating func begin(_ out: inout ByteBuffer) { wire.begin(&out) }

  mutating func say(_ out: inout ByteBuffer) { wire.publish(subject, reply: wire.inbox, payload, &out) }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let event = try wire.next(&input, &out) {
      switch event {
      case .ready: progress.isReady = true
      case .message(_, let payload):
        guard payload.readableBytesView.starts(with: #"{"stream""#.utf8) else {
          throw JetStreamFailure.said(String(buffer: payload))
        }
        progress.done += 1
      }
    }
    return progress
  }
}

private struct JetStreamReceiver: LoadConversation {
  /// Messages that one request asks for.
  private static let batch = 1_000
  private let wire: JetStreamWire
  private let box: Int
  private var received = 0

  init(box: Int) {
    self.box = box
    wire = JetStreamWire(inbox: "_INBOX.r\(box)")
  }

  mutating func begin(_ out: inout ByteBuffer) { wire.begin(&out) }

  private func pull(_ out: inout ByteBuffer) {
    let body = ByteBuffer(string: #"{"batch":\#(Self.batch),"expires":60000000000}"#)
    wire.publish("$JS.API.CONSUMER.MSG.NEXT.BOX.c\(box)", reply: wire.inbox, body, &out)
  }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let event = try wire.next(&input, &out) {
      switch event {
      case .ready:
        progress.isReady = true
        pull(&out)
      case .message(let reply?, _):
        wire.publish(reply, ByteBuffer(), &out)
        received += 1
        progress.done += 1
        if received.isMultiple(of: Self.batch) { pull(&out) }
      case .message(nil, _): break
      }
    }
    return progress
  }
}
