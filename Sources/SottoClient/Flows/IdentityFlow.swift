public import Foundation
internal import NIOHTTP1
public import SottoCrypto
internal import SottoSession
internal import SottoWire

/// Who this is, as its owner may see it.
public struct Identity: Sendable {
  /// What the user calls it; nobody else sees it.
  public let name: String
  /// What to give to people who want to write.
  public let address: String
  /// The relay's URL.
  public let relay: String
  /// A, in hexadecimal digits.
  public let account: String
  /// The device's id, in hexadecimal digits.
  public let device: String

  init(_ profile: Profile) {
    name = profile.name
    address = profile.address.text
    relay = profile.relay.origin
    account = Hex.encode(profile.account.bytes)
    device = Hex.encode(profile.device.bytes)
  }
}

extension Client {
  /// Creates an identity in the folder `home` and registers it at the relay.
  ///
  /// When the relay cannot be reached nothing is left behind but tokens that were bought there and not used, for the next
  /// try with the same passphrase, or for `discardTokens`; a creation that was cut short is finished by the next one.
  public static func create(
    home: String, passphrase: borrowing Secret, name: String, relay: String, options: Options = Options()
  ) async throws -> Client {
    let relay = try authority(relay)
    return try await establish(home: home, passphrase: passphrase, options: options) { engine in
      try engine.createIdentity(name: name, at: relay)
    }
  }

  /// Makes a store, lets `install` put an identity into it, and gives the relay what it needs.
  static func establish(
    home path: String, passphrase: borrowing Secret, options: Options, install: @Sendable (inout Engine) throws -> Void
  ) async throws -> Client {
    let home = try Home(creating: path)
    let client: Client
    if home.holdsStore {
      client = try unfinished(home, passphrase: passphrase, options: options)
    } else {
      let store = try Store(creatingIn: home, passphrase: passphrase, cost: options.passphraseCost)
      client = try Client(store: store, options: options)
    }
    let isNew = (try? await client.step { try !$0.hasProfile() }) ?? false
    do {
      try await client.register(install)
      return client
    } catch {
      guard isNew else {
        try? await client.close()
        throw error
      }
      throw await abandon(client, passphrase: passphrase, after: error)
    }
  }

  /// Leaves nothing in the folder but tokens that nothing was made with, so that whoever tries again need not buy others:
  /// nobody has many. [token.11]
  ///
  /// - Returns: the error, which says so.
  static func abandon(
    _ client: Client, passphrase: borrowing Secret, after error: any Error
  ) async -> any Error {
    let hasProfile = (try? await client.step { try $0.hasProfile() }) ?? true
    let purses = (try? await client.step { try $0.filledPurses() }) ?? []
    let (path, cost) = (client.store.home.path, client.options.passphraseCost)
    // A store without a profile has nothing else in it.
    let isWiped = hasProfile || purses.isEmpty
    try? await client.close(wiping: isWiped)
    guard !purses.isEmpty else { return error }
    if isWiped {
      guard (try? keep(purses, in: path, passphrase: passphrase, cost: cost)) != nil else { return error }
    }
    guard let failure = error as? ClientError else { return error }
    return ClientError(
      failure.code, failure.message, meaning: failure.meaning,
      next: failure.next + " The relay's tokens that are left are kept in \(path), under the same passphrase.")
  }

  private static func keep(
    _ purses: [Purse], in path: String, passphrase: borrowing Secret, cost: PassphraseCost
  ) throws {
    let store = try Store(creatingIn: Home(creating: path), passphrase: passphrase, cost: cost)
    try store.transaction { records in
      var engine = Engine(records: records, now: 0, entropy: SystemEntropy())
      for purse in purses { try engine.keep(purse) }
    }
    try store.close()
  }

  private static func unfinished(_ home: Home, passphrase: borrowing Secret, options: Options) throws -> Client {
    let exists = ClientError(
      .cannotCreate, "There is an identity in \(home.path) already.", meaning: "It was left as it is.",
      next: "See it with `sotto identity show`, or choose another folder with --home DIR.")
    let store: Store
    do { store = try Store(home: home, passphrase: passphrase) } catch {
      let tokens = StoreFailure.tokensOfAnotherPassphrase(home.path)
      throw error as? ClientError == tokens ? tokens : exists
    }
    let isFinished = try store.transaction { records in
      let engine = Engine(records: records, now: 0, entropy: SystemEntropy())
      return try engine.hasProfile() && !engine.isUnregistered()
    }
    if isFinished { throw exists }
    return try Client(store: store, options: options)
  }

