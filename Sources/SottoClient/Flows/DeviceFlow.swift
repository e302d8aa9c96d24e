internal import Foundation
public import SottoCrypto
internal import SottoSession
internal import SottoWire

/// One of the account's devices.
public struct DeviceSummary: Sendable, Equatable {
  /// 16 hexadecimal digits.
  public let id: String
  /// What the account's user calls it, as far as that is known here.
  public let name: String?
  /// Whether it is this one.
  public let isThisOne: Bool
  /// Whether it holds the account key: it alone links and revokes.
  public let isFirst: Bool

  init(_ device: Engine.OwnDevice) {
    id = Hex.encode(device.id.bytes)
    name = device.name?.text
    isThisOne = device.isThisOne
    isFirst = device.isFirst
  }
}

extension Client {
  /// The account's devices, in the order of its list.
  public func devices() throws -> [DeviceSummary] { try step { try $0.deviceList().map(DeviceSummary.init) } }

  /// Whether this device was removed from its account: it keeps its history, and nothing comes or goes.
  public func isRemoved() throws -> Bool { try step { try $0.isRemoved() } }

  /// Removes a device from the account, and replaces whatever let it write, knock or read cards and prekeys.
  ///
  /// - Returns: the device that was, and whether the relay has the new list already; otherwise the next send or receive
  ///   tells it.
  public func revokeDevice(_ nameOrID: String) async throws -> (device: DeviceSummary, isPublished: Bool) {
    let device = try step { engine in
      try engine.checkHoldsAccountKey()
      let device = try engine.device(nameOrID)
      try engine.revoke(device.id)
      return DeviceSummary(device)
    }
    await afterChange()
    return (device, try step { try !$0.hasUploads() })
  }

  // MARK: the first device

  /// Links the new device whose code this is. [devices.1]
  ///
  /// - Parameters:
  ///   - code: what the new device shows: an address.
  ///   - confirm: is given fifteen digits in groups of five; answers whether the new device shows the same. Nothing is
  ///     handed over before.
  /// - Returns: the new device, and whether everything for it is at the relay; otherwise the next send or receive goes
  ///   on.
  public func linkDevice(
    _ code: String, confirm: @Sendable (_ digits: String) async throws -> Bool
  ) async throws -> (device: DeviceSummary, isSent: Bool) {
    let address = try Engine.address(code)
    try step { engine in
      try engine.checkIsListed()
      try engine.checkHoldsAccountKey()
    }
    try await beginLink(address)
    do {
      if let failure = try await serve(address.account, patient: false) { throw failure.asClientError }
      guard let digits = try step({ try $0.linkDigits() }) else { throw Self.codeIsOver }
      guard try await confirm(Self.inGroups(digits)) else { throw Self.digitsDiffer }
      try step { try $0.agreeToLink() }
      let limit = Int(ClientLimits.linkPatience)
      guard try await hears(within: limit, { try $0.isLinkRequested() }) else { throw Engine.linkIsOver }
      let device = try step { engine in try engine.admit(history: try self.sealHistory(&engine)) }
      await afterChange()
      return (DeviceSummary(device), try step { try !$0.hasUploads() && $0.queued() == 0 })
    } catch {
      try? step { try $0.cancelLink() }
      sweepSpool()
      throw error
    }
  }

  private func beginLink(_ address: Address) async throws {
    do {
      let (sequence, sealed) = try await fetchCard(
        ContactKeys(address).cardID, at: address.relay, as: .sender(address.account))
      try step { engine in
        do {
          let card = try engine.verify(sealed, listSequence: sequence, for: address)
          try engine.beginLink(address, card: card)
        } catch let refused as Refused {
          throw Engine.cardRefused("the new device", refused)
        }
      }
    } catch RelayFailure.declined(_, .notFound) {
      throw Self.codeIsOver
    } catch let failure as RelayFailure {
      throw failure.asClientError
    }
  }

  /// Seals contacts and messages into the spool: `u32 length || piece` each. [devices.6]
  private func sealHistory(_ engine: inout Engine) throws -> SealedFile {
    var length: UInt64 = 0
    try engine.history { piece, _ in length += 4 + UInt64(piece.count) }
    guard let layout = AttachmentLayout(length: length) else {
      throw ClientError(
        .badData, "The history has \(length) bytes; at most \(Limits.attachment) can be handed to a device.",
        meaning: "Nothing was handed over.", next: "Delete old conversations first.")
    }
    var entropy = SystemEntropy()
    let name = entropy.bytes(16)
    var sealer = AttachmentSealer(layout, from: &entropy)
    let key = sealer.key
    let sealed = try store.home.spool.create(name)
    var written: UInt64 = 0
    func write(_ bytes: [UInt8]) throws {
      try sealed.write(bytes, at: written)
      written += UInt64(bytes.count)
    }
    do {
      try engine.history { piece, _ in
        var frame = WireWriter()
        frame.u32(UInt32(piece.count))
        try write(sealer.seal(frame.bytes.span))
        let content = piece.revealed()
        try write(sealer.seal(content.span))
      }
      while let bytes = try sealer.padding() { try write(bytes) }
      try sealed.sync()
    } catch is UnsealableFile {
      throw Engine.bug("a history whose length changes")
    }
    return SealedFile(spool: name, key: key, layout: layout, name: FileName("history")!, mediaType: nil)
  }

