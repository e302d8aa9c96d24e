internal import Foundation
internal import SottoWire

/// `sotto-relay backup` and `sotto-relay restore`.
public enum Backups {
  /// What was written.
  public struct Summary: Sendable {
    public let file: String
    public let mailboxes: Int
    public let cards: Int
    /// Of the file, without the blobs.
    public let bytes: Int
    /// Attachments, those with the same bytes counted once.
    public let blobs: Int
    /// Attachments that were removed while the backup was made, or whose bytes are not what they were.
    public let blobsLeftOut: Int
  }

  /// The folder beside a backup that has its blobs.
  static func blobs(of file: String) -> String { file + ".blobs" }

  /// Copies the store of a relay, running or not, to `file`, whole or not at all, and its blobs beside it. [operation.6]
  public static func backup(
    _ configuration: RelayConfiguration, to file: String, replacing: Bool
  ) throws(StartFailure) -> Summary {
    let store = StoreFile(path: configuration.dataDirectory + "/relay.sqlite")
    guard store.exists else { throw .noStore(configuration.dataDirectory) }
    guard replacing || !FileManager.default.fileExists(atPath: file) else { throw .backupExists(file) }
    let partial = file + ".partial"
    try? FileManager.default.removeItem(atPath: partial)
    defer { try? FileManager.default.removeItem(atPath: partial) }
    do {
      try store.copy(to: partial)
      let copy = StoreFile(path: partial)
      let known = try copy.blobs()
      let (kept, missing) = try copyBlobs(known, from: configuration.dataDirectory + "/blobs", to: blobs(of: file))
      try copy.leaveOut(missing)
      let contents = try copy.check(quick: false)
      try StoreFile.replace(file, with: partial)
      // Only now: until here the former backup was whole.
      try keep(only: kept, in: blobs(of: file))
      return summary(file, contents, kept.count, leftOut: missing.count)
    } catch {
      throw .cannotBackUp(error, to: file)
    }
  }

  /// Puts a backup in the place of a stopped relay's store. It is checked first; a store that holds anything is kept
  /// unless `replacing`. [operation.7]
  public static func restore(
    _ configuration: RelayConfiguration, from file: String, replacing: Bool
  ) throws(StartFailure) -> Summary {
    let backup = StoreFile(path: file)
    guard backup.exists else { throw .noBackup(file) }
    let contents = try checked(backup)
    let known = try checkedBlobs(backup)
    let directory = try DataDirectory(configuration.dataDirectory)
    defer { directory.release() }
    let former = StoreFile(path: directory.store)
    // A store that cannot be read may hold everything.
    let before = former.exists ? try? former.check(quick: true) : nil
    guard replacing || !former.exists || before?.isEmpty == true else { throw .storeNotEmpty(directory.store) }
    let partial = directory.store + ".restoring"
    try? FileManager.default.removeItem(atPath: partial)
    defer { try? FileManager.default.removeItem(atPath: partial) }
    do {
      try backup.copy(to: partial)
      let now = configuration.now()
      try StoreFile(path: partial).applyRestore(
        epoch: RestoreRules.epoch(backup: contents.restoreEpoch, former: before?.restoreEpoch, now: now),
        sequence: RestoreRules.sequence(now: now, window: Int64(OwnerRequest.window)))
      _ = try StoreFile(path: partial).check(quick: false)
      // What no row has is removed when the relay starts, so these may come first.
      try putBack(known, from: blobs(of: file), to: directory.blobs)
      try former.removeLog()
      try StoreFile.replace(directory.store, with: partial)
      return summary(directory.store, contents, known.count)
    } catch {
      throw .cannotRestore(error, directory.path)
    }
  }

  private static func checked(_ backup: StoreFile) throws(StartFailure) -> StoreFile.Contents {
    do {
      return try backup.check(quick: false)
    } catch .newerSchema {
      throw .newerStore
    } catch .olderSchema {
      throw .olderStore
    } catch {
      throw .badBackup(backup.path)
    }
  }

