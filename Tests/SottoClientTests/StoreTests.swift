import Foundation
import GRDB
import SottoClient
import SottoCrypto
import SottoSession
import SottoWire
import Testing

/// The encrypted store as files: what stands in them, what opens them, and what is refused.
@Suite(.sealsAreWatched) struct StoreTests {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appending(path: "sotto-store-\(UUID().uuidString)").path
    var file: String { path + "/store.sqlite" }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func create(_ folder: Folder, _ passphrase: String = "right") throws -> Store {
    try Store(
      creatingIn: Home(creating: folder.path), passphrase: Secret(copying: Array(passphrase.utf8)), cost: .minimal)
  }

  private func open(_ folder: Folder, _ passphrase: String = "right") throws -> Store {
    try Store(home: Home(existing: folder.path), passphrase: Secret(copying: Array(passphrase.utf8)))
  }

  private func code(_ work: () throws -> Void) -> ClientError.Code? {
    do { try work() } catch { return (error as? ClientError)?.code }
    return nil
  }

  private let address = Address(
    account: AccountID(Digest.of("test", [1])), contactSecret: try! ContactSecret([UInt8](repeating: 7, count: 16)),
    relay: RelayAuthority("relay.example")!)

  /// Two contacts, the second of which is a stranger.
  private func fill(_ store: Store) throws {
    var friend = Contact(address, name: "Zebra", isAccepted: true)
    friend.generations = [try DeviceID([1, 2, 3, 4, 5, 6, 7, 8]): 3]
    friend.capabilities = [
      try MailboxID([UInt8](repeating: 5, count: 16)): try Capability([UInt8](repeating: 6, count: 32))
    ]
    let stranger = Contact(
      Address(account: AccountID(Digest.of("test", [2])), contactSecret: address.contactSecret, relay: address.relay),
      name: nil, isAccepted: false)
    try store.transaction { records in
      try records.save(friend)
      try records.save(stranger)
    }
  }

  @Test func `What was written is read back, in order, after the store was closed`() throws {
    let folder = Folder()
    var store = try create(folder)
    try fill(store)
    try store.close()
    store = try open(folder)
    let contacts = try store.transaction { try $0.all(Contact.self) }
    #expect(contacts.map(\.name) == ["Zebra", nil])
    #expect(contacts[0].generations.values.map(\.self) == [3] && contacts[0].capabilities.count == 1)
    let requests = try store.transaction { try $0.count(.contact, group: Array("request".utf8)) }
    #expect(requests == 1)
    try store.close()
  }

