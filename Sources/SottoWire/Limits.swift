/// Every bound of the wire, with its reason. Values that both sides must agree on are normative (Specs/Relay.md).
public enum WireLimits {
  /// A sealed card: a list of some 100 devices with its hybrid signature stays below it.
  public static let card = 64 * 1024
  /// A sealed signed part: keys and signatures of one device are about 8 KiB.
  public static let signedPart = 16 * 1024
  /// A sealed one-time part: two keys and a Merkle path are about 2 KiB.
  public static let oneTimePart = 4 * 1024
  /// One-time parts that a relay keeps for a mailbox.
  public static let oneTimeParts = 256
  /// A relay authority, `host[:port]`: a DNS name has at most 253 characters, a port at most 5.
  public static let authority = 259
  /// A DNS name in text, without a dot at its end (RFC 1035 section 2.3.4).
  static let hostName = 253
  /// A label of a DNS name (RFC 1035 section 2.3.4).
  static let hostLabel = 63
  /// Capability slots of a mailbox: one knock, one contact, and as many retiring ones as blocks in a week are likely.
  public static let capabilitySlots = 16
  /// An encoded capability set: a slot has 41 bytes.
  public static let capabilitySet = 2 + capabilitySlots * 41
  /// How far ahead a retiring capability may expire, in seconds: 7 days.
  public static let retiring: UInt64 = 7 * 86_400
  /// An encoded batch: 256 parts of index, length and sealed bytes.
  public static let batch = 4 + oneTimeParts * (4 + 4 + oneTimePart)
  /// A sealed push subscription: an endpoint of 1 KiB and two keys, sealed, stay below it.
  public static let pushSubscription = 2 * 1024
  /// The URL of a Web Push subscription: those that are in use have some 200 characters, and it fits a padded target.
  public static let pushEndpoint = 768
  /// A device token of APNs: 32 bytes today, "variable length" as Apple has it.
  static let apnsToken = 100
  /// A registration token of FCM: some 160 characters today.
  static let fcmToken = 512
  /// Tokens that are asked for at a time: some 20 ms of an issuer's processor.
  public static let tokens = 16
  /// A request's path: the longest has 89 characters.
  public static let path = 128
  /// Envelopes that a stream sends ahead of the owner's acks.
  public static let streamWindowCount = 256
  /// Bytes of envelopes that a stream sends ahead of the owner's acks: 16 of the largest.
  public static let streamWindowBytes = 1024 * 1024
  /// Unanswered puts on a send socket past which the relay reads no more: a commit's worth.
  public static let sendWindowCount = 256
  /// Their bytes: what the relay holds in memory for a socket that it owes answers.
  public static let sendWindowBytes = 256 * 1024
}
