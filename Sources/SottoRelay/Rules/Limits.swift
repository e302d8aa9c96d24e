/// Every bound of the relay that is not the wire's, with its reason.
package enum RelayLimits {
  /// Envelopes that wait for an owner, sent with a contact or retiring capability: weeks of a busy account.
  package static let contactEnvelopes = 5_000
  /// Their bytes.
  package static let contactBytes = 64 * 1024 * 1024
  /// Envelopes from strangers: apart, so that a flood of knocks cannot keep contacts out.
  package static let knockEnvelopes = 100
  /// Their bytes: 100 first messages of 16 KiB and a little.
  package static let knockBytes = 2 * 1024 * 1024
  /// Days that an envelope waits; then it is neither delivered nor kept.
  package static let shelfDays: Int64 = 30
  /// Names per mailbox that are remembered after delivery, so that a late retry makes no duplicate: more than can wait.
  package static let deliveredNames = 8_192
  /// The same for all mailboxes together, some 30 bytes of memory each. Past it the oldest are forgotten first.
  package static let deliveredNamesOfAll = 4 * 1024 * 1024
  /// Batches whose digests are remembered: a repeated upload older than these is a conflict.
  package static let batchMemory = 16

  /// Claims by strangers: 20 at once, then one a minute, so that 256 one-time parts outlast an afternoon's flood.
  package static let knockClaims = TokenBucket.Rate(burst: 20, secondsPerToken: 60)
  /// Claims by contacts: repairs and new devices.
  package static let contactClaims = TokenBucket.Rate(burst: 60, secondsPerToken: 10)
  /// Envelopes from strangers.
  package static let knockRate = TokenBucket.Rate(burst: 100, secondsPerToken: 6)
  /// The largest burst that may be configured: far beyond the quotas, and far from overflow.
  package static let largestBurst: UInt64 = 1_000_000
  /// The most seconds without progress that may be configured: an hour.
  package static let longestTransferSeconds: UInt64 = 3_600
  /// The longest time for a token: a day.
  package static let longestToken: UInt64 = 86_400
  /// The most connections that may be configured.
  package static let largestConnections: UInt64 = 1_000_000
  /// New connections of one client. A household or a campus behind one address comes back at once when the relay restarts
  /// or the network does, so the burst is a campus. What a connection costs (300 us) makes the steady rate 3 % of a core.
  package static let clientConnections = ClientRate(burst: 6_000, microseconds: 10_000)
  /// Unsigned requests of one client: cards, claims, envelopes, and whatever is no request at all. 500 a second.
  package static let clientRequests = ClientRate(burst: 30_000, microseconds: 2_000)
  /// Signed requests of one client, each a verification of 50 us and mostly a commit: 100 a second.
  package static let clientSignedRequests = ClientRate(burst: 6_000, microseconds: 10_000)
  /// Signatures of one client that were refused. Honest ones fail when a program is wrong or a key is lost: seldom.
  package static let clientFailedSignatures = ClientRate(burst: 120, microseconds: 500_000)
  /// Connections that one client holds: a stream for each of several thousand devices behind one address.
  package static let connectionsPerClient = 4_096
  /// Connections of all clients, if the process may open as many files.
  package static let connections = 65_536
  /// Files that are not connections: the store, its log, readers, the listener, what libraries open.
  package static let spareFiles = 128
  /// Clients whose budgets are in memory. Past it the fullest are forgotten first, which costs nothing.
  package static let clients = 65_536
  /// Addresses of a forwarded header that are looked at, from the right: more proxies in a row than anybody has.
  package static let forwardedHops = 16
  /// Seconds that a request's body has before its rate counts.
  package static let bodyGraceSeconds: Int64 = 30
  /// Bytes a second that a body must bring on average, after that, and that a reader takes of a long answer.
  package static let bodyRate: Int64 = 1_024
  /// Buckets in memory. Past it the fullest are forgotten first, which costs nothing.
  package static let buckets = 65_536

  /// Envelopes, or other changes, that one transaction commits: beyond it the gain is small and the wait of the first
  /// is not.
  package static let commitBatch = 256
  /// Commits after which the writer lets other work of the store in between.
  package static let commitsInARow = 64
  /// Envelopes that were acknowledged and wait for their bytes to be overwritten: many at once, because neighbours on a
  /// page then go together.
  package static let discarded = 8_192
  /// Their bytes: what the disk holds beyond what waits.
  package static let discardedBytes = 32 * 1024 * 1024
  /// How many of them one transaction overwrites: some milliseconds.
  package static let discardStep = 1_024
  /// How many steps there may be between two commits: as much as a commit full of acks of 32 each lets go.
  package static let discardSteps = 8
  /// Seconds until the first complete request head on a connection.
  package static let headSeconds: Int64 = 15
  /// Seconds that a connection may be idle between requests, or stall inside one.
  package static let idleSeconds: Int64 = 75
  /// Seconds from the challenge to the owner's signature.
  package static let authenticationSeconds: Int64 = 10
  /// Seconds between two pings; a reader that lets two pass unanswered is gone.
  package static let pingSeconds: Int64 = 45
  /// Seconds that a socket may refuse to take bytes that are ready for it, and that an upload may bring none.
  package static let stallSeconds: Int64 = 30
  /// Seconds that requests in flight have to end when the relay stops.
  package static let drainSeconds: Int64 = 10
  /// Microseconds over which the sockets of a relay that stops are closed, at most: half of that time. The other half is
  /// for closing handshakes and the last commits. Streams of a relay that is cut off have as long.
  package static let drainSpread: Int64 = 5_000_000
  /// Microseconds between two of them, at most: a thousand connections a second take other relays a third of a core.
  package static let drainStep: Int64 = 1_000
  /// All header lines of a request together, and one alone: signed requests need about 700 bytes.
  package static let headerBytes = 16 * 1024
  /// Header lines of a request: a client and two proxies need about 30.
  package static let headerCount = 100
  /// Bytes that a connection takes in at a time before it is known what it is for, and that an owner's stream takes in
  /// always: its messages are acks. Each of many thousands that are idle keeps that much.
  package static let firstRead = 512
  /// A WebSocket message from an owner: the longest has 97 bytes, close reasons at most 125.
  package static let clientFrame = 128
  /// Envelopes, and bytes of them, read from the store at a time: what one socket may hold in memory.
  package static let fetch = Room(count: 64, bytes: 256 * 1024)
  /// Seconds that a closing handshake may take.
  package static let closeSeconds: Int64 = 2
  /// Bytes of an unwanted body that are read and dropped so that the refusal arrives; past it the connection ends.
  package static let unwantedBody = 4 * 1024 * 1024
  /// Seconds between two looks at how full the store is.
  package static let measureSeconds: Int64 = 60
  /// Free bytes below which the relay is about to fail: the log alone may grow to this.
  package static let leastDisk: Int64 = 128 * 1024 * 1024
  /// Free bytes below which an operator should look: a dozen full mailboxes.
  package static let littleDisk: Int64 = 1024 * 1024 * 1024
  /// 2026-01-01, Unix time: no relay of this version ran earlier.
  package static let earliestClock: Int64 = 1_767_225_600
  /// Seconds that a file may be newer than the clock says: what a signature is allowed too.
  package static let clockTolerance: Int64 = 300
  /// Days before a certificate expires from which on it should have been renewed: those of Let's Encrypt are renewed 30
  /// days before.
  package static let renewalDays: Int64 = 14
  /// Days that a development certificate is valid: nobody should come to depend on one.
  package static let selfSignedDays = 365.0
  /// Seconds between two signs of life of a relay that has others beside it.
  package static let beatSeconds: Int64 = 5
  /// Without one for so long it is not counted among those that run: three that were lost.
  package static let leaseSeconds: Int64 = 15
  /// Seconds between two looks at the store for envelopes that nobody told of, while others are heard. A look reads a row
  /// for each socket.
  package static let lookSeconds: Int64 = 10
  /// The same while they are not: then it is all that a socket has.
  package static let lookAloneSeconds: Int64 = 2
  /// Seconds that a socket may wait to be the mailbox's. A client that got no answer tries elsewhere only later, so a claim
  /// that comes late never takes the mailbox from a newer socket.
  package static let claimSeconds: Int64 = 2
  /// Sockets of one notice: 64 KiB, half of what a message server takes in one frame.
  package static let noticeSockets = 4_096
  /// Wakeups of a mailbox's owner. A device that sleeps between two messages is woken for each: a lively half hour. A
  /// gateway has 64 places for hosts that strangers name, and those may take ten seconds: hundreds of mailboxes fill them.
  package static let wakeups = TokenBucket.Rate(burst: 30, secondsPerToken: 60)
  /// Jobs that the push queue is given at a time: what it confirms in some milliseconds.
  package static let pushJobs = 64
  /// Seconds between two looks for what relays that died have left, and for jobs that could not be put.
  package static let pushSeconds: Int64 = 5
  /// Seconds after which a database that was silent carries out nothing more that it was asked before: a statement has ten
  /// there, from when it is read, and whoever asks gives up after fifteen.
  package static let pushDoubt: Int64 = 60
  /// Jobs that a gateway holds at a time: a slow push service takes ten seconds for one.
  package static let pushesAhead = 256
  /// Seconds that a job waits which cannot be carried out now, and how often: an hour in all.
  package static let pushRest: Int64 = 300
  package static let pushRounds = 12
  /// Seconds after which a gateway that has not said what became of a job is given none: the slowest push service takes fifty.
  package static let pushPatience: Int64 = 120
  /// Gateways at a relay's socket: one, and what comes while it is replaced. One more takes the place of one that has said
  /// nothing for `pushPatience`, which has nothing in hand then or is about to be ended.
  package static let pushGateways = 8
  /// Bytes of a message on that socket: the longest subscription, and thirty around it.
  package static let pushFrame = 2_100
  /// Milliseconds after which a gateway that was told to stop waits no more for what it has in hand.
  package static let pushStop = 15_000
  /// Bytes of a Unix socket's path: what every system takes.
  package static let socketPath = 103
  /// Seconds between two sweeps of what has expired.
  package static let sweepSeconds: Int64 = 3_600

  /// Days for which one key signs tokens, and for which an account has as many as it may. A key that many share says
  /// little, and one that is lost is soon over.
  package static let epochDays: Int64 = 30
  /// Days for which a token pays for a mailbox.
  package static let leaseDays: Int64 = 30
  /// Days that another relay's clock may be behind: so long what is over is remembered.
  package static let clockSlackDays: Int64 = 2
  /// Tokens of an account in one epoch, if it is not said otherwise: four times as many as a client asks for at once.
  package static let tokensPerEpoch = 64
  /// What signing one costs, in requests that an owner signed: 1.3 ms of RSA beside 50 us.
  package static let tokenCost: Int64 = 25
  /// And at most.
  package static let mostTokensPerEpoch = 10_000
  /// Days that an invitation counts, if it is not said otherwise.
  package static let invitationDays = 365

  /// Seconds between two lines about one kind of attack.
  package static let auditSeconds: Int64 = 60

  /// Blobs of a mailbox, arriving ones included: a month of pictures.
  package static let blobs = 1_000
  /// Their bytes: the longest attachment, 4.5 GiB as a blob, and room for others.
  package static let blobBytes = 5 * 1024 * 1024 * 1024
  /// Days that a whole blob is kept: as long as the envelope that names it.
  package static let blobDays = shelfDays
  /// Days that an upload may take: a night without a network.
  package static let uploadDays: Int64 = 1
  /// Bytes of an upload between two waits for the disk: what a power cut may cost a sender.
  package static let uploadSaveBytes = 4 * 1024 * 1024
  /// Bytes of a blob in memory for each download, and while it is hashed.
  package static let blobPiece = 128 * 1024
  /// Bytes that uploads leave free on the disk, so that envelopes still find room.
  package static let blobReserve = 256 * 1024 * 1024
  /// Names of files that are looked at in one step of a sweep.
  package static let blobFiles = 256
  /// Rows of a store, and bytes of them, that a conversion has in memory: a transaction of some milliseconds. What belongs
  /// to one mailbox besides its queue, and names that were written down together, are added whole: a mebibyte more.
  package static let conversionRows = 1_024
  package static let conversionBytes = 4 * 1024 * 1024

  /// Characters of the provider's issuer, and of the URL of its keys: theirs have some fifty.
  package static let providerURL = 512
  /// Bytes of an ID token: one with a long list of groups has four thousand. It comes in a header, of which all together
  /// have 16 KiB.
  package static let idToken = 12 * 1024
  /// Objects and arrays inside each other, in what the provider says: three or four.
  package static let jsonDepth = 16
  /// Bytes of a subject (OpenID Connect Core section 2), and of a client id, a nonce or a key's name.
  package static let claim = 255
  /// Seconds that the provider's clock and the relay's may differ.
  package static let tokenTolerance = 60.0
  /// Seconds after which a token is refused that is still valid: nobody takes longer from signing in to here.
  package static let tokenAge = 3_600.0
  /// Seconds between two requests for the provider's keys: tokens that name unknown keys cost nothing to make.
  package static let keyPause: Int64 = 60
  /// Seconds after which keys are asked for again: for so long a key may be believed that the provider has withdrawn.
  package static let keyFresh: Int64 = 3_600
  /// Seconds that keys are kept while the provider does not answer: a day without it keeps nobody out.
  package static let keyKept: Int64 = 86_400
  /// Keys of a provider: those in use, and those before and after them.
  package static let providerKeys = 64
  /// Bits of an RSA key: shorter ones can be factored, and nobody signs tokens with longer ones, which are slow.
  package static let rsaBits = 2_048...4_096
  /// Bytes of its public exponent: nearly all are 65537.
  package static let rsaExponent = 4
  /// Bytes of an answer of the provider: keys with their certificates have twenty thousand.
  package static let providerAnswer = 256 * 1024
  /// How long the provider may take for an answer, to its last byte.
  package static let providerDeadline = Duration.seconds(10)
}
