#if Fleet
  internal import SottoRelay
  internal import SottoCrypto
  internal import SottoWire

  /// Tables that are filled from a relay's file. [operation.15]
  ///
  /// It has one connection, and with it a lock of the session, so that nobody else fills them; the lock goes with the
  /// connection, however that ends.
  final class PostgreSQLConversion: ConversionTarget {
    private let connection: Connection

    /// Throws a `ConnectFailure`, a `StoreFailure` or a `DatabaseFailure`, or a `StartFailure` when somebody else is at it.
    init(_ address: String) throws {
      connection = try Connection(address)
      let state = try Schema.state(connection)
      guard state.version >= state.known else { throw StoreFailure.olderSchema }
      // What a newer version has added would be left out.
      guard state.version == state.known else { throw StoreFailure.newerSchema }
      do {
        // It waits some seconds: of one that was killed the database may not know yet.
        try connection.run(ConversionStatements.alone())
      } catch  where error.isCollision {
        throw StartFailure.otherConverter
      }
      try connection.becomePatient()
    }

    func mark() throws(StartFailure) -> ConversionMark? {
      try explaining {
        let rows = try connection.run(ConversionStatements.mark())[0]
        guard !rows.isEmpty else { return nil }
        return ConversionMark(
          source: ConversionID(number: rows.id(0, 0)), step: Int(rows.number(0, 1)), place: rows.bytes(0, 2),
          isFinished: rows.bytes(0, 3) == [1])
      }
    }

    func isEmpty() throws(StartFailure) -> Bool {
      try explaining {
        let found = try connection.run(StoreRow.Kind.allCases.map { ConversionStatements.first($0)() })
        return found.allSatisfy(\.isEmpty)
      }
    }

    func relays() throws(StartFailure) -> Int {
      try explaining { Int(try connection.run(HomeStatements.running())[0].number(0, 0)) }
    }

    func begin(_ source: ConversionID, restoreEpoch: UInt64) throws(StartFailure) {
      try explaining {
        try connection.run(
          Statement.begin(), ConversionStatements.begin(.id(source.number)),
          ConversionStatements.closeStore(.number(Schema.nobody), .number(restoreEpoch)), Statement.commit())
      }
    }

    func cancel() throws(StartFailure) {
      try explaining {
        try connection.run(
          Statement.begin(), ConversionStatements.cancel(), ConversionStatements.openStore(.number(usual)),
          Statement.commit())
      }
    }

    func append(_ rows: [StoreRow], step: Int, place: [UInt8]) throws(StartFailure) {
      try explaining {
        let kinds = Dictionary(grouping: rows, by: \.kind)
        let inserts = try StoreRow.Kind.allCases.flatMap { kind in
          try kinds[kind].map { try ConversionStatements.inserts($0, of: kind) } ?? []
        }
        try connection.run(
          [Statement.begin()] + inserts
            + [ConversionStatements.advance(.number(step), .bytes(place)), Statement.commit()])
      }
    }

    /// One transaction, so one moment; whole tables, in whatever order is the fastest.
    func readAll(_ body: ([StoreRow]) -> Void) throws(StartFailure) {
      try explaining {
        try connection.run(
          [ConversionStatements.beginReading()] + ConversionStatements.planFreely.map { $0() })
        for kind in StoreRow.Kind.allCases {
          try connection.run(ConversionStatements.declare(kind)())
          while true {
            let rows = try connection.run(ConversionStatements.fetch(kind)())[0]
            if rows.isEmpty { break }
            body(try rows.indices.map { try ConversionStatements.row(rows, $0, kind) })
          }
          try connection.run(ConversionStatements.close(kind)())
        }
        try connection.run(Statement.commit())
      }
    }

    func finish() throws(StartFailure) {
      try explaining {
        try connection.run(
          Statement.begin(), ConversionStatements.finish(), ConversionStatements.openStore(.number(usual)),
          Statement.commit())
      }
    }

    /// The oldest program that this version serves.
    private var usual: Int { Schema.versions.last?.oldest ?? Schema.known }

    @discardableResult
    private func explaining<T>(_ body: () throws -> T) throws(StartFailure) -> T {
      try StartFailure.explaining(body)
    }
  }

  /// The database's side of `StoreRow`.
  private enum ConversionStatements {
    // MARK: The marks

    /// Of the session, not of a transaction.
    static let alone = Statement("convert alone", "SELECT pg_advisory_lock(\(AdvisoryLock.conversion))")
    static let mark = Statement("conversion", "SELECT source, step, place, finished FROM conversion")

    static let begin = Statement(
      "begin conversion", "INSERT INTO conversion (source, step, place, finished) VALUES ($1, 0, '', false)")
    static let closeStore = Statement("close store", "UPDATE store SET oldest = $1::bigint, restore_epoch = $2")
    static let openStore = Statement("open store", "UPDATE store SET oldest = $1::bigint")
    static let cancel = Statement("cancel conversion", "DELETE FROM conversion")
    static let advance = Statement("advance conversion", "UPDATE conversion SET step = $1::bigint, place = $2")
    static let finish = Statement("finish conversion", "UPDATE conversion SET finished = true, place = ''")

    static func first(_ kind: StoreRow.Kind) -> Statement {
      Statement("first \(kind)", "SELECT 1 FROM \(kind.rawValue) LIMIT 1")
    }

    // MARK: Reading

    static let beginReading = Statement("begin reading", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    /// Whatever a session of a relay avoids is right for a whole table.
    static let planFreely = [Statement("read in any order", "SET LOCAL enable_seqscan = on")]

    static func declare(_ kind: StoreRow.Kind) -> Statement {
      let columns =
        switch kind {
        case .batch: "mailbox, batch, digest, taken, leaves, ends, page"
        case .envelope: names(kind) + ", sum"
        default: names(kind)
        }
      return Statement(
        "declare \(kind)", "DECLARE walk_\(kind.rawValue) NO SCROLL CURSOR FOR SELECT \(columns) FROM \(kind.rawValue)")
    }

    static func fetch(_ kind: StoreRow.Kind) -> Statement {
      let count =
        switch kind {
        case .batch: FleetLimits.longestRows
        case .envelope, .card, .signedPart: FleetLimits.longRows
        default: FleetLimits.shortRows
        }
      return Statement("fetch \(kind)", "FETCH FORWARD \(count) FROM walk_\(kind.rawValue)")
    }

    static func close(_ kind: StoreRow.Kind) -> Statement {
      Statement("close \(kind)", "CLOSE walk_\(kind.rawValue)")
    }

    /// Throws when a checksum is not that of what it stands beside. [operation.11]
    static func row(_ rows: Rows, _ row: Int, _ kind: StoreRow.Kind) throws -> StoreRow {
      if kind == .batch { return batch(rows, row) }
      let fields = kind.columns.enumerated().map { place, column -> StoreRow.Field in
        if rows.isNull(row, place) { return .none }
        return switch column.kind {
        case .id: .id(rows.id(row, place))
        case .number, .flag: .number(rows.number(row, place))
        case .bytes: .bytes(rows.bytes(row, place))
        }
      }
      let found = StoreRow(kind, fields)
      if kind == .envelope, try sum(of: found) != rows.number(row, fields.count) {
        throw DatabaseFailure(state: "XX001")
      }
      return found
    }

    /// What was handed out is not a part of it any more.
    private static func batch(_ rows: Rows, _ row: Int) -> StoreRow {
      let (leaves, ends, page) = (rows.numbers(row, 4), rows.numbers(row, 5), rows.bytes(row, 6))
      let taken = Int(rows.number(row, 3))
      let parts = zip(leaves, ends).enumerated().dropFirst(taken).map { place, part -> OneTimeParts.Part in
        let start = place == 0 ? 0 : Int(ends[place - 1])
        let bytes = page.dropFirst(start).prefix(max(Int(part.1) - start, 0))
        return OneTimeParts.Part(leaf: UInt32(bitPattern: part.0), sealed: Array(bytes))
      }
      return StoreRow(
        .batch,
        [
          .id(rows.id(row, 0)), .number(rows.number(row, 1)), .bytes(rows.bytes(row, 2)),
          .bytes(OneTimeParts(parts).encoded),
        ])
    }

    private static func sum(of envelope: StoreRow) throws -> Int64 {
      guard case .id(let mailbox) = envelope.fields[0], case .number(let position) = envelope.fields[1],
        case .id(let id) = envelope.fields[2], case .bytes(let bytes) = envelope.fields[5]
      else { throw DatabaseFailure(state: "XX001") }
      return StoredSum.of(
        Checksum(bytes[...]), MailboxID(number: mailbox), UInt64(clamping: position), EnvelopeID(number: id))
    }

    // MARK: Writing

    static func inserts(_ rows: [StoreRow], of kind: StoreRow.Kind) throws -> [Call] {
      switch kind {
      case .batch: return try rows.map { try insertBatch($0) }
      case .envelope:
        let sums = try rows.map { try sum(of: $0) }
        return [Call(statement: insert(kind, adding: "sum"), values: columns(rows, kind) + [.numbers(sums)])]
      case .push:
        let values = columns(rows, kind)
        return [Call(statement: insert(kind), values: values), wakeable(values[0])]
      default: return [Call(statement: insert(kind), values: columns(rows, kind))]
      }
    }

    /// Rows that are many, column by column. In an array nothing is NULL, so what is absent has a word of its own: a number
    /// below zero, the id 0, no bytes.
    private static func insert(_ kind: StoreRow.Kind, adding more: String? = nil) -> Statement {
      let all = kind.columns.map(\.name) + [more].compactMap(\.self)
      let types = kind.columns.map(type) + (more == nil ? [] : ["bigint"])
      let arrays = types.enumerated().map { "$\($0 + 1)::\($1)[]" }.joined(separator: ", ")
      let values = kind.columns.map { column in
        if column.kind == .flag { return "r.\(column.name) > 0" }
        return column.isOptional ? "nullif(r.\(column.name), \(absent(column)))" : "r.\(column.name)"
      }
      return Statement(
        "convert \(kind)",
        """
        INSERT INTO \(kind.rawValue) (\(all.joined(separator: ", ")))
        SELECT \((values + [more].compactMap { $0.map { "r.\($0)" } }).joined(separator: ", "))
        FROM unnest(\(arrays)) AS r (\(all.joined(separator: ", ")))
        """)
    }

    private static func columns(_ rows: [StoreRow], _ kind: StoreRow.Kind) -> [Value] {
      kind.columns.enumerated().map { place, column in
        let fields = rows.map { $0.fields[place] }
        switch column.kind {
        case .id: return .ids(fields.map { if case .id(let id) = $0 { id } else { 0 } })
        case .number, .flag: return .numbers(fields.map { if case .number(let number) = $0 { number } else { -1 } })
        case .bytes: return .manyBytes(fields.map { if case .bytes(let bytes) = $0 { bytes[...] } else { [] } })
        }
      }
    }

    private static func type(_ column: StoreRow.Column) -> String {
      switch column.kind {
      case .id: "uuid"
      case .number, .flag: "bigint"
      case .bytes: "bytea"
      }
    }

    private static func absent(_ column: StoreRow.Column) -> String {
      switch column.kind {
      case .id: "'00000000-0000-0000-0000-000000000000'::uuid"
      case .number, .flag: "-1"
      case .bytes: "''::bytea"
      }
    }

    private static func names(_ kind: StoreRow.Kind) -> String { kind.columns.map(\.name).joined(separator: ", ") }

    /// The heads of whose owners want to be woken.
    private static let wakeable = Statement(
      "convert wakeable", "UPDATE mailbox SET push = 0 WHERE id = ANY ($1::uuid[])")

    private static let addBatch = Statement(
      "convert batch",
      """
      INSERT INTO batch (mailbox, batch, digest, total, leaves, ends, page)
      VALUES ($1, $2, $3, $4::bigint, $5::bigint[]::integer[], $6::bigint[]::integer[], $7)
      """)

    /// As if it had never had more than what is left of it.
    private static func insertBatch(_ batch: StoreRow) throws -> Call {
      guard case .id(let mailbox) = batch.fields[0], case .number(let number) = batch.fields[1],
        case .bytes(let digest) = batch.fields[2], case .bytes(let encoded) = batch.fields[3]
      else { throw DatabaseFailure(state: nil) }
      let parts = try OneTimeParts(decoding: encoded).parts
      var (page, ends): ([UInt8], [Int64]) = ([], [])
      for part in parts {
        page += part.sealed
        ends.append(Int64(page.count))
      }
      return addBatch(
        .id(mailbox), .number(number), .bytes(digest), .number(parts.count),
        .numbers(parts.map { Int64(Int32(bitPattern: $0.leaf)) }),
        .numbers(ends), .bytes(page))
    }
  }
#endif
