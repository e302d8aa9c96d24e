/// Why a relay cannot start or go on: what happened, what it means, what to do next, and the exit code of sysexits.
public struct StartFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// As in `sysexits.h`.
  public let exitCode: Int32
  public let what: String
  public let meaning: String
  public let next: String
  /// The setting that is at fault, if it is one.
  package let setting: Setting?

  package init(_ exitCode: Int32, _ what: String, _ meaning: String, _ next: String, setting: Setting? = nil) {
    self.exitCode = exitCode
    self.what = what
    self.meaning = meaning
    self.next = next
    self.setting = setting
  }

  /// The three, for the operator.
  public var description: String { "\(what) \(meaning) \(next)" }

  /// `flag`: what the address was said with.
  static func addressInUse(_ address: String, flag: String) -> StartFailure {
    StartFailure(
      69, "Cannot listen on \(address): the address is in use.", "Another program, perhaps another relay, has it.",
      "Stop that program, or choose another with `\(flag) HOST:PORT` (port 0 picks a free one).")
  }

  package static func cannotListen(_ address: String, flag: String) -> StartFailure {
    StartFailure(
      69, "Cannot listen on \(address).", "This machine does not have the address, or does not let you use the port.",
      "Choose another with `\(flag) HOST:PORT`.")
  }

  static func pushSocketInUse(_ path: String) -> StartFailure {
    StartFailure(
      69, "Another program answers at the socket \(path).",
      "It is perhaps another relay: its gateway is not this one's.",
      "Stop that program, or name another path with `--push unix:/PATH`.", setting: .push)
  }

  static func cannotListenForGateway(_ path: String) -> StartFailure {
    StartFailure(
      69, "Cannot make the socket \(path).", "The push gateway has nowhere to connect to, so nothing was started.",
      "Make its folder, writable for this user, or name another path with `--push unix:/PATH`.", setting: .push)
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

  static let diskFailed = StartFailure(
    74, "The disk refused to write or to sync the store.",
    "Nothing that was acknowledged is lost, but what the disk holds is not known until the store is opened again.",
    "Look at the system's log and at the disk, then start the relay again; if it does not start, restore a backup.")

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
