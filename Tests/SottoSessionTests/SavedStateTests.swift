import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Files that earlier versions wrote must open for ever. `SOTTO_WRITE_GOLDEN=1` writes them, once a format version.
@Suite(.sealsAreWatched) struct SavedStateTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

  private func golden(_ name: String) throws -> [UInt8] {
    let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    return try #require(Hex.decode(text.filter { !$0.isNewline }))
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    let text = Hex.encode(bytes)
    let lines = stride(from: 0, to: text.count, by: 96).map { String(text.dropFirst($0).prefix(96)) }
    try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: Self.folder.appending(path: name))
  }

  private static let writes = ProcessInfo.processInfo.environment["SOTTO_WRITE_GOLDEN"] == "1"

  @Test(.enabled(if: writes)) func writeGoldenFiles() throws {
    let pair = try Pair(seed: 77)
    let late = pair.sealAtAlice("late")
    try pair.openAtBob(pair.sealAtAlice("on time"))
    try pair.openAtAlice(pair.sealAtBob("turn"))
    _ = pair.sealAtAlice("lost")
    try pair.openAtBob(pair.sealAtAlice("next chain"))
    try write("session-1.hex", pair.fromBob.session.encoded().revealed())
    try write("skipped-keys-1.hex", pair.fromBob.session.encodedSkippedKeys().revealed())
    try write("late-envelope.hex", late)
    let pending = try pair.alice.initiate(to: try pair.bob.bundle(oneTime: false, now: day), generation: 2, now: day)
    try write("initiating-session-1.hex", pending.encoded().revealed())
    try write("account-1.hex", pair.alice.account.encoded().revealed())
    try write("device-1.hex", pair.alice.device.encoded().revealed())
    try write("signed-prekey-1.hex", pair.bob.signedPrekeys[1]!.secret.revealed())
  }

  // [state.1] [state.2] [state.3] [state.4]
  @Test func goldenSessionsOpen() throws {
    let core = try golden("session-1.hex")
    let skipped = try golden("skipped-keys-1.hex")
    let cell = SessionCell(try Session(decoding: Secret(copying: core), skippedKeys: Secret(copying: skipped)))
    #expect(cell.session.encoded().revealed() == core)
    #expect(cell.session.encodedSkippedKeys().revealed() == skipped)
    var entropy = SeededEntropy(seed: 1)
    let late = try Envelope(decoding: try golden("late-envelope.hex"))
    #expect(try cell.session.open(late, now: day, from: &entropy).content.text == "late")
    let pending = try golden("initiating-session-1.hex")
    let session = SessionCell(
      try Session(decoding: Secret(copying: pending), skippedKeys: Secret(copying: [1, 0, 0])))
    #expect(session.session.encoded().revealed() == pending)
    #expect(session.session.info.role == .initiator && session.session.info.generation == 2)
  }

  // [state.5] [state.6] [state.7]
  @Test func goldenKeysOpen() throws {
    let account = try golden("account-1.hex")
    #expect(try AccountKeys(decoding: Secret(copying: account)).encoded().revealed() == account)
    let device = try golden("device-1.hex")
    #expect(try DeviceKeys(decoding: Secret(copying: device)).encoded().revealed() == device)
    let prekey = try golden("signed-prekey-1.hex")
    #expect(try SignedPrekey(decoding: Secret(copying: prekey)).encoded().revealed() == prekey)
  }

  // [state.1] Numbers that no session has, although the bytes are there.
  @Test func whatIsOutOfRangeIsRefused() throws {
    let core = try golden("session-1.hex")
    func generation(_ value: [UInt8]) -> [UInt8] { core[..<35] + value + core[39...] }
    func run(_ first: [UInt8], _ count: [UInt8], keys: Int) -> [UInt8] {
      let head: [UInt8] = [1, 0, 1, 0, 0, 0, 0] + first + [UInt8](repeating: 0, count: 8)
      return head + count + [UInt8](repeating: 7, count: keys * 32)
    }
    func opens(_ core: [UInt8], _ skipped: [UInt8]) -> Bool {
      let cell = try? SessionCell(Session(decoding: Secret(copying: core), skippedKeys: Secret(copying: skipped)))
      return cell != nil
    }
    let one: [UInt8] = [0, 0, 0, 1]
    #expect(opens(generation(one), run(one, [1], keys: 1)))
    #expect(!opens(generation([0, 0, 0, 0]), run(one, [1], keys: 1)))
    #expect(!opens(generation([0x80, 0, 0, 1]), run(one, [1], keys: 1)))
    #expect(!opens(generation(one), run(one, [0], keys: 0)), "a run of nothing")
    #expect(opens(generation(one), run([0xff, 0xff, 0xff, 0xfe], [1], keys: 1)))
    #expect(!opens(generation(one), run([0xff, 0xff, 0xff, 0xff], [1], keys: 1)), "a number that no chain has")
    #expect(opens(generation(one), run(one, [0x47, 0xd0], keys: 2000)))
    #expect(!opens(generation(one), run(one, [0x47, 0xd1], keys: 2001)))
  }

  // [state.4]
  @Test func whatIsNotWholeIsRefused() throws {
    let core = try golden("session-1.hex")
    let skipped = try golden("skipped-keys-1.hex")
    func refused(_ core: [UInt8], _ skipped: [UInt8]) -> Bool {
      (try? SessionCell(Session(decoding: Secret(copying: core), skippedKeys: Secret(copying: skipped)))) == nil
    }
    for count in 0..<core.count { #expect(refused(Array(core[..<count]), skipped)) }
    for count in 0..<skipped.count { #expect(refused(core, Array(skipped[..<count]))) }
    #expect(refused(core + [0], skipped) && refused(core, skipped + [0]))
    #expect(refused([2] + core.dropFirst(), skipped), "a newer version")
    #expect(refused(core, [2] + skipped.dropFirst()), "a newer version")
    #expect(refused([core[0], 3] + core.dropFirst(2), skipped), "an unknown role")
    #expect(refused([core[0], core[1], core[2] | 16] + core.dropFirst(3), skipped), "an unknown flag")
  }
}
