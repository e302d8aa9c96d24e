public import SottoCrypto

/// Saved state is a specified, versioned format (Specs/State.md), written into memory that is wiped: the caller seals
/// it. The skipped keys are saved apart, because they are large and change seldom. [state.1]
enum SavedState {
  static let version: UInt8 = 1

  /// Whether the first byte is the version of this build.
  static func isCurrent(_ bytes: borrowing Secret) -> Bool { bytes.slice(0..<1).revealed() == [version] }
}

extension Session {
  private struct Flags: OptionSet {
    let rawValue: UInt8
    static let confirmed = Flags(rawValue: 1)
    static let prelude = Flags(rawValue: 2)
    static let sending = Flags(rawValue: 4)
    static let receiving = Flags(rawValue: 8)
    static let all: Flags = [.confirmed, .prelude, .sending, .receiving]
  }

  /// Everything but the skipped keys. [state.2]
  public borrowing func encoded() -> Secret {
    var writer = SecretWriter()
    var flags: Flags = info.isConfirmed ? .confirmed : []
    if prelude != nil { flags.insert(.prelude) }
    if ratchet.canSend { flags.insert(.sending) }
    if ratchet.hasReceived { flags.insert(.receiving) }
    writer.u8(SavedState.version)
    writer.u8(info.role.rawValue)
    writer.u8(flags.rawValue)
    writer.fixed(info.sid.bytes)
    writer.u32(info.generation)
    writer.u64(info.createdAt)
    writer.fixed(info.preludeDigest.bytes)
    writer.fixed(info.peerAccount.bytes)
    writer.fixed(info.peerDevice.bytes)
    if let prelude { writer.vector(prelude) }
    ratchet.write(to: &writer)
    return writer.finish()
  }

  /// The skipped keys. [state.3]
  public borrowing func encodedSkippedKeys() -> Secret {
    var writer = SecretWriter()
    writer.u8(SavedState.version)
    ratchet.skipped.write(to: &writer)
    return writer.finish()
  }

  /// Whether the skipped keys differ from what was decoded: then both parts must be saved, in one transaction.
  public var skippedKeysChanged: Bool { ratchet.skippedChanged }

  /// A stored session: both parts, exactly as they were saved. [state.4]
  public init(decoding bytes: consuming Secret, skippedKeys: consuming Secret) throws(CryptoError) {
    var reader = SecretReader(bytes)
    guard try reader.u8() == SavedState.version, let role = SessionRole(rawValue: try reader.u8()) else {
      throw .wrongLength
    }
    let flags = Flags(rawValue: try reader.u8())
    guard flags.isSubset(of: .all) else { throw .wrongLength }
    let sid = try Digest(try reader.fixed(Digest.count))
    let generation = try reader.u32()
    // [state.1] A number that no session has.
    guard generation >= 1, generation <= Limits.generation else { throw .wrongLength }
    let createdAt = try reader.u64()
    let preludeDigest = try Digest(try reader.fixed(Digest.count))
    let peer = AccountID(try Digest(try reader.fixed(Digest.count)))
    guard let device = try? DeviceID(try reader.fixed(DeviceID.count)) else { throw .wrongLength }
    let prelude = flags.contains(.prelude) ? try reader.vector() : nil
    var skippedReader = SecretReader(skippedKeys)
    guard try skippedReader.u8() == SavedState.version else { throw .wrongLength }
    let skipped = try SkippedKeys(from: &skippedReader)
    try skippedReader.finish()
    let ratchet = try Ratchet(
      sid: sid, from: &reader, hasSending: flags.contains(.sending), hasReceiving: flags.contains(.receiving),
      skipped: skipped)
    try reader.finish()
    self.init(
      info: SessionInfo(
        sid: sid, role: role, generation: generation, isConfirmed: flags.contains(.confirmed), createdAt: createdAt,
        preludeDigest: preludeDigest, peerAccount: peer, peerDevice: device),
      ratchet: ratchet, prelude: prelude)
  }
}

extension SkippedKeys {
  func write(to writer: inout SecretWriter) {
    writer.varint(pastChains.count)
    for past in pastChains {
      writer.u32(past.chain)
      writer.secret(past.headerKey.bytes())
    }
    writer.varint(runs.count)
    for run in runs {
      writer.u32(run.chain)
      writer.u32(run.first)
      writer.u64(run.storedAt)
      writer.varint(run.count)
      writer.secret(run.keys.secret)
    }
  }

  init(from reader: inout SecretReader) throws(CryptoError) {
    var pastChains: [PastChain] = []
    for _ in 0..<(try Self.bounded(&reader, Limits.pastChains)) {
      pastChains.append(PastChain(chain: try reader.u32(), headerKey: HeaderKey(try reader.secret(32))))
    }
    var runs: [Run] = []
    var kept = 0
    for _ in 0..<(try Self.bounded(&reader, Limits.skippedKeys)) {
      let chain = try reader.u32()
      let first = try reader.u32()
      let storedAt = try reader.u64()
      let count = try Self.bounded(&reader, Limits.skippedKeys - kept)
      // [ratchet.17] Nor has a run numbers that no chain has.
      guard count > 0, UInt64(first) + UInt64(count) <= UInt64(UInt32.max) else { throw .wrongLength }
      kept += count
      runs.append(
        Run(chain: chain, first: first, keys: SecretBox(try reader.secret(count * 32)), storedAt: storedAt))
    }
    self.init(runs: runs, pastChains: pastChains)
  }

  private static func bounded(_ reader: inout SecretReader, _ limit: Int) throws(CryptoError) -> Int {
    let count = try reader.varint()
    guard count <= limit else { throw .wrongLength }
    return count
  }
}
