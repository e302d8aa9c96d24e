internal import Foundation

/// Looks at everything that a relay stands on, changes nothing, and says what it found. [operation.8]
public struct Doctor: Sendable {
  /// One answer.
  public struct Finding: Sendable {
    public enum Verdict: String, Sendable {
      case ok
      /// The relay runs, and will not for ever.
      case warning
      case failed
    }

    /// Names the check: `data`, `store` and so on.
    public let check: String
    public let verdict: Verdict
    public let what: String
    /// Empty when it is ok.
    public let meaning: String
    public let next: String
    /// As in `sysexits.h`; 0 unless it failed.
    public let exitCode: Int32
  }

  private let configuration: RelayConfiguration
  private let adapters: Adapters

  public init(_ configuration: RelayConfiguration) { self.init(configuration, Adapters()) }

  /// `adapters`: as for the relay.
  package init(_ configuration: RelayConfiguration, _ adapters: Adapters) {
    (self.configuration, self.adapters) = (configuration, adapters)
  }

  /// All checks, in an order in which the first failure explains the later ones.
  public func examine() async -> [Finding] {
    var findings = [Self.ok("configuration", "The configuration can be used.")]
    findings += [data(), disk()]
    switch configuration.store {
    case .sqlite: findings += [store(), blobs(), durability()]
    case .postgreSQL(let address): findings += [store(at: address)] + sharedBlobs()
    }
    findings += [clock(), secrets(), certificate(), registration(), bus(), push()]
    findings.append(await port())
    return findings
  }

  /// The finding when there is no configuration to examine with.
  public static func finding(_ failure: StartFailure) -> Finding { failed("configuration", failure) }

  private var folder: String { configuration.dataDirectory }
  private var file: StoreFile { StoreFile(path: folder + "/relay.sqlite") }

