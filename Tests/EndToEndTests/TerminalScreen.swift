import Foundation
import Testing

/// A terminal with somebody before it: `tmux`, with a server of its own that ends with the test.
final class TerminalScreen {
  static let isThere = ["/usr/bin/tmux", "/usr/local/bin/tmux", "/opt/homebrew/bin/tmux"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  private let socket = "sotto-test-\(UUID().uuidString)"

  /// Starts a command line; the terminal stays when it has ended.
  init(_ command: String, columns: Int = 80, rows: Int = 20) async throws {
    // The server lives on: it must hold nothing of what tells Foundation that its child has ended, and it must be one
    // that can be ended itself, although the threads that run tests block every signal.
    let script = """
      import os, signal, sys
      signal.pthread_sigmask(signal.SIG_SETMASK, [])
      os.closerange(3, os.sysconf("SC_OPEN_MAX"))
      for descriptor in range(3): os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
      os.execv(sys.argv[1], sys.argv[1:])
      """
    let outcome = try await run(
      URL(filePath: "/usr/bin/env"),
      [
        "python3", "-c", script, try #require(Self.isThere), "-L", socket, "-f", "/dev/null", "new-session", "-d", "-x",
        "\(columns)", "-y", "\(rows)", "/bin/sh", "-c", command + "; echo ENDED $?; exec sleep 600",
      ], environment: Self.environment)
    try #require(outcome.status == 0, "\(outcome)")
  }

  private static let environment = [
    "TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC",
  ]

  @discardableResult
  private func tmux(_ arguments: String...) async throws -> String {
    let outcome = try await run(
      URL(filePath: try #require(Self.isThere)), ["-L", socket] + arguments,
      environment: Self.environment)
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.output
  }

  /// What is seen now; with `scrollback` also what has left the screen.
  func text(scrollback: Bool = false) async throws -> String {
    let text = try await scrollback ? tmux("capture-pane", "-p", "-S", "-") : tmux("capture-pane", "-p")
    return text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in String(line.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
  }

  func type(_ keys: String...) async throws {
    for key in keys { try await tmux("send-keys", key) }
  }

  /// Text as it is, whatever keys it might be the name of.
  func write(_ text: String) async throws { try await tmux("send-keys", "-l", text) }

  /// As from the clipboard.
  func paste(_ text: String) async throws {
    try await tmux("set-buffer", text)
    try await tmux("paste-buffer", "-p")
  }

  func resize(columns: Int, rows: Int) async throws {
    try await tmux("resize-window", "-x", "\(columns)", "-y", "\(rows)")
  }

  /// Waits until the screen says something, and answers what is on it then.
  @discardableResult
  func waits(for text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
    var seen = ""
    for _ in 0..<1_200 {
      seen = try await self.text()
      if seen.contains(text) { return seen }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("“\(text)” does not come:\n\(seen)", sourceLocation: sourceLocation)
    return seen
  }

  func end() async throws { try await tmux("kill-server") }
}
