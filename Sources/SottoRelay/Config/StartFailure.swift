/// Why a relay cannot start or go on: what happened, what it means, what to do next, and the exit code of sysexits.
public struct StartFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// As in `sysexits.h`.
  public let exitCode: Int32
  /// Three sentences for the operator.
  public let description: String

  private init(_ exitCode: Int32, _ what: String, _ meaning: String, _ next: String) {
    self.exitCode = exitCode
    description = "\(what) \(meaning) \(next)"
  }

  static func badSetting(_ name: String) -> StartFailure {
    StartFailure(
      78, "The setting '\(name)' has a value that is not understood.", "Nothing was started.",
      "See `sotto-relay serve --help` for what it takes.")
  }

  static func unknownSetting(_ name: String) -> StartFailure {
    StartFailure(
      78, "There is no setting '\(name)'.", "A mistyped setting would be ignored silently, so nothing was started.",
      "The file takes: \(RelayConfiguration.names.joined(separator: ", ")).")
  }

  static let registrationMissing = StartFailure(
    78, "The listen address can be reached by others, and no registration mode is set.",
    "Anyone who reaches the relay could create mailboxes on it without your having said so.",
    "Say `--registration open` (or `registration = open` in relay.conf, or SOTTO_RELAY_REGISTRATION=open) if you mean it, "
      + "or listen on 127.0.0.1.")

  static func addressInUse(_ address: String) -> StartFailure {
    StartFailure(
      69, "Cannot listen on \(address): the address is in use.", "Another program, perhaps another relay, has it.",
      "Stop that program, or choose another with `--listen HOST:PORT` (port 0 picks a free one).")
  }

  static func cannotListen(_ address: String) -> StartFailure {
    StartFailure(
      69, "Cannot listen on \(address).", "This machine does not have the address, or does not let you use the port.",
      "Choose another with `--listen HOST:PORT`.")
  }

  static func cannotCreate(_ path: String) -> StartFailure {
    StartFailure(
      73, "Cannot create or write the data folder \(path).", "The relay has no place to keep envelopes.",
      "Make it writable for this user, or name another with `--data DIR`.")
  }

  static func unusableStore(_ path: String) -> StartFailure {
    StartFailure(
      74, "Cannot read or write the store \(path).", "The disk is full or failing, or the file is not a relay's store.",
      "Free some space, check the disk, or restore a backup. Nothing was changed.")
  }

  static let notDurable = StartFailure(
    74, "The store does not accept synchronous=FULL.", "What it acknowledges could be lost in a power cut.",
    "Use an SQLite library that was built with the usual options.")

  static let newerStore = StartFailure(
    78, "The store was written by a newer version of sotto-relay.", "This version does not understand it.",
    "Run the newer version, or restore a backup of this one's. Nothing was changed.")

  static let olderStore = StartFailure(
    78, "The store was written by an older version of sotto-relay.", "This version does not convert it.",
    "Run the older version until its envelopes are fetched, then name a new folder with `--data DIR`. Nothing was changed."
  )

  static func alreadyRunning(_ path: String) -> StartFailure {
    StartFailure(
      75, "Another sotto-relay uses the data folder \(path).", "Two writers would undo each other's work.",
      "Stop the other one, or name another folder with `--data DIR`.")
  }
}
