package import SottoCrypto
import SottoWire

// The responder's side is three states, each consumed by the next; nothing outside changes before the ratchet message
// that came with the prelude has opened. [handshake.10]
//
//   Prelude --openIDs--> HandshakeOpening --respond--> UnverifiedInitiator --verified--> Session (not yet stored)
//            1 X25519     (load private keys)   KEM          list, dates, device  DH1

extension Prelude {
  /// Opens box0: junk, and what is for another device, is refused after one X25519. [handshake.11]
  public func openIDs(_ device: borrowing DeviceKeys, of account: AccountID) throws(Refused) -> HandshakeOpening {
    let c0 = KeySchedule.c0(
      account: account, device: device.id, identityKey: device.identity.publicKey, ephemeralKey: ephemeralKey)
    let first = KeySchedule.start(c0, dh2: try agreement(device.identity, ephemeralKey))
    let key = SingleUseKey(first.b())
    let plaintext: [UInt8]
    do { plaintext = try key.open(box0, ad: c0.bytes) } catch { throw Refused(.box0) }
    let ids = try refusing(at: .encoding) { try PrekeyIDs(decoding: plaintext) }
    return HandshakeOpening(prelude: self, c0: c0, ck0: first.a(), ids: ids)
  }
}

/// box0 is open: the caller loads the private keys that `ids` names.
public struct HandshakeOpening: ~Copyable {
  private let prelude: Prelude
  private let c0: Digest
  private let ck0: Secret
  /// Which private keys are needed.
  public let ids: PrekeyIDs

  init(prelude: Prelude, c0: Digest, ck0: consuming Secret, ids: PrekeyIDs) {
    self.prelude = prelude
    self.c0 = c0
    self.ck0 = ck0
    self.ids = ids
  }

  /// Opens box1 with a one-time part's private keys, which must be those that box0 names. [handshake.15]
  public consuming func respond(
    signedPrekey: borrowing SignedPrekey, oneTime: borrowing OneTimePrekey, now: UnixTime
  ) throws(Refused) -> UnverifiedInitiator {
    let prelude = prelude
    return try respond(signedPrekey: signedPrekey, oneTime: oneTime, now: now) { () throws(CryptoError) in
      try oneTime.kemKey.decapsulate(prelude.ciphertext)
    }
  }

  /// With the KEM's shared secret as an argument, for what measures the rest.
  package consuming func respond(
    signedPrekey: borrowing SignedPrekey, oneTime: borrowing OneTimePrekey, now: UnixTime,
    decapsulate: () throws(CryptoError) -> Secret
  ) throws(Refused) -> UnverifiedInitiator {
    guard ids.kind == .oneTime, ids.id == oneTime.batch, ids.index == oneTime.index else { throw Refused(.prekey) }
    let dh4 = try agreement(oneTime.agreementKey, prelude.ephemeralKey)
    return try respond(
      signedPrekey, kemKey: oneTime.kemKey.publicKey, oneTimeKey: oneTime.agreementKey.publicKey, dh4: dh4, now: now,
      decapsulate: decapsulate)
  }

  /// Opens box1 with the last-resort key.
  public consuming func respond(
    signedPrekey: borrowing SignedPrekey, now: UnixTime
  ) throws(Refused) -> UnverifiedInitiator {
    guard ids.kind == .lastResort, ids.id == signedPrekey.part.lastResortID else { throw Refused(.prekey) }
    let prelude = prelude
    return try respond(
      signedPrekey, kemKey: signedPrekey.lastResort.publicKey, oneTimeKey: nil, dh4: Secret(copying: []), now: now
    ) { () throws(CryptoError) in try signedPrekey.lastResort.decapsulate(prelude.ciphertext) }
  }

