internal import SottoCrypto

/// How rows are hidden: a key that seals their content, and one that names them.
///
/// ```
/// passphrase -- Argon2id --> opens the store key -- P --> record key: XChaCha20-Poly1305 of every row
///                                                \- P --> lookup key: P(lookup, table, key)[0..16] names a row
/// ```
/// A row's associated data is its table, its name and its group's name, so that rows cannot change places.
struct StoreKeys: ~Copyable {
  private let record: SealingKey
  private let lookup: Secret

  /// `storeKey` has 32 bytes.
  init(storeKey: borrowing Secret) {
    record = SealingKey(PRF.derive(storeKey, "store records").a())
    lookup = PRF.derive(storeKey, "store lookup").a()
  }

  /// The 16 bytes that stand for `key` in a table.
  func name(_ table: Table, _ key: [UInt8]) -> [UInt8] {
    Array(PRF.derive(lookup, "store row", Array(table.rawValue.utf8), key).a().revealed()[..<16])
  }

  /// The 16 bytes that stand for a group of rows.
  func groupName(_ table: Table, _ group: [UInt8]) -> [UInt8] {
    Array(PRF.derive(lookup, "store group", Array(table.rawValue.utf8), group).a().revealed()[..<16])
  }

  func seal(_ value: borrowing Secret, _ table: Table, name: [UInt8], group: [UInt8]) -> [UInt8] {
    var entropy = SystemEntropy()
    return record.seal(value, ad: Self.place(table, name, group), from: &entropy)
  }

  func open(_ sealed: [UInt8], _ table: Table, name: [UInt8], group: [UInt8]) throws(CryptoError) -> Secret {
    try record.openSecret(sealed, ad: Self.place(table, name, group))
  }

  private static func place(_ table: Table, _ name: [UInt8], _ group: [UInt8]) -> [UInt8] {
    let table = Array(table.rawValue.utf8)
    return lengthPrefix(table.count) + table + lengthPrefix(name.count) + name + lengthPrefix(group.count) + group
  }
}

/// The store key, sealed under what Argon2id makes of the passphrase; it stands in the store's only clear row.
struct SealedStoreKey {
  let salt: [UInt8]
  let cost: PassphraseCost
  let sealed: [UInt8]

  /// The cost is bound, so that a weaker one cannot be planted for the next change of passphrase.
  private static func ad(_ cost: PassphraseCost) -> [UInt8] {
    Array("Sotto store key 1 \(cost.operations) \(cost.memory)".utf8)
  }

  init(salt: [UInt8], cost: PassphraseCost, sealed: [UInt8]) {
    self.salt = salt
    self.cost = cost
    self.sealed = sealed
  }

  init(
    sealing storeKey: borrowing Secret, passphrase: borrowing Secret, cost: PassphraseCost,
    from entropy: inout some Entropy
  ) throws(CryptoError) {
    salt = entropy.bytes(16)
    self.cost = cost
    let key = try SealingKey(passphrase: passphrase, salt: salt, cost: cost)
    sealed = key.seal(storeKey, ad: Self.ad(cost), from: &entropy)
  }

  func opened(passphrase: borrowing Secret) throws(CryptoError) -> Secret {
    try SealingKey(passphrase: passphrase, salt: salt, cost: cost).openSecret(sealed, ad: Self.ad(cost))
  }
}
