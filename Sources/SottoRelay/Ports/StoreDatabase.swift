/// A database that can hold a relay's store, beside the file that is there without one. An adapter of its own.
package protocol StoreDatabase: Sendable {
  /// Opens what `migrate` has made. `address` is the setting `store`; `report` is told of every transaction.
  func open(
    _ address: String, report: @escaping @Sendable (CommitReport) -> Void
  ) throws(StartFailure) -> any SharedStore
  /// Brings the tables to this program's version. Relays may run meanwhile.
  func migrate(_ address: String) throws(StartFailure) -> SchemaState
  /// Looks, and changes nothing.
  func state(_ address: String) throws(StartFailure) -> SchemaState
  /// How many relays run with it now: 0 when its tables are not this program's.
  func relays(_ address: String) throws(StartFailure) -> Int
  /// Opens what `migrate` has made, of this program's version, to fill it from a file.
  func conversionTarget(_ address: String) throws(StartFailure) -> any ConversionTarget
  /// Makes of tables that were brought back to an earlier moment those that relays begin with. None may run. It may be
  /// repeated. [operation.7]
  func restored(_ address: String, now: Int64) throws(StartFailure) -> RestoredStore
}

/// What was in a database that was brought back.
package struct RestoredStore: Equatable, Sendable {
  package let mailboxes: Int
  package let cards: Int

  package init(mailboxes: Int, cards: Int) { (self.mailboxes, self.cards) = (mailboxes, cards) }
}

/// Which version the tables of a database have.
package struct SchemaState: Equatable, Sendable {
  /// 0: there are none.
  package let version: Int
  /// The oldest program that they still serve.
  package let oldest: Int
  /// This program's.
  package let known: Int
  /// Whether a conversion has begun and not ended: until then they serve no program.
  package let isHalfFilled: Bool

  package init(version: Int, oldest: Int, known: Int, isHalfFilled: Bool = false) {
    (self.version, self.oldest, self.known) = (version, oldest, known)
    self.isHalfFilled = isHalfFilled
  }

  /// The program's own version has to be there; a newer one is as good while it says so. [operation.13] [operation.15]
  package func check() throws(StoreFailure) {
    guard !isHalfFilled else { throw .halfFilled }
    guard version >= known else { throw .olderSchema }
    guard oldest <= known else { throw .newerSchema }
  }
}
