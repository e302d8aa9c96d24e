import Foundation

/// Rewrites every vector file in the folder that is its argument. Fields under `given` are kept from the files that are
/// there, and checked; delete a file to record new ones.
@main enum Main {
  /// One function per file; each stands in a Swift file of the same name.
  static let generators: [@Sendable (Recorded) throws -> VectorFile] = [
    hash, prf, blake2bFile, sha256File, argon2id, x25519, x25519Iterated, ed25519Sign, ed25519Verify, hybridSignature,
    kemKey, kemDecapsulate, kemEncapsulationKey, chaCha20Poly1305, xChaCha20Poly1305, stream,
    integers, varint, vector, list, text, hexadecimal, base32, base64,
    card, account, address, contactKeys, deviceList, listChain, sealed, safetyNumber,
    bundle, batch, signedPart, path,
    content, padding, envelope, size,
    linkCode,
    attachmentSize, attachmentSeal, attachmentOpen, attachmentPointer, attachmentPart,
    prekeyIDs, replyPath, handshakeKeySchedule, initiate, respond,
    rootStep, chainStep, messageKey, header, ratchetSeal, ratchetOpen,
    sessionRules, sessionDecides,
    accountKeys, deviceKeys, savedSignedPrekey, savedOneTimePrekey, savedSession,
    relayMailbox, relayCapability, relayAuthority, requestSign, requestVerify, capabilitySet, mailboxStatus,
    relaySignedPart, relayOneTimeBatch, relayClaimedPrekeys, serverFrame, clientFrame, streamSignature,
  ]

  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: vectors-generate FOLDER\n".utf8))
      exit(64)
    }
    let folder = URL(filePath: CommandLine.arguments[1])
    let recorded = Recorded(folder: folder)
    for generator in generators {
      let file = try generator(recorded)
      let url = folder.appending(path: file.path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(file.json.utf8).write(to: url)
    }
  }
}
