package import SottoCrypto
package import SottoSession
internal import SottoWire

/// What search knows of a text: which of its triples of characters, in lower case, may occur in it. A filter after
/// Bloom (1970): three bits for each triple, eight times as many bits as triples, a power of two. A triple that does not
/// occur is taken for one that does about once in thirty times; what is found is read before it is shown.
package enum SearchFilter {
  /// Powers of two, in bytes: two words, and the longest text that a filter this small still tells apart.
  private static let least = 8
  private static let most = 4096

  /// The filter of a text.
  package static func of(_ text: String) -> [UInt8] {
    let triples = triples(of: text)
    var count = least
    while count < triples.count, count < most { count *= 2 }
    var bits = [UInt8](repeating: 0, count: count)
    let mask = UInt64(count * 8 - 1)
    for triple in triples {
      for index in 0..<3 {
        let place = triple.place(index) & mask
        bits[Int(place / 8)] |= 1 << UInt8(place & 7)
      }
    }
    return bits
  }

  /// False when the text of the filter has not all of these triples for certain.
  package static func mayHave(_ triples: Set<Triple>, _ bits: Span<UInt8>) -> Bool {
    let mask = UInt64(bits.count * 8 - 1)
    for triple in triples {
      for index in 0..<3 {
        let place = triple.place(index) & mask
        if bits[Int(place / 8)] & (1 << UInt8(place & 7)) == 0 { return false }
      }
    }
    return true
  }

  /// Three characters in a row, as a number that was mixed (the finaliser of SplitMix64, Steele et al. 2014). Filters
  /// are sealed, so nothing here has to be secret.
  package struct Triple: Hashable {
    private let mixed: UInt64

    init(_ first: Unicode.Scalar, _ second: Unicode.Scalar, _ third: Unicode.Scalar) {
      var mixed = UInt64(first.value) << 42 | UInt64(second.value) << 21 | UInt64(third.value)
      mixed = mixed &+ 0x9e37_79b9_7f4a_7c15
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      self.mixed = mixed ^ (mixed >> 31)
    }

    /// Three numbers of 21 bits.
    fileprivate func place(_ index: Int) -> UInt64 { (mixed >> UInt64(21 * index)) & 0x1f_ffff }
  }

  package static func triples(of text: String) -> Set<Triple> {
    let scalars = folded(text)
    guard scalars.count >= 3 else { return [] }
    return Set((2..<scalars.count).map { Triple(scalars[$0 - 2], scalars[$0 - 1], scalars[$0]) })
  }

  /// What is compared: lower case, so that capitals do not matter.
  static func folded(_ text: String) -> [Unicode.Scalar] { Array(text.lowercased().unicodeScalars) }
}

/// Some messages in a row with their filters: one sealed row of the store, so that a copy of it shows how many messages
/// there are, and nothing of the words in them. Kept as bytes, because a search walks through all blocks: for each
/// message `key[49] || u16 count || filter`.
package struct SearchBlock: StoredRecord, Equatable {
  let number: UInt32
  private var entries: [UInt8]
  /// How many it has taken: a message that is deleted leaves no room behind.
  private var taken: UInt32

  private static let keyCount = 1 + Digest.count + MessageID.count

  var isFull: Bool { taken >= ClientLimits.searchBlock }
  package var isEmpty: Bool { entries.isEmpty }

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

  mutating func add(_ message: StoredMessage) {
    let filter = SearchFilter.of(message.searched)
    entries += message.key
    entries += [UInt8(filter.count >> 8), UInt8(filter.count & 0xff)]
    entries += filter
    taken += 1
  }

  mutating func remove(_ message: StoredMessage) {
    for entry in walk() where entries[entry.key].elementsEqual(message.key) {
      entries.removeSubrange(entry.key.lowerBound..<entry.filter.upperBound)
      return
    }
  }

  /// The keys of the messages that may have the triples, newest first.
  func candidates(_ triples: Set<SearchFilter.Triple>) -> [[UInt8]] {
    walk().reversed().lazy
      .filter { SearchFilter.mayHave(triples, entries.span.extracting($0.filter)) }
      .map { Array(entries[$0.key]) }
  }

  private struct Entry {
    let key: Range<Int>
    let filter: Range<Int>
  }

  private func walk() -> [Entry] {
    var found: [Entry] = []
    found.reserveCapacity(ClientLimits.searchBlock)
    var offset = 0
    while offset + Self.keyCount + 2 < entries.count {
      let filter = offset + Self.keyCount + 2
      let count = Int(entries[filter - 2]) << 8 | Int(entries[filter - 1])
      guard count > 0, filter + count <= entries.count else { break }
      found.append(Entry(key: offset..<filter - 2, filter: filter..<filter + count))
      offset = filter + count
    }
    return found
  }

  package func encode(to writer: inout SecretWriter) {
    writer.u32(number)
    writer.u32(taken)
    writer.vector(entries)
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    number = try reader.u32()
    taken = try reader.u32()
    entries = try reader.vector()
  }
}

extension Engine {
  /// Saves a new message, with its place in the index.
  mutating func keep(_ new: StoredMessage) throws {
    var message = new
    var block = try records.newest(SearchBlock.self, group: nil, limit: 1).first ?? SearchBlock(after: nil)
    if block.isFull { block = SearchBlock(after: block) }
    block.add(message)
    message.searchBlock = block.number
    try records.save(block)
    try records.save(message)
  }

  private static var isIndexed: [UInt8] { Array("search index".utf8) }

  /// Gives the messages of a store from before there was an index their place in one; once.
  package mutating func indexOldMessages() throws {
    guard try records.get(.own, Self.isIndexed) == nil else { return }
    for message in try records.all(StoredMessage.self) where message.direction != .notice && message.searchBlock == 0 {
      try keep(message)
    }
    try records.put(.own, Self.isIndexed, group: [], Secret(copying: [1]))
  }

  func takeOutOfIndex(_ message: StoredMessage) throws {
    guard var block = try records.load(SearchBlock.self, SearchBlock.key(message.searchBlock)) else { return }
    block.remove(message)
    // The newest stays, however empty: its number says which comes next.
    try block.isFull && block.isEmpty ? records.remove(block) : records.save(block)
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
    try records.each(.search, group: nil, newestFirst: true) { row in
      let block: SearchBlock = try records.decoded(row)
      candidates += block.candidates(triples)
      return true
    }
    for key in candidates {
      if let account, !key.dropFirst().prefix(Digest.count).elementsEqual(account.bytes) { continue }
      guard let message = try records.load(StoredMessage.self, key), message.deletedAt == 0 || message.deletedAt > now,
        SearchFilter.folded(message.searched).holds(wanted)
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
