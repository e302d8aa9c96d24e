internal import Foundation
public import SottoCrypto
internal import SottoSession
internal import SottoWire

/// One identity on this machine: its store, its connections, and everything a user does with them.
///
/// Open it, use it, `close()` it. While it is open no other process can use the same folder. Every method commits what
/// it decided before it sends, acknowledges or shows anything, so that it may be cut short anywhere.
public actor Client {
  let store: Store
  let connections: Connections
  let options: Options
  private let now: @Sendable () -> UInt64
  /// The accounts whose errands are being carried out: the actor lets others in while it waits for a relay.
  var beingServed: Set<AccountID> = []
  /// Why something new could not be had from a relay that does not let everybody in; it waits. [token.11]
  public var registrationFailure: ClientError?
  /// Whom to tell how much of a file the relay has.
  var fileProgress: FileProgress?
  /// What sessions have done since `observe()`; nil while nobody asks.
  package private(set) var observations: [Observation]?

  /// How a client is opened.
  public struct Options: Sendable {
    /// A PEM file with certificate authorities to trust besides the system's.
    public var caFile: String?
    /// What the operator of a relay that does not let everybody in has given; kept, once it was of use.
    public var invitation: String?
    /// How its user signs in, at a relay that wants that; nil: not at all.
    public var signIn: SignInDialogue?
    /// What deriving the key from the passphrase costs; it counts only when a store is created.
    public var passphraseCost: PassphraseCost
    /// The clock, in unix milliseconds.
    public var now: @Sendable () -> UInt64

    public init(caFile: String? = nil, passphraseCost: PassphraseCost = .standard) {
      self.caFile = caFile
      self.passphraseCost = passphraseCost
      now = { UInt64(Date().timeIntervalSince1970 * 1000) }
    }
  }

  init(store: Store, options: Options) throws {
    self.store = store
    connections = try Connections(caFile: options.caFile)
    self.options = options
    now = options.now
  }

  /// Opens the identity in the folder `home`.
  ///
  /// - Throws: `ClientError`: there is none, another process has it, the passphrase is wrong, the store is newer or
  ///   damaged.
  public static func open(
    home: String, passphrase: borrowing Secret, options: Options = Options()
  ) throws -> Client {
    let client = try Client(store: Store(home: Home(existing: home), passphrase: passphrase), options: options)
    let isFinished = try client.store.transaction { records in
      var engine = Engine(records: records, now: 0, entropy: SystemEntropy())
      try engine.indexOldMessages()
      return try engine.hasProfile()
    }
    if System.isFolder(home + "/spool") {
      let known = try client.store.transaction {
        try Engine(records: $0, now: 0, entropy: SystemEntropy()).spooled()
      }
      client.store.home.spool.sweep(keeping: known)
    }
    guard isFinished else {
      throw ClientError(
        .noIdentity, "The identity in \(home) was never finished.", meaning: "Its creation was interrupted.",
        next: "Run the same again: sotto identity create --relay URL")
    }
    return client
  }

  /// Says what is missing before anybody is asked for a passphrase.
  public static func check(home: String) throws { try Home.check(existing: home) }

  /// Closes connections and store; the folder is free afterwards.
  public func close() async throws { try await close(wiping: false) }

  func close(wiping: Bool) async throws {
    await connections.close()
    try store.close(wiping: wiping)
  }

  /// Runs one step of the engine in one transaction. What it answers may be carried out once this has returned.
  func step<R>(_ body: (inout Engine) throws -> R) throws -> R {
    let now = now()
    let (result, observed) = try store.transaction { transaction in
      var engine = Engine(records: transaction, now: now, entropy: SystemEntropy())
      engine.observations = observations.map { _ in [] }
      return (try body(&engine), engine.observations)
    }
    // What was undone was not done.
    observations? += observed ?? []
    return result
  }

  /// From now on `observations` tells what sessions do.
  package func observe() { observations = [] }
}