  /// All blobs of a backup; each is there, byte for byte.
  private static func checkedBlobs(_ backup: StoreFile) throws(StartFailure) -> [KeptBlob] {
    let files = BlobFiles(existing: blobs(of: backup.path))
    guard let known = try? backup.blobs(), known.allSatisfy({ (try? files.holds($0)) == true }) else {
      throw .badBackupBlobs(backup.path)
    }
    return known
  }

  /// Copies what the folder `from` has of them: those, and the others.
  private static func copyBlobs(
    _ blobs: [KeptBlob], from: String, to: String
  ) throws(StoreFailure) -> (kept: [KeptBlob], missing: [KeptBlob]) {
    do {
      let (source, target) = (BlobFiles(existing: from), try BlobFiles(to))
      var (kept, missing): ([KeptBlob], [KeptBlob]) = ([], [])
      for blob in blobs {
        if try target.take(blob, from: source) { kept.append(blob) } else { missing.append(blob) }
      }
      return (kept, missing)
    } catch let failure as StoreFailure {
      throw failure
    } catch {
      throw .failed(-1)
    }
  }

  private static func putBack(_ blobs: [KeptBlob], from: String, to: String) throws(StoreFailure) {
    guard try copyBlobs(blobs, from: from, to: to).missing.isEmpty else { throw .failed(-1) }
  }

  private static func keep(only blobs: [KeptBlob], in folder: String) throws(StoreFailure) {
    do { try BlobFiles(existing: folder).keep(only: blobs) } catch { throw error as? StoreFailure ?? .failed(-1) }
  }

  private static func summary(
    _ file: String, _ contents: StoreFile.Contents, _ blobs: Int, leftOut: Int = 0
  ) -> Summary {
    let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
    return Summary(
      file: file, mailboxes: contents.mailboxes, cards: contents.cards, bytes: size ?? 0, blobs: blobs,
      blobsLeftOut: leftOut)
  }
}

extension StartFailure {
  static func noStore(_ folder: String) -> StartFailure {
    StartFailure(
      66, "There is no store in \(folder).", "No relay has run with this folder.", "Name its folder with `--data DIR`.")
  }

  static func backupExists(_ file: String) -> StartFailure {
    StartFailure(73, "\(file) is there already.", "Nothing was written.", "Name another file, or say `--replace`.")
  }

  static func cannotBackUp(_ failure: StoreFailure, to file: String) -> StartFailure {
    switch failure {
    case .newerSchema: newerStore
    case .olderSchema: olderStore
    case .full, .fellBack, .notDurable, .unavailable, .failed, .converted, .halfFilled:
      StartFailure(
        74, "Cannot copy the store to \(file).", "There is no backup; the relay was not disturbed.",
        "Free some space, check that the folder is there and writable, and run `sotto-relay doctor`.")
    }
  }

  static func noBackup(_ file: String) -> StartFailure {
    StartFailure(
      66, "There is no file \(file).", "Nothing was changed.", "Name a file that `sotto-relay backup` wrote.")
  }

  static func badBackup(_ file: String) -> StartFailure {
    StartFailure(
      65, "\(file) is not a relay's backup, or it is damaged.", "Nothing was changed.", "Use another backup.")
  }

  static func badBackupBlobs(_ file: String) -> StartFailure {
    StartFailure(
      65, "\(Backups.blobs(of: file)) does not have every attachment of \(file), or not its bytes.",
      "Nothing was changed.", "Copy the folder together with the file, or use another backup.")
  }

  static func storeNotEmpty(_ path: String) -> StartFailure {
    StartFailure(
      73, "The store \(path) holds mailboxes or cards, or cannot be read.",
      "A restore would destroy them. Nothing was changed.",
      "Back it up first, then say `--replace`.")
  }

  static func cannotRestore(_ failure: StoreFailure, _ folder: String) -> StartFailure {
    guard failure != .unavailable else {
      return StartFailure(
        75, "Another program reads the store in \(folder).",
        "What was written to it last cannot be moved out of its log meanwhile. The former store is as it was.",
        "Wait until it has ended, a backup or a doctor perhaps, and try again.")
    }
    return StartFailure(
      74, "Cannot write the restored store in \(folder).", "The former store is as it was.",
      "Free some space, check the disk, and try again.")
  }
}
