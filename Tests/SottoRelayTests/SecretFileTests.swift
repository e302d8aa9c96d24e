import Foundation
import SottoCrypto
import SottoRelay
import Testing

/// Secrets of this machine that stand in files.
@Suite struct SecretFileTests {
  @Test func digitsHaveOneSpelling() throws {
    let folder = Folder()
    let path = folder.path + "/key"
    func bytes(_ text: String) throws -> [UInt8]? {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      do throws(SecretFile.Fault) {
        return try SecretFile.digits(at: path, count: 3).revealed()
      } catch {
        #expect(error == .notDigits)
        return nil
      }
    }
    for end in ["", "\n", "\r\n", " \t\n\n", "         "] { #expect(try bytes("0a1bff" + end) == [10, 27, 255]) }
    for text in [
      "", "\n", "0a1bf", "0a1bf\n", "0a1bff0", "0a1bff00", "0A1BFF", "0a1bfg", " 0a1bff", "0a 1bff", "0a1bff x",
      "0a1bff" + String(repeating: " ", count: 16), String(repeating: "0", count: 1_000),
    ] {
      #expect(try bytes(text) == nil, "\(text)")
    }
    for nothing in [folder.path, folder.path + "/none"] {
      #expect(throws: SecretFile.Fault.unreadable) { try SecretFile.digits(at: nothing, count: 3).count }
    }
  }

  /// Whole, or without the space around it; and never more than may be there.
  @Test func whatStandsInAFileHasALength() throws {
    let path = Folder().path + "-key"
    defer { try? FileManager.default.removeItem(atPath: path) }
    func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }
    for (text, word) in [
      ("", ""), ("key", "key"), ("key\n", "key"), (" \t\r\n key\r\n\n", "key"), ("a key", "a key"), (" \n ", ""),
    ] {
      try write(Array(text.utf8))
      let (whole, inner) = (
        try SecretFile.contents(at: path, limit: 16).revealed(), try SecretFile.word(at: path, limit: 16).revealed()
      )
      #expect(whole == Array(text.utf8) && inner == Array(word.utf8), "\(text)")
    }
    let bytes = (0..<16).map { UInt8($0) &* 17 }
    try write(bytes)
    let read = try SecretFile.contents(at: path, limit: 16).revealed()
    #expect(read == bytes)
    #expect(throws: SecretFile.Fault.tooLong) { try SecretFile.contents(at: path, limit: 15).count }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: SecretFile.Fault.unreadable) { try SecretFile.word(at: path, limit: 16).count }
  }

  @Test func aFileIsMadeOnceAndEndsItsLine() throws {
    let folder = Folder()
    let path = folder.path + "/keys/key"
    let isMade = try SecretFile.make(at: path) { Secret(copying: [1, 2, 0xab]).digits() }
    let isMadeAgain = try SecretFile.make(at: path) { Secret(copying: [3]).digits() }
    #expect(isMade && !isMadeAgain)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "0102ab\n")
    #expect(SecretFile.isOpenToOthers(at: path) == false)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/keys") == ["key"])
  }
}
