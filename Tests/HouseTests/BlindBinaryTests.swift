import Foundation
import Testing

/// The relay is blind because the code that could read is not in it. Imports say so for the sources; this says so for
/// the program, which the same build has put beside these tests.
@Suite struct BlindBinaryTests {
  @Test(arguments: ["sotto-relay", "sotto-push"], ["SottoSession", "SottoClient"])
  func `A program of the operator's does not contain`(name: String, module: String) throws {
    #expect(try program(name).range(of: Data(module.utf8)) == nil)
  }

  /// Without these, a stripped program or a wrong name would pass the test above.
  @Test(arguments: [
    ("sotto", "SottoSession"), ("sotto", "SottoClient"), ("sotto-relay", "SottoRelay"), ("sotto-push", "SottoRelay"),
  ])
  func `A program contains its own rooms`(name: String, module: String) throws {
    #expect(try program(name).range(of: Data(module.utf8)) != nil)
  }

  @Test func `The client's program contains no relay`() throws {
    #expect(try program("sotto").range(of: Data("SottoRelay".utf8)) == nil)
  }

  private func program(_ name: String) throws -> Data {
    // Missing is a failure, not a reason to skip: a build with tests makes both programs.
    try Data(contentsOf: Repository.buildFolder.appending(path: name), options: .alwaysMapped)
  }
}