  private func data() -> Finding {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: folder) else {
      return Self.ok("data", "\(folder) is not there yet; `serve` makes it.")
    }
    guard FileManager.default.isWritableFile(atPath: folder) else {
      return Self.failed("data", .cannotCreate(folder))
    }
    let mode = attributes[.posixPermissions] as? Int ?? 0
    guard mode & 0o077 == 0 else {
      return Self.warning(
        "data", "\(folder) can be entered by other users.", "They may see how many messages come, and when.",
        "chmod 700 \(folder)")
    }
    return Self.ok("data", "\(folder) is private to this user.")
  }

  private func disk() -> Finding {
    // Of the folder, or of the nearest one above it that is there.
    var place = URL(filePath: folder)
    while !FileManager.default.fileExists(atPath: place.path), place.path != "/" { place.deleteLastPathComponent() }
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: place.path)
    let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value ?? 0
    let text = "\(free / 1_048_576) MiB are free."
    if free < RelayLimits.leastDisk {
      return Self.failed(
        "disk",
        StartFailure(
          74, text, "The relay will soon refuse what senders bring, with 507.", "Free some space, or move the folder."))
    }
    if free < RelayLimits.littleDisk {
      return Self.warning("disk", text, "One busy mailbox may take 66 MiB.", "Free some space.")
    }
    return Self.ok("disk", text)
  }

  private func store() -> Finding {
    guard file.exists else { return Self.ok("store", "There is no store yet; `serve` makes it.") }
    do {
      let contents = try file.check(quick: true)
      guard !contents.isConverted else { return Self.failed("store", .convertedStore) }
      return Self.ok(
        "store",
        "Schema \(contents.version), no damage found; \(contents.mailboxes) mailboxes, \(contents.cards) cards.")
    } catch .newerSchema {
      return Self.failed("store", .newerStore)
    } catch .olderSchema {
      return Self.failed("store", .olderStore)
    } catch {
      return Self.failed("store", .unusableStore(file.path))
    }
  }

  /// Connects as the relay does, so a database that does not wait for its disk fails here.
  private func store(at address: String) -> Finding {
    do {
      guard let database = adapters.database else { throw StartFailure.withoutDatabase }
      let state = try database.state(address)
      try state.check()
      return Self.ok("store", "PostgreSQL answers and waits for its disk; the tables have version \(state.version).")
    } catch StoreFailure.newerSchema {
      return Self.failed("store", .newerTables)
    } catch StoreFailure.olderSchema {
      return Self.failed("store", .olderTables)
    } catch StoreFailure.halfFilled {
      return Self.failed("store", .halfFilledTables)
    } catch {
      return Self.failed("store", error as? StartFailure ?? .unusableStore("PostgreSQL"))
    }
  }

  /// Every blob's file, byte for byte.
  private func blobs() -> Finding {
    guard let known = try? file.blobs() else { return Self.ok("blobs", "There is no store to compare them with.") }
    let files = BlobFiles(existing: folder + "/blobs")
    var damaged = Set(known.filter { (try? files.holds($0)) != true })
    // A relay that runs may have removed some meanwhile.
    if !damaged.isEmpty, let still = try? file.blobs() { damaged.formIntersection(still) }
    guard damaged.isEmpty else {
      return Self.failed(
        "blobs",
        StartFailure(
          74, "\(damaged.count) of \(known.count) attachments are missing or damaged.",
          "Their readers are told that there is nothing, or get bytes that their seal refuses.",
          "Check the disk, and restore a backup; the relay removes what is missing when it starts."))
    }
    return Self.ok("blobs", "\(known.count) attachments, no damage found.")
  }

  /// The folder that relays share: whether it is there. Which bytes are in it a database's relays know together.
  private func sharedBlobs() -> [Finding] {
    guard let path = configuration.attachments else { return [] }
    do { try configuration.checkAttachments() } catch { return [Self.failed("blobs", error)] }
    return [Self.ok("blobs", "\(path) is there for attachments, and this user can write in it.")]
  }

  private func durability() -> Finding {
    guard file.exists else { return Self.ok("durability", "There is nothing to try it with yet.") }
    guard (try? file.isDurable()) == true else { return Self.failed("durability", .notDurable) }
    return Self.ok("durability", "synchronous=FULL is accepted.")
  }

  private func clock() -> Finding {
    let now = configuration.now()
    let changed = ["", "-wal"].compactMap { suffix -> Double? in
      let attributes = try? FileManager.default.attributesOfItem(atPath: file.path + suffix)
      return (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970
    }
    let ahead = Int64(changed.max() ?? 0) - now
    guard now > RelayLimits.earliestClock, ahead <= RelayLimits.clockTolerance else {
      return Self.failed(
        "clock",
        StartFailure(
          78, "This machine's clock is behind.",
          "Owners' signatures count for 300 seconds around it, so they are refused.",
          "Set the clock, and keep it set (NTP)."))
    }
    return Self.ok("clock", "\(Date(timeIntervalSince1970: Double(now)).ISO8601Format())")
  }

  /// Whether files that are nobody else's business are nobody else's to read.
  private func secrets() -> Finding {
    let files = configuration.secretFiles.filter { SecretFile.isOpenToOthers(at: $0.path) != nil }
    let exposed = files.filter { SecretFile.isOpenToOthers(at: $0.path) == true }
    guard exposed.isEmpty else {
      let names = exposed.map { "\($0.setting.name) (\($0.path))" }.joined(separator: ", ")
      return Self.warning(
        "secrets", "Other users can read or write \(names).", "Whoever has what is in it can act as this relay.",
        "chmod 600 " + exposed.map { $0.path }.joined(separator: " ")
          + ", once they belong to the user who runs the relay.")
    }
    return Self.ok("secrets", "Files with secrets that other users can read: none of \(files.count).")
  }

  private func certificate() -> Finding {
    do {
      guard let credentials = try TLSCredentials(configuration) else {
        let meaning = configuration.listen.isLoopback ? "only this machine is served" : "a proxy must speak TLS"
        return Self.ok("certificate", "There is none: \(meaning).")
      }
      let days = (credentials.expires - configuration.now()) / 86_400
      guard days >= RelayLimits.renewalDays else {
        return Self.warning(
          "certificate", "The certificate expires in \(days) days.", "Clients will refuse it then.",
          "Renew it, and send SIGHUP to the relay.")
      }
      return Self.ok("certificate", "The certificate and its key match; it expires in \(days) days.")
    } catch {
      return Self.failed("certificate", error)
    }
  }

  /// Whom it lets in, and whether what that takes can be read.
  private func registration() -> Finding {
    do {
      try configuration.checkRegistration()
    } catch {
      return Self.failed("registration", error)
    }
    switch configuration.registration {
    case nil, .open: return Self.ok("registration", "Everybody who reaches the relay is let in.")
    case .invite: return Self.ok("registration", "Whoever has an invitation is let in.")
    case .oidc: return Self.ok("registration", "Whoever signs in or has an invitation is let in.")
    }
  }

  /// Whether the message server lets this relay in. One that is away keeps no relay from its work, and is no failure.
  private func bus() -> Finding {
    guard let address = configuration.bus else {
      return Self.ok("bus", "There is none: no other relay is told anything.")
    }
    do throws(StartFailure) {
      try configuration.checkBus(adapters.bus)
    } catch {
      return Self.failed("bus", error)
    }
    do throws(StartFailure) {
      try adapters.bus?.reach(address)
    } catch {
      return Self.warning("bus", error.what, error.meaning, error.next)
    }
    return Self.ok("bus", "The message server answers, and lets this relay in.")
  }

  private func push() -> Finding {
    switch configuration.push {
    case nil: Self.ok("push", "Nobody is woken.")
    case .bus: Self.ok("push", "Jobs for the gateway go to the message server.")
    case .socket(let path): socket(path)
    }
  }

  /// Whether there can be a socket for the gateway, and nobody else's in its place.
  private func socket(_ path: String) -> Finding {
    let folder = URL(filePath: path).deletingLastPathComponent().resolvingSymlinksInPath().path
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: folder) else {
      return Self.warning(
        "push", "There is no folder \(folder) for the gateway's socket.",
        "A systemd unit with RuntimeDirectory makes it; started otherwise the relay would refuse.",
        "Start the relay by its unit, or: install -d -m 0750 \(folder)")
    }
    guard attributes[.type] as? FileAttributeType == .typeDirectory,
      FileManager.default.isWritableFile(atPath: folder)
    else { return Self.failed("push", .cannotListenForGateway(path)) }
    // The group is the gateway's. [push.10]
    let mode = attributes[.posixPermissions] as? Int ?? 0
    guard mode & 0o002 == 0 else {
      return Self.warning(
        "push", "Every user can write to \(folder), where the socket for the gateway is.",
        "One of them could put another socket in its place, and nobody would be woken.",
        "chmod o-w \(folder), or name another with push = unix:/PATH")
    }
    return Self.ok("push", "There is a place for the socket \(path).")
  }

  private func port() async -> Finding {
    if DataDirectory.isLocked(folder) { return Self.ok("port", "A relay runs with this folder.") }
    do {
      try await Relay.tryListening(configuration.listen)
      return Self.ok("port", "\(configuration.listen) is free; no relay runs with this folder.")
    } catch let failure as StartFailure {
      return Self.failed("port", failure)
    } catch {
      return Self.failed("port", .cannotListen(configuration.listen.description, flag: "--listen"))
    }
  }

  private static func ok(_ check: String, _ what: String) -> Finding {
    Finding(check: check, verdict: .ok, what: what, meaning: "", next: "", exitCode: 0)
  }

  private static func warning(_ check: String, _ what: String, _ meaning: String, _ next: String) -> Finding {
    Finding(check: check, verdict: .warning, what: what, meaning: meaning, next: next, exitCode: 0)
  }

  private static func failed(_ check: String, _ failure: StartFailure) -> Finding {
    Finding(
      check: check, verdict: .failed, what: failure.what, meaning: failure.meaning, next: failure.next,
      exitCode: failure.exitCode)
  }
}
