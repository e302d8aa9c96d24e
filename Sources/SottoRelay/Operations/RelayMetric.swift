package import SottoWire

/// Everything that the relay counts, in one table: no more can be counted, and `Specs/Leakage.md` lists the same. A label
/// takes words that are fixed here; no identifier, key, capability, address or size of one message is among them.
/// [leakage.3]
package enum RelayMetric: String, MetricName {
  case buildInfo = "sotto_relay_build_info"
  case uptime = "sotto_relay_uptime_seconds"
  case ready = "sotto_relay_ready"
  case certificateExpiry = "sotto_relay_certificate_expiry_timestamp_seconds"
  case requests = "sotto_relay_requests_total"
  case envelopesAccepted = "sotto_relay_envelopes_accepted_total"
  case envelopesRefused = "sotto_relay_envelopes_refused_total"
  case envelopesDelivered = "sotto_relay_envelopes_delivered_total"
  case envelopeBytes = "sotto_relay_envelope_bytes_total"
  case claims = "sotto_relay_claims_total"
  case streamsOpen = "sotto_relay_streams_open"
  case streamsClosed = "sotto_relay_streams_closed_total"
  case sendSocketsOpen = "sotto_relay_send_sockets_open"
  case commitBatch = "sotto_relay_commit_batch_jobs"
  case commitsFailed = "sotto_relay_commits_failed_total"
  case queuedEnvelopes = "sotto_relay_queued_envelopes"
  case storeBytes = "sotto_relay_store_bytes"
  case sweeps = "sotto_relay_sweeps_total"
  case wakeups = "sotto_relay_wakeups_total"
  case notices = "sotto_relay_notices_total"
  case busDown = "sotto_relay_bus_down"
  case pushJobs = "sotto_relay_push_jobs_total"
  case security = "sotto_relay_security_events_total"
  case tokens = "sotto_relay_tokens_total"
  case signIns = "sotto_relay_sign_ins_total"

  package var kind: MetricKind {
    switch self {
    case .commitBatch: .histogram
    case .buildInfo, .uptime, .ready, .certificateExpiry, .streamsOpen, .sendSocketsOpen, .queuedEnvelopes, .storeBytes,
      .busDown:
      .gauge
    default: .counter
    }
  }

  /// Powers of two up to the largest batch.
  package static let buckets = (0...RelayLimits.commitBatch.trailingZeroBitCount).map { Double(1 << $0) }

  /// The labels, and every value that each may take.
  package var labels: [(name: String, values: [String])] {
    switch self {
    case .buildInfo: [("version", [RelayVersion.text])]
    case .requests: [("route", RouteName.allCases.map(\.rawValue)), ("status", AnswerClass.allCases.map(\.rawValue))]
    case .envelopesAccepted: [("kind", ["new", "repeated"])]
    case .envelopesRefused: [("reason", Problem.allCases.map(\.rawValue))]
    case .envelopeBytes: [("direction", ["in", "out"])]
    case .claims: [("kind", ["one-time", "last-resort", "refused"])]
    case .streamsClosed: [("reason", CloseReason.allCases.map(\.word))]
    case .sweeps: [("result", ["done", "failed"])]
    case .wakeups: [("path", Wakeup.allCases.map(\.rawValue))]
    case .notices: [("what", NoticeFate.allCases.map(\.rawValue))]
    case .pushJobs: [("result", ["queued", "failed"])]
    case .security: [("what", SecurityEvent.allCases.map(\.rawValue))]
    case .tokens: [("what", ["issued", "spent"])]
    case .signIns: [("result", SignInResult.allCases.map(\.rawValue))]
    default: []
    }
  }

  package var help: String {
    switch self {
    case .buildInfo: "Always 1; the label is the program's version."
    case .uptime: "Seconds since the relay started."
    case .ready: "1 while requests are taken."
    case .certificateExpiry: "When the certificate expires, Unix time; 0 without TLS."
    case .requests:
      "Answered requests by the route's template and the class of the status, or what else was in the way."
    case .envelopesAccepted: "Envelopes that senders were told are durable, new ones and repetitions."
    case .envelopesRefused: "Envelopes that were refused, by the problem's code."
    case .envelopesDelivered: "Envelopes written to streams; one that is written again counts again."
    case .envelopeBytes: "Bytes of new and of delivered envelopes."
    case .claims: "Claims of prekeys: answered with a one-time part or with the last resort, or refused."
    case .streamsOpen: "Streams whose owner has proved itself."
    case .streamsClosed: "Streams that the relay ended, by the reason."
    case .sendSocketsOpen: "Open send sockets."
    case .commitBatch: "Jobs that one transaction committed; the count is the number of commits."
    case .commitsFailed: "Transactions that were rolled back because the store failed."
    case .queuedEnvelopes: "Envelopes that wait; at most a minute old."
    case .storeBytes: "Bytes of the store's files; at most a minute old."
    case .sweeps: "Sweeps of what has expired."
    case .wakeups:
      "Streams that were told of an envelope: by a request here, by another relay, or by a look at the store."
    case .notices: "Sockets that relays told each other of: handed to the bus, heard, or not handed on."
    case .busDown: "1 while a bus is configured and the other relays are not heard."
    case .pushJobs: "Devices that are to be woken: jobs that the queue or a gateway has, and attempts that failed."
    case .security: "What was refused and may be an attack, by kind."
    case .tokens: "Tokens that were signed, and that were spent, where a request that is repeated counts once."
    case .signIns: "ID tokens that were shown: accepted, or what was wrong."
    }
  }
}

