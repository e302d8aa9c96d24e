import SottoCrypto
import SottoSession
import SottoWire

extension Player {
  /// The signed part, but for what is named.
  func signedPart(
    account: AccountID? = nil, device: DeviceID? = nil, id: UInt64? = nil, lastResortID: UInt64? = nil,
    signedKey: AgreementPublicKey? = nil, batches: [BatchRoot]? = nil, from: UnixTime? = nil, until: UnixTime? = nil
  ) -> SignedPart {
    let part = signedPrekey.part
    return SignedPart(
      account: account ?? part.account, device: device ?? part.device, id: id ?? part.id,
      signedKey: signedKey ?? part.signedKey,
      lastResortID: lastResortID ?? id ?? part.lastResortID, lastResortKey: part.lastResortKey,
      batches: batches ?? part.batches,
      notBefore: from ?? part.notBefore, notAfter: until ?? part.notAfter)
  }

  /// Sealed as `kind`, but with 81 where the marker of the padding belongs.
  func sealedBadly(_ kind: SealedKind, _ plaintext: [UInt8]) -> [UInt8] {
    var padded = Padding.pad(plaintext, to: (plaintext.count / 1_024 + 1) * 1_024)
    padded[plaintext.count] = 0x81
    var nonce = FixedEntropy(seq(0x1d, 24))
    return contactKeys.cardKey().seal(padded, ad: kind.associatedData, from: &nonce)
  }
}