  private consuming func respond(
    _ signedPrekey: borrowing SignedPrekey, kemKey: KEMPublicKey, oneTimeKey: AgreementPublicKey?,
    dh4: consuming Secret, now: UnixTime, decapsulate: () throws(CryptoError) -> Secret
  ) throws(Refused) -> UnverifiedInitiator {
    // [prekeys.7] Keys past their life are not there any more, whether or not somebody has deleted them yet.
    guard ids.spkID == signedPrekey.part.id, now <= signedPrekey.keptUntil else { throw Refused(.prekey) }
    let c1 = KeySchedule.c1(
      c0, box0: prelude.box0, part: signedPrekey.part, kind: ids.kind, oneTimeKey: oneTimeKey, kemKey: kemKey,
      ciphertext: prelude.ciphertext)
    let dh3 = try agreement(signedPrekey.signedKey, prelude.ephemeralKey)
    let ck2 = KeySchedule.withPrekeys(ck0, dh3: dh3, dh4: dh4)
    let shared: Secret
    do { shared = try decapsulate() } catch { throw Refused(.key) }
    let third = KeySchedule.withKEM(ck2, shared: shared, c1)
    let key = SingleUseKey(third.b())
    let plaintext: [UInt8]
    do { plaintext = try key.open(prelude.box1, ad: c1.bytes) } catch { throw Refused(.box1) }
    return UnverifiedInitiator(
      prelude: prelude, c1: c1, ck3: third.a(), claims: try Box1(decoding: plaintext),
      signedKey: signedPrekey.signedKey.copy())
  }
}

/// box1 is open: someone claims to be an account. Nothing of it may be shown, stored or contacted.
public struct UnverifiedInitiator: ~Copyable {
  private let prelude: Prelude
  private let c1: Digest
  private let ck3: Secret
  private let claims: Box1
  private let signedKey: AgreementPrivateKey

  init(
    prelude: Prelude, c1: Digest, ck3: consuming Secret, claims: Box1, signedKey: consuming AgreementPrivateKey
  ) {
    self.prelude = prelude
    self.c1 = c1
    self.ck3 = ck3
    self.claims = claims
    self.signedKey = signedKey
  }

  /// Whose list to look up before `verified`.
  public var claimedAccount: AccountID { claims.card.claimedAccount }

  /// Verifies account, list, dates and device, and does DH1. [handshake.12]
  ///
  /// - Parameters:
  ///   - known: the newest list of that account known here, if any. An older list inside a slow first flight is no
  ///     error; then the device must stand, with the same identity key, in the newer one.
  ///   - before: a card that was verified already, if any: the same one is not verified again.
  ///   - now: unix seconds.
  /// - Returns: a session that has opened nothing yet. It counts only once the message beside the prelude opens.
  public consuming func verified(
    known: DeviceList?, before: Card? = nil, now: UnixTime
  ) throws(Refused) -> RespondedSession {
    let card = try claims.card.verified(for: claims.card.claimedAccount, foundAt: nil, before: before, now: now)
    guard let device = card.list.device(claims.device) else { throw Refused(.device) }
    // [handshake.17]
    guard device.versions.contains(DeviceList.version) else { throw Refused(.device) }
    if let known {
      // [handshake.16] A slow first flight may carry an older list, but no device that is gone since.
      if card.list.sequence < known.sequence {
        guard known.device(device.id)?.identityKey == device.identityKey else { throw Refused(.device) }
      } else {
        try card.check(after: known.head)
      }
    }
    let c2 = KeySchedule.c2(c1, box1: prelude.box1, card: card, device: device)
    let dh1 = try agreement(signedKey, device.identityKey)
    let keys = KeySchedule.finish(ck3, dh1: dh1, c2)
    let initiator = Initiator(
      card: card, device: device, replyPath: claims.replyPath, generation: claims.generation, reset: claims.reset,
      seen: claims.seen)
    let info = SessionInfo(
      sid: keys.sid, role: .responder, generation: claims.generation, isConfirmed: false, createdAt: now,
      preludeDigest: prelude.digest, peerAccount: card.account, peerDevice: device.id)
    return RespondedSession(
      session: Session(info: info, ratchet: Ratchet(responder: keys, signedKey: signedKey), prelude: nil),
      initiator: initiator)
  }
}

/// A session as the responder has it before the first message opened.
public struct RespondedSession: ~Copyable {
  /// Opens the message beside the prelude; then it may be stored.
  public var session: Session
  /// Who opened it.
  public let initiator: Initiator

  /// The session, once `initiator` has been read.
  public consuming func takeSession() -> Session { session }
}
