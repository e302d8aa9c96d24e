package import SottoCrypto
package import SottoSession
internal import SottoWire

/// What search knows of a text: which of its triples of characters, in lower case, may occur in it. A filter after
/// Bloom (1970): three bits for each triple, eight times as many bits as triples, a power of two. A triple that does not
/// occur is taken for one that does about once in thirty times; what is found is read before it is shown.
package struct SearchFilter: Equatable {
  package private(set) var bits: [UInt8]

  /// Powers of two, in bytes: two words, and the longest text that a filter this small still tells apart.
  private static let least = 8
  private static let most = 4096

  package init(_ text: String) {
    let triples = Self.triples(of: text)
    var count = Self.least
    while count < triples.count, count < Self.most { count *= 2 }
    bits = [UInt8](repeating: 0, count: count)
    for triple in triples {
      for bit in places(of: triple) { bits[bit / 8] |= 1 << UInt8(bit % 8) }
    }
  }

  init(bits: [UInt8]) throws {
    guard bits.count >= Self.least, bits.count <= Self.most, bits.count & (bits.count - 1) == 0 else {
      throw CryptoError.wrongLength
    }
    self.bits = bits
  }

  /// False when the text has not all of these triples for certain.
  package func mayHave(_ triples: Set<UInt64>) -> Bool {
    triples.allSatisfy { triple in places(of: triple).allSatisfy { bits[$0 / 8] & (1 << UInt8($0 % 8)) != 0 } }
  }

  /// The triples of characters (scalars) of a text in lower case, each as a number.
  package static func triples(of text: String) -> Set<UInt64> {
    let scalars = folded(text).map { UInt64($0.value) }
    guard scalars.count >= 3 else { return [] }
    return Set((2..<scalars.count).map { scalars[$0 - 2] << 42 | scalars[$0 - 1] << 21 | scalars[$0] })
  }

  /// What is compared: lower case, so that capitals do not matter.
  static func folded(_ text: String) -> [Unicode.Scalar] { Array(text.lowercased().unicodeScalars) }

  /// Three bits, from one mixing of the number (the finaliser of SplitMix64, Steele et al. 2014). Filters are sealed, so
  /// nothing here has to be secret.
  private func places(of triple: UInt64) -> [Int] {
    var mixed = triple &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    mixed ^= mixed >> 31
    let mask = UInt64(bits.count * 8 - 1)
    return [Int(mixed & mask), Int((mixed >> 21) & mask), Int((mixed >> 42) & mask)]
  }
}

/// Some messages in a row with their filters: one sealed row of the store, so that a copy of it shows how many messages
/// there are, and nothing of the words in them.
package struct SearchBlock: StoredRecord, Equatable {
  let number: UInt32
  package fileprivate(set) var entries: [Entry]
  /// How many it has taken: a message that is deleted leaves no room behind.
  fileprivate var taken: UInt32

  package struct Entry: Equatable {
    package let message: [UInt8]
    package let filter: SearchFilter
  }

  var isFull: Bool { taken >= ClientLimits.searchBlock }

  package static var table: Table { .search }
  package var key: [UInt8] { Self.key(number) }

  static func key(_ number: UInt32) -> [UInt8] {
    var writer = WireWriter()
    writer.u32(number)
    return writer.bytes
  }

  /// The empty block after `previous`. Numbers begin at 1.
  init(after previous: SearchBlock?) {
    number = (previous?.number ?? 0) + 1
    entries = []
    taken = 0
  }

  package func encode(to writer: inout SecretWriter) {
    writer.u32(number)
    writer.u32(taken)
    writer.list(entries) { writer, entry in
      writer.vector(entry.message)
      writer.vector(entry.filter.bits)
    }
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    number = try reader.u32()
    taken = try reader.u32()
    entries = try reader.list { Entry(message: try $0.vector(), filter: try SearchFilter(bits: try $0.vector())) }
  }
}

extension Engine {
  /// Saves a new message, with its place in the index.
  mutating func keep(_ new: StoredMessage) throws {
    var message = new
    var block = try records.newest(SearchBlock.self, group: nil, limit: 1).first ?? SearchBlock(after: nil)
    if block.isFull { block = SearchBlock(after: block) }
    block.entries.append(.init(message: message.key, filter: SearchFilter(message.text)))
    block.taken += 1
    message.searchBlock = block.number
    try records.save(block)
    try records.save(message)
  }

  func takeOutOfIndex(_ message: StoredMessage) throws {
    guard var block = try records.load(SearchBlock.self, SearchBlock.key(message.searchBlock)) else { return }
    block.entries.removeAll { $0.message == message.key }
    // The newest stays, however empty: its number says which comes next.
    try block.isFull && block.entries.isEmpty ? records.remove(block) : records.save(block)
  }

  /// Messages that have `text` in them, whatever its capitals, newest first.
  ///
  /// - Parameter account: whose conversation is searched; nil: all of them.
  package func search(_ text: String, with account: AccountID?, limit: Int) throws -> [StoredMessage] {
    let wanted = SearchFilter.folded(text)
    let triples = SearchFilter.triples(of: text)
    guard !wanted.isEmpty, limit > 0 else { return [] }
    var candidates: [[UInt8]] = []
    var found: [StoredMessage] = []
    let blocks = try records.newest(SearchBlock.self, group: nil, limit: .max) { block in
      candidates += block.entries.reversed().lazy.filter { $0.filter.mayHave(triples) }.map(\.message)
      return false
    }
    precondition(blocks.isEmpty)
    for key in candidates {
      if let account, !key.dropFirst().prefix(Digest.count).elementsEqual(account.bytes) { continue }
      guard let message = try records.load(StoredMessage.self, key), message.deletedAt == 0 || message.deletedAt > now,
        SearchFilter.folded(message.text).holds(wanted)
      else { continue }
      found.append(message)
      if found.count == limit { break }
    }
    return found
  }
}

extension [Unicode.Scalar] {
  /// Whether `other` occurs in it, in a row.
  fileprivate func holds(_ other: [Unicode.Scalar]) -> Bool {
    guard other.count <= count else { return false }
    return (0...(count - other.count)).contains { start in
      self[start] == other[0] && self[start..<start + other.count].elementsEqual(other)
    }
  }
}
