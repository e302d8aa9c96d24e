internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// How this identity stands, without anything in it that says whose it is: safe to show to somebody who helps.
public struct HealthReport: Sendable {
  /// One thing that was looked at.
  public struct Finding: Sendable, Equatable {
    public enum Verdict: String, Sendable {
      case good
      /// Worth a look; nothing is lost.
      case warning
      /// Something does not work.
      case bad
    }

    /// What was looked at: one word, stable.
    public let subject: String
    public let verdict: Verdict
    /// What was found, in a sentence.
    public let finding: String
    /// What to do, if anything is to be done.
    public let advice: String?

    init(_ subject: String, _ verdict: Verdict, _ finding: String, _ advice: String? = nil) {
      self.subject = subject
      self.verdict = verdict
      self.finding = finding
      self.advice = advice
    }
  }

  public let findings: [Finding]
  /// The counters behind them, by name.
  public let counts: [(name: String, count: Int)]
}

extension Client {
  /// Looks at store, sessions, prekeys, outbox, relay and clock. Changes nothing and asks the relay two things that the
  /// client asks every day anyway.
  public func health() async throws -> HealthReport {
    let health: Health
    var findings: [HealthReport.Finding] = []
    let (isSound, bytes) = try store.inspect()
    health = try step { try $0.health() }
    findings.append(
      isSound
        ? .init("store", .good, "Format \(Store.format), \(bytes / 1024) KiB; every key, contact and session opens.")
        : .init("store", .bad, "SQLite finds the file damaged.", "Restore the folder from a copy, or a backup."))
    findings.append(Self.contacts(health))
    findings.append(Self.sessions(health))
    findings.append(Self.outbox(health))
    findings.append(Self.list(health))
    if let push = Self.push(health) { findings.append(push) }
    findings += await relay(health)
    return HealthReport(findings: findings, counts: Self.counts(health))
  }

  private static func contacts(_ health: Health) -> HealthReport.Finding {
    let text =
      "\(health.contacts) contacts (\(health.verified) verified), \(health.requests) requests, "
      + "\(health.blocked) blocked."
    guard health.forkEvidence > 0 else { return .init("contacts", .good, text) }
    return .init(
      "contacts", .bad, text + " \(health.forkEvidence) with evidence of split views.",
      "Compare safety numbers with whoever `sotto contact list` marks.")
  }

  private static func sessions(_ health: Health) -> HealthReport.Finding {
    let text = "\(health.sessions) active, \(health.archived) archived, \(health.unconfirmed) not confirmed yet."
    guard health.suspect > 0 else { return .init("sessions", .good, text) }
    return .init(
      "sessions", .warning, text + " \(health.suspect) lost step.",
      "Nothing to do: the next message to them opens a new one.")
  }

  private static func outbox(_ health: Health) -> HealthReport.Finding {
    let text =
      "\(health.queued) waiting, \(health.notConfirmed) sent and not confirmed, \(health.uploads) uploads waiting."
    guard health.failing > 0 else { return .init("outbox", .good, text) }
    return .init(
      "outbox", .warning, text + " \(health.failing) failed at least once.", "Run `sotto receive` to try again.")
  }

  private static func list(_ health: Health) -> HealthReport.Finding {
    if health.isRemoved {
      return .init(
        "devices", .bad, "This device was removed from the account: nothing comes or goes.",
        "Link it anew from the first device, after `sotto identity delete` here.")
    }
    let text = "Signed \(health.listAge / 86_400) days ago; it is good for \(Limits.listValidity / 86_400)."
    if health.listAge > Limits.listValidity {
      return .init(
        "devices", .bad, text + " Nobody new can write.", "Run `sotto receive` on the first device: it signs a new one."
      )
    }
    return .init("devices", .good, text)
  }

