internal import SottoClient

/// What somebody sees who has just installed Sotto.
enum FirstUse {
  /// Whether there is no identity yet where one would be.
  static var isFirst: Bool {
    do { try Client.check(home: GlobalOptions.usualHome) } catch { return true }
    return false
  }

  static func greet() throws {
    try Output.line(
      """
      Sotto: end-to-end encrypted messages through a relay that cannot read them.

      There is no identity here yet. Create one at a relay:

        sotto identity create --relay URL

      A relay on this machine, for trying it: sotto-relay serve, and URL is http://127.0.0.1:8090
      All commands: sotto --help
      """)
  }
}
