/// Every bound of the end-to-end machines, with its reason. All are normative (Specs/).
public enum Limits {
  /// Devices in a list: a card stays below 64 KiB and a first message below 32 KiB.
  public static let devices = 64
  /// Relays in a list.
  public static let relays = 8
  /// Protocol versions that a device may announce.
  public static let versions = 8
  /// How long a device list is valid: a relay can serve a stale one no longer. 30 days.
  public static let listValidity: UInt64 = 30 * day
  /// How long a signed part is valid. 14 days.
  public static let signedPartValidity: UInt64 = 14 * day
  /// How long the private keys of an expired signed part live on, for first messages that were slow. 30 days.
  public static let signedPartGrace: UInt64 = 30 * day
  /// How far the clocks of two honest devices may differ. 5 minutes.
  public static let clockSkew: UInt64 = 300
  /// Batches that one signed part may root: refills between two rotations.
  public static let batches = 64
  /// Depth of a batch's Merkle tree: at most 2^8 = 256 one-time keys, as many as a relay keeps.
  public static let batchDepth = 8
  /// How far one header may move a receiving chain: bounds the work that one message can cause.
  public static let gap: UInt32 = 1000
  /// Skipped message keys that one session keeps, oldest out first.
  public static let skippedKeys = 2000
  /// Past receiving chains that one session keeps keys of.
  public static let pastChains = 5
  /// How long a skipped message key is kept. 30 days.
  public static let skippedKeyLife: UInt64 = 30 * day
  /// Archived sessions of one device pair: decrypt only.
  public static let archivedSessions = 4
  /// How long an archived session is kept. 30 days.
  public static let archiveLife: UInt64 = 30 * day
  /// The highest generation that a handshake may carry; above it a peer tries to end the count.
  public static let generation: UInt32 = 1 << 31
  /// Sessions from strangers that wait for acceptance.
  public static let requests = 100
  /// The longest timer of a message that disappears: a year, in seconds. Longer is keeping it.
  public static let timer: UInt32 = 365 * 86_400
  /// Parts of one message content.
  public static let contentParts = 64
  /// The longest file: 4 GiB. Its sealed bytes are below 2^33, far from where a signed 64-bit number ends, and every copy
  /// of the number is one of 64 bits.
  public static let attachment: UInt64 = 1 << 32
  /// What a user calls a device or a contact, in UTF-8: a word or two.
  public static let deviceName = 64
  /// Plaintext of one chunk of an attachment: what a reader has to hold before it may believe any of it.
  public static let attachmentChunk = 64 * 1024
  /// The name of a file in UTF-8: what the usual file systems take.
  public static let fileName = 255
  /// A media type: `application/` and the longest registered subtypes fit.
  public static let mediaType = 127
  /// box1 is padded to a multiple of this, so that its size does not tell the number of devices.
  public static let box1Padding = 256
  /// Cards and prekeys are padded to a multiple of this, so that their sizes do not tell devices or batches.
  public static let sealedPadding = 1024
  /// A sealed box1 fits the largest envelope together with the rest of the prelude.
  public static let box1 = 48 * 1024

  static let day: UInt64 = 86_400
}

/// Seconds since 1970, from the caller: no machine here reads a clock.
public typealias UnixTime = UInt64
