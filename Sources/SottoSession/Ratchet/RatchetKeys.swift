package import SottoCrypto

/// RK: advances with every Diffie-Hellman turn.
package struct RootKey: ~Copyable {
  package let secret: Secret

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// `KDF_RK(RK, x): (RK', t) = P(RK, "ratchet root"; x); (CK, NHK) = P(t, "ratchet chain")` [ratchet.1]
  package func step(_ agreement: borrowing Secret) -> RootStep {
    let turn = PRF(key: secret, label: "ratchet root").absorbing(agreement).finish()
    let chain = PRF.derive(turn.b(), "ratchet chain")
    return RootStep(root: RootKey(turn.a()), chain: ChainKey(chain.a()), nextHeader: HeaderKey(chain.b()))
  }
}

/// What one turn of the root yields.
package struct RootStep: ~Copyable {
  package let root: RootKey
  package let chain: ChainKey
  package let nextHeader: HeaderKey
}

/// CK: advances with every message. Shared, never copied: a chain is a value that is replaced as a whole.
package final class ChainKey: Sendable {
  package let secret: Secret

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// `KDF_CK(CK): (CK', MK) = P(CK, "chain")` [ratchet.2]
  package func step() -> ChainStep {
    KeyUse.chainStep()
    let output = PRF.derive(secret, "chain")
    return ChainStep(next: ChainKey(output.a()), message: MessageKey(output.b()))
  }
}

/// What one step of a chain yields.
package struct ChainStep: ~Copyable {
  package let next: ChainKey
  package let message: MessageKey
}

/// MK: seals one message, and commits to it.
package struct MessageKey: ~Copyable {
  package let secret: Secret

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// `(EK_m, COM) = P(MK, "message"; sid, hdr)`: the commitment binds key and context. [ratchet.3]
  package func seal(_ padded: [UInt8], sid: Digest, header: [UInt8]) -> RatchetMessage {
    let keys = PRF.derive(secret, "message", sid.bytes, header)
    return RatchetMessage(
      header: header, commitment: keys.b().revealed(), sealed: SingleUseKey(keys.a()).seal(padded, ad: []))
  }

  /// The commitment is compared, in constant time, before the AEAD is opened. [ratchet.4]
  package func open(_ message: RatchetMessage, sid: Digest) throws(Refused) -> [UInt8] {
    let keys = PRF.derive(secret, "message", sid.bytes, message.header)
    guard keys.b().isEqual(to: Secret(copying: message.commitment)) else { throw Refused(.commitment) }
    let key = SingleUseKey(keys.a())
    do { return try key.open(message.sealed, ad: []) } catch { throw Refused(.message) }
  }
}

/// HK: seals the headers of one chain. Shared, never copied: it becomes a chain's key after having been the next one's.
package final class HeaderKey: Sendable {
  package let key: SealingKey

  package init(_ secret: consuming Secret) { key = SealingKey(secret) }

  /// `hdr = n24 || XChaCha20-Poly1305(HK, n24, DHs.pub || PN || N; ad = sid)` [ratchet.5]
  package func seal(_ header: RatchetHeader, sid: Digest, from entropy: inout some Entropy) -> [UInt8] {
    key.seal(header.encoded(), ad: sid.bytes, from: &entropy)
  }

  /// The header, or nil: it is not of this chain, or not whole.
  package func open(_ bytes: [UInt8], sid: Digest) -> RatchetHeader? {
    guard let plaintext = try? key.open(bytes, ad: sid.bytes) else { return nil }
    return try? RatchetHeader(decoding: plaintext)
  }

  package func bytes() -> Secret { key.bytes() }
}
