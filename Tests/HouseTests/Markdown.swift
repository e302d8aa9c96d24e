/// The two things that can be false in a page: where it leads, and what it tells the reader to type.
struct Markdown {
  private(set) var links: [String] = []
  /// The lines of fenced blocks marked `sh` or `console`; in the latter only those after a `$`.
  private(set) var commands: [String] = []

  init(_ text: String) {
    var fence: Substring?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let content = line.drop { $0 == " " }
      if content.hasPrefix("```") {
        fence = fence == nil ? content.drop { $0 == "`" } : nil
      } else if let language = fence {
        if language == "sh" { commands.append(String(content)) }
        if language == "console" && content.hasPrefix("$ ") { commands.append(String(content.dropFirst(2))) }
      } else {
        links += line.matches(of: /\]\(([^)\s]+)[^)]*\)/).map { String($0.1) }
        links += line.matches(of: /^\[[^\]]+\]:\s+(\S+)/).map { String($0.1) }
      }
    }
  }
}
