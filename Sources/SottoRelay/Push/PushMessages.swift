package import SottoWire

// What a single relay and its gateway say to each other. [push.10]

/// From the relay: carry this out.
package struct PushRequest: Equatable, Sendable {
  /// Drawn by the relay for this job.
  package let number: UInt64
  package let job: PushJob

  package init(number: UInt64, job: PushJob) { (self.number, self.job) = (number, job) }

  package var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(number)
    return writer.bytes + job.encoded
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    number = try reader.u64()
    job = try PushJob(decoding: reader.rest())
  }
}

/// From the gateway: what became of it.
package struct PushAnswer: Equatable, Sendable {
  package let number: UInt64
  package let verdict: PushVerdict

  package init(number: UInt64, _ verdict: PushVerdict) { (self.number, self.verdict) = (number, verdict) }

  package var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(number)
    writer.u8(verdict.rawValue)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    number = try reader.u64()
    guard let verdict = PushVerdict(rawValue: try reader.u8()) else { throw .invalidValue }
    self.verdict = verdict
    try reader.finish()
  }
}

/// What is to become of a job. Numbers are those of [push.10].
package enum PushVerdict: UInt8, CaseIterable, Sendable {
  /// The device was woken, or cannot be with this job.
  case done = 1
  /// There is no such device any more: nobody is to be asked to wake it. [push.9]
  case gone = 2
  /// Not now: it comes again some minutes later, for about an hour.
  case later = 3
}