  @Test func `A step that throws leaves nothing`() throws {
    struct Stop: Error {}
    let folder = Folder()
    let store = try create(folder)
    #expect(throws: Stop.self) {
      try store.transaction { records in
        try records.save(Contact(address, name: "Zebra", isAccepted: true))
        throw Stop()
      }
    }
    #expect(try store.transaction { try $0.count(.contact, group: nil) } == 0)
    try store.close()
  }

  @Test func `A copy of the store shows nothing but sizes`() throws {
    let folder = Folder()
    let store = try create(folder)
    try fill(store)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    for name in files {
      let data = try Data(contentsOf: URL(filePath: folder.path + "/" + name))
      for needle in [Array("Zebra".utf8), address.account.bytes, Array("relay.example".utf8), Array("accepted".utf8)] {
        #expect(data.range(of: Data(needle)) == nil, "\(name)")
      }
      let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
    #expect(try FileManager.default.attributesOfItem(atPath: folder.path)[.posixPermissions] as? Int == 0o700)
    try store.close()
  }

  @Test func `A wrong passphrase, a second process, a missing and a second store are refused`() throws {
    let folder = Folder()
    #expect(code { _ = try open(folder) } == .noIdentity)
    let store = try create(folder)
    #expect(code { _ = try open(folder) } == .locked)
    try store.close()
    withExtendedLifetime(store) {}
    let content = { try Data(contentsOf: URL(filePath: folder.file)) }
    try reopen(folder)
    let before = try content()
    #expect(code { _ = try open(folder, "wrong") } == .wrongPassphrase)
    #expect(code { _ = try create(folder) } == .cannotCreate)
    #expect(try content() == before)
    try reopen(folder)
  }

  /// What an attempt to make an identity has left is told from an identity, and goes, without the passphrase. [token.11]
  @Test func `Kept tokens can be discarded, and an identity cannot`() throws {
    let folder = Folder()
    let store = try create(folder)
    var purse = Purse(at: address.relay)
    purse.invitation = "an invitation"
    let kept = purse
    try store.transaction { try $0.save(kept) }
    try store.close()
    withExtendedLifetime(store) {}
    do {
      _ = try open(folder, "wrong")
      Issue.record("it was opened")
    } catch let error as ClientError {
      #expect(error.code == .wrongPassphrase && error.message.contains("no identity"))
      #expect(error.next.contains("sotto identity delete"))
    }
    #expect(try Client.holdsTokensAlone(home: folder.path))
    // Whoever has it open keeps it.
    let opened = try open(folder)
    #expect(code { try Client.discardTokens(home: folder.path) } == .locked)
    try opened.close()
    withExtendedLifetime(opened) {}
    try Client.discardTokens(home: folder.path)
    #expect(!FileManager.default.fileExists(atPath: folder.path))

    let other = try filled()
    let content = { try Data(contentsOf: URL(filePath: other.file)) }
    let before = try content()
    #expect(try !Client.holdsTokensAlone(home: other.path))
    #expect(code { try Client.discardTokens(home: other.path) } == .refused)
    #expect(try content() == before)
  }

  private func reopen(_ folder: Folder) throws {
    let store = try open(folder)
    try store.close()
  }

  private func filled() throws -> Folder {
    let folder = Folder()
    let store = try create(folder)
    try fill(store)
    try store.close()
    return folder
  }

  private func alter(_ folder: Folder, _ sql: String, _ arguments: StatementArguments = []) throws {
    let queue = try DatabaseQueue(path: folder.file)
    try queue.write { try $0.execute(sql: sql, arguments: arguments) }
    try queue.close()
  }

  @Test func `Rows cannot change places, and no bit of them can change`() throws {
    let folder = try filled()
    let queue = try DatabaseQueue(path: folder.file)
    let rows = try queue.read { try Row.fetchAll($0, sql: "SELECT seq, name, grp, body FROM contact ORDER BY seq") }
    try queue.close()
    let bodies = rows.map { $0["body"] as Data }
    func read() throws -> ClientError.Code? {
      let store = try open(folder)
      let result = code { _ = try store.transaction { try $0.all(Contact.self) } }
      try store.close()
      return result
    }
    #expect(try read() == nil)
    // The bodies of two rows, a row's group, a row's table.
    try alter(folder, "UPDATE contact SET body = ? WHERE seq = 1", [bodies[1]])
    #expect(try read() == .unreadable)
    try alter(folder, "UPDATE contact SET body = ? WHERE seq = 1", [bodies[0]])
    try alter(folder, "UPDATE contact SET grp = (SELECT grp FROM contact WHERE seq = 2) WHERE seq = 1")
    #expect(try read() == .unreadable)
    try alter(folder, "UPDATE contact SET grp = ? WHERE seq = 1", [rows[0]["grp"] as Data])
    try alter(folder, "UPDATE contact SET name = x'00' WHERE seq = 1")
    #expect(try read() == .unreadable)
    try alter(folder, "UPDATE contact SET name = ? WHERE seq = 1", [rows[0]["name"] as Data])
    #expect(try read() == nil)
    for offset in stride(from: 0, to: bodies[0].count, by: 17) {
      var bent = bodies[0]
      bent[offset] ^= 1
      try alter(folder, "UPDATE contact SET body = ? WHERE seq = 1", [bent])
      #expect(try read() == .unreadable, "bit of byte \(offset)")
    }
  }

  @Test func `A row of one table does not open in another`() throws {
    let folder = try filled()
    try alter(folder, "INSERT INTO message SELECT * FROM contact")
    let store = try open(folder)
    #expect(code { _ = try store.transaction { try $0.all(StoredMessage.self) } } == .unreadable)
    try store.close()
  }

  @Test func `A newer store, a foreign database and a weakened key row are refused`() throws {
    let newer = try filled()
    try alter(newer, "PRAGMA user_version = \(Store.format + 1)")
    #expect(code { _ = try open(newer) } == .newerStore)
    let foreign = try filled()
    try alter(foreign, "PRAGMA application_id = 1")
    #expect(code { _ = try open(foreign) } == .unreadable)
    let weakened = try filled()
    try alter(weakened, "UPDATE store_key SET operations = 2")
    #expect(code { _ = try open(weakened) } == .wrongPassphrase)
    let greedy = try filled()
    try alter(greedy, "UPDATE store_key SET memory = 4294967295")
    #expect(code { _ = try open(greedy) } == .wrongPassphrase)
    let keyless = try filled()
    try alter(keyless, "DELETE FROM store_key")
    #expect(code { _ = try open(keyless) } == .unreadable)
  }

  // MARK: golden

  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/store-1.sql")

  /// A store that version 1 wrote is opened by every later version: committed as SQL text.
  @Test func `The golden store of format 1 opens`() throws {
    if ProcessInfo.processInfo.environment["SOTTO_WRITE_GOLDEN"] != nil { try writeGolden() }
    let folder = Folder()
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let queue = try DatabaseQueue(path: folder.file)
    try queue.writeWithoutTransaction { try $0.execute(sql: String(contentsOf: Self.golden, encoding: .utf8)) }
    try queue.close()
    let store = try open(folder, "golden passphrase")
    try store.transaction { (records: StoreTransaction) throws -> Void in
      #expect(try records.all(Contact.self) == [Self.contact()])
      #expect(try records.all(StoredMessage.self).map(\.text) == ["golden text"])
      #expect(try records.all(OutboxItem.self) == [])
      #expect(try records.load(Profile.self, Profile.key)?.name == "Golden")
      #expect(try records.count(.oneTimePrekey, group: nil) == 64)
      var engine = Engine(records: records, now: 1_800_000_000_000, entropy: SystemEntropy())
      // What was written before there was an index is found too.
      #expect(try engine.search("GOLDEN", with: nil, limit: 9).isEmpty)
      for _ in 0..<2 { try engine.indexOldMessages() }
      #expect(try engine.search("GOLDEN", with: nil, limit: 9).map(\.text) == ["golden text"])
      #expect(try engine.profile().address.text.hasPrefix("sotto:"))
      #expect(try engine.identifyingBytes().count == 8)
    }
    try store.close()
  }

  private static func contact() throws -> Contact {
    let address = Address(
      account: AccountID(Digest.of("golden", [1])), contactSecret: try ContactSecret([UInt8](1...16)),
      relay: RelayAuthority("relay.example:8443")!)
    var contact = Contact(address, name: "Göldi", isAccepted: true)
    contact.cardCheckedAt = 1_800_000_000
    contact.generations = [try DeviceID([UInt8](1...8)): 7]
    contact.capabilities = [try MailboxID([UInt8](1...16)): try Capability([UInt8](1...32))]
    return contact
  }

  /// Writes the golden file anew: only when the format changes, and then under another name.
  private func writeGolden() throws {
    let folder = Folder()
    let store = try create(folder, "golden passphrase")
    try store.transaction { (records: StoreTransaction) throws -> Void in
      var engine = Engine(records: records, now: 1_800_000_000_000, entropy: SystemEntropy())
      try engine.createIdentity(name: "Golden", at: RelayAuthority("relay.example")!)
      try records.save(try Self.contact())
      _ = try engine.compose("golden text", to: "sotto:" + Self.contact().address.text.dropFirst(6))
      for item in try records.all(OutboxItem.self) { try records.remove(item) }
      for upload in try records.all(Upload.self) { try records.remove(upload) }
    }
    try store.close()
    let queue = try DatabaseQueue(path: folder.file)
    let sql = try queue.read { db in
      var sql = try String.fetchAll(db, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
      for table in ["store_key"] + Table.allCases.map(\.rawValue) {
        for row in try Row.fetchAll(db, sql: "SELECT * FROM \(table)") {
          let values = row.databaseValues.map { value in
            value.storage.value.map { ($0 as? Data).map { "x'\(Hex.encode([UInt8]($0)))'" } ?? "\($0)" } ?? "NULL"
          }
          sql.append("INSERT INTO \(table) VALUES (\(values.joined(separator: ",")))")
        }
      }
      for pragma in ["application_id", "user_version"] {
        sql.append("PRAGMA \(pragma) = \(try Int.fetchOne(db, sql: "PRAGMA \(pragma)") ?? 0)")
      }
      return sql.joined(separator: ";\n") + ";\n"
    }
    try sql.write(to: Self.golden, atomically: true, encoding: .utf8)
  }
}
