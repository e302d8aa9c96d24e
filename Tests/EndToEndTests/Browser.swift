import Foundation

/// Headless Chromium (the Debian package chromium), which shows a page and says how it looks.
enum Browser {
  static let program = ["/usr/bin/chromium", "/usr/local/bin/chromium", "/opt/homebrew/bin/chromium"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// A page in a window of some width.
  struct Look: Decodable {
    let width: Int
    /// More than the width if the window scrolls sideways.
    let scrollWidth: Int
    /// As it is rendered.
    let text: String
    /// Texts that begin or end outside the window.
    let beyond: [String]
  }

  /// Each window is a frame, in a sandbox that lets no script of the page run: those of the page around it measure.
  static func look(at page: String, widths: [Int]) async throws -> [Look] {
    let source = page.replacing("&", with: "&amp;").replacing("\"", with: "&quot;")
    let frames = widths.map {
      "<iframe sandbox=\"allow-same-origin\" style=\"width:\($0)px;height:800px;border:0\" srcdoc=\"\(source)\"></iframe>"
    }
    let folder = try TemporaryFolder()
    try "<!DOCTYPE html><meta charset=\"utf-8\">\(frames.joined())<script>\(script)</script>"
      .write(toFile: folder.file("frames.html"), atomically: true, encoding: .utf8)
    let outcome = try await run(
      URL(filePath: program ?? ""),
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=\(folder.file("profile"))",
        "--dump-dom", URL(filePath: folder.file("frames.html")).absoluteString,
      ], environment: ["HOME": folder.path])
    guard let answer = outcome.output.firstMatch(of: /<body>([^<]*)<\/body>/)?.1.removingPercentEncoding,
      let looks = try? JSONDecoder().decode([Look].self, from: Data(answer.utf8))
    else { throw Unusable(description: "\(outcome)") }
    return looks
  }

  private struct Unusable: Error, CustomStringConvertible { let description: String }

  private static let script = """
    addEventListener("load", () => {
      const looks = [...document.querySelectorAll("iframe")].map(frame => {
        const page = frame.contentDocument, width = frame.clientWidth, beyond = []
        const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT)
        for (let text; (text = texts.nextNode());) {
          const range = page.createRange()
          range.selectNodeContents(text)
          const isOut = box => box.width > 0 && (box.left < -1 || box.right > width + 1)
          if ([...range.getClientRects()].some(isOut)) beyond.push(text.data.trim())
        }
        return { width, scrollWidth: page.documentElement.scrollWidth, text: page.body.innerText, beyond }
      })
      document.body.textContent = encodeURIComponent(JSON.stringify(looks))
    })
    """
}
