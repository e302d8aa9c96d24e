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
}