  // MARK: the new device

  /// Makes the folder `home` a new device of the account whose first device takes the code within a minute. A link that
  /// was cut after it was agreed upon is finished. One that comes to nothing leaves what `create` leaves. [devices.1]
  ///
  /// - Parameters:
  ///   - name: what its user calls it: 1 to 64 bytes.
  ///   - relay: where the two meet; the account's own relay is told by the first device.
  ///   - show: is given the code, an address that is good for one use.
  ///   - confirm: is given fifteen digits in groups of five; answers whether the first device shows the same. Nothing of
  ///     the account is taken before.
  public static func linkDevice(
    home path: String, passphrase: borrowing Secret, name: String, relay: String, options: Options = Options(),
    show: @Sendable (_ code: String) async throws -> Void, confirm: @Sendable (_ digits: String) async throws -> Bool
  ) async throws -> Client {
    let relay = try authority(relay)
    guard let name = DeviceName(name) else {
      throw ClientError(
        .usage, "“\(name)” cannot be a device's name.",
        meaning: "A name is one line of 1 to \(Limits.deviceName) bytes.", next: "Choose another name.")
    }
    let home = try Home(creating: path)
    var client: Client?
    if home.holdsStore {
      let found = try Client(store: Store(home: home, passphrase: passphrase), options: options)
      if try await found.step({ try $0.hasProfile() }) { return try await found.finishedLink() }
      client = found
    }
    let joined: Client
    do {
      let guest = try Client(store: try Store(inMemory: ()), options: options)
      do {
        if let client { try await guest.take(client.lent(at: relay)) }
        try await guest.meet(at: relay)
        try await keepTokens(of: guest, at: relay, in: &client, home, passphrase: passphrase)
        let invitation = try await guest.invited(show: show)
        guard try await confirm(inGroups(invitation.digits)) else { throw digitsDiffer }
        if let client { joined = client } else { joined = try made(in: home, passphrase: passphrase, options: options) }
        client = joined
        try await joined.join(invitation, name, through: guest)
        await guest.dissolve()
      } catch {
        try? await keepTokens(of: guest, at: relay, in: &client, home, passphrase: passphrase)
        await guest.dissolve()
        throw error
      }
    } catch {
      if let client { throw await abandon(client, passphrase: passphrase, after: error) }
      if !home.holdsStore { home.wipe() }
      throw error
    }
    return try await joined.finishLink(within: Int(ClientLimits.linkPatience))
  }

  private static func made(in home: Home, passphrase: borrowing Secret, options: Options) throws -> Client {
    let store = try Store(creatingIn: home, passphrase: passphrase, cost: options.passphraseCost)
    return try Client(store: store, options: options)
  }

  /// Brings what the meeting did not cost into a store of the folder's, where it also is if nothing comes of this. [token.11]
  private static func keepTokens(
    of guest: Client, at relay: RelayAuthority, in client: inout Client?, _ home: Home, passphrase: borrowing Secret
  ) async throws {
    guard let left = try await guest.leftTokens(at: relay) else { return }
    let keeper: Client
    if let client {
      keeper = client
    } else {
      keeper = try made(in: home, passphrase: passphrase, options: guest.options)
      client = keeper
    }
    try await keeper.take(left)
  }

  /// What a meeting costs: a mailbox and a card.
  private func lent(at relay: RelayAuthority) throws -> Purse { try step { try $0.lend(2, at: relay) } }

  private func take(_ purse: Purse) throws { try step { try $0.add(purse) } }

  /// Makes the account that somebody is to write to.
  private func meet(at relay: RelayAuthority) async throws {
    try step { try $0.createRendezvous(at: relay) }
    do { try await flushUploads() } catch let failure as RelayFailure { throw failure.asClientError }
  }

  /// Shows the code and waits until somebody has taken it: once, for a minute. [devices.1]
  private func invited(
    show: @Sendable (_ code: String) async throws -> Void
  ) async throws -> Engine.LinkInvitation {
    try await show(try step { try $0.profile().address.text })
    let isTaken = try await hears(within: Int(ClientLimits.linkCode)) { try $0.linkInvitation() != nil }
    guard isTaken, let invitation = try step({ try $0.linkInvitation() }) else {
      throw ClientError(
        .refused, "Nobody has used the code within \(ClientLimits.linkCode) seconds.",
        meaning: "It is of no use any more, and nothing was created.",
        next: "Run the command again, and `sotto device link CODE` on the first device meanwhile.")
    }
    // [devices.1] The card is withdrawn at once: nobody else can use the code.
    do { try await flushUploads() } catch let failure as RelayFailure { throw failure.asClientError }
    return invitation
  }

