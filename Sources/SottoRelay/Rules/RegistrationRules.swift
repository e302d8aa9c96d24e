package import SottoCrypto
internal import SottoWire

/// What somebody who makes something new shows for it. [token.9]
package enum Entitlement: Sendable {
  /// Anybody may, here.
  case notNeeded
  case missing
  case token(GenuineToken)
}

extension Entitlement {
  /// Until when what is new is paid for; nil where nothing has to be.
  package var lease: Int64? { if case .token(let token) = self { token.lease } else { nil } }
}

/// What a mailbox has cost, when it was asked for or paid for.
package struct Payment: Equatable, Sendable {
  /// Until when it is paid for, in Unix time; nil when nothing was ever paid. [token.13]
  package let lease: Int64?
  /// Whether a token was spent on it now: not when the request is repeated.
  package let hasSpent: Bool

  package init(lease: Int64?, hasSpent: Bool) { (self.lease, self.hasSpent) = (lease, hasSpent) }
}

/// A token that was signed with a key of this relay, and perhaps spent before: only the store knows.
package struct GenuineToken: Sendable {
  package let id: Digest
  /// The last day on which its key counts: so long has it to be remembered.
  package let lastDay: Int64
  /// Until when a mailbox is paid for that is made, or kept, with it: Unix time in seconds.
  package let lease: Int64

  package init(id: Digest, lastDay: Int64, lease: Int64 = 0) {
    (self.id, self.lastDay, self.lease) = (id, lastDay, lease)
  }
}

/// Tokens that somebody asks for. [token.7]
package struct Issuance: Sendable {
  /// Whose they are: a keyed hash of what the invitation, or the provider, names.
  package let account: Digest
  /// What can be shown once: the hash of an ID token; nil for an invitation, which can be shown again.
  package let credential: GenuineToken?
  /// Of the requests: who repeats them gets the same answer, which counts once.
  package let batch: Digest
  package let count: Int
  /// So many of an account in one epoch.
  package let limit: Int
  package let epoch: Int64
  /// Who invited and is no operator: the tokens count as theirs too. [token.14]
  package let sponsor: Sponsor?

  package struct Sponsor: Sendable {
    package let account: Digest
    package let limit: Int

    package init(account: Digest, limit: Int) { (self.account, self.limit) = (account, limit) }
  }

  package init(
    account: Digest, credential: GenuineToken?, batch: Digest, count: Int, limit: Int, epoch: Int64,
    sponsor: Sponsor? = nil
  ) {
    (self.account, self.credential, self.batch) = (account, credential, batch)
    (self.count, self.limit, self.epoch) = (count, limit, epoch)
    self.sponsor = sponsor
  }

  /// The same, as it counts for the sponsor. Whoever asks for the same once more, by another invitation, gets the same
  /// tokens, so that may count once.
  package var ofSponsor: Issuance? {
    sponsor.map {
      Issuance(account: $0.account, credential: nil, batch: batch, count: count, limit: $0.limit, epoch: epoch)
    }
  }
}

/// What is kept of an account: how many tokens it has had in an epoch, and for which requests the last ones were.
package struct IssuedTokens: Equatable, Sendable {
  package let epoch: Int64
  package let count: Int64
  package let batch: Digest

  package init(epoch: Int64, count: Int64, batch: Digest) {
    (self.epoch, self.count, self.batch) = (epoch, count, batch)
  }
}

package enum RegistrationRules {
  /// Epochs are counted from 1970, in UTC: so relays with one store agree on them.
  package static func epoch(_ now: Int64) -> Int64 { MailboxRules.day(now) / RelayLimits.epochDays }

  /// The last day on which a key of this epoch counts: that of the next one. What was fetched in its last hour is good for
  /// a whole epoch.
  package static func lastDay(ofKey epoch: Int64) -> Int64 { (epoch + 2) * RelayLimits.epochDays - 1 }

  /// A whole day at the end: the disk has no finer time. [token.13]
  package static func lease(_ now: Int64) -> Int64 { (MailboxRules.day(now) + RelayLimits.leaseDays + 1) * 86_400 - 1 }

  /// Whether what was paid until then is a mailbox that senders find. nil: it was made where anybody may.
  package static func isPaid(until lease: Int64?, now: Int64) -> Bool { lease.map { now <= $0 } ?? true }

  /// The keys that count: tokens are signed with the first.
  package static func epochsThatCount(_ now: Int64) -> [Int64] { [epoch(now), epoch(now) - 1] }

  /// What is over by this time is over by the clock of every relay with the store.
  package static func past(_ now: Int64) -> Int64 { now - RelayLimits.clockSlackDays * 86_400 }

  /// Seconds until there are tokens again for who has had all.
  package static func untilNextEpoch(_ now: Int64) -> Int64 { (epoch(now) + 1) * RelayLimits.epochDays * 86_400 - now }

  /// What is to be kept of the account when the tokens are signed; nil: as it is, for they were asked for before.
  package static func issue(_ known: IssuedTokens?, _ asked: Issuance) throws(Refusal) -> IssuedTokens? {
    // A relay whose clock is behind does not begin anew what another has begun.
    let before = known.flatMap { $0.epoch >= asked.epoch ? $0 : nil }
    if before?.batch == asked.batch { return nil }
    let count = (before?.count ?? 0) + Int64(asked.count)
    guard count <= Int64(asked.limit) else { throw Refusal(.tokensExhausted) }
    return IssuedTokens(epoch: max(asked.epoch, before?.epoch ?? 0), count: count, batch: asked.batch)
  }
}
