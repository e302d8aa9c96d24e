/// The stage at which something from a peer or a relay was refused. Vectors name it; a peer never learns it.
public enum RefusalStage: String, Sendable, CaseIterable {
  /// The bytes are no valid encoding.
  case encoding
  /// An AEAD under `card_key` did not open.
  case seal
  /// The account key is not the one that the address names, or the card's list does not name the relay that served it.
  case account
  /// A hybrid signature does not verify.
  case signature
  /// A date is out of range, or the clock is outside the validity.
  case validity
  /// A device list contradicts what is known: older, forked, or not following on.
  case chain
  /// The device is not in the list, or its keys are not the listed ones.
  case device
  /// A Merkle path does not lead to a signed root.
  case proof
  /// An agreement whose result is all zero, or a KEM that fails. A key that is no valid encoding is refused there.
  case key
  /// box0 did not open: not for this device, or junk.
  case box0
  /// The private keys that a first message names are not there (any more).
  case prekey
  /// box1 did not open.
  case box1
  /// The generation is out of range.
  case generation
  /// No header key opens the header.
  case header
  /// The header asks for more skipped keys than allowed.
  case gap
  /// The message was opened before, or its key has expired.
  case replay
  /// The commitment differs.
  case commitment
  /// The message's AEAD did not open.
  case message
  /// The padding is not what its rule asks for.
  case padding
  /// The content is not valid.
  case content
  /// A chunk of an attachment does not open in its place, is missing, or follows the last one.
  case attachment
}

/// A refusal. Whatever the stage, nothing changed, nothing is sent, and a peer sees one outcome.
public struct Refused: Error, Equatable, Sendable {
  /// Where.
  public let stage: RefusalStage

  public init(_ stage: RefusalStage) { self.stage = stage }
}

/// Runs `body`; whatever it throws is a refusal at `stage`, unless it is a refusal already.
func refusing<R: ~Copyable>(at stage: RefusalStage, _ body: () throws -> R) throws(Refused) -> R {
  do { return try body() } catch let refused as Refused { throw refused } catch { throw Refused(stage) }
}
