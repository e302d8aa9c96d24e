internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// How things stand, in numbers: no name, address, key or text is in it.
package struct Health: Sendable {
  package var contacts = 0
  package var verified = 0
  package var requests = 0
  package var blocked = 0
  package var forkEvidence = 0
  package var sessions = 0
  package var unconfirmed = 0
  package var suspect = 0
  package var archived = 0
  package var messages = 0
  package var unread = 0
  package var queued = 0
  package var failing = 0
  package var notConfirmed = 0
  /// Owner's requests that the relay has not had yet.
  package var uploads = 0
  package var oneTimePrekeys = 0
  /// Seconds since the signed part and the device list were signed.
  package var signedPartAge: UInt64 = 0
  package var listAge: UInt64 = 0
  package var prekeyUse = PrekeyUse()
  package var devices = 1
  /// Whether this device was removed from the account.
  package var isRemoved = false
  /// Relays that the account was at before, and whose mailboxes are still read.
  package var formerRelays = 0
  /// Whether the relay is asked to have this device woken.
  package var isWoken = false
  /// Whether a former relay was, and the present one is not.
  package var pushEndedByMove = false
  /// Whether that is so perhaps: an earlier client asked, and would not have noticed.
  package var pushMayHaveEnded = false
}

extension Engine {
  /// Reads every contact, session, prekey and what waits: what cannot be read is thrown as a damaged store.
  package func health() throws -> Health {
    var health = Health()
    let profile = try profile()
    if try holdsAccountKey() { _ = try accountKeys() }
    _ = try deviceKeys()
    health.devices = try ownCard(profile).list.devices.count
    health.isRemoved = try isRemoved()
    health.formerRelays = try formerPlaces().count
    health.isWoken = try isWoken()
    health.pushEndedByMove = try pushEndedByMove()
    health.pushMayHaveEnded = try pushMayHaveEnded()
    for contact in try contacts() {
      switch (contact.isBlocked, contact.isAccepted) {
      case (true, _): health.blocked += 1
      case (_, true): health.contacts += 1
      case (_, false): health.requests += 1
      }
      if contact.isVerified { health.verified += 1 }
      if contact.hasForkEvidence { health.forkEvidence += 1 }
    }
    for session in try sessions() {
      if session.isArchived { health.archived += 1 } else { health.sessions += 1 }
      if session.isSuspect { health.suspect += 1 }
      if !session.info.isConfirmed, !session.isArchived { health.unconfirmed += 1 }
    }
    for item in try records.all(OutboxItem.self) {
      if item.isPending { health.queued += 1 } else { health.notConfirmed += 1 }
      if item.isPending, item.attempts > 0 { health.failing += 1 }
    }
    health.messages = try records.count(.message, group: nil)
    health.unread = try records.count(.unshown, group: nil)
    health.uploads = try records.count(.upload, group: nil)
    health.oneTimePrekeys = try records.count(.oneTimePrekey, group: nil)
    health.signedPartAge = seconds - min(profile.prekeys.signedAt, seconds)
    health.listAge = seconds - min(profile.cardSignedAt, seconds)
    health.prekeyUse = try prekeyUse()
    return health
  }
}
