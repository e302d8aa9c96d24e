#if Fleet
  internal import SottoRelay

  /// Every bound of the fleet, with its reason.
  package enum FleetLimits {
    /// Seconds that work may wait for the database before it is told that there is none: longer than a restart of
    /// PostgreSQL takes, shorter than the time-out of any client.
    static let patience = 5
    /// The same for `/readyz`: who asks wants to know of now.
    static let pingPatience = 1
    /// Seconds that the database may take to answer what was sent to it: past it the connection is taken for dead.
    static let answer = 15
    /// The same for `db migrate`: an index on a large table takes its time.
    static let migration = 6 * 3_600
    /// Rows that a conversion reads back at a time, of what is short, long (an envelope has up to 64 KiB) and longest (the
    /// parts of a batch have a mebibyte): some mebibytes in memory.
    static let shortRows = 1_024
    static let longRows = 64
    static let longestRows = 4
    /// Seconds to connect to one host, unless the address says otherwise.
    static let connect = "3"
    /// Milliseconds until bytes that nobody confirms end a connection: a host that vanished says nothing.
    static let unconfirmed = "10000"
    /// Milliseconds that one statement may take, and that it may wait for a lock: below `answer`, so that the database is
    /// the first to give up, and says so.
    static let statement = 10_000
    static let lock = 5_000
    /// Milliseconds to wait before the second attempt to connect; doubled for each further one, of which a random part is
    /// waited, so that the nodes of a fleet do not all come back at the same moment.
    static let firstPause = 50
    static let longestPause = 1_000
    /// Seconds after which plans are made again, some milliseconds for all of a connection.
    static let planLife = 1
    /// How often work is tried when the database says that others were in its way.
    static let attempts = 3

    /// Threads with a connection for everything but accepts and acks: more than a few cores of a database can use are of
    /// no use, and every connection is a process there.
    static let jobThreads = 4
    /// Threads with a connection for accepts: while one waits for the disk the other makes or sends its next transaction.
    static let arrivalThreads = 2
    /// Envelopes, or acks, of one transaction.
    static let batch = 256
    /// After which a mailbox is tried again to which somebody else wrote, if nothing else is to be done: about as long
    /// as a commit takes.
    static let passPause = Duration.milliseconds(2)
    /// From one transaction of a thread for accepts to the next, while several send: twice what one takes, but at least what a
    /// request takes to come in anyway, and never long enough for a person to notice.
    package static let pace = Duration.milliseconds(4)
    package static let longestPace = Duration.milliseconds(32)
    /// Submissions of one transaction from which on it is four times what that took: so many wait that a database which is
    /// asked less often answers all of them sooner.
    package static let paceBusy = 8
    /// Submissions that are enough for a transaction before.
    package static let paceEnough = 32
    /// Bytes of envelopes after which no more are added to a transaction: what has to be in memory twice.
    static let batchBytes = 4 * 1024 * 1024
    /// After so many delivered envelopes of a mailbox their oldest names are looked at: each look reads some thousands.
    static let trim: Int64 = 1_024
    /// Sockets of one look, and of one leave: some milliseconds.
    static let look = 1_000
    /// Seconds after which a relay that ended without a word is forgotten.
    static let burySeconds = 86_400
    /// Rows of one step of a sweep: short transactions, so that nobody waits for one.
    static let sweepStep = 1_024
    /// Partitions of each table that is made from now on: as many as vacuum has workers for, and one. A transaction opens
    /// and locks each that it meets, of every table and with every index, so with 16, as tables were made before, one of 16
    /// envelopes took the database twice as long.
    static let partitions = 4

    /// Seconds to connect to one host of the broker, and that it may take to answer.
    static let brokerConnect = 3
    static let brokerAnswer = 5
    /// Seconds between signs of life of broker and relay: two that are missing end the connection.
    static let brokerHeartbeat: Int32 = 10
    /// Milliseconds after which the thread sees to signs of life, when nothing else happens.
    static let brokerTurn: Int32 = 1_000
    /// Notices, and bytes of them, that wait at the broker for one relay: past either the oldest are dropped.
    static let brokerQueue: Int32 = 10_000
    static let brokerQueueBytes: Int32 = 16 * 1024 * 1024
    /// Handles that wait for the thread: 16 B each. Past it no more are taken.
    static let brokerWaiting = 262_144
    /// What the thread may take for one turn. A broker that is short of memory or disk takes nothing more, and goes
    /// on giving signs of life: past this the connection is given up.
    package static let brokerStall = Duration.seconds(20)
    /// Seconds of service after which a connection was a good one: before, the pause until the next attempt grows.
    static let brokerGood = 5
    /// Milliseconds that the end of the thread is waited for, then once more when its connection was broken for it.
    static let brokerEnd = 2_000
    /// Push jobs that wait at the broker: 2 KiB each at most. Past it no more are taken; they wait in the database.
    static let pushQueue: Int32 = 1_000_000
    /// Subscriptions that are over and of which no relay knows yet.
    static let pushGone: Int32 = 100_000
    /// How often a job is given to gateways that die with it in their hands, before it has to wait.
    static let pushDeliveries: Int32 = 20
    /// Milliseconds that a job waits which cannot be carried out now.
    static let pushWait = Int32(RelayLimits.pushRest) * 1_000
    /// Milliseconds after which a connection ends on which the broker takes nothing.
    static let pushStall: UInt32 = 10_000
    /// Milliseconds that a gateway's thread waits for a job when it has others in hand, whose end it is to be told of, and when
    /// it has none.
    static let pushTurn = (busy: 5, idle: 100)
    /// Milliseconds that the broker has for the last acknowledgements.
    static let pushSettle = 500
    /// Bytes of a password.
    static let brokerPassword = 512
    /// Where the authorities that a machine trusts are, on Debian and its kin.
    static let authorities = "/etc/ssl/certs/ca-certificates.crt"

    /// The oldest server that is tested: `hash partitions` and `pipeline mode` are older.
    static let oldestServer = 150_000
  }
#endif
