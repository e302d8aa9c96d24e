internal import SottoCrypto
package import SottoWire

/// Rows of a store in words that every store has: what a conversion reads on one side and writes on the other.
///
/// A kind's columns are those of `Specs/Leakage.md`, *In PostgreSQL*, but for what a store adds of its own (the checksum of
/// an envelope, how a batch is laid out) and for sockets, of which there are none.
package struct StoreRow: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case mailbox
    case capability
    case signedPart = "signed_part"
    /// `parts`: `OneTimeParts`, those that nobody has got yet, in the order in which they are handed out.
    case batch
    case card
    /// One that waits.
    case envelope
    /// Of an envelope that waits or is gone.
    case name
    case blob
    case blobPlace = "blob_place"
    /// The name of a file that is to be removed.
    case abandoned
    case tokenKey = "token_key"
    case spent
    case issued
    case push
  }

  package struct Column: Sendable {
    package enum Kind: Sendable {
      case id
      case number
      /// The number 0 or 1.
      case flag
      case bytes
    }

    package let name: String
    package let kind: Kind
    package let isOptional: Bool

    fileprivate static func id(_ name: String, optional: Bool = false) -> Column {
      Column(name: name, kind: .id, isOptional: optional)
    }
    fileprivate static func number(_ name: String, optional: Bool = false) -> Column {
      Column(name: name, kind: .number, isOptional: optional)
    }
    fileprivate static func flag(_ name: String) -> Column { Column(name: name, kind: .flag, isOptional: false) }
    fileprivate static func bytes(_ name: String, optional: Bool = false) -> Column {
      Column(name: name, kind: .bytes, isOptional: optional)
    }
  }

  package enum Field: Equatable, Sendable {
    case none
    case id(UInt128)
    /// 0 or more, and below 2^63.
    case number(Int64)
    case bytes([UInt8])
  }

  package let kind: Kind
  /// One for each column.
  package let fields: [Field]

  package init(_ kind: Kind, _ fields: [Field]) { (self.kind, self.fields) = (kind, fields) }

  /// The same bytes for the same row, wherever it stands; others for any other row.
  package var encoded: [UInt8] {
    var writer = WireWriter()
    writer.vector(Array(kind.rawValue.utf8))
    for field in fields {
      switch field {
      case .none: writer.u8(0)
      case .id(let id):
        writer.u8(1)
        writer.u128(id)
      case .number(let number):
        writer.u8(2)
        writer.u64(UInt64(bitPattern: number))
      case .bytes(let bytes):
        writer.u8(3)
        writer.vector(bytes)
      }
    }
    return writer.bytes
  }
}

extension StoreRow.Kind {
  package var columns: [StoreRow.Column] {
    switch self {
    case .mailbox:
      [
        .id("id"), .number("sequence"), .bytes("digest"), .number("last_index"), .number("acknowledged"),
        .number("contact_count"), .number("contact_bytes"), .number("knock_count"), .number("knock_bytes"),
        .number("signed_part", optional: true), .number("greatest_batch", optional: true),
        .number("last_resort_claims"), .number("lease", optional: true),
      ]
    case .capability:
      [.id("mailbox"), .bytes("hash"), .number("class"), .number("expires", optional: true)]
    case .signedPart: [.id("mailbox"), .bytes("sealed")]
    case .batch: [.id("mailbox"), .number("batch"), .bytes("digest"), .bytes("parts")]
    case .card:
      [
        .id("id"), .bytes("key"), .number("sequence"), .bytes("digest"), .number("list_sequence"), .bytes("sealed"),
      ]
    case .envelope:
      [.id("mailbox"), .number("position"), .id("id"), .number("class"), .number("day"), .bytes("bytes")]
    case .name: [.id("mailbox"), .id("id"), .number("position"), .number("day")]
    case .blob:
      [
        .id("mailbox"), .id("id"), .number("length"), .number("day"), .id("part", optional: true), .number("saved"),
        .bytes("hash", optional: true),
      ]
    case .blobPlace: [.id("id"), .id("mailbox")]
    case .abandoned: [.bytes("name")]
    case .tokenKey: [.number("epoch"), .bytes("sealed")]
    case .spent: [.bytes("token"), .number("last_day")]
    case .issued: [.bytes("account"), .number("epoch"), .number("count"), .bytes("batch")]
    case .push: [.id("mailbox"), .id("handle"), .bytes("sealed"), .flag("due")]
    }
  }
}

/// One-time parts of a batch as one value.
package struct OneTimeParts: Equatable, Sendable {
  package struct Part: Equatable, Sendable {
    package let leaf: UInt32
    package let sealed: [UInt8]

    package init(leaf: UInt32, sealed: [UInt8]) { (self.leaf, self.sealed) = (leaf, sealed) }
  }

  package var parts: [Part]

  package init(_ parts: [Part]) { self.parts = parts }

  package var encoded: [UInt8] {
    var writer = WireWriter()
    for part in parts {
      writer.u32(part.leaf)
      writer.vector(part.sealed)
    }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    parts = []
    while reader.remaining > 0 {
      parts.append(Part(leaf: try reader.u32(), sealed: try reader.vector(limit: WireLimits.oneTimePart)))
    }
  }
}

/// How many rows there are, and a hash of them that does not depend on their order: the sum of the rows' own. [operation.15]
package struct Tally: Equatable, Sendable {
  package private(set) var rows = 0
  /// Of the rows as they are encoded.
  package private(set) var bytes = 0
  private var first: UInt128 = 0
  private var second: UInt128 = 0

  package init() {}

  package mutating func add(_ row: StoreRow) {
    let encoded = row.encoded
    let digest = Digest.of("row of a store", encoded).bytes
    rows += 1
    bytes += encoded.count
    first &+= UInt128(bytes: digest[..<16])
    second &+= UInt128(bytes: digest[16...])
  }
}

/// What is in a store, or what was found in one.
package struct Tallies: Sendable {
  private var all: [StoreRow.Kind: Tally] = [:]

  package init() {}

  package subscript(kind: StoreRow.Kind) -> Tally { all[kind] ?? Tally() }
  package mutating func add(_ row: StoreRow) { all[row.kind, default: Tally()].add(row) }
  package mutating func add(_ rows: [StoreRow]) { for row in rows { add(row) } }

  package var bytes: Int { all.values.reduce(0) { $0 + $1.bytes } }
}
