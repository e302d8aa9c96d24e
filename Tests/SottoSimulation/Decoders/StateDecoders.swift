import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// Saved state. It comes back from a seal of our own, so whoever falsifies it has the key; still no state may end the
  /// program, now or when it is used. Patches are bytes of an honest state that are replaced.
  static let state = Decoder(
    "state", limit: 4096,
    oneOf: [
      { bytes in
        guard bytes.count >= 2 else { return false }
        let middle = min(2 + (Int(bytes[0]) << 8 | Int(bytes[1])), bytes.count)
        return try session(Array(bytes[2..<middle]), skipped: Array(bytes[middle...]))
      },
      { try patchedSession($0, Line.shared.midway) },
      { try patchedSession($0, Line.shared.fresh) },
      { try signedPrekey($0) },
      { try signedPrekey(patched(Stage.shared.bob.signedPrekeys[1]!.secret.revealed(), by: $0)) },
      { try deviceKeys($0) },
    ])

  private static func patched(_ bytes: [UInt8], by patches: [UInt8]) -> [UInt8] {
    var patched = bytes
    for at in stride(from: 0, to: patches.count - 2, by: 3) {
      let place = (Int(patches[at]) << 8 | Int(patches[at + 1])) % patched.count
      patched[place] = patches[at + 2]
    }
    return patched
  }

  private static func patchedSession(_ patches: [UInt8], _ saved: Line.Saved) throws -> Bool {
    let both = patched(saved.state.secret.revealed() + saved.skipped.secret.revealed(), by: patches)
    let count = saved.state.secret.count
    return try session(Array(both[..<count]), skipped: Array(both[count...]))
  }

  private static func session(_ bytes: [UInt8], skipped: [UInt8]) throws -> Bool {
    let decoded = try? SessionCell(Session(decoding: Secret(copying: bytes), skippedKeys: Secret(copying: skipped)))
    guard let cell = decoded else { return false }
    try promise(
      cell.session.encoded().revealed() == bytes && cell.session.encodedSkippedKeys().revealed() == skipped,
      "a session has a second spelling")
    var entropy = SeededEntropy(seed: 6)
    let content = Content(id: MessageID(from: &entropy), sentAt: 1, parts: [.text("used")])
    let sealed = cell.session.seal(content, from: &entropy)
    try promise(sealed.map { SizeClass(rawValue: $0.count) != nil } ?? true, "an envelope of another size")
    for number in [3, 6, 20] as [UInt32] {
      let envelope = Line.shared.honest(number: number)
      for trial in Session.Trial.allCases { _ = cell.recognises(envelope, trial) }
      _ = try? cell.session.open(envelope, now: Stage.shared.now, from: &entropy)
    }
    try promise((try? cell.reloaded()) != nil, "a session that was used cannot be read back")
    return true
  }

  private static func signedPrekey(_ bytes: [UInt8]) throws -> Bool {
    guard let key = try? SignedPrekey(decoding: Secret(copying: bytes)) else { return false }
    let encoded = key.encoded().revealed()
    try promise(encoded == bytes, "a signed prekey has a second spelling")
    let isKept = key.keptUntil > key.part.notAfter || key.part.notAfter == .max
    try promise(isKept, "a key that goes before it expires")
    return true
  }

  private static func deviceKeys(_ bytes: [UInt8]) throws -> Bool {
    let oneTime = try promiseOneSpelling(
      bytes, { try Held(OneTimePrekey(batch: 1, index: 2, decoding: Secret(copying: $0)).encoded()) }, \.bytes)
    let account = try promiseOneSpelling(
      bytes, { try Held(AccountKeys(decoding: Secret(copying: $0)).encoded()) }, \.bytes)
    let device = try promiseOneSpelling(
      bytes, { try Held(DeviceKeys(decoding: Secret(copying: $0)).encoded()) }, \.bytes)
    return oneTime != nil || account != nil || device != nil
  }

  /// What a noncopyable value encodes to.
  private struct Held {
    let bytes: [UInt8]
    init(_ encoded: consuming Secret) { bytes = encoded.revealed() }
  }
}
