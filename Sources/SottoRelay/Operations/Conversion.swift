internal import Foundation
internal import SottoCrypto

/// `sotto-relay db convert`: moves what a stopped relay has in its file into a database, once and all of it. [operation.15]
///
///     file:      serves -------- begin ----------------------------------> converted: serves no more
///     database:  empty  ------------- begin --> half filled ... verified ------------> serves
///
/// At every moment at most one of the two serves, so a process that is killed anywhere leaves one truth, and the same
/// command goes on from where it was.
package enum Conversion {
  /// What was moved, or had been.
  package struct Summary: Sendable {
    package let counts: [StoreRow.Kind: Int]
    /// Of the rows as they are compared.
    package let bytes: Int
    /// It went on with what a former run had begun.
    package let wasResumed: Bool
    /// There was nothing to do any more.
    package let wasDone: Bool
  }

  /// What is being done.
  package enum Event: Sendable {
    /// So much of a step is copied, from 0 to 1, after another page that is durable.
    case copied(String, Double)
    /// Everything is copied, and both sides are about to be read.
    case verifying
  }

  /// `report` is told what is being done; what it throws ends the conversion there and then.
  package static func run(
    _ configuration: RelayConfiguration, into database: any StoreDatabase, _ address: String,
    report: @escaping (Event) throws -> Void
  ) throws -> Summary {
    let path = configuration.dataDirectory + "/relay.sqlite"
    // Looked for first: the lock would make the folder.
    guard FileManager.default.fileExists(atPath: path) else { throw StartFailure.noStore(configuration.dataDirectory) }
    let directory = try DataDirectory(configuration.dataDirectory)
    defer { directory.release() }
    let source = try explaining(path) { try ConversionSource(path: path) }
    defer { source.close() }
    let target = try database.conversionTarget(address)
    let mark = try target.mark()
    if let mark, mark.isFinished, mark.source == source.id {
      // A copy of the file that was made before the end has to refuse, too.
      if !source.isConverted { try explaining(path) { try source.finish() } }
      return summary(try tallies(of: source, path), wasResumed: false, wasDone: true)
    }
    let isNew = try begin(source, target, mark, path)
    try copy(source, target, try target.mark(), path, report)
    try report(.verifying)
    let found = try verify(source, target, path)
    guard try target.relays() == 0 else { throw StartFailure.databaseInUse }
    // In this order: between the two neither serves.
    try explaining(path) { try source.finish() }
    try target.finish()
    return summary(found, wasResumed: !isNew, wasDone: false)
  }

  // MARK: The marks

  /// Sees to it that the database is this file's and nobody else's; whether that is new.
  private static func begin(
    _ source: ConversionSource, _ target: any ConversionTarget, _ mark: ConversionMark?, _ path: String
  ) throws -> Bool {
    guard try target.relays() == 0 else { throw StartFailure.databaseInUse }
    if let mark {
      guard mark.source == source.id else { throw mark.isFinished ? StartFailure.notEmpty : .otherConversion }
      return false
    }
    guard !source.isConverted else { throw StartFailure.convertedElsewhere }
    guard try target.isEmpty() else { throw StartFailure.notEmpty }
    let id = source.id ?? drawn()
    if source.id == nil { try explaining(path) { try source.begin(id) } }
    try target.begin(id, restoreEpoch: source.restoreEpoch)
    // One that was started at the same moment has seen the mark, or is seen here.
    guard try target.relays() == 0 else {
      try target.cancel()
      throw StartFailure.databaseInUse
    }
    return true
  }

  private static func drawn() -> ConversionID {
    var entropy = SystemEntropy()
    return ConversionID(from: &entropy)
  }

  // MARK: Rows

  private static func copy(
    _ source: ConversionSource, _ target: any ConversionTarget, _ mark: ConversionMark?, _ path: String,
    _ report: @escaping (Event) throws -> Void
  ) throws {
    let step = mark.flatMap { ConversionSource.Step(rawValue: $0.step) } ?? .mailboxes
    try explaining(path) {
      try source.walk(from: step, after: mark?.place ?? []) { page in
        try target.append(page.rows, step: page.step.rawValue, place: page.place)
        try report(.copied("\(page.step)", page.share))
      }
    }
  }

  /// Reads both sides from their beginning to their end, and compares how many rows of each kind there are, and their hash.
  private static func verify(
    _ source: ConversionSource, _ target: any ConversionTarget, _ path: String
  ) throws -> Tallies {
    let expected = try tallies(of: source, path)
    var found = Tallies()
    try target.readAll { found.add($0) }
    for kind in StoreRow.Kind.allCases where expected[kind] != found[kind] {
      throw StartFailure.differs(
        kind, expected: expected[kind].rows, found: found[kind].rows, isMarked: source.isConverted)
    }
    return expected
  }

  private static func tallies(of source: ConversionSource, _ path: String) throws -> Tallies {
    let found = Found()
    try explaining(path) { try source.walk { found.tallies.add($0.rows) } }
    return found.tallies
  }

  private final class Found {
    var tallies = Tallies()
  }

  private static func summary(_ tallies: Tallies, wasResumed: Bool, wasDone: Bool) -> Summary {
    Summary(
      counts: Dictionary(uniqueKeysWithValues: StoreRow.Kind.allCases.map { ($0, tallies[$0].rows) }),
      bytes: tallies.bytes, wasResumed: wasResumed, wasDone: wasDone)
  }

  /// What the file's side throws, for the operator.
  private static func explaining<T>(_ path: String, _ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch let failure as StartFailure {
      throw failure
    } catch {
      switch StoreFailure(error) {
      case .newerSchema: throw StartFailure.newerStore
      case .olderSchema: throw StartFailure.olderStore
      case .notDurable: throw StartFailure.notDurable
      // Neither the store's nor SQLite's own: whoever is told of pages has thrown it.
      case .failed(-1): throw error
      default: throw StartFailure.unreadableSource(path)
      }
    }
  }
}
