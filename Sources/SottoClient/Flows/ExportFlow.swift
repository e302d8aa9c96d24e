public import SottoCrypto
internal import SottoSession
internal import SottoWire

extension Client {
  /// What an exported file begins with.
  private static let exportMagic = Array("Sotto export 1\n".utf8)

  /// The account, sealed under `passphrase`: the content of a file that `importIdentity` reads.
  public func exportIdentity(passphrase: borrowing Secret, cost: PassphraseCost = .standard) throws -> [UInt8] {
    let content = try step { try $0.exportAccount() }.encoded()
    var entropy = SystemEntropy()
    let salt = entropy.bytes(16)
    let key = try SealingKey(passphrase: passphrase, salt: salt, cost: cost)
    var header = WireWriter()
    header.fixed(Self.exportMagic)
    header.fixed(salt)
    header.u32(cost.operations)
    header.u32(cost.memory)
    return header.bytes + key.seal(content, ad: header.bytes, from: &entropy)
  }

  private static func open(export file: [UInt8], passphrase: borrowing Secret) throws -> ExportedAccount {
    let headerCount = exportMagic.count + 16 + 8
    guard file.starts(with: exportMagic), file.count > headerCount else {
      throw ClientError(
        .badData, "This file is not an exported identity.", meaning: "Nothing was created.",
        next: "Use the file that `sotto identity export` wrote.")
    }
    var reader = WireReader(Array(file[exportMagic.count..<headerCount]))
    let salt = try reader.fixed(16)
    let cost = PassphraseCost(operations: try reader.u32(), memory: try reader.u32())
    do {
      let key = try SealingKey(passphrase: passphrase, salt: salt, cost: cost)
      let content = try key.openSecret(Array(file[headerCount...]), ad: Array(file[..<headerCount]))
      return try ExportedAccount(decoding: content)
    } catch {
      throw ClientError(
        .wrongPassphrase, "The passphrase does not open this file, or the file is damaged.",
        meaning: "Nothing was created.", next: "Use the passphrase that the identity had when it was exported.")
    }
  }

  /// Makes this folder a new device of an exported account; it replaces the old one.
  ///
  /// - Parameters:
  ///   - file: what `exportIdentity` returned.
  ///   - passphrase: opens the file and seals the new store.
  public static func importIdentity(
    _ file: [UInt8], home: String, passphrase: borrowing Secret, options: Options = Options()
  ) async throws -> Client {
    let account = try open(export: file, passphrase: passphrase)
    let card = try await currentCard(of: account, options: options)
    return try await establish(home: home, passphrase: passphrase, options: options) { engine in
      try engine.importIdentity(account, card: card)
    }
  }

  /// The card that the account's relay has now, if it has one: sealed, and its list sequence.
  static func currentCard(
    of account: ExportedAccount, options: Options
  ) async throws -> (sequence: UInt64, sealed: [UInt8])? {
    let address = try account.address()
    let connections = try Connections(caFile: options.caFile)
    let answer: RelayAnswer
    do {
      let request = RelayRequest(
        .get, .card(ContactKeys(address).cardID), at: address.relay, answerLimit: WireLimits.card)
      answer = try await connections.exchange(request, as: .cardOwner)
      await connections.close()
    } catch {
      await connections.close()
      throw error.asClientError
    }
    do throws(RelayFailure) {
      let answer = try answer.expecting(200)
      return (try answer.listSequence(), answer.body)
    } catch .declined(_, .notFound) {
      return nil
    } catch {
      throw error.asClientError
    }
  }
}
