import Foundation
import Testing
import sotto

/// ZBar, which shares nothing with this encoder, reads what it draws.
@Suite(.serialized, .enabled(if: Reader.isThere, "SKIPPED QR codes: zbarimg is not installed"))
struct ReaderTests {
  @Test(arguments: QRCode.Correction.allCases)
  func `The longest bytes of every version are read`(_ correction: QRCode.Correction) throws {
    for version in QRVersion.all { try check(Texts.longestBytes(version, correction), version, correction) }
  }

  @Test(arguments: [QRCode.Correction.low, .medium])
  func `The longest letters of every version are read`(_ correction: QRCode.Correction) throws {
    for version in QRVersion.all { try check(Texts.longestLetters(version, correction), version, correction) }
  }

  private func check(_ text: String, _ version: QRVersion, _ correction: QRCode.Correction) throws {
    let code = try #require(QRCode(text, correction: correction))
    #expect(code.size == version.size)
    #expect(try Reader.text(in: code) == text, "\(version.number) \(correction)")
  }

  @Test(arguments: QRCode.Correction.allCases)
  func `Every mask is read`(_ correction: QRCode.Correction) throws {
    for number in [1, 7, 14] {
      let version = QRVersion(number)
      let data = QRSegment("sotto").codewords(count: version.dataCodewords(correction), in: version)
      let symbol = QRSymbol(version, version.codewords(data, correction))
      for mask in 0..<8 {
        let masked = symbol.masked(correction, mask: mask)
        #expect(try Reader.text(in: Screen.modules(masked)) == "sotto", "\(number) \(correction) \(mask)")
      }
    }
  }

  @Test(arguments: [
    "sotto:" + Texts.text("abcdefghijklmnopqrstuvwxyz234567", count: 88) + "@relay.example:8443",
    "SOTTO:" + Texts.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count: 88) + "/RELAY.EXAMPLE:8443",
    Texts.text("0123456789", count: 60), "0", "A", "a", "a b", "HELLO WORLD", "https://example.org/?a=b&c=d#e",
    "Grüße, Ελλάδα, 日本語, 🌉", "é", "e\u{301}", "👩‍👩‍👧‍👦", "~`!@#$%^&*()_+-={}[]|\\:\";'<>?,./",
  ])
  func `A text is read`(_ text: String) throws {
    for correction in QRCode.Correction.allCases {
      let code = try #require(QRCode(text, correction: correction))
      // By bytes: strings are equal that are spelt differently.
      #expect(try Array(Reader.text(in: code).utf8) == Array(text.utf8), "\(correction)")
    }
  }

  /// As a camera sees the terminal.
  @Test(arguments: QRCode.TerminalStyle.allCases, QRCode.QuietZone.allCases)
  func `What a terminal shows is read`(_ style: QRCode.TerminalStyle, _ zone: QRCode.QuietZone) throws {
    let text = "sotto:" + Texts.text("abcdefghijklmnopqrstuvwxyz234567", count: 88) + "@relay.example:8443"
    let code = try #require(QRCode(text))
    #expect(try Reader.text(in: Screen.modules(code.text(style, quietZone: zone))) == text)
  }

  /// Twelve by twelve modules are blotted out, which only the right check codewords can mend.
  @Test func `A stained symbol is read`() throws {
    let text = "sotto:" + Texts.text("abcdefghijklmnopqrstuvwxyz234567", count: 88) + "@relay.example:8443"
    let code = try #require(QRCode(text, correction: .high))
    var modules = Screen.modules(code.symbol)
    let middle = modules.count / 2
    for row in (middle - 6)..<(middle + 6) {
      for column in (middle - 6)..<(middle + 6) { modules[row][column] = true }
    }
    #expect(try Reader.text(in: modules) == text)
  }
}

/// The program `zbarimg` of the Debian package zbar-tools.
enum Reader {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static func text(in code: QRCode) throws -> String { try text(in: Screen.modules(code.symbol)) }

  /// - Parameter modules: with a quiet zone, dark ones true.
  static func text(in modules: [[Bool]]) throws -> String {
    guard let program = program() else {
      throw Failure(description: "zbarimg is missing. Install it: sudo apt-get install zbar-tools (brew install zbar)")
    }
    let image = FileManager.default.temporaryDirectory.appending(path: "qr-\(UUID().uuidString).pgm")
    defer { try? FileManager.default.removeItem(at: image) }
    try pgm(modules, scale: 4).write(to: image)

    let process = Process()
    process.executableURL = program
    // Without the decoders of bar codes, which sometimes see one in a large symbol.
    process.arguments = ["--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", image.path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "zbarimg sees no symbol: status \(process.terminationStatus)")
    }
    guard bytes.last == UInt8(ascii: "\n"), let text = String(validating: bytes.dropLast(), as: UTF8.self) else {
      throw Failure(description: "zbarimg wrote something else than a line of UTF-8")
    }
    return text
  }

  static var isThere: Bool { program() != nil }

  private static func program() -> URL? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
    return path.split(separator: ":").map { URL(filePath: String($0)).appending(path: "zbarimg") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// A grey image, black and white only.
  ///
  /// - Parameter scale: pixels along each side of a module.
  private static func pgm(_ modules: [[Bool]], scale: Int) -> Data {
    let width = scale * (modules.first?.count ?? 0)
    var data = Data("P5 \(width) \(scale * modules.count) 255\n".utf8)
    for row in modules {
      let line = row.flatMap { Array(repeating: $0 ? UInt8.min : .max, count: scale) }
      for _ in 0..<scale { data.append(contentsOf: line) }
    }
    return data
  }
}
