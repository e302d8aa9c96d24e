package import SottoCrypto
import SottoWire

/// The handshake's chain of keys: each step absorbs one secret and forgets the last. PQXDH revision 3, with every
/// public value bound by the transcript c0, c1, c2. [handshake.6]
///
///     c0 --dh2--> ck0 --dh3--> ck1 --dh4--> ck2 --kem,c1--> ck3 --dh1,c2--> ck4 --> RK0, HKi, HKr
///                  k0 seals box0                     k1 seals box1
package enum KeySchedule {
  /// `c0 = H("hs0"; A_R, dev_R, IK_R, EK)`
  package static func c0(
    account: AccountID, device: DeviceID, identityKey: AgreementPublicKey, ephemeralKey: AgreementPublicKey
  ) -> Digest {
    Digest.of("hs0", account.bytes, device.bytes, identityKey.bytes, ephemeralKey.bytes)
  }

  /// `(ck0, k0) = P(c0, "hs dh2"; DH(EK, IK_R))`
  package static func start(_ c0: Digest, dh2: borrowing Secret) -> Derived {
    PRF(key: Secret(copying: c0.bytes), label: "hs dh2").absorbing(dh2).finish()
  }

  /// `c1 = H("hs1"; c0, box0, H("signed part"; SP), SPK, kind, OPK | "", KEM_R, ct)`
  package static func c1(
    _ c0: Digest, box0: [UInt8], part: SignedPart, kind: PrekeyKind, oneTimeKey: AgreementPublicKey?,
    kemKey: KEMPublicKey, ciphertext: [UInt8]
  ) -> Digest {
    Digest.of(
      "hs1", c0.bytes, box0, part.hash.bytes, part.signedKey.bytes, [kind.rawValue], oneTimeKey?.bytes ?? [],
      kemKey.bytes, ciphertext)
  }

  /// `(ck1, _) = P(ck0, "hs dh3"; DH(EK, SPK))`, `(ck2, _) = P(ck1, "hs dh4"; DH(EK, OPK) | "")`
  package static func withPrekeys(_ ck0: borrowing Secret, dh3: borrowing Secret, dh4: borrowing Secret) -> Secret {
    let ck1 = PRF(key: ck0, label: "hs dh3").absorbing(dh3).finish().a()
    return PRF(key: ck1, label: "hs dh4").absorbing(dh4).finish().a()
  }

  /// `(ck3, k1) = P(ck2, "hs kem"; SS, c1)`
  package static func withKEM(_ ck2: borrowing Secret, shared: borrowing Secret, _ c1: Digest) -> Derived {
    PRF(key: ck2, label: "hs kem").absorbing(shared).absorbing(c1.bytes).finish()
  }

  /// `c2 = H("hs2"; c1, box1, A_I, H("list"; list_I), dev_I, IK_I)`
  package static func c2(_ c1: Digest, box1: [UInt8], card: Card, device: Device) -> Digest {
    c2(
      c1, box1: box1, account: card.account, listHash: card.list.hash, device: device.id,
      identityKey: device.identityKey)
  }

  /// The same without a card, for vectors.
  package static func c2(
    _ c1: Digest, box1: [UInt8], account: AccountID, listHash: Digest, device: DeviceID,
    identityKey: AgreementPublicKey
  ) -> Digest {
    Digest.of("hs2", c1.bytes, box1, account.bytes, listHash.bytes, device.bytes, identityKey.bytes)
  }

  /// `(ck4, _) = P(ck3, "hs dh1"; DH(IK_I, SPK), c2)`, then the ratchet's first keys.
  package static func finish(_ ck3: borrowing Secret, dh1: borrowing Secret, _ c2: Digest) -> HandshakeKeys {
    let ck4 = PRF(key: ck3, label: "hs dh1").absorbing(dh1).absorbing(c2.bytes).finish().a()
    let headers = PRF.derive(ck4, "headers")
    return HandshakeKeys(
      sid: c2, root: RootKey(PRF.derive(ck4, "root").a()), initiatorHeader: HeaderKey(headers.a()),
      responderHeader: HeaderKey(headers.b()))
  }
}

/// What a handshake hands to the ratchet: RK0, HKi, HKr, and the session's name, which is never on the wire.
package struct HandshakeKeys: ~Copyable {
  package let sid: Digest
  package let root: RootKey
  package let initiatorHeader: HeaderKey
  package let responderHeader: HeaderKey

  /// For vectors, which begin a ratchet with keys of their own.
  package init(
    sid: Digest, root: consuming RootKey, initiatorHeader: HeaderKey, responderHeader: HeaderKey
  ) {
    self.sid = sid
    self.root = root
    self.initiatorHeader = initiatorHeader
    self.responderHeader = responderHeader
  }
}