  /// Makes this device's keys and mailbox, and asks the account to list them.
  private func join(_ invitation: Engine.LinkInvitation, _ name: DeviceName, through guest: Client) async throws {
    do {
      let request = try step { try $0.installLinked(invitation, name: name) }
      try await flushUploads()
      try await guest.ask(request)
    } catch {
      try? step { try $0.retire() }
      try? await flushUploads(retiring: true)
      throw (error as? RelayFailure)?.asClientError ?? error
    }
  }

  /// What was not needed for the meeting; nil when there is nothing.
  private func leftTokens(at relay: RelayAuthority) throws -> Purse? {
    try step { engine in
      let purse = try engine.purse(at: relay)
      try engine.keep(Purse(at: relay))
      return purse.tokens.isEmpty ? nil : purse
    }
  }

  private func ask(_ request: LinkRequest) async throws {
    let account = try step { engine in
      try engine.ask(request)
      return try engine.rendezvous()?.account
    }
    if let account, let failure = try await serve(account, patient: false) { throw failure }
  }

  /// Nothing of the throw-away account is left at the relay or here.
  private func dissolve() async {
    try? step { try $0.retire() }
    try? await flushUploads(retiring: true)
    try? await close(wiping: false)
  }

  private func finishedLink() async throws -> Client {
    guard try step({ try $0.isLinking() }) else {
      let path = store.home.path
      try? await close()
      throw ClientError(
        .cannotCreate, "There is an identity in \(path) already.", meaning: "It was left as it is.",
        next: "To link another device with this one: sotto device link CODE. Or choose a folder with --home DIR.")
    }
    return try await finishLink(within: Int(ClientLimits.linkCode))
  }

  /// Waits for the grant, fetches contacts and messages, and takes them in one step. [devices.6]
  private func finishLink(within limit: Int) async throws -> Client {
    do {
      try? await flushUploads()
      guard try await hears(within: limit, { try $0.historyToFetch() != nil }),
        let (attachment, spool) = try step({ try $0.historyToFetch() })
      else {
        throw ClientError(
          .queued, "The first device has not admitted this one yet.",
          meaning: "It has this device's keys if its user agreed. Nothing was taken from it.",
          next: "Run the same again to go on, or `sotto identity delete` to begin anew.")
      }
      guard attachment.relay == (try step { try $0.profile().relay }) else {
        throw Engine.bug("a history at another relay")
      }
      let account = try step { try $0.profile().account }
      let sealed = try store.home.spool.append(spool)
      do {
        try await fetch(attachment, into: sealed, as: .reader(account)) { _, _ in }
      } catch let failure as RelayFailure {
        throw failure.asClientError
      }
      try step { engine in
        try Self.openHistory(sealed, attachment) { try engine.restore($0) }
        try engine.finishLink()
      }
      store.home.spool.remove(spool)
      await flushOutbox(patient: false)
      return self
    } catch {
      try? await close()
      throw error
    }
  }

  /// Hands out the pieces of a history. What throws undoes all of it: nothing is taken before its end has opened.
  private static func openHistory(
    _ sealed: DiskFile, _ attachment: Attachment, _ take: (consuming Secret) throws -> Void
  ) throws {
    do {
      var opener = attachment.opener()
      var (read, opened) = (UInt64(0), [UInt8]())
      while case let bytes = try sealed.read(at: read, upTo: ClientLimits.blobSlice), !bytes.isEmpty {
        opened += try opener.open(bytes.span)
        read += UInt64(bytes.count)
        var frames = WireReader(opened)
        var taken = 0
        while frames.remaining >= 4, case let length = Int(try frames.u32()), length <= frames.remaining {
          try take(Secret(copying: try frames.fixed(length)))
          taken += 4 + length
        }
        opened.removeFirst(taken)
      }
      try opener.finish()
      guard opened.isEmpty else { throw Refused(.attachment) }
    } catch is Refused {
      throw ClientError(
        .refused, "What the relay has is not the history that was sent.",
        meaning: "The relay, or somebody on the way, has changed it. Nothing of it was taken.",
        next: "Run the same again; if it stays so, remove this device on the first one and link it anew.")
    }
  }

  // MARK: both

  /// Receives without showing anything, until it has come or the time is over.
  private func hears(
    within seconds: Int, _ hasCome: @escaping @Sendable (inout Engine) throws -> Bool
  ) async throws -> Bool {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await self.listen(until: hasCome)
        return true
      }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return false
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
  }

  private static func inGroups(_ digits: String) -> String {
    stride(from: 0, to: digits.count, by: 5).map { String(digits.dropFirst($0).prefix(5)) }.joined(separator: " ")
  }

  private static let codeIsOver = ClientError(
    .refused, "This code was used already, or its minute is over.",
    meaning: "If you have not used it, somebody else has seen it. Nothing was handed over.",
    next: "Begin again on the new device: sotto device link --relay URL")

  private static let digitsDiffer = ClientError(
    .refused, "You have not confirmed that both devices show the same digits.",
    meaning: "If they differ, somebody stands between the two. Nothing was handed over.",
    next: "Begin again on the new device, where nobody else can see the code.")
}
