package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// How first messages have used this device's prekeys. A relay that hands out a part twice, out of order or from an old
/// batch shows here, and so does whoever has the address and does it on purpose: it proves nothing, and nothing follows
/// from it. [prekeys.8]
package struct PrekeyUse: StoredRecord, Equatable {
  /// First messages that were accepted with a one-time part.
  package private(set) var oneTime: UInt64 = 0
  /// First messages that were accepted with a last-resort key: a thief of the device can read them for longer.
  package private(set) var lastResort: UInt64 = 0
  /// First messages that were refused because they named a one-time part of ours that is used up.
  package private(set) var repeated: UInt64 = 0
  /// Of those accepted, the ones whose part stands before one that was used earlier.
  package private(set) var outOfOrder: UInt64 = 0
  /// Of those accepted, the ones of a batch for which no newer signed part vouches.
  package private(set) var oldBatch: UInt64 = 0
  /// The last part in order, of those that were used.
  private var newestBatch: UInt64 = 0
  private var newestIndex: UInt32 = 0

  package static var table: Table { .own }
  static let key = Array("prekey use".utf8)
  package var key: [UInt8] { Self.key }

  init() {}

  package func encode(to writer: inout SecretWriter) {
    for count in [oneTime, lastResort, repeated, outOfOrder, oldBatch, newestBatch] { writer.u64(count) }
    writer.u32(newestIndex)
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    oneTime = try reader.u64()
    lastResort = try reader.u64()
    repeated = try reader.u64()
    outOfOrder = try reader.u64()
    oldBatch = try reader.u64()
    newestBatch = try reader.u64()
    newestIndex = try reader.u32()
  }

  mutating func accepted(_ ids: PrekeyIDs, _ prekeys: Profile.Prekeys) {
    guard ids.kind == .oneTime else {
      lastResort += 1
      return
    }
    oneTime += 1
    if prekeys.retired.contains(where: { $0.number == ids.id }) { oldBatch += 1 }
    if (ids.id, ids.index) < (newestBatch, newestIndex) {
      outOfOrder += 1
    } else {
      (newestBatch, newestIndex) = (ids.id, ids.index)
    }
  }

  mutating func refused(_ ids: PrekeyIDs, _ prekeys: Profile.Prekeys) {
    // Any number can be named; a batch that was never made has not been handed out either.
    if ids.kind == .oneTime, ids.id >= 1, ids.id <= prekeys.lastBatch { repeated += 1 }
  }
}

extension Engine {
  /// How first messages have used this device's prekeys.
  package func prekeyUse() throws -> PrekeyUse { try records.load(PrekeyUse.self, PrekeyUse.key) ?? PrekeyUse() }

  func count(_ change: (inout PrekeyUse) -> Void) throws {
    var use = try prekeyUse()
    change(&use)
    try records.save(use)
  }
}
