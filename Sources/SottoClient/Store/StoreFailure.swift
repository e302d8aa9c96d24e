internal import Foundation
internal import GRDB

/// What can go wrong with the store, in the words that its user sees.
enum StoreFailure {
  static let full = ClientError(
    .io, "The disk is full.", meaning: "This step was undone; everything before it is kept.",
    next: "Free some space, then repeat the command.")

  static let wrongPassphrase = ClientError(
    .wrongPassphrase, "The passphrase does not open this store.",
    meaning: "It is mistyped, or belongs to another identity. Nothing was changed.",
    next: "Try again; --passphrase-file FILE or $SOTTO_PASSPHRASE can hold it.")

  /// What an attempt to make an identity has left is sealed under the passphrase of then. [token.11]
  static func tokensOfAnotherPassphrase(_ path: String) -> ClientError {
    ClientError(
      .wrongPassphrase,
      "There is no identity in \(path), but what an attempt to make one has left, under another passphrase.",
      meaning: "That may be registration tokens, sealed under the passphrase of then. Nothing was changed.",
      next: "Run the same again with that passphrase, or discard that first: sotto identity delete")
  }

  static func unreadable(_ path: String, reason: String) -> ClientError {
    ClientError(
      .unreadable, "Cannot read \(path): \(reason).", meaning: "Nothing was changed.",
      next: "Check the owner and the permissions of the folder and of the files in it.")
  }

  static func damaged(_ path: String) -> ClientError {
    ClientError(
      .unreadable, "The store in \(path) is damaged.",
      meaning: "A part of it is not what Sotto wrote. Nothing was changed.",
      next: "Restore the folder from a copy, or create a new identity in another one with --home DIR.")
  }

  static func newer(_ path: String, found: Int, known: Int) -> ClientError {
    ClientError(
      .newerStore, "The store in \(path) has format \(found); this sotto knows formats up to \(known).",
      meaning: "A newer version has used it. Nothing was changed.",
      next: "Install that version of Sotto or a later one.")
  }

  /// What SQLite reported, as the user should hear it.
  static func translating(_ error: any Error, home: String) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    switch error.resultCode {
    case .SQLITE_FULL: return full
    case .SQLITE_NOTADB, .SQLITE_CORRUPT, .SQLITE_FORMAT: return damaged(home)
    case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
      return unreadable(home, reason: "the store cannot be opened")
    case .SQLITE_READONLY:
      return ClientError(
        .refused, "The store in \(home) cannot be written.", meaning: "Nothing was changed.",
        next: "Check the owner and the permissions of the folder and of the files in it.")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return ClientError(
        .locked, "Another program has opened the store in \(home).", meaning: "Nothing was changed.",
        next: "Close it and try again.")
    case .SQLITE_IOERR:
      return ClientError(
        .io, "The store in \(home) cannot be written or read: \(error.message ?? "input/output error").",
        meaning: "This step was undone; everything before it is kept. The disk may be full or failing.",
        next: "Free some space or check the disk, then repeat the command.")
    default: return error
    }
  }
}
