package import SottoCrypto

/// The tables of the store. A raw value is part of the sealed format: it names the table in every row's associated data.
package enum Table: String, Sendable, CaseIterable {
  /// One row: this device's identity, its profile and its counters.
  case own
  /// A contact or a stranger, by account.
  case contact
  /// A contact's name, leading to the account.
  case name
  /// A session, by its id; grouped by the peer's account.
  case session
  /// The skipped message keys of a session, by its id.
  case skipped
  /// A signed prekey, by its id.
  case signedPrekey = "signed_prekey"
  /// A one-time prekey, by batch and index; grouped by batch.
  case oneTimePrekey = "one_time_prekey"
  /// A prelude that has been accepted, by its digest.
  case prelude
  /// A message that was sent or received, by direction, account and id; grouped by the account.
  case message
  /// What is still to be sent, by message and device.
  case outbox
  /// What a relay has stored and a device may not have opened yet, by message and device; grouped by session.
  case unheard
  /// An envelope that has been taken from the mailbox, by its id.
  case seen
  /// A received message that has not been handed to the user yet, by the key of its row.
  case unshown
  /// The receipts that are owed to a contact, by account.
  case owed
  /// A message that has a time to be deleted, by the key of its row.
  case expiring
  /// A block of the search index, by its number.
  case search
  /// A file on its way to a relay or from one, by the key of the message that tells of it.
  case transfer
  /// An owner's request that has still to be made, by its route.
  case upload
}

/// What the engine may do to the store inside one transaction. Either everything a step did is kept, or nothing.
///
/// Keys and groups are given in clear; how they are hidden is the store's affair. Rows keep the order in which they were
/// first put.
package protocol Records {
  /// The row's content, if there is such a row.
  func get(_ table: Table, _ key: [UInt8]) throws -> Secret?
  /// Writes a row, replacing the one that has the same key.
  func put(_ table: Table, _ key: [UInt8], group: [UInt8], _ value: borrowing Secret) throws
  /// Removes a row; nothing happens when there is none.
  func delete(_ table: Table, _ key: [UInt8]) throws
  /// Shows `body` the rows of the table, or of one group of it, in the order in which they were put or the other way
  /// round, until it answers false. `body` must not write.
  func each(
    _ table: Table, group: [UInt8]?, newestFirst: Bool, _ body: (consuming Secret) throws -> Bool) throws
  /// The number of rows of the table, or of one group of it.
  func count(_ table: Table, group: [UInt8]?) throws -> Int
}