/// What came of a request, as a counter tells it: the class of its status. That a quota of one owner is used up is 507
/// too, but the relay has failed nobody: whoever fills a mailbox does not call the operator. Where people sign in at a
/// provider that is away it is 503, and has an alert of its own. [operation.5]
package enum AnswerClass: String, CaseIterable, Sendable {
  case informational = "1xx"
  case successful = "2xx"
  case refused = "4xx"
  case failed = "5xx"
  case quota
  case provider

  package init(_ status: Int, _ problem: Problem?, isProviderAway: Bool = false) {
    self =
      switch (problem, status) {
      case _ where isProviderAway: .provider
      case (.mailboxFull?, _), (.prekeysFull?, _), (.blobsFull?, _): .quota
      case (_, ..<200): .informational
      case (_, ..<300): .successful
      case (_, ..<500): .refused
      default: .failed
      }
  }
}

/// How a stream heard of an envelope.
package enum Wakeup: String, CaseIterable, Sendable {
  case local
  case bus
  case look
}

/// What became of a socket's handle in a notice.
package enum NoticeFate: String, CaseIterable, Sendable {
  case told
  case heard
  case dropped
}

/// A route without what is asked for: all that a counter may know of a path.
package enum RouteName: String, CaseIterable, Sendable {
  case live = "/livez"
  case ready = "/readyz"
  case tokenKeys = "/.well-known/private-token-issuer-directory"
  case tokens = "/v1/tokens"
  case card = "/v1/cards/{card}"
  case mailbox = "/v1/mailboxes/{mailbox}"
  case capabilities = "/v1/mailboxes/{mailbox}/capabilities"
  case signedPart = "/v1/mailboxes/{mailbox}/prekeys/signed-part"
  case oneTimeParts = "/v1/mailboxes/{mailbox}/prekeys/one-time"
  case batch = "/v1/mailboxes/{mailbox}/prekeys/one-time/{batch}"
  case claim = "/v1/mailboxes/{mailbox}/prekeys/claim"
  case envelope = "/v1/mailboxes/{mailbox}/envelopes/{envelope}"
  case push = "/v1/mailboxes/{mailbox}/push"
  case stream = "/v1/mailboxes/{mailbox}/stream"
  case send = "/v1/send"
  case uploads = "/v1/mailboxes/{mailbox}/blobs"
  case upload = "/v1/mailboxes/{mailbox}/blobs/{blob}"
  case blob = "/v1/blobs/{blob}"
  /// No route of ours, or a request that could not be read.
  case none

  init(_ route: Route?) {
    self =
      switch route {
      case .live: .live
      case .ready: .ready
      case .tokenKeys: .tokenKeys
      case .tokens: .tokens
      case .card: .card
      case .send: .send
      case .mailbox: .mailbox
      case .capabilities: .capabilities
      case .signedPart: .signedPart
      case .oneTimeParts: .oneTimeParts
      case .batch: .batch
      case .claim: .claim
      case .envelope: .envelope
      case .push: .push
      case .stream: .stream
      case .uploads: .uploads
      case .upload: .upload
      case .blob: .blob
      case nil: .none
      }
  }
}

extension CloseReason {
  /// As a label.
  var word: String {
    switch self {
    case .restarting: "restarting"
    case .unavailable: "unavailable"
    case .refused: "refused"
    case .displaced: "displaced"
    case .gone: "gone"
    case .protocolError: "protocol-error"
    case .slow: "slow"
    }
  }
}

/// The version of the programs of this house.
public enum RelayVersion {
  public static let text = "0.1.0"
}
