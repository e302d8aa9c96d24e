public import SottoCrypto
public import SottoWire

/// The name of an account: `A = H("account"; pkEd, pkML)`. Whoever has it cannot be given someone else's keys. [address.1]
public struct AccountID: Hashable, Sendable {
  /// The 32-byte hash.
  public let digest: Digest

  public init(_ digest: Digest) { self.digest = digest }

  /// The account that `key` is the key of.
  public init(of key: HybridPublicKey) {
    digest = Digest.of("account", key.classical.bytes, key.postQuantum.bytes)
  }

  /// The 32 bytes.
  public var bytes: [UInt8] { digest.bytes }
}

/// What an address lets its holder do: find the card, read it and the prekeys, and knock. It rotates; A does not. [address.2]
public struct ContactSecret: Hashable, Sendable {
  /// The number of bytes of every contact secret.
  public static let count = 16
  /// The 16 bytes. They travel in addresses, so they live in ordinary memory.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    self.bytes = bytes
  }

  /// A fresh contact secret.
  public init(from entropy: inout some Entropy) { bytes = entropy.bytes(Self.count) }
}

/// What one person gives another to be reached: `sotto:` base32(A || S || checksum) `@` relay. [address.4]
public struct Address: Hashable, Sendable {
  /// A.
  public let account: AccountID
  /// S.
  public let contactSecret: ContactSecret
  /// Where the card is.
  public let relay: RelayAuthority

  public init(account: AccountID, contactSecret: ContactSecret, relay: RelayAuthority) {
    self.account = account
    self.contactSecret = contactSecret
    self.relay = relay
  }

  /// Reads the one spelling there is; says what is wrong with any other.
  public init(parsing text: String) throws(AddressError) {
    guard text.hasPrefix(Self.scheme) else { throw .noScheme }
    let body = text.dropFirst(Self.scheme.count)
    guard let at = body.firstIndex(of: "@") else { throw .noRelay }
    let code = body[..<at]
    if let bad = code.first(where: { !Self.isCode($0) }) { throw .badCharacter(bad) }
    guard code.utf8.count == Self.codeCount else { throw .wrongLength(code.utf8.count) }
    guard let relay = RelayAuthority(body[body.index(after: at)...]) else { throw .badRelay }
    guard let bytes = Base32.decode(code), bytes.count == Self.byteCount else { throw .mistyped }
    let digest = Array(bytes[..<32])
    let secret = Array(bytes[32..<48])
    guard Array(bytes[48...]) == Self.checksum(digest, secret, relay) else { throw .mistyped }
    account = AccountID(try! Digest(digest))
    contactSecret = try! ContactSecret(secret)
    self.relay = relay
  }

  /// The text to give away.
  public var text: String {
    let checksum = Self.checksum(account.bytes, contactSecret.bytes, relay)
    return Self.scheme + Base32.encode(account.bytes + contactSecret.bytes + checksum) + "@" + relay.text
  }

  private static let scheme = "sotto:"
  private static let byteCount = 55
  private static let codeCount = 88

  // [address.5] The relay is part of it: a typo there would leak the card's place to a stranger.
  private static func checksum(_ account: [UInt8], _ secret: [UInt8], _ relay: RelayAuthority) -> [UInt8] {
    Array(Digest.of("address", account, secret, Array(relay.text.utf8)).bytes[..<7])
  }

  private static func isCode(_ character: Character) -> Bool {
    // By its one byte: in the order of characters an accented letter lies between two of ours.
    guard let byte = character.utf8.first, character.utf8.count == 1 else { return false }
    return UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "2")...UInt8(ascii: "7") ~= byte
  }
}

/// What is wrong with the text of an address.
public enum AddressError: Error, Equatable, Sendable {
  /// It does not begin with `sotto:`.
  case noScheme
  /// Nothing follows an `@`.
  case noRelay
  /// A character that no address has: upper case, 0, 1, 8, 9, white space.
  case badCharacter(Character)
  /// The code has this many characters instead of 88.
  case wrongLength(Int)
  /// What follows the `@` is no host and port in lower case.
  case badRelay
  /// The checksum differs: a character of code or relay is wrong.
  case mistyped
}

/// Everything that A and S together give: `kS = H("contact"; A, S)` and what is derived from it. [address.6]
public struct ContactKeys: ~Copyable, Sendable {
  private let root: Secret
  /// Where the card is.
  public let cardID: CardID

  public init(account: AccountID, secret: ContactSecret) {
    root = Secret(copying: Digest.of("contact", account.bytes, secret.bytes).bytes)
    let id = PRF.derive(root, "card id").a().slice(0..<CardID.count)
    cardID = try! CardID(id.revealed())
  }

  public init(_ address: Address) { self.init(account: address.account, secret: address.contactSecret) }

  /// What card and prekeys are sealed under.
  public func cardKey() -> SealingKey { SealingKey(PRF.derive(root, "card key").a()) }

  /// The right to knock at one mailbox; different for each, so that equal hashes never link devices. [address.7]
  public func knock(for mailbox: MailboxID) -> Capability {
    try! Capability(PRF.derive(root, "knock", mailbox.bytes).a().revealed())
  }
}

/// Sixty digits that two people compare: equal on both sides, different for any other pair of accounts. [safety.1]
public enum SafetyNumber {
  /// Twelve groups of five digits.
  public static func between(_ one: AccountID, _ other: AccountID) -> String {
    let ordered = [one.bytes, other.bytes].sorted { $0.lexicographicallyPrecedes($1) }
    let key = Secret(copying: Digest.of("safety", ordered[0], ordered[1]).bytes)
    let bytes = PRF.derive(key, "digits").both().revealed()
    return fiveDigitGroups(bytes, count: 12)
  }
}

/// 5-byte big-endian numbers modulo 100,000, each as five digits. [safety.1]
func fiveDigitGroups(_ bytes: [UInt8], count: Int) -> String {
  (0..<count).map { group in
    let number = bytes[group * 5..<group * 5 + 5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 100_000
    let digits = String(number)
    return String(repeating: "0", count: 5 - digits.count) + digits
  }.joined()
}
