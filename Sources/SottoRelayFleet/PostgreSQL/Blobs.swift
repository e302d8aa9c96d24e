#if Fleet
  package import SottoCrypto
  package import SottoRelay
  package import SottoWire

  extension PostgreSQLStore {
    package func claimBlob(
      _ target: UploadTarget, _ length: BlobLength, part: PartName, now: Int64,
      admit: @escaping @Sendable () throws -> Void
    ) async throws -> Upload {
      try await job { connection in
        let (mailbox, id) = (Value.id(target.mailbox.number), Value.id(target.blob.number))
        let found = try connection.run(
          Statement.begin(), MailboxStatements.lock(mailbox), MailboxStatements.doors(mailbox), BlobStatements.find(id),
          BlobStatements.usage(mailbox))
        try Self.checkMayUpload(found[1], found[2], target, now: now)
        if let known = try BlobRow(found[3]), known.isKept(now) {
          guard known.mailbox == target.mailbox.number, known.upload.length == length else {
            throw Refusal(.blobConflict)
          }
          connection.rollBack()
          return known.upload
        }
        try BlobRules.admit(
          length, besides: .init(count: Int(found[4].number(0, 0)), bytes: Int(found[4].number(0, 1))))
        try admit()
        // One that has expired may be there still; one that has come since then stays.
        let answers = try connection.run(
          BlobStatements.expireOne(
            id, .number(BlobRules.firstDay(isWhole: true, now: now)),
            .number(BlobRules.firstDay(isWhole: false, now: now))), BlobStatements.place(id, mailbox),
          BlobStatements.insert(
            mailbox, id, .number(length.bytes), .number(MailboxRules.day(now)), .id(part.number)),
          Statement.commit())
        // Somebody else has taken the name since it was looked for: what is there is judged anew.
        guard answers[1].changed == 1 else { throw DatabaseFailure.collision }
        return Upload(length: length, state: .arriving(part, saved: 0))
      }
    }

    package func upload(_ target: UploadTarget, now: Int64) async throws -> Upload {
      try await job { connection in
        let mailbox = Value.id(target.mailbox.number)
        let found = try connection.run(
          MailboxStatements.isThere(mailbox), MailboxStatements.doors(mailbox),
          BlobStatements.find(.id(target.blob.number)))
        try Self.checkMayUpload(found[0], found[1], target, now: now)
        guard let known = try BlobRow(found[2]), known.mailbox == target.mailbox.number, known.isKept(now) else {
          throw Refusal(.notFound)
        }
        return known.upload
      }
    }

    package func saveUpload(_ part: PartName, upTo saved: Int) async throws {
      try await job { connection in
        let answer = try connection.run(BlobStatements.save(.id(part.number), .number(saved)))[0]
        guard answer.changed == 1 else { throw Refusal(.notFound) }
      }
    }

    package func moveUpload(_ part: PartName, to other: PartName, saved: Int) async throws {
      try await job { connection in
        let moved = try connection.run(
          BlobStatements.move(.id(part.number), .id(other.number), .number(saved)))[0].number(0, 0)
        guard moved == 1 else { throw Refusal(.notFound) }
      }
    }

    package func announceUpload(_ part: PartName, as content: Digest) async throws {
      try await job { connection in
        let answer = try connection.run(BlobStatements.announce(.id(part.number), .bytes(content.bytes)))[0]
        guard answer.changed == 1 else { throw Refusal(.notFound) }
      }
    }

    package func finishUpload(_ part: PartName, as content: Digest, now: Int64) async throws {
      try await job { connection in
        let answer = try connection.run(
          BlobStatements.finish(.id(part.number), .bytes(content.bytes), .number(MailboxRules.day(now))))[0]
        guard answer.changed == 1 else { throw Refusal(.notFound) }
      }
    }

    package func blob(_ id: BlobID, now: Int64) async throws -> StoredBlob? {
      try await job { connection in
        let rows = try connection.run(
          BlobStatements.whole(.id(id.number), .number(BlobRules.firstDay(isWhole: true, now: now))))[0]
        return try rows.isEmpty ? nil : Self.storedBlob(rows, 0)
      }
    }

    package func deleteUploads(_ id: MailboxID, _ blob: BlobID?, by mutation: Mutation) async throws {
      try await job(
        Self.mutation(id, by: mutation) { _, _ in
          [BlobStatements.delete(.id(id.number), blob.map { .id($0.number) } ?? .null)]
        })
    }

    package func sweepBlobs(now: Int64) async throws {
      let (whole, arriving) = (
        BlobRules.firstDay(isWhole: true, now: now), BlobRules.firstDay(isWhole: false, now: now)
      )
      var rest = true
      while rest {
        rest = try await job { connection in
          try connection.run(
            BlobStatements.expire(.number(whole), .number(arriving), .number(FleetLimits.sweepStep)))[0].number(0, 0)
            >= FleetLimits.sweepStep
        }
      }
    }

    // MARK: Files

    package func abandonedFiles(limit: Int) async throws -> [BlobFile] {
      try await job { connection in
        let rows = try connection.run(BlobStatements.abandoned(.number(limit)))[0]
        return try rows.indices.map { row in
          let name = rows.bytes(row, 0)
          return name.count == PartName.count ? .part(try PartName(name)) : .content(try Digest(name))
        }
      }
    }

    package func forgetFiles(_ files: [BlobFile]) async throws {
      try await job { connection in
        _ = try connection.run(BlobStatements.forget(.manyBytes(files.map { $0.name[...] })))
      }
    }

    package func unneeded(_ files: [BlobFile]) async throws -> [BlobFile] {
      try await job { connection in
        var (parts, contents): ([UInt128], [ArraySlice<UInt8>]) = ([], [])
        for file in files {
          switch file {
          case .part(let part): parts.append(part.number)
          case .content(let content): contents.append(content.bytes[...])
          }
        }
        let rows = try connection.run(BlobStatements.needed(.ids(parts), .manyBytes(contents)))[0]
        let needed = Set(rows.indices.map { rows.bytes($0, 0) })
        return files.filter { !needed.contains($0.name) }
      }
    }

    package func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob] {
      try await job { connection in
        let rows = try connection.run(BlobStatements.contents(.bytes(content.bytes), .number(limit)))[0]
        return try rows.indices.map { try Self.storedBlob(rows, $0) }
      }
    }

    package func dropBlobs(_ content: Digest) async throws {
      try await job { connection in _ = try connection.run(BlobStatements.drop(.bytes(content.bytes))) }
    }

    // MARK: Rows

    private static func storedBlob(_ rows: Rows, _ row: Int) throws -> StoredBlob {
      guard let length = BlobLength(Int(rows.number(row, 1))) else { throw StoreFailure.failed(-1) }
      return StoredBlob(content: try Digest(rows.bytes(row, 0)), length: length)
    }

    /// Whether the sender may upload to the mailbox; every case of no is one answer. [relay.24] [blob.3]
    private static func checkMayUpload(_ mailbox: Rows, _ doors: Rows, _ target: UploadTarget, now: Int64) throws {
      let doors = mailbox.isEmpty ? Door.ofNobody : doors.indices.compactMap { Door(doors, $0, from: 0) }
      guard let kind = doors.kind(DigestNumbers(target.capability), now: now), BlobRules.mayUpload(kind) else {
        throw Refusal(.deliveryRefused)
      }
    }
  }

  /// A blob's row.
  private struct BlobRow {
    let mailbox: UInt128
    let day: Int64
    let upload: Upload

    /// From `find blob`; nil when there is none.
    init?(_ rows: Rows) throws {
      guard !rows.isEmpty else { return nil }
      guard let length = BlobLength(Int(rows.number(0, 2))) else { throw StoreFailure.failed(-1) }
      (mailbox, day) = (rows.id(0, 0), rows.number(0, 1))
      let state =
        rows.isNull(0, 3)
        ? Upload.State.whole : .arriving(try PartName(rows.bytes(0, 3)), saved: Int(rows.number(0, 4)))
      upload = Upload(length: length, state: state)
    }

    func isKept(_ now: Int64) -> Bool { day >= BlobRules.firstDay(isWhole: upload.state == .whole, now: now) }
  }

  extension PartName {
    fileprivate var number: UInt128 { UInt128(bytes: bytes) }
  }

  /// A blob has `part` and `saved` until it is whole, then `hash`; while its file is renamed, both. A row that goes, for
  /// whatever reason, leaves the name of its file behind: 16 bytes are a part's, 32 a content's. `blob_place` says which
  /// mailbox has a name.
  enum BlobStatements {
    static let find = Statement(
      "find blob",
      """
      SELECT b.mailbox, b.day, b.length, b.part, b.saved
      FROM blob_place p JOIN blob b ON b.mailbox = p.mailbox AND b.id = p.id WHERE p.id = $1
      """)

    static let whole = Statement(
      "whole blob",
      """
      SELECT b.hash, b.length FROM blob_place p JOIN blob b ON b.mailbox = p.mailbox AND b.id = p.id
      WHERE p.id = $1 AND b.part IS NULL AND b.day >= $2::bigint
      """)

    static let usage = Statement(
      "blob usage", "SELECT count(*), coalesce(sum(length), 0)::bigint FROM blob WHERE mailbox = $1")

    static let place = Statement(
      "place blob", "INSERT INTO blob_place (id, mailbox) VALUES ($1, $2) ON CONFLICT DO NOTHING")

    /// Only where the place was had.
    static let insert = Statement(
      "add blob",
      """
      INSERT INTO blob (mailbox, id, length, day, part, saved)
      SELECT p.mailbox, p.id, $3, $4::bigint, $5, 0 FROM blob_place p WHERE p.id = $2 AND p.mailbox = $1
      ON CONFLICT DO NOTHING
      """)

    static let save = Statement("save blob", "UPDATE blob SET saved = $2 WHERE part = $1")

    static let move = Statement(
      "move upload",
      """
      WITH moved AS (UPDATE blob SET part = $2, saved = $3 WHERE part = $1 RETURNING 1),
        files AS (INSERT INTO abandoned SELECT uuid_send($1) FROM moved ON CONFLICT DO NOTHING)
      SELECT count(*) FROM moved
      """)

    static let announce = Statement("announce upload", "UPDATE blob SET hash = $2 WHERE part = $1")

    static let finish = Statement(
      "finish blob",
      "UPDATE blob SET part = NULL, hash = $2, saved = length, day = $3::bigint WHERE part = $1")

    /// Names of files, of those that are asked for, that a row has.
    static let needed = Statement(
      "needed files",
      """
      SELECT uuid_send(part) FROM blob WHERE part = ANY ($1::uuid[])
      UNION SELECT hash FROM blob WHERE hash = ANY ($2::bytea[])
      """)

    static let contents = Statement(
      "contents",
      """
      SELECT hash, length FROM blob WHERE hash IS NOT NULL AND part IS NULL AND hash > $1
      GROUP BY hash, length ORDER BY hash LIMIT $2
      """)

    static let abandoned = Statement("abandoned files", "SELECT name FROM abandoned LIMIT $1")
    static let forget = Statement("forget files", "DELETE FROM abandoned WHERE name = ANY ($1::bytea[])")

    /// All of a mailbox, or one.
    static let delete = Statement(
      "delete blobs",
      gone("DELETE FROM blob WHERE mailbox = $1 AND ($2::uuid IS NULL OR id = $2) RETURNING id, part, hash"))

    static let expireOne = Statement(
      "expire blob",
      gone(
        """
        DELETE FROM blob b USING blob_place p WHERE p.id = $1 AND b.mailbox = p.mailbox AND b.id = p.id
          AND (b.day < $2::bigint OR (b.part IS NOT NULL AND b.day < $3::bigint))
        RETURNING b.id, b.part, b.hash
        """))

    static let drop = Statement("drop blobs", gone("DELETE FROM blob WHERE hash = $1 RETURNING id, part, hash"))

    static let expire = Statement(
      "expire blobs",
      gone(
        """
        DELETE FROM blob b USING (
          SELECT mailbox, id FROM blob WHERE day < $1::bigint OR (part IS NOT NULL AND day < $2::bigint) LIMIT $3) AS old
        WHERE b.mailbox = old.mailbox AND b.id = old.id RETURNING b.id, b.part, b.hash
        """))

    /// Deletes rows with everything that belongs to that, and says how many they were.
    private static func gone(_ delete: String) -> String {
      """
      WITH gone AS (\(delete)),
        places AS (DELETE FROM blob_place p USING gone g WHERE p.id = g.id),
        files AS (
          INSERT INTO abandoned SELECT hash FROM gone WHERE hash IS NOT NULL
          UNION SELECT uuid_send(part) FROM gone WHERE part IS NOT NULL ON CONFLICT DO NOTHING)
      SELECT count(*) FROM gone
      """
    }
  }
#endif
