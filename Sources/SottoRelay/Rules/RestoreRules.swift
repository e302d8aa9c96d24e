/// What a store must be told when it comes back from a backup: it has forgotten what happened since, and its clients have
/// not. [operation.7]
package enum RestoreRules {
  /// Greater than every epoch that any client may have seen: of the backup, of the store that it replaces, and, when
  /// that one is lost and the same backup is restored twice, of the former restore, which was at an earlier time.
  package static func epoch(backup: UInt64, former: UInt64?, now: Int64) -> UInt64 {
    max(backup + 1, (former ?? 0) + 1, UInt64(clamping: now))
  }

  /// The least sequence that a request signed before the restore cannot exceed: clients take milliseconds of Unix time,
  /// and a signature counts for a window around its own.
  package static func sequence(now: Int64, window: Int64) -> UInt64 { UInt64(clamping: (now + window) * 1_000) }
}
