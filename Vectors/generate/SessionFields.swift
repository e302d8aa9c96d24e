import SottoCrypto
import SottoSession
import SottoWire

/// A session with its skipped keys, as a device saves them: a value, so that a case can have any moment of a session.
struct SavedSession: Equatable {
  var session: [UInt8]
  var skipped: [UInt8]

  init(_ live: borrowing Session) {
    session = live.encoded().revealed()
    skipped = live.encodedSkippedKeys().revealed()
  }

  func live() throws -> Session {
    try Session(decoding: Secret(copying: session), skippedKeys: Secret(copying: skipped))
  }

  /// The same session with a field, or skipped keys, that no conversation of a few messages leads to.
  func with(_ change: (inout SessionFields) -> Void) throws -> SavedSession {
    var fields = try SessionFields(session)
    change(&fields)
    var result = self
    result.session = fields.encoded
    _ = try result.live()
    return result
  }

  func with(_ skipped: SkippedFields) throws -> SavedSession {
    var result = self
    result.skipped = skipped.encoded
    _ = try result.live()
    return result
  }
}

/// The fields of a saved session, read without the code that reads them elsewhere. [state.2]
struct SessionFields {
  struct Sending {
    var chain: [UInt8]
    var header: [UInt8]
    var next: UInt32
  }

  struct Receiving {
    var chain: [UInt8]
    var header: [UInt8]
    var next: UInt32
    var remote: [UInt8]
    var number: UInt32
  }

  var version: UInt8
  var role: UInt8
  var isConfirmed: Bool
  var sid: [UInt8]
  var generation: UInt32
  var createdAt: UInt64
  var preludeDigest: [UInt8]
  var peerAccount: [UInt8]
  var peerDevice: [UInt8]
  var prelude: [UInt8]?
  var root: [UInt8]
  /// The private key.
  var own: [UInt8]
  var sending: Sending?
  var receiving: Receiving?
  var nextSendingHeader: [UInt8]
  var nextReceivingHeader: [UInt8]
  var previousCount: UInt32

  init(_ bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    version = try reader.u8()
    role = try reader.u8()
    let flags = try reader.u8()
    isConfirmed = flags & 1 != 0
    sid = try reader.fixed(32)
    generation = try reader.u32()
    createdAt = try reader.u64()
    preludeDigest = try reader.fixed(32)
    peerAccount = try reader.fixed(32)
    peerDevice = try reader.fixed(8)
    prelude = flags & 2 == 0 ? nil : try reader.vector(limit: 65_536)
    root = try reader.fixed(32)
    own = try reader.fixed(32)
    if flags & 4 != 0 {
      sending = Sending(chain: try reader.fixed(32), header: try reader.fixed(32), next: try reader.u32())
    }
    if flags & 8 != 0 {
      receiving = Receiving(
        chain: try reader.fixed(32), header: try reader.fixed(32), next: try reader.u32(),
        remote: try reader.fixed(32), number: try reader.u32())
    }
    nextSendingHeader = try reader.fixed(32)
    nextReceivingHeader = try reader.fixed(32)
    previousCount = try reader.u32()
    try reader.finish()
  }

  var flags: UInt8 {
    (isConfirmed ? 1 : 0) | (prelude == nil ? 0 : 2) | (sending == nil ? 0 : 4) | (receiving == nil ? 0 : 8)
  }

  var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u8(version)
    writer.u8(role)
    writer.u8(flags)
    writer.fixed(sid)
    writer.u32(generation)
    writer.u64(createdAt)
    for field in [preludeDigest, peerAccount, peerDevice] { writer.fixed(field) }
    if let prelude { writer.vector(prelude) }
    writer.fixed(root)
    writer.fixed(own)
    if let sending {
      writer.fixed(sending.chain + sending.header)
      writer.u32(sending.next)
    }
    if let receiving {
      writer.fixed(receiving.chain + receiving.header)
      writer.u32(receiving.next)
      writer.fixed(receiving.remote)
      writer.u32(receiving.number)
    }
    writer.fixed(nextSendingHeader + nextReceivingHeader)
    writer.u32(previousCount)
    return writer.bytes
  }
}

/// Skipped keys that a case begins with. [state.3]
struct SkippedFields {
  struct Run {
    var chain: UInt32
    var first: UInt32
    var storedAt: UInt64
    var keys: [[UInt8]]
  }

  var version: UInt8 = 1
  var past: [(chain: UInt32, headerKey: [UInt8])] = []
  var runs: [Run] = []

  var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u8(version)
    writer.varint(past.count)
    for (chain, headerKey) in past {
      writer.u32(chain)
      writer.fixed(headerKey)
    }
    writer.varint(runs.count)
    for run in runs {
      writer.u32(run.chain)
      writer.u32(run.first)
      writer.u64(run.storedAt)
      writer.varint(run.keys.count)
      for key in run.keys { writer.fixed(key) }
    }
    return writer.bytes
  }
}
