internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// Somebody who was added, or a stranger who has written.
public struct ContactSummary: Sendable {
  /// What the user calls them.
  public let name: String?
  /// Where they can be reached.
  public let address: String
  /// Whether they are a stranger whose messages are requests.
  public let isRequest: Bool
  /// Whether somebody showed them and us different device lists.
  public let hasForkEvidence: Bool
  /// Whether the user has compared safety numbers with them.
  public let isVerified: Bool
  /// Whether nothing of theirs is shown.
  public let isBlocked: Bool
  /// How long messages are kept on both sides, in seconds; nil: until they are deleted.
  public let messagesDisappearAfter: Int?

  init(_ contact: Contact) {
    name = contact.name
    address = contact.address.text
    isRequest = !contact.isAccepted
    hasForkEvidence = contact.hasForkEvidence
    isVerified = contact.isVerified
    isBlocked = contact.isBlocked
    messagesDisappearAfter = contact.timer == 0 ? nil : Int(contact.timer)
  }
}

/// One session with one device of a contact.
public struct SessionDescription: Sendable {
  /// The contact's name or address.
  public let contact: String
  /// The device's id, in hexadecimal digits.
  public let device: String
  /// Counts the sessions of the pair of devices.
  public let generation: UInt32
  /// Whether the other side has answered in it.
  public let isConfirmed: Bool
  /// Whether new messages go out on it.
  public let isSending: Bool
  /// Whether it only decrypts late messages.
  public let isArchived: Bool
  /// Whether it lost step, so that the next message opens a new one.
  public let isSuspect: Bool
}

extension Client {
  /// Adds a contact: fetches the card and checks that it is the address's.
  public func addContact(_ address: String, name: String?) async throws -> ContactSummary {
    let address = try Engine.address(address)
    try step { engine in
      try engine.checkIsListed()
      if let name {
        try Engine.check(name: name)
        try engine.checkFree(name: name, for: address.account)
      }
    }
    do {
      let (sequence, sealed) = try await fetchCard(
        ContactKeys(address).cardID, at: address.relay, as: .sender(address.account))
      return try step { engine in
        do {
          let card = try engine.verify(sealed, listSequence: sequence, for: address)
          return ContactSummary(try engine.add(address, name: name, card: card))
        } catch let refused as Refused {
          throw Engine.cardRefused(name ?? "this address", refused)
        }
      }
    } catch RelayFailure.declined(_, .notFound) {
      throw Self.nobodyThere
    } catch let failure as RelayFailure {
      throw failure.asClientError
    }
  }

  /// Contacts and strangers, oldest first.
  public func contacts() throws -> [ContactSummary] { try step { try $0.contacts().map(ContactSummary.init) } }

  /// Somebody known, by name or address.
  public func contact(_ nameOrAddress: String) throws -> ContactSummary {
    try step { ContactSummary(try $0.known(nameOrAddress)) }
  }

  /// Makes a contact a stranger again.
  public func removeContact(_ nameOrAddress: String) throws {
    try step { engine in try engine.remove(try engine.known(nameOrAddress).account) }
  }

  /// Sixty digits that are equal on both sides if and only if nobody stands in between.
  public func safetyNumber(with nameOrAddress: String) throws -> String {
    try step { try $0.safetyNumber(with: try $0.known(nameOrAddress)) }
  }

  /// Compares a safety number that came from the other side with ours, and remembers it if they are equal.
  ///
  /// - Returns: whether they are.
  public func verify(_ nameOrAddress: String, digits: String) throws -> Bool {
    try step { try $0.verify(try $0.known(nameOrAddress).account, digits: digits) }
  }

  /// Takes a verification back.
  public func unverify(_ nameOrAddress: String) throws {
    try step { try $0.unverify(try $0.known(nameOrAddress).account) }
  }

  /// Blocks somebody, and gives everybody else a new right to write.
  public func block(_ nameOrAddress: String) async throws {
    try step { try $0.block(try $0.known(nameOrAddress).account) }
    await afterChange()
  }

  /// Unblocks somebody: they are again what they were before, a contact or a stranger.
  public func unblock(_ nameOrAddress: String) throws {
    try step { try $0.unblock(try $0.known(nameOrAddress).account) }
  }

  /// From now on both sides keep their messages for so many seconds; 0: until they are deleted.
  public func setTimer(_ seconds: UInt32, with nameOrAddress: String) async throws {
    try step { try $0.setTimer(seconds, with: try $0.known(nameOrAddress).account) }
    await afterChange()
  }

  /// Draws a new address; who has only the old one cannot write any more. Contacts are told.
  ///
  /// - Returns: the new address, and whether the relay has it already; otherwise the next send or receive tries again,
  ///   and until then the old one leads here.
  public func rotateAddress() async throws -> (address: String, isPublished: Bool) {
    try step { try $0.rotateContactSecret() }
    await afterChange()
    return (try identity().address, try step { try !$0.hasUploads() })
  }

  /// What was decided here is told to relay and contacts; what cannot be told now is told later.
  func afterChange() async {
    try? await flushUploads()
    await flushFormerUploads()
    await flushOutbox(patient: false)
  }

  /// All sessions, oldest first.
  public func sessions() throws -> [SessionDescription] {
    try step { engine in
      try engine.sessions().map { session in
        SessionDescription(
          contact: session.contact.title, device: Hex.encode(session.info.peerDevice.bytes),
          generation: session.info.generation, isConfirmed: session.info.isConfirmed, isSending: session.isSending,
          isArchived: session.isArchived, isSuspect: session.isSuspect)
      }
    }
  }

  /// Ends all sessions with a contact and opens a new one.
  ///
  /// - Returns: whether the relay has it already; otherwise the next send or receive tries again.
  public func resetSessions(with nameOrAddress: String) async throws -> Bool {
    let account = try step { engine in
      let contact = try engine.known(nameOrAddress)
      try engine.reset(contact.account)
      return contact.account
    }
    return try await serve(account, patient: false) == nil
  }
}
