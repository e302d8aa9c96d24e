package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The content of a row, as a value. Every encoding begins with the version of its format.
package protocol StoredRecord {
  static var table: Table { get }
  /// The version of the encoding that this build writes; it reads that one and those before it.
  static var format: UInt8 { get }
  /// What the row is found by.
  var key: [UInt8] { get }
  /// What it is listed with; empty when its table has no groups.
  var group: [UInt8] { get }
  func encode(to writer: inout SecretWriter)
  /// - Parameter format: 1 or more, and at most `Self.format`.
  init(from reader: inout SecretReader, format: UInt8) throws
}

extension StoredRecord {
  package static var format: UInt8 { 1 }
  package var group: [UInt8] { [] }
}

extension Records {
  /// The record with this key, if there is one.
  package func load<R: StoredRecord>(_ type: R.Type, _ key: [UInt8]) throws -> R? {
    guard let row = try get(R.table, key) else { return nil }
    return try decoded(row)
  }

  /// All records of the table, or of one group of it, oldest first.
  package func all<R: StoredRecord>(_ type: R.Type, group: [UInt8]? = nil) throws -> [R] {
    var found: [R] = []
    try each(R.table, group: group, newestFirst: false) { row in
      found.append(try decoded(row))
      return true
    }
    return found
  }

  /// The oldest records of the table, up to the first that `isWanted` refuses.
  func first<R: StoredRecord>(_ type: R.Type, while isWanted: (R) -> Bool) throws -> [R] {
    var found: [R] = []
    try each(R.table, group: nil, newestFirst: false) { row in
      let record: R = try decoded(row)
      guard isWanted(record) else { return false }
      found.append(record)
      return true
    }
    return found
  }

  /// The newest records of a group, or of the whole table, at most `limit` of those that `isWanted` accepts.
  func newest<R: StoredRecord>(
    _ type: R.Type, group: [UInt8]?, limit: Int, where isWanted: (R) throws -> Bool = { _ in true }
  ) throws -> [R] {
    var found: [R] = []
    guard limit > 0 else { return found }
    try each(R.table, group: group, newestFirst: true) { row in
      let record: R = try decoded(row)
      if try isWanted(record) { found.append(record) }
      return found.count < limit
    }
    return found
  }

  /// Writes the record in its place.
  package func save(_ record: some StoredRecord) throws {
    var writer = SecretWriter()
    writer.u8(type(of: record).format)
    record.encode(to: &writer)
    try put(type(of: record).table, record.key, group: record.group, writer.finish())
  }

  /// Removes the record.
  package func remove(_ record: some StoredRecord) throws { try delete(type(of: record).table, record.key) }

  func decoded<R: StoredRecord>(_ row: consuming Secret) throws -> R {
    do {
      var reader = SecretReader(row)
      let format = try reader.u8()
      guard (1...R.format).contains(format) else { throw CryptoError.wrongLength }
      let record = try R(from: &reader, format: format)
      try reader.finish()
      return record
    } catch {
      throw Engine.damaged
    }
  }
}

extension SecretWriter {
  mutating func flag(_ value: Bool) { u8(value ? 1 : 0) }
  mutating func text(_ value: String) { vector(Array(value.utf8)) }

  mutating func optional<T>(_ value: T?, _ write: (inout SecretWriter, T) -> Void) {
    flag(value != nil)
    if let value { write(&self, value) }
  }

  mutating func list<T>(_ values: some Collection<T>, _ write: (inout SecretWriter, T) -> Void) {
    varint(values.count)
    for value in values { write(&self, value) }
  }

  mutating func head(_ value: ListHead) {
    u64(value.sequence)
    fixed(value.hash.bytes)
  }
}

extension SecretReader {
  mutating func flag() throws(CryptoError) -> Bool {
    switch try u8() {
    case 0: false
    case 1: true
    default: throw .wrongLength
    }
  }

  mutating func text() throws -> String {
    guard let text = String(validating: try vector(), as: UTF8.self) else { throw CryptoError.wrongLength }
    return text
  }

  mutating func optional<T>(_ read: (inout SecretReader) throws -> T) throws -> T? {
    try flag() ? try read(&self) : nil
  }

  mutating func list<T>(_ read: (inout SecretReader) throws -> T) throws -> [T] {
    // Every element takes a byte or more, so a damaged count cannot reserve memory.
    let count = try varint()
    guard count <= remaining else { throw CryptoError.wrongLength }
    return try (0..<count).map { _ in try read(&self) }
  }

  mutating func head() throws -> ListHead { ListHead(sequence: try u64(), hash: try digest()) }
  mutating func digest() throws -> Digest { try Digest(try fixed(Digest.count)) }
  mutating func account() throws -> AccountID { AccountID(try digest()) }
  mutating func device() throws -> DeviceID { try DeviceID(try fixed(DeviceID.count)) }
  mutating func mailbox() throws -> MailboxID { try MailboxID(try fixed(MailboxID.count)) }
  mutating func messageID() throws -> MessageID { try MessageID(try fixed(MessageID.count)) }
  mutating func capability() throws -> Capability { try Capability(try fixed(Capability.count)) }
  mutating func contactSecret() throws -> ContactSecret { try ContactSecret(try fixed(ContactSecret.count)) }

  mutating func relay() throws -> RelayAuthority {
    guard let relay = RelayAuthority(try text()) else { throw CryptoError.wrongLength }
    return relay
  }
}
