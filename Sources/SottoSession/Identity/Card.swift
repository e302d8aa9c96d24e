public import SottoCrypto
public import SottoWire

/// A device list with its account's key and signature: `pkEd || pkML || lp(list) || signature`. [card.3]
public struct Card: Hashable, Sendable {
  /// The account's key; its hash is A.
  public let accountKey: HybridPublicKey
  /// What it signs.
  public let list: DeviceList
  /// Both halves, over the encoded list.
  public let signature: HybridSignature

  /// Signs a list.
  public init(_ list: DeviceList, signedBy account: borrowing AccountKeys) throws(CryptoError) {
    precondition(list.account == account.id)
    self.list = list
    accountKey = account.signing.publicKey
    signature = try account.signing.sign("device list", list.encoded())
  }

  fileprivate init(accountKey: HybridPublicKey, list: DeviceList, signature: HybridSignature) {
    self.accountKey = accountKey
    self.list = list
    self.signature = signature
  }

  /// A.
  public var account: AccountID { list.account }

  /// The plaintext of a card, and the initiator's part of box1.
  public func encoded() -> [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }

  func write(to writer: inout WireWriter) {
    writer.fixed(accountKey.classical.bytes)
    writer.fixed(accountKey.postQuantum.bytes)
    writer.vector(list.encoded())
    writer.fixed(signature.bytes)
  }

  /// Whether this card may follow one with the head `known` of the same account. [list.6]
  public func check(after known: ListHead) throws(Refused) { try list.check(after: known) }
}

/// A card as it arrived: nothing in it can be used before `verified` has said yes.
public struct UnverifiedCard: Hashable, Sendable {
  private let card: Card
  /// The account that the card claims: what a verification must be asked for when no address is at hand.
  public let claimedAccount: AccountID

  /// Reads the plaintext of a card.
  public init(decoding bytes: [UInt8]) throws(Refused) {
    self = try refusing(at: .encoding) { try WireReader.decode(bytes) { try UnverifiedCard(from: &$0) } }
  }

  init(from reader: inout WireReader) throws {
    let classical = try parsed(try reader.fixed(VerifyingKey.count), VerifyingKey.init)
    let postQuantum = try parsed(try reader.fixed(MLDSAPublicKey.count), MLDSAPublicKey.init)
    let list = try DeviceList(decoding: try reader.vector(limit: WireLimits.card))
    let signature = try parsed(try reader.fixed(HybridSignature.count), HybridSignature.init)
    card = Card(
      accountKey: HybridPublicKey(classical: classical, postQuantum: postQuantum), list: list, signature: signature)
    claimedAccount = AccountID(of: card.accountKey)
  }

  func write(to writer: inout WireWriter) { card.write(to: &writer) }

  /// A card of one's own, to be told.
  public init(_ card: Card) {
    self.card = card
    claimedAccount = card.account
  }

  /// The list that the card claims, of which nothing is verified.
  package var claimedList: DeviceList { card.list }

  /// The only way to a `Card`. [card.4]
  ///
  /// - Parameters:
  ///   - account: A of the address, or of the known contact.
  ///   - relay: where the card was found; nil when it came inside a session.
  ///   - sequence: the number in clear with which it was found; nil when there was none.
  ///   - before: a card that was verified already, if any. If this is the same, in every byte, so are its signatures:
  ///     they are verified once.
  ///   - now: unix seconds.
  public func verified(
    for account: AccountID, foundAt relay: RelayAuthority?, as sequence: UInt64? = nil, before: Card? = nil,
    now: UnixTime
  ) throws(Refused) -> Card {
    guard claimedAccount == account, card.list.account == account else { throw Refused(.account) }
    guard card == before || card.accountKey.verify(card.signature, "device list", over: card.list.encoded()) else {
      throw Refused(.signature)
    }
    guard card.list.isValid(at: now) else {
      throw Refused(.validity)
    }
    // [card.5] A card that was found elsewhere is somebody else's idea of where it belongs.
    if let relay, !card.list.relays.contains(relay) { throw Refused(.account) }
    // [card.2] The number in clear is the one inside.
    if let sequence, card.list.sequence != sequence { throw Refused(.chain) }
    return card
  }
}
