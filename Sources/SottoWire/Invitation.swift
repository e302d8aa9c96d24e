public import SottoCrypto

/// That somebody may have tokens: what `sotto-relay token issue` prints. [token.8]
///
///     registration key -> invitation                         an operator's
///                      -> inviter's key -> invitation        within the inviter's scope [token.14]
public struct Invitation: Hashable, Sendable {
  /// Who made it; nil: an operator.
  public let inviter: InviterScope?
  /// Names it: drawn at random, but so that no text begins with `-`.
  public let id: [UInt8]
  /// The last day on which it counts, since 1970, UTC.
  public let lastDay: UInt32
  /// How many tokens it is worth in each epoch.
  public let tokens: UInt16
  private let tag: [UInt8]

  private static let idCount = 16
  private static let tagCount = 32
  private static let count = idCount + 4 + 2 + tagCount

  /// A new one, of an operator.
  public init(
    lastDay: UInt32, tokens: UInt16, under key: borrowing Secret, from entropy: inout some Entropy
  ) {
    self.init(nil, lastDay, tokens, key, &entropy)
  }

  /// A new one, of somebody who may invite. A relay takes it when it is within the scope.
  public init(lastDay: UInt32, tokens: UInt16, by inviter: borrowing InviterKey, from entropy: inout some Entropy) {
    self.init(inviter.scope, lastDay, tokens, inviter.secret, &entropy)
  }

  private init(
    _ inviter: InviterScope?, _ lastDay: UInt32, _ tokens: UInt16, _ key: borrowing Secret,
    _ entropy: inout some Entropy
  ) {
    id = entropy.invitationID(Self.idCount)
    (self.inviter, self.lastDay, self.tokens) = (inviter, lastDay, tokens)
    tag = Self.tag(id, lastDay, tokens, key)
  }

  private static func tag(_ id: [UInt8], _ lastDay: UInt32, _ tokens: UInt16, _ key: borrowing Secret) -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(id)
    writer.u32(lastDay)
    writer.u16(tokens)
    return PRF.derive(key, "invitation", writer.bytes).a().revealed()
  }

  /// 72 characters, base64url; with an inviter's scope 107.
  public var text: String {
    var writer = WireWriter()
    if let inviter { writer.fixed(inviter.encoded) }
    writer.fixed(id)
    writer.u32(lastDay)
    writer.u16(tokens)
    writer.fixed(tag)
    return Base64URL.encode(writer.bytes)
  }

  /// nil when it cannot be one. Whether it is genuine, `isGenuine` tells.
  public init?(text: String) {
    guard text.utf8.count < 120, let bytes = Base64URL.decode(text) else { return nil }
    var reader = WireReader(bytes)
    switch bytes.count {
    case Self.count: inviter = nil
    case InviterScope.count + Self.count:
      guard let scope = try? InviterScope(from: &reader) else { return nil }
      inviter = scope
    default: return nil
    }
    guard let id = try? reader.fixed(Self.idCount), let lastDay = try? reader.u32(), let tokens = try? reader.u16(),
      let tag = try? reader.fixed(Self.tagCount)
    else { return nil }
    (self.id, self.lastDay, self.tokens, self.tag) = (id, lastDay, tokens, tag)
  }

  /// Whether who has this key made it, or somebody whom they let invite, within the scope.
  public func isGenuine(under key: borrowing Secret) -> Bool {
    guard let inviter else { return constantTimeEqual(tag, Self.tag(id, lastDay, tokens, key)) }
    return constantTimeEqual(tag, Self.tag(id, lastDay, tokens, inviter.secret(under: key)))
      && tokens <= inviter.tokens && lastDay <= inviter.lastDay
  }
}

/// How much somebody may invite: a part of each invitation of theirs. [token.14]
public struct InviterScope: Hashable, Sendable {
  /// Names them: drawn at random, but so that no text begins with `-`.
  public let id: [UInt8]
  /// The last day on which an invitation of theirs may count, since 1970, UTC.
  public let lastDay: UInt32
  /// How many tokens an invitation may be worth in each epoch.
  public let tokens: UInt16
  /// And all of theirs together.
  public let total: UInt32

  static let count = 16 + 4 + 2 + 4

  /// A new one.
  public init(lastDay: UInt32, tokens: UInt16, total: UInt32, from entropy: inout some Entropy) {
    id = entropy.invitationID(16)
    (self.lastDay, self.tokens, self.total) = (lastDay, tokens, total)
  }

  init(from reader: inout WireReader) throws(WireError) {
    id = try reader.fixed(16)
    lastDay = try reader.u32()
    tokens = try reader.u16()
    total = try reader.u32()
  }

  var encoded: [UInt8] {
    var writer = WireWriter()
    writer.fixed(id)
    writer.u32(lastDay)
    writer.u16(tokens)
    writer.u32(total)
    return writer.bytes
  }

  /// Under which their invitations are made. Another scope has another, so nobody widens their own.
  func secret(under key: borrowing Secret) -> Secret { PRF.derive(key, "inviter", encoded).a() }
}

/// What somebody has who may invite and is no operator: `sotto-relay token inviter` makes it. [token.14]
public struct InviterKey: ~Copyable {
  public let scope: InviterScope
  let secret: Secret

  private static let secretCount = 32

  /// Of who has `key`, for somebody else.
  public init(_ scope: InviterScope, under key: borrowing Secret) {
    self.scope = scope
    secret = scope.secret(under: key)
  }

  /// 78 characters, base64url: as they stand in a file.
  public func text() -> Secret {
    var writer = SecretWriter()
    writer.fixed(scope.encoded)
    writer.secret(secret)
    return writer.finish().base64URL()
  }

  /// The same in ordinary memory, where nothing wipes it: for tests.
  package func revealed() -> String { String(decoding: text().revealed(), as: UTF8.self) }

  /// nil when it cannot be one.
  public init?(text: borrowing Secret) {
    guard text.count < 120, let bytes = text.decodingBase64URL() else { return nil }
    guard bytes.count == InviterScope.count + Self.secretCount else { return nil }
    // The scope is no secret: it is part of each invitation.
    var reader = WireReader(bytes.slice(0..<InviterScope.count).revealed())
    guard let scope = try? InviterScope(from: &reader) else { return nil }
    self.scope = scope
    secret = bytes.slice(InviterScope.count..<bytes.count)
  }
}

extension Entropy {
  /// What the text of an invitation, or of an inviter's key, begins with. If that were `-`, programs would take the
  /// text for an option: so it is drawn again. [token.8] [token.14]
  fileprivate mutating func invitationID(_ count: Int) -> [UInt8] {
    let dash: UInt8 = 62
    var id = bytes(count)
    while id[0] >> 2 == dash { id = bytes(count) }
    return id
  }
}
