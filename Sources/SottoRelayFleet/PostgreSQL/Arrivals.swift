#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  internal import SottoWire
  internal import Synchronization

  extension PostgreSQLStore {
    package func submit(
      _ arrivals: [Arrival], now: Int64, admit: @escaping ArrivalAdmission,
      done: @escaping @Sendable ([Acceptance]) -> Void
    ) {
      let lanes = threads.arrivals
      for (lane, submission) in Submission.divided(arrivals, now, admit, done, among: lanes.count)
      where !lanes[lane].put(submission) { submission.fail(.unavailable) }
    }
  }

  /// Arrivals that came together, and whom to answer.
  struct Submission: Sendable {
    let arrivals: [Arrival]
    let now: Int64
    let admit: ArrivalAdmission
    let done: @Sendable ([Acceptance]) -> Void

    /// What is for one mailbox stays together, in order: so the threads never wait for each other's heads.
    static func divided(
      _ arrivals: [Arrival], _ now: Int64, _ admit: @escaping ArrivalAdmission,
      _ done: @escaping @Sendable ([Acceptance]) -> Void, among lanes: Int
    ) -> [(lane: Int, Submission)] {
      let places = Dictionary(grouping: arrivals.indices) { Int(arrivals[$0].mailbox.number % UInt128(lanes)) }
      guard places.count > 1 else {
        let lane = places.keys.first ?? 0
        return [(lane, Submission(arrivals: arrivals, now: now, admit: admit, done: done))]
      }
      let parts = Parts(arrivals.count, places.count, done)
      return places.map { lane, places in
        let own = places.map { arrivals[$0] }
        return (lane, Submission(arrivals: own, now: now, admit: admit) { parts.take($0, for: places) })
      }
    }

    func fail(_ failure: StoreFailure) { done(arrivals.map { _ in .failed(failure) }) }

    /// As many as make one transaction.
    static let batch: @Sendable () -> (Submission) -> Bool = {
      var (count, bytes) = (0, 0)
      return { submission in
        count += submission.arrivals.count
        bytes += submission.arrivals.reduce(0) { $0 + $1.bytes.count }
        return count <= FleetLimits.batch && bytes <= FleetLimits.batchBytes
      }
    }
  }

  /// Answers of several threads to one submission; the last to come tells.
  private final class Parts: Sendable {
    private let state: Mutex<(answers: [Acceptance], left: Int)>
    private let done: @Sendable ([Acceptance]) -> Void

    init(_ count: Int, _ parts: Int, _ done: @escaping @Sendable ([Acceptance]) -> Void) {
      state = Mutex((Array(repeating: .failed(.unavailable), count: count), parts))
      self.done = done
    }

    func take(_ answers: [Acceptance], for places: [Int]) {
      let all = state.withLock { state -> [Acceptance]? in
        for (place, answer) in zip(places, answers) { state.answers[place] = answer }
        state.left -= 1
        return state.left == 0 ? state.answers : nil
      }
      if let all { done(all) }
    }
  }

  extension Submission {
    /// One transaction, two round trips:
    ///
    ///     BEGIN, lock heads, doors, known names -> judged here -> insert envelopes and names, heads, COMMIT -> answers
    ///                                                |
    ///                                                +-> another relay has the head -> with the next transaction
    ///
    /// Whom somebody else writes to just now is passed over, so that nobody has to wait for what is not for him.
    ///
    /// - Returns: what was passed over, and by whose place.
    ///
    /// Throws when the connection is lost: then the same is done once more, and what was committed all the same is known
    /// by its name.
    static func accept(
      _ submissions: [Submission], _ connection: Connection, _ report: @Sendable (CommitReport) -> Void
    ) throws(DatabaseFailure) -> [(place: Int, work: Submission)] {
      var attempts = FleetLimits.attempts
      while true {
        do {
          let outcomes = try attempt(submissions, connection, report)
          return outcomes.indices.compactMap { place in
            submissions[place].answered(outcomes[place]).map { (place, $0) }
          }
        } catch {
          attempts -= 1
          if error.isCollision, !error.isLost, attempts > 0 { continue }
          report(.failed)
          if error.isLost { throw error }
          for submission in submissions { submission.fail(error.forStore) }
          return []
        }
      }
    }

    /// Answers what was judged, in its place; what is left has no answer yet.
    private func answered(_ outcomes: [Acceptance?]) -> Submission? {
      let left = outcomes.indices.filter { outcomes[$0] == nil }
      guard !left.isEmpty else {
        done(outcomes.compactMap(\.self))
        return nil
      }
      guard left.count < outcomes.count else { return self }
      let judged = outcomes.indices.filter { outcomes[$0] != nil }
      let parts = Parts(outcomes.count, 2, done)
      parts.take(outcomes.compactMap(\.self), for: judged)
      return Submission(arrivals: left.map { arrivals[$0] }, now: now, admit: admit) { parts.take($0, for: left) }
    }

    /// nil for what is passed over.
    private static func attempt(
      _ submissions: [Submission], _ connection: Connection, _ report: @Sendable (CommitReport) -> Void
    ) throws(DatabaseFailure) -> [[Acceptance?]] {
      var batch = try ArrivalBatch(submissions.flatMap(\.arrivals), connection)
      let outcomes = submissions.map { submission in
        submission.arrivals.map { arrival -> Acceptance? in
          guard !batch.isElsewhere(arrival.mailbox.number) else { return nil }
          return batch.judge(arrival, now: submission.now, submission.admit)
        }
      }
      guard !batch.rows.isEmpty else {
        connection.rollBack()
        return outcomes
      }
      try batch.write(connection)
      report(.committed(batch.rows.count))
      let homes = batch.homes
      if !homes.isEmpty { report(.elsewhere(.arrived, homes)) }
      if batch.isPushDue { report(.pushDue) }
      return outcomes
    }
  }

  /// Heads of mailboxes, locked, and what arrives in them.
  private struct ArrivalBatch {
    private struct Head {
      var queue: QueueState
      let home: SocketPlace?
      /// The day when its owner was asked to be woken, or 0; nil: never to be.
      let push: Int64?
      /// Until when it is paid for; nil: nothing has to be.
      let lease: Int64?
      var doors: [Door] = []
    }

    private struct Name: Hashable {
      let mailbox: UInt128
      let id: UInt128
    }

    struct Row {
      let arrival: Arrival
      let index: UInt64
      let kind: CapabilityClass
      let day: Int64
    }

    private var heads: [UInt128: Head] = [:]
    /// Mailboxes that are there, and whose heads others have locked.
    private var elsewhere: Set<UInt128> = []
    private var known: Set<Name> = []
    private(set) var rows: [Row] = []
    /// Whether somebody is to be woken.
    private(set) var isPushDue = false

    init(_ arrivals: [Arrival], _ connection: Connection) throws(DatabaseFailure) {
      let mailboxes = Value.ids(Set(arrivals.map(\.mailbox.number)).sorted())
      let found = try connection.run(
        Statement.begin(), Self.lock(mailboxes), Self.doors(mailboxes),
        Self.names(.ids(arrivals.map(\.mailbox.number)), .ids(arrivals.map(\.id.number))))
      let (locked, doors, names) = (found[1], found[2], found[3])
      for row in locked.indices {
        let push = locked.isNull(row, 8) ? nil : locked.number(row, 8)
        heads[locked.id(row, 0)] = Head(
          queue: QueueState(locked, row), home: SocketPlace(locked, row, from: 6), push: push,
          lease: locked.isNull(row, 9) ? nil : locked.number(row, 9))
      }
      for row in doors.indices {
        let mailbox = doors.id(row, 0)
        heads[mailbox]?.doors += [Door(doors, row, from: 1)].compactMap(\.self)
        // One without doors lets nobody in, whoever has its head.
        if heads[mailbox] == nil { elsewhere.insert(mailbox) }
      }
      for row in names.indices { known.insert(Name(mailbox: names.id(row, 0), id: names.id(row, 1))) }
    }

    func isElsewhere(_ mailbox: UInt128) -> Bool { elsewhere.contains(mailbox) }

    /// What the sender will be told if the rows are committed. A mailbox that is not there is judged like one that does
    /// not open. [relay.24]
    mutating func judge(_ arrival: Arrival, now: Int64, _ admit: ArrivalAdmission) -> Acceptance {
      let mailbox = arrival.mailbox.number
      let doors = heads[mailbox]?.doors ?? Door.ofNobody
      do {
        let found = doors.kind(arrival.capability, now: now)
        guard let kind = found, RegistrationRules.isPaid(until: heads[mailbox]?.lease, now: now) else {
          throw Refusal(.deliveryRefused)
        }
        // The name decides, not the bytes: the first envelope of a name is the one that counts. [relay.26]
        let name = Name(mailbox: mailbox, id: arrival.id.number)
        guard !known.contains(name) else { return .repeated }
        try admit(kind, arrival.mailbox)
        guard let index = try heads[mailbox]?.queue.accept(arrival.bytes.count, as: kind) else {
          throw Refusal(.deliveryRefused)
        }
        known.insert(name)
        rows.append(Row(arrival: arrival, index: index, kind: kind, day: MailboxRules.day(now)))
        return .stored
      } catch let refusal as Refusal {
        return .refused(refusal)
      } catch {
        return .failed(.failed(-1))
      }
    }

    /// Sockets that something arrived for, by the relays that hold them.
    var homes: [NodeID: [SocketHandle]] {
      Set(rows.map(\.arrival.mailbox.number)).reduce(into: [:]) { homes, mailbox in
        if let home = heads[mailbox]?.home { homes[home.node, default: []].append(home.socket) }
      }
    }

    /// Mailboxes whose owner has no stream and may have to be woken today. [push.2] Mostly there are none, and nothing is
    /// asked.
    private var wakeable: [UInt128] {
      let all = rows.filter { row in
        guard let head = heads[row.arrival.mailbox.number], head.home == nil, let push = head.push else { return false }
        return push < row.day
      }
      return Set(all.map(\.arrival.mailbox.number)).sorted()
    }

    mutating func write(_ connection: Connection) throws(DatabaseFailure) {
      let mailboxes = Value.ids(rows.map(\.arrival.mailbox.number))
      let names = Value.ids(rows.map(\.arrival.id.number))
      let positions = Value.numbers(rows.map { Int64($0.index) })
      let days = Value.numbers(rows.map(\.day))
      let changed = Set(rows.map(\.arrival.mailbox.number)).sorted()
      let queues = changed.map { heads[$0]?.queue ?? QueueState() }
      let wakeable = wakeable
      let wake = wakeable.isEmpty ? [] : [PushStatements.wake(.ids(wakeable))]
      let written = [
        Self.envelopes(
          mailboxes, positions, names, .numbers(rows.map { Int64($0.kind.rawValue) }), days,
          .numbers(rows.map(\.sum)), .manyBytes(rows.map(\.arrival.bytes))),
        Self.remember(mailboxes, names, positions, days),
        Self.update(
          .ids(changed), .numbers(queues.map { Int64($0.lastIndex) }), .numbers(queues.map { Int64($0.contact.count) }),
          .numbers(queues.map { Int64($0.contact.bytes) }), .numbers(queues.map { Int64($0.knock.count) }),
          .numbers(queues.map { Int64($0.knock.bytes) })),
      ]
      let answers = try connection.run(written + wake + [Statement.commit()])
      isPushDue = !wake.isEmpty && answers[written.count].changed > 0
    }

    // MARK: Statements

    // Each of these asks for one row after the other. As a join they could be turned round while a table is taken for empty,
    // which one that was just emptied is for a minute: then all of it would be read for each row that is asked for.

    private static let lock = Statement(
      "lock queues",
      """
      SELECT m.id, m.last_index, m.contact_count, m.contact_bytes, m.knock_count, m.knock_bytes, m.home,
        m.socket, m.push, m.lease
      FROM (SELECT unnest($1::uuid[]) AS id ORDER BY id) AS k,
        LATERAL (SELECT * FROM mailbox m WHERE m.id = k.id FOR UPDATE SKIP LOCKED) AS m
      """)

    private static let doors = Statement(
      "doors",
      """
      SELECT c.mailbox, c.hash, c.class, c.expires
      FROM unnest($1::uuid[]) AS k (id), LATERAL (SELECT * FROM capability c WHERE c.mailbox = k.id OFFSET 0) AS c
      """)

    private static let names = Statement(
      "names",
      """
      SELECT k.mailbox, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (mailbox, id)
      WHERE EXISTS (SELECT FROM name n WHERE n.mailbox = k.mailbox AND n.id = k.id OFFSET 0)
      """)

    private static let envelopes = Statement(
      "add envelopes",
      """
      INSERT INTO envelope (mailbox, position, id, class, day, sum, bytes)
      SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
      """)

    private static let remember = Statement(
      "add names",
      """
      INSERT INTO name (mailbox, id, position, day)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
      """)

    private static let update = Statement(
      "update queues",
      """
      UPDATE mailbox m SET last_index = k.last_index, contact_count = k.contact_count,
        contact_bytes = k.contact_bytes, knock_count = k.knock_count, knock_bytes = k.knock_bytes
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS k (id, last_index, contact_count, contact_bytes, knock_count, knock_bytes)
      WHERE m.id = k.id
      """)
  }

  extension ArrivalBatch.Row {
    /// What the column `sum` must be: the bytes, and whose they are. [operation.11]
    var sum: Int64 { StoredSum.of(arrival.sum, arrival.mailbox, index, arrival.id) }
  }

  /// A checksum with the place of what it is of. [operation.11]
  enum StoredSum {
    static func of(_ bytes: Checksum, _ mailbox: MailboxID, _ index: UInt64, _ name: EnvelopeID) -> Int64 {
      var sum = bytes
      for id in [mailbox.number, name.number] {
        sum.add(UInt64(truncatingIfNeeded: id >> 64))
        sum.add(UInt64(truncatingIfNeeded: id))
      }
      sum.add(index)
      return Int64(bitPattern: sum.value)
    }
  }

  extension QueueState {
    /// From `lock queues`.
    fileprivate init(_ rows: Rows, _ row: Int) {
      func usage(_ column: Int) -> Usage {
        Usage(count: Int(rows.number(row, column)), bytes: Int(rows.number(row, column + 1)))
      }
      self.init(lastIndex: rows.unsigned(row, 1), contact: usage(2), knock: usage(4))
    }
  }

  extension Door {
    /// From `hash, class, expires`; nil for a class that this program does not know.
    init?(_ rows: Rows, _ row: Int, from column: Int) {
      guard let hash = try? Digest(rows.bytes(row, column)),
        let kind = CapabilityClass(rawValue: UInt8(clamping: rows.number(row, column + 1)))
      else { return nil }
      self.init(hash: hash, kind: kind, expires: rows.isNull(row, column + 2) ? nil : rows.number(row, column + 2))
    }
  }
#endif
