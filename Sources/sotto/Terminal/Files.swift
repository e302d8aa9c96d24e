internal import Foundation
internal import SottoClient
internal import Synchronization

extension AttachedFile {
  var json: JSON {
    JSON(["name": .string(name), "bytes": .number(Int(bytes)), "media_type": mediaType.map { .string($0) }])
  }
}

extension AttachedFile? {
  /// The text of a message, and behind it what file there is.
  func after(_ text: String) -> String {
    guard let self else { return text }
    return "\(text.isEmpty ? "" : text + "  ")[file: \(self.name), \(ByteCount.words(self.bytes))]"
  }
}

/// Bytes for a person.
enum ByteCount {
  static func words(_ bytes: UInt64) -> String {
    guard bytes >= 1000 else { return "\(bytes) B" }
    var (value, unit) = (Double(bytes), "B")
    for next in ["KB", "MB", "GB"] where value >= 999.5 { (value, unit) = (value / 1000, next) }
    let digits = value < 9.95 ? "%.1f" : "%.0f"
    return String(format: digits, value) + " " + unit
  }
}

/// A bar on a terminal's standard error, drawn at most ten times a second; nothing elsewhere.
final class ProgressBar: Sendable {
  private let what: String
  private let state: Mutex<(last: ContinuousClock.Instant?, isShown: Bool)>
  private let isTerminal: Bool

  init(_ what: String, isQuiet: Bool) {
    self.what = what
    state = Mutex((nil, false))
    isTerminal = !isQuiet && isatty(STDERR_FILENO) == 1
  }

  func show(_ done: UInt64, of total: UInt64) {
    guard isTerminal, total > 0 else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if let last = state.last, done < total, now - last < .milliseconds(100) { return }
      state = (now, true)
      Output.write(Array(("\r" + Self.line(what, done, total)).utf8), to: STDERR_FILENO)
    }
  }

  /// Leaves the line free.
  func end() {
    state.withLock { state in
      guard state.isShown else { return }
      state.isShown = false
      Output.write(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO)
    }
  }

  static func line(_ what: String, _ done: UInt64, _ total: UInt64) -> String {
    let width = 20
    let full = Int(Double(width) * Double(done) / Double(total))
    let bar = String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
    let percent = String(100 * done / total)
    return
      "\(what) [\(bar)] \(String(repeating: " ", count: 3 - percent.count))\(percent) % of \(ByteCount.words(total))"
  }
}
