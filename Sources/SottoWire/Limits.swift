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
}