  /// Nothing of who never asked to be woken. [push.11]
  package static func push(_ health: Health) -> HealthReport.Finding? {
    if health.pushMayHaveEnded {
      return .init(
        "push", .warning,
        "An earlier sotto asked the relay to have this device woken. If the account has moved since, it is not.",
        "If it has, run `sotto device push enable` with the key of this relay's gateway; that ends this line too.")
    }
    if health.isWoken { return .init("push", .good, "The relay is asked to have this device woken.") }
    guard health.pushEndedByMove else { return nil }
    return .init(
      "push", .warning, "This device was woken before the account moved; at the present relay it is not.",
      "Run `sotto device push enable` with the key of this relay's gateway, or `sotto device push disable`.")
  }

  private static func counts(_ health: Health) -> [(name: String, count: Int)] {
    let use = health.prekeyUse
    return [
      ("contacts", health.contacts), ("verified", health.verified), ("requests", health.requests),
      ("blocked", health.blocked), ("fork_evidence", health.forkEvidence), ("sessions", health.sessions),
      ("sessions_suspect", health.suspect), ("sessions_unconfirmed", health.unconfirmed),
      ("sessions_archived", health.archived), ("messages", health.messages), ("unread", health.unread),
      ("former_relays", health.formerRelays), ("outbox_queued", health.queued), ("outbox_failing", health.failing),
      ("outbox_not_confirmed", health.notConfirmed), ("uploads", health.uploads),
      ("one_time_prekeys", health.oneTimePrekeys), ("prekeys_used", Int(clamping: use.oneTime)),
      ("last_resort_used", Int(clamping: use.lastResort)), ("prekeys_repeated", Int(clamping: use.repeated)),
      ("prekeys_out_of_order", Int(clamping: use.outOfOrder)), ("prekeys_old_batch", Int(clamping: use.oldBatch)),
    ]
  }

  private func relay(_ health: Health) async -> [HealthReport.Finding] {
    do {
      let status = try await mailboxStatus()
      return [.init("relay", .good, "It answers, and takes this device's signature."), Self.clock] + [
        Self.prekeys(health, status)
      ]
    } catch RelayFailure.declined(_, .clockSkew) {
      return [
        .init("relay", .good, "It answers."),
        .init(
          "clock", .bad, "This machine's clock and the relay's differ by more than 5 minutes.",
          "Set the clock, for example with NTP."),
      ]
    } catch RelayFailure.declined {
      return [
        .init(
          "relay", .bad, "It answers, and declines: it has no mailbox for this device.",
          "Ask the relay's operator; a backup can be restored at another relay.")
      ]
    } catch RelayFailure.nonsense(_, let what) {
      return [.init("relay", .bad, "What answers is no Sotto relay: \(what).", "Check the way to the relay.")]
    } catch RelayFailure.unreachable(_, let reason) {
      return [
        .init("relay", .bad, "It cannot be reached: \(reason).", "Check the network and the relay, then try again.")
      ]
    } catch {
      return [.init("relay", .warning, "It cannot answer now.", "Try again in a minute.")]
    }
  }

  private static let clock = HealthReport.Finding("clock", .good, "Within 5 minutes of the relay's.")

  private static func prekeys(_ health: Health, _ status: MailboxStatus) -> HealthReport.Finding {
    let use = health.prekeyUse
    let text =
      "\(status.oneTimeParts) one-time keys at the relay; the signed part is \(health.signedPartAge / 86_400) days old."
    if health.signedPartAge > Limits.signedPartValidity {
      return .init("prekeys", .bad, text + " It has expired.", "Run `sotto receive`: it uploads new ones.")
    }
    if use.repeated + use.outOfOrder + use.oldBatch > 0 {
      return .init(
        "prekeys", .warning,
        text + " Keys were asked for twice \(use.repeated) times, out of order \(use.outOfOrder), from an old batch "
          + "\(use.oldBatch).",
        "It proves nothing: a contact or the relay can cause it. If it grows, ask the relay's operator.")
    }
    if status.lastResortClaims > 0 {
      return .init(
        "prekeys", .warning, text + " \(status.lastResortClaims) claims found none.",
        "If it grows, somebody may be draining them: change your address with `sotto identity rotate`.")
    }
    return .init("prekeys", .good, text)
  }
}
