internal import Foundation
internal import GRDB
internal import SottoWire

/// Everything that a relay has: its tables, and every byte of its files and its log.
struct RelayView {
  let relay: DemoRelay

  struct Envelope: Sendable {
    let id: [UInt8]
    let bytes: [UInt8]
    let mailbox: [UInt8]
    let capability: CapabilityClass
    let day: Int

    var inTrace: ConversationTrace.StoredEnvelope {
      .init(
        name: .init(of: id), mailbox: .init(of: mailbox), bytes: bytes.count,
        // [envelope.2] Anybody can read the type.
        hasPrelude: bytes.first == 2, capability: capability, day: day)
    }
  }

  /// The tables with their numbers of rows, as anybody with the file can list them.
  func tables() throws -> [(name: String, rows: Int)] {
    try database().read { db in
      let names = try String.fetchAll(
        db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
      return try names.map { name in
        (name, try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM \"\(name)\"") ?? 0)
      }
    }
  }

  /// The envelopes that wait.
  func envelopes() throws -> [Envelope] {
    try database().read { db in
      try GRDB.Row.fetchAll(
        db,
        sql: """
          SELECT queue.id, bytes, mailbox.id AS owner, class, day FROM queue JOIN mailbox ON mailbox = n
          WHERE position > acknowledged ORDER BY k
          """
      ).map { row in
        guard let capability = CapabilityClass(rawValue: row["class"]) else {
          throw DemoMismatch("the relay has an envelope under a capability of no class")
        }
        return Envelope(
          id: [UInt8](row["id"] as Data), bytes: [UInt8](row["bytes"] as Data),
          mailbox: [UInt8](row["owner"] as Data), capability: capability, day: row["day"])
      }
    }
  }

  /// The files: database, write-ahead log, attachments, whatever else stands there, and what the program wrote.
  func files() throws -> [(name: String, content: Data)] {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: relay.data).sorted()
    let data = try paths.compactMap { name -> (String, Data)? in
      let path = relay.data + "/" + name
      let kind = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      return kind == .typeDirectory ? nil : (name, try Data(contentsOf: URL(filePath: path)))
    }
    return data + [("its log", try Data(contentsOf: URL(filePath: relay.log)))]
  }

  private func database() throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.readonly = true
    return try DatabaseQueue(path: relay.data + "/relay.sqlite", configuration: configuration)
  }
}

/// Something that a relay must not have, or for control: must.
struct Needle {
  enum Kind: String, CaseIterable {
    case text, name, address, key

    var words: String {
      switch self {
      case .text: "texts"
      case .name: "names"
      case .address: "addresses"
      case .key: "identity keys and ids"
      }
    }
  }

  let kind: Kind
  let what: String
  /// As it is, in hexadecimal digits of both cases, and in base64.
  let spellings: [Data]

  init(_ kind: Kind, _ what: String, _ bytes: [UInt8]) {
    self.kind = kind
    self.what = what
    let hex = Hex.encode(bytes)
    // Base64 without the characters that depend on what follows.
    let base64 = Base64.encode(Array(bytes.prefix(bytes.count / 3 * 3)))
    let all = [bytes, Array(hex.utf8), Array(hex.uppercased().utf8), Array(base64.utf8)]
    spellings = all.filter { $0.count >= 3 }.map { Data($0) }
  }

  init(_ kind: Kind, _ what: String) { self.init(kind, what, Array(what.utf8)) }

  /// How often it occurs, in any spelling.
  func count(in data: Data) -> Int {
    spellings.reduce(0) { $0 + Self.count($1, in: data) }
  }

  private static func count(_ pattern: Data, in data: Data) -> Int {
    var found = 0
    var rest = data.startIndex..<data.endIndex
    while let hit = data.range(of: pattern, in: rest) {
      found += 1
      rest = hit.upperBound..<data.endIndex
    }
    return found
  }
}
