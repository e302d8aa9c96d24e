import Foundation
import Testing

/// What the documents say is true of the files beside them.
@Suite struct DocumentationTests {
  @Test func `Every relative link leads somewhere`() throws {
    let pages = try Repository.files(endingWith: ".md")
    #expect(pages.contains("README.md"))
    var broken: [String] = []
    for page in pages {
      let folder = page.split(separator: "/").dropLast().joined(separator: "/")
      for link in try Markdown(Repository.text(page)).links where !link.contains(":") && !link.hasPrefix("#") {
        let target = String(link.prefix { $0 != "#" })
        if !Repository.exists("\(folder)/\(target)") { broken.append("\(page) links to \(link)") }
      }
    }
    expectNone(broken)
  }

  @Test func `Every make command in a document is a target`() throws {
    let targets = try Set(
      Repository.text("Makefile").split(separator: "\n").compactMap { line in
        line.prefixMatch(of: /([a-z][a-z-]*):(?!=)/).map { String($0.1) }
      })
    let needed = ["help", "demo", "test", "check", "format", "vectors", "install", "uninstall", "dist"]
    #expect(targets.isSuperset(of: needed))
    var unknown: [String] = []
    for page in try Repository.files(endingWith: ".md") {
      for command in try Markdown(Repository.text(page)).commands where command.hasPrefix("make ") {
        for word in command.split(separator: " ").dropFirst().prefix(while: { $0 != "#" && $0 != "&&" })
        where !word.contains("=") && !targets.contains(String(word)) {
          unknown.append("\(page): \(command)")
        }
      }
    }
    expectNone(unknown)
  }

  @Test func `The first screen of the README has the two commands`() throws {
    let screen = try Repository.text("README.md").split(separator: "\n", omittingEmptySubsequences: false).prefix(40)
    let commands = Markdown(screen.joined(separator: "\n")).commands
    #expect(commands.contains("make demo") && commands.contains("make test"))
  }

  @Test func `No file knows the machine it was written on`() throws {
    // Assembled, so that this file does not match itself.
    let folders = ["work", "root", "home", "Users"].map { "/\($0)/" }
    let found = try lines(of: Repository.files(), containing: folders) { before, _ in
      // What goes on from a word, a point or a `~` is relative: `../home/`.
      before.map { !$0.isWordCharacter && !".~-".contains($0) } ?? true
    }
    expectNone(found)
  }

  @Test func `Nothing is left to do in the sources, the tests and the specifications`() throws {
    let words = [["TO", "DO"], ["FIX", "ME"], ["X", "XX"]].map { $0.joined() }
    let paths = try ["Sources", "Tests", "Specs"].flatMap { try Repository.files(under: $0) }
    let found = lines(of: paths, containing: words) { before, after in
      before?.isWordCharacter != true && after?.isWordCharacter != true
    }
    expectNone(found)
  }

  @Test func `The formatter's configuration is the house's, and the lint is strict`() throws {
    struct Configuration: Decodable {
      struct Indentation: Decodable { let spaces: Int }
      let lineLength: Int
      let indentation: Indentation
    }
    let configuration = try JSONDecoder().decode(Configuration.self, from: Data(Repository.text(".swift-format").utf8))
    #expect(configuration.lineLength == 120)
    #expect(configuration.indentation.spaces == 2)
    #expect(try Repository.text(".ci/lint").contains("lint --strict"))
    #expect(try Repository.text(".ci/test").contains(".ci/lint"))
  }

  /// `path:line` of every line that contains one of `words` between two characters that `counts` accepts.
  private func lines(
    of paths: [String], containing words: [String], counts: (_ before: Character?, _ after: Character?) -> Bool
  ) -> [String] {
    var found: [String] = []
    for path in paths {
      // Most files contain none of the words; a search of bytes finds that out soon.
      guard let data = try? Data(contentsOf: Repository.root.appending(path: path)),
        words.contains(where: { data.range(of: Data($0.utf8)) != nil }), let text = String(data: data, encoding: .utf8)
      else { continue }
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let hit = words.flatMap { line.ranges(of: $0) }.contains { range in
          counts(line[..<range.lowerBound].last, line[range.upperBound...].first)
        }
        if hit { found.append("\(path):\(index + 1): \(line.prefix(160))") }
      }
    }
    return found
  }
}