  private func register(_ install: @Sendable (inout Engine) throws -> Void) async throws {
    if try !step({ try $0.hasProfile() }) { try step(install) }
    do { try await flushUploads() } catch let failure as RelayFailure { throw failure.asClientError }
  }

  /// The authority that a relay's URL names.
  static func authority(_ url: String) throws -> RelayAuthority {
    let split = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    var rest = split.count == 2 ? String(split[1]) : url
    if rest.hasSuffix("/") { rest.removeLast() }
    let scheme = split.count == 2 ? String(split[0]) : nil
    let usual = scheme == "http" ? ":80" : ":443"
    if rest.hasSuffix(usual) { rest.removeLast(usual.count) }
    guard let relay = RelayAuthority(rest.lowercased()) else {
      throw ClientError(
        .usage, "“\(url)” is not the URL of a relay.", meaning: "Nothing was created.",
        next: "It looks like https://relay.example, or http://127.0.0.1:8090 on this machine.")
    }
    guard scheme == nil || scheme == relay.scheme else {
      throw ClientError(
        .usage, "A relay at \(relay.text) is reached with \(relay.scheme), not \(scheme!).",
        meaning: "Plain http is only for this machine (loopback or localhost); everywhere else it is https.",
        next: "Use \(relay.origin)")
    }
    return relay
  }

  /// Gets what registering costs ahead of use, at a relay that does not let everybody in. [token.11]
  public func register() async throws {
    do {
      try await fetchTokens(at: try step { try $0.profile().relay })
      try step { try $0.maintain() }
      try await flushUploads()
    } catch let failure as RelayFailure { throw failure.asClientError }
  }

  /// Until when the relay finds this device for others, if that has to be paid for there. [token.13]
  public func paidUntil() throws -> Date? {
    try step { try $0.paidUntil() }.map { Date(timeIntervalSince1970: TimeInterval($0)) }
  }

  /// Who this is.
  public func identity() throws -> Identity { try step { Identity(try $0.profile()) } }

  /// Seals everything in the folder under another passphrase. Copies of the folder that were made before still open with
  /// the old one.
  public func changePassphrase(
    from old: borrowing Secret, to new: borrowing Secret, cost: PassphraseCost = .standard
  ) throws { try store.change(passphrase: old, to: new, cost: cost) }

  /// The public keys of account and device and what the address is made of: what a relay must never have.
  package func identifyingBytes() throws -> [(String, [UInt8])] { try step { try $0.identifyingBytes() } }

  /// Removes card and mailbox at the relay, then everything in the folder.
  ///
  /// - Parameter evenIfUnreachable: whether to go on when the relay cannot be told; what it holds then expires.
  public func delete(evenIfUnreachable: Bool = false) async throws {
    try step { try $0.retire() }
    do {
      for place in try step({ try $0.formerMailboxes() }) { try await flushUploads(retiring: true, at: place) }
      try await flushUploads(retiring: true)
    } catch let failure as RelayFailure where !evenIfUnreachable {
      throw failure.asClientError
    } catch {
      guard evenIfUnreachable else { throw error }
    }
    try await close(wiping: true)
  }

  /// Whether there is no identity in the folder `home`, but at most a relay's tokens that an attempt to make one has left.
  public static func holdsTokensAlone(home path: String) throws -> Bool {
    let home = try Home(existing: path)
    defer { home.unlock() }
    return try Store.holdsTokensAlone(in: home)
  }

  /// Removes the tokens that an attempt to make an identity has left in the folder `home`, and everything else in it. They
  /// are nobody's at the relay, and who has forgotten their passphrase has no other use for them: it is not needed.
  ///
  /// - Throws: `ClientError`, also when there is an identity: it is left as it is.
  public static func discardTokens(home path: String) throws {
    let home = try Home(existing: path)
    defer { home.unlock() }
    guard try Store.holdsTokensAlone(in: home) else {
      throw ClientError(
        .refused, "There is an identity in \(path).", meaning: "It was left as it is.",
        next: "To delete it too, with its passphrase: sotto identity delete")
    }
    home.wipe()
  }

