package import SottoCrypto
internal import SottoWire

/// What ties a half-filled database to the file that it is filled from: drawn for this, and about nobody. [leakage.1]
package struct ConversionID: Hashable, Sendable {
  package static let count = 16
  package let number: UInt128

  package init(number: UInt128) { self.number = number }
  package init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }
}

/// How far a conversion has come, in the same transaction as the rows that it brought there.
package struct ConversionMark: Equatable, Sendable {
  package let source: ConversionID
  /// The step that is under way, and the last place of it that was copied; empty at its beginning. Both are the source's.
  package let step: Int
  package let place: [UInt8]
  package let isFinished: Bool

  package init(source: ConversionID, step: Int, place: [UInt8], isFinished: Bool) {
    (self.source, self.step, self.place, self.isFinished) = (source, step, place, isFinished)
  }
}

/// A database that a conversion fills. It blocks, and belongs to one thread; nobody else fills it meanwhile.
///
///     (empty) --begin--> unfinished --append ...--> unfinished --finish--> finished
///                 `-- cancel --'
///
/// From `begin` to `finish` no relay uses it, whatever its version. [operation.15]
package protocol ConversionTarget: AnyObject {
  /// nil when there never was a conversion.
  func mark() throws(StartFailure) -> ConversionMark?
  /// Whether there is no row of any kind.
  func isEmpty() throws(StartFailure) -> Bool
  /// How many relays run with it.
  func relays() throws(StartFailure) -> Int

  func begin(_ source: ConversionID, restoreEpoch: UInt64) throws(StartFailure)
  /// Takes `begin` back, when nothing was written since.
  func cancel() throws(StartFailure)
  /// Writes rows, and how far the source has come with them: all or nothing.
  func append(_ rows: [StoreRow], step: Int, place: [UInt8]) throws(StartFailure)
  /// Hands out every row that is in it, a page at a time, as they were at one moment.
  func readAll(_ body: ([StoreRow]) -> Void) throws(StartFailure)
  func finish() throws(StartFailure)
}
