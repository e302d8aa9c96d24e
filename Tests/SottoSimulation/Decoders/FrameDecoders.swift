import SottoCrypto
import SottoWire

extension Decoder {
  /// The frames of both sockets.
  static let frames = Decoder(
    "frames", limit: 2048,
    oneOf: [
      { try promiseOneSpelling($0, { try PutFrame(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try SendFrame(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try ServerFrame(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try ClientFrame(decoding: $0) }, \.encoded) != nil },
      { try stranger($0) },
    ])

  /// The bodies of the relay's requests and answers.
  static let bodies = Decoder(
    "bodies", limit: 2048,
    oneOf: [
      { bytes in
        let set = try promiseOneSpelling(bytes, { try CapabilitySet(decoding: $0) }, \.encoded)
        let isBounded = bytes.count <= WireLimits.capabilitySet && set?.slots.count ?? 0 <= WireLimits.capabilitySlots
        try promise(set == nil || isBounded, "a set beyond its bounds")
        return set != nil
      },
      { try promiseOneSpelling($0, { try MailboxStatus(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try SignedPartUpload(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try OneTimeUpload(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try ClaimedPrekeys(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try PushJob(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try PushEnd(decoding: $0) }, \.encoded) != nil },
      { try promiseOneSpelling($0, { try PushTarget(padded: $0) }, \.padded) != nil },
      { bytes in
        let key = try! AgreementPrivateKey(Secret(copying: [UInt8](repeating: 8, count: 32)))
        let target = PushTarget(opening: bytes, with: key)
        try promise(target.map { PushTarget($0.kind) == $0 } ?? true, "a target that nobody could have sealed")
        return target != nil
      },
      { try promiseOneSpelling($0, { try TokenRequest.all($0) }, { $0.flatMap(\.encoded) }) != nil },
      { try promiseOneSpelling($0, { try BlindVerifyingKey($0) }, \.encoded) != nil },
    ])

  /// Whoever does not have the key opens no stream.
  private static func stranger(_ bytes: [UInt8]) throws -> Bool {
    let challenge = try! StreamChallenge(restoreEpoch: 1, nonce: [UInt8](repeating: 9, count: 32))
    let refusal = challenge.refusal(of: bytes, authority: RelayAuthority("relay.example")!, mailbox: owner)
    try promise(refusal == .refused || refusal == .protocolError, "a stranger opens a stream")
    return refusal == .refused
  }

  private static let owner = MailboxID(owner: try! VerifyingKey([UInt8](repeating: 3, count: 32)))
}
