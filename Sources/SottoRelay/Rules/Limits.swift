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
  /// Ids per mailbox that are remembered after delivery, so that a late retry makes no duplicate: more than can wait.
  package static let recentIDs: UInt64 = 8_192
  /// How often, in accepted envelopes, older ids are forgotten: a scan each, so not at every one.
  package static let recentIDsStep: UInt64 = 1_024
  /// Batches whose digests are remembered: a repeated upload older than these is a conflict.
  package static let batchMemory = 16

  /// Claims by strangers: 20 at once, then one a minute, so that 256 one-time parts outlast an afternoon's flood.
  package static let knockClaims = TokenBucket.Rate(burst: 20, secondsPerToken: 60)
  /// Claims by contacts: repairs and new devices.
  package static let contactClaims = TokenBucket.Rate(burst: 60, secondsPerToken: 10)
  /// Envelopes from strangers.
  package static let knockRate = TokenBucket.Rate(burst: 100, secondsPerToken: 6)
  /// Buckets in memory. Past it the fullest are forgotten first, which costs nothing.
  package static let buckets = 65_536

  /// Jobs that one transaction commits: beyond it the gain is small and the wait of the first is not.
  package static let commitBatch = 256
  /// Seconds until the first complete request head on a connection.
  package static let headSeconds: Int64 = 15
  /// Seconds that a connection may be idle between requests, or stall inside one.
  package static let idleSeconds: Int64 = 75
  /// Seconds from the challenge to the owner's signature.
  package static let authenticationSeconds: Int64 = 10
  /// Seconds between two pings; a reader that lets two pass unanswered is gone.
  package static let pingSeconds: Int64 = 45
  /// Seconds that a socket may refuse to take bytes that are ready for it.
  package static let stallSeconds: Int64 = 30
  /// Seconds that requests in flight have to end when the relay stops.
  package static let drainSeconds: Int64 = 10
  /// All header lines of a request together, and one alone: signed requests need about 700 bytes.
  package static let headerBytes = 16 * 1024
  /// Header lines of a request: a client and two proxies need about 30.
  package static let headerCount = 100
  /// A WebSocket message from an owner: the longest has 97 bytes, close reasons at most 125.
  package static let clientFrame = 128
  /// Envelopes, and bytes of them, read from the store at a time: what one socket may hold in memory.
  package static let fetch = Room(count: 64, bytes: 256 * 1024)
  /// Seconds that a closing handshake may take.
  package static let closeSeconds: Int64 = 2
  /// Bytes of an unwanted body that are read and dropped so that the refusal arrives; past it the connection ends.
  package static let unwantedBody = 4 * 1024 * 1024
  /// Seconds between two sweeps of what has expired.
  package static let sweepSeconds: Int64 = 3_600

  /// Blobs of a mailbox, arriving ones included: a month of pictures.
  package static let blobs = 1_000
  /// Their bytes: eight of the largest.
  package static let blobBytes = 1024 * 1024 * 1024
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
  /// Bytes that an upload or download must move in every 75 s: below any network that people use, above a stall.
  package static let transferBytes = 64 * 1024
  /// Names of files that are looked at in one step of a sweep.
  package static let blobFiles = 256
}
