internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/State.md: what was saved is read, and must be saved as the same bytes again.
enum StateOperations {
  static let all: [String: VectorOperation] = [
    "state/account-keys": accountKeys, "state/device-keys": deviceKeys, "state/signed-prekey": signedPrekey,
    "state/one-time-prekey": oneTimePrekey, "state/session": session,
  ]

  private static func accountKeys(_ fields: Fields) throws -> [String: VectorValue] {
    let encoded = try fields.secret("encoded")
    let keys: AccountKeys
    do { keys = try AccountKeys(decoding: encoded) } catch { throw Refused(stage: "state") }
    try same(keys.encoded(), as: "encoded", of: fields)
    return ["account": .bytes(keys.id.bytes), "next_account": .bytes(keys.nextID.bytes)]
  }

  private static func deviceKeys(_ fields: Fields) throws -> [String: VectorValue] {
    let keys = try fields.deviceKeys("encoded")
    try same(keys.encoded(), as: "encoded", of: fields)
    return [
      "device": .bytes(keys.id.bytes), "signing_key": .bytes(keys.signing.publicKey.classical.bytes),
      "identity_key": .bytes(keys.identity.publicKey.bytes), "mailbox": .bytes(keys.mailbox.bytes),
    ]
  }

  private static func signedPrekey(_ fields: Fields) throws -> [String: VectorValue] {
    let prekey = try fields.signedPrekey("encoded")
    try same(prekey.encoded(), as: "encoded", of: fields)
    return ["hash": .bytes(prekey.part.hash.bytes)]
  }

  private static func oneTimePrekey(_ fields: Fields) throws -> [String: VectorValue] {
    let encoded = try fields.secret("encoded")
    let prekey: OneTimePrekey
    do { prekey = try OneTimePrekey(batch: 0, index: 0, decoding: encoded) } catch { throw Refused(stage: "state") }
    try same(prekey.encoded(), as: "encoded", of: fields)
    return [
      "agreement_key": .bytes(prekey.agreementKey.publicKey.bytes), "kem_key": .bytes(prekey.kemKey.publicKey.bytes),
    ]
  }

  private static func session(_ fields: Fields) throws -> [String: VectorValue] {
    let session = try fields.session()
    try same(session.encoded(), as: "session", of: fields)
    try same(session.encodedSkippedKeys(), as: "skipped", of: fields)
    let info = session.info
    return [
      "sid": .bytes(info.sid.bytes), "role": .text(info.role == .initiator ? "initiator" : "responder"),
      "generation": .number(Int(info.generation)), "confirmed": .text(info.isConfirmed ? "yes" : "no"),
      "peer_account": .bytes(info.peerAccount.bytes), "peer_device": .bytes(info.peerDevice.bytes),
    ]
  }

  private static func same(_ saved: borrowing Secret, as name: String, of fields: Fields) throws {
    guard saved.revealed() == (try fields.bytes(name)) else {
      throw BadVector("\(fields.place).\(name) is saved as other bytes")
    }
  }
}

/// Saved state in a case; what this version does not read is refused. [state.1]
extension Fields {
  func session() throws -> Session {
    let session = try secret("session")
    let skipped = try secret("skipped")
    do { return try Session(decoding: session, skippedKeys: skipped) } catch { throw Refused(stage: "state") }
  }

  func deviceKeys(_ name: String) throws -> DeviceKeys {
    let encoded = try secret(name)
    do { return try DeviceKeys(decoding: encoded) } catch { throw Refused(stage: "state") }
  }

  func signedPrekey(_ name: String) throws -> SignedPrekey {
    let encoded = try secret(name)
    do { return try SignedPrekey(decoding: encoded) } catch { throw Refused(stage: "state") }
  }

  /// With the numbers of `batch` and `index`.
  func oneTimePrekey(_ name: String) throws -> OneTimePrekey {
    let encoded = try secret(name)
    let (batch, index) = (try u64("batch"), try u32("index"))
    do { return try OneTimePrekey(batch: batch, index: index, decoding: encoded) } catch {
      throw Refused(stage: "state")
    }
  }
}
