internal import Foundation
public import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The file of a backup: `magic || salt || cost`, then pieces `u32 length || sealed`, each bound to what stands before
/// them, to its place, and to whether it is the last. [state.9]
private struct BackupFile {
  static let magic = Array("Sotto backup 1\n".utf8)
  static let headerCount = magic.count + 16 + 8
  /// A sealed piece is not longer, so that a damaged length reserves no memory.
  static let pieceLimit = 1 << 20

  static func header(salt: [UInt8], cost: PassphraseCost) -> [UInt8] {
    var header = WireWriter()
    header.fixed(magic)
    header.fixed(salt)
    header.u32(cost.operations)
    header.u32(cost.memory)
    return header.bytes
  }

  static func ad(_ header: [UInt8], _ index: UInt64, isLast: Bool) -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(header)
    writer.u64(index)
    writer.u8(isLast ? 1 : 0)
    return writer.bytes
  }
}

extension RecoveryCode {
  /// A new code, as it is written down: 8 groups of 5 lower-case characters with spaces between them.
  public static func fresh() -> String {
    var entropy = SystemEntropy()
    return fresh(from: &entropy)
  }
}

extension Client {
  /// Writes everything that another device needs to go on as this account: keys, contacts and messages, but no session.
  ///
  /// - Parameters:
  ///   - code: what opens it again; `RecoveryCode.secret(of:)`.
  ///   - write: takes the file's bytes, a piece at a time.
  public func backup(
    code: borrowing Secret, cost: PassphraseCost = .standard, to write: (_ bytes: [UInt8]) throws -> Void
  ) throws {
    var entropy = SystemEntropy()
    let salt = entropy.bytes(16)
    let header = BackupFile.header(salt: salt, cost: cost)
    let key = try SealingKey(passphrase: code, salt: salt, cost: cost)
    try write(header)
    var index: UInt64 = 0
    try step { engine in
      try engine.backup { piece, isLast in
        let sealed = key.seal(piece, ad: BackupFile.ad(header, index, isLast: isLast), from: &entropy)
        var length = WireWriter()
        length.u32(UInt32(sealed.count))
        try write(length.bytes + sealed)
        index += 1
      }
    }
  }

  /// Makes the folder `home` a new device of the account in a backup, with its contacts and messages.
  ///
  /// - Parameters:
  ///   - path: the file that `backup` filled.
  ///   - passphrase: seals the new store.
  public static func restoreBackup(
    _ path: String, code: borrowing Secret, home: String, passphrase: borrowing Secret, options: Options = Options()
  ) async throws -> Client {
    let pieces = try sealedPieces(path)
    let key = try SealingKey(passphrase: code, salt: pieces.salt, cost: pieces.cost)
    let opened = try open(pieces, with: key)
    let account = try account(in: opened)
    let card = try await currentCard(of: account, options: options)
    let client = try await establish(home: home, passphrase: passphrase, options: options) { engine in
      try engine.importIdentity(account, card: card)
      for piece in opened { try engine.restore(piece.secret.copy()) }
      // Until they know of this device they write to the mailbox of the one that is no more.
      try engine.tellContacts()
    }
    await client.flushOutbox(patient: false)
    return client
  }

  private struct SealedPieces {
    let header: [UInt8]
    let salt: [UInt8]
    let cost: PassphraseCost
    let sealed: [[UInt8]]
  }

  private static func sealedPieces(_ path: String) throws -> SealedPieces {
    guard let file = FileManager.default.contents(atPath: path) else {
      throw ClientError(
        .unreadable, "Cannot read \(path).", meaning: "Nothing was created.",
        next: "Check the path and the permissions.")
    }
    do {
      var reader = WireReader(Array(file))
      let header = try reader.fixed(BackupFile.headerCount)
      guard header.starts(with: BackupFile.magic) else { throw WireError.invalidValue }
      var numbers = WireReader(Array(header.suffix(24)))
      let salt = try numbers.fixed(16)
      let cost = PassphraseCost(operations: try numbers.u32(), memory: try numbers.u32())
      var sealed: [[UInt8]] = []
      while reader.remaining > 0 {
        let length = Int(try reader.u32())
        guard length <= BackupFile.pieceLimit else { throw WireError.outOfRange }
        sealed.append(try reader.fixed(length))
      }
      return SealedPieces(header: header, salt: salt, cost: cost, sealed: sealed)
    } catch {
      throw ClientError(
        .badData, "This file is not a whole backup.", meaning: "It was cut, or is something else. Nothing was created.",
        next: "Use the file that `sotto backup create` wrote.")
    }
  }

  private static func open(_ pieces: SealedPieces, with key: borrowing SealingKey) throws -> [SecretBox] {
    var opened: [SecretBox] = []
    do {
      for (index, sealed) in pieces.sealed.enumerated() {
        let isLast = index == pieces.sealed.count - 1
        let ad = BackupFile.ad(pieces.header, UInt64(index), isLast: isLast)
        opened.append(SecretBox(try key.openSecret(sealed, ad: ad)))
      }
      guard !opened.isEmpty else { throw CryptoError.wrongLength }
      return opened
    } catch {
      throw ClientError(
        .wrongPassphrase, "The recovery code does not open this backup, or the file is damaged.",
        meaning: "Nothing was created.", next: "Check the code, and that the file is whole.")
    }
  }

  private static func account(in pieces: [SecretBox]) throws -> ExportedAccount {
    do { return try Engine.account(inBackup: pieces[0].secret.copy()) } catch {
      throw ClientError(
        .badData, "This version of Sotto cannot read this backup.", meaning: "Nothing was created.",
        next: "Restore it with the version that wrote it, or a later one.")
    }
  }
}