  /// Moves the account to another relay. Contacts are told, and whoever has the old address finds the new place for 30
  /// days; for so long the old mailbox is read.
  ///
  /// How this device is woken only the old relay's gateway can read: at the new one it is not, until `enablePush` is
  /// called again. [push.11]
  ///
  /// - Returns: the new address, and whether the new relay has everything; otherwise the next send or receive goes on.
  public func move(to url: String) async throws -> (address: String, isPublished: Bool) {
    let relay = try Self.authority(url)
    let card = try step { engine in
      try engine.checkIsListed()
      return ContactKeys(try engine.profile().address).cardID
    }
    // A relay that is not there, or is none, is found out while nothing has changed.
    if try step({ try $0.profile().relay }) != relay {
      do { _ = try await fetchCard(card, at: relay, as: .cardOwner) } catch RelayFailure.declined(_, .notFound) {
      } catch { throw error.asClientError }
      // And so is one that does not let this account in.
      if try await wantsTokens(at: relay) { try await fetchTokens(at: relay) }
    }
    try step { try $0.move(to: relay) }
    await afterChange()
    return (try identity().address, try step { try !$0.hasUploads() })
  }

  /// Shows another token with it, bought if there is none.
  private func pay(for errand: OwnerErrand) async throws {
    if try step({ try $0.pay(for: errand) }) { return }
    do { try await fetchTokens(at: errand.relay) } catch let error as ClientError {
      registrationFailure = error
      throw error
    }
    guard try step({ try $0.pay(for: errand) }) else {
      throw RelayFailure.declined(errand.relay, .tokenRequired)
    }
  }

  /// Tells relays that the account was at what they have still to be told; failures wait for the next time.
  func flushFormerUploads() async {
    for place in (try? step({ try $0.formerMailboxes() })) ?? [] { try? await flushUploads(at: place) }
  }

  /// Makes the owner's requests that are still to be made, in their order.
  ///
  /// - Parameter place: a former mailbox; nil: at the present relay.
  func flushUploads(retiring: Bool = false, at place: MailboxPlace? = nil) async throws {
    var (staleAnswers, tokensShown) = (0, 0)
    while let errand = try step({ try $0.nextUpload(retiring: retiring, at: place?.mailbox) }) {
      let voice: Voice = errand.isForCard ? .cardOwner : .mailboxOwner
      let answer = try await connections.stubbornly(RelayRequest(errand), as: voice)
      if answer.status == 204 {
        tokensShown = 0
        if errand.action == .createMailbox, place == nil {
          let lease = answer.headers.first(name: HeaderName.lease).flatMap { DecimalNumber.decode($0) }
          try step { try $0.paid(until: lease) }
        }
        try step { try $0.uploadDone(errand) }
        continue
      }
      let failure = answer.failure
      guard case .declined(_, let problem) = failure else { throw failure }
      switch (problem, errand.action) {
      case (.sequenceStale, _) where staleAnswers < 3:
        staleAnswers += 1
        let known = answer.headers.first(name: HeaderName.sequence).flatMap { DecimalNumber.decode($0) } ?? 0
        try step { try $0.uploadWasStale(errand, known: known) }
      case (.tokenRequired, _), (.tokenRefused, _):
        tokensShown += 1
        // Nothing is bought where the account was, nor by who goes away.
        if place != nil || retiring {
          try step { try $0.uploadDone(errand) }
          continue
        }
        guard tokensShown <= 4 else { throw failure }
        // Several are refused when their key is over, and then all of them are.
        if tokensShown == 3 { try step { try $0.forgetTokens(at: errand.relay) } }
        do { try await pay(for: errand) } catch {
          guard try step({ try $0.isRenewal(errand) }) else { throw error }
          try step { try $0.uploadDone(errand) }
        }
      case (_, .deleteCard), (_, .retireCard), (_, .deleteMailbox):
        // What is not there need not be deleted, and what is not ours cannot be.
        try step { try $0.uploadDone(errand) }
      case (.prekeyConflict, _), (.prekeysFull, _):
        // The relay holds something else, perhaps from before a restore: the next prekeys have greater ids.
        try step { try $0.uploadSuperseded(errand) }
      case (.notFound, .push):
        // Such a relay wakes nobody; whoever asked it to looks for what became of that.
        try step { try $0.isNotWoken(errand) }
      case (.cardConflict, .putCard) where place != nil:
        // Somebody with the same keys has been there: the newer list holds.
        try step { try $0.uploadDone(errand) }
      case (.cardConflict, .putCard(_, _, .absent)):
        try step { try $0.rotateContactSecret() }
      case (.cardConflict, .putCard):
        throw ClientError(
          .refused, "Another device has taken over this identity.",
          meaning: "Its device list at the relay is newer than ours, so this folder can no longer change it.",
          next: "Use the other device, or import the identity here again.")
      default: throw failure
      }
    }
  }
}

extension RelayRequest {
  init(_ errand: OwnerErrand) {
    self.init(
      errand.method, errand.route, at: errand.relay, fields: errand.headers,
      body: errand.method == .put ? errand.body : nil)
  }
}
