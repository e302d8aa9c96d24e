internal import Foundation
package import NIOCore
internal import SottoCrypto
package import SottoWire

/// A mailbox that exists for a load alone, and its owner.
package final class LoadMailbox: Sendable {
  /// Opens every one of them: what is measured is the relay, not how well they are guarded.
  package static let capability: Capability = {
    var entropy = SystemEntropy()
    guard let capability = try? Capability(entropy.bytes(Capability.count)) else { fatalError("32 bytes are 32") }
    return capability
  }()

  private let key: SigningKey
  package let id: MailboxID
  /// The id as two numbers.
  let words: (UInt64, UInt64)

  package init() {
    var entropy = SystemEntropy()
    key = SigningKey(from: &entropy)
    id = MailboxID(owner: key.publicKey)
    func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    words = (word(id.bytes[..<8]), word(id.bytes[8...]))
  }

  package func answer(_ challenge: StreamChallenge, _ authority: RelayAuthority) -> [UInt8] {
    challenge.answer(authority: authority, signedBy: key).encoded
  }

  /// A signed request, head and body.
  func request(
    _ method: SottoWire.HTTPMethod, _ route: Route, _ body: [UInt8], _ sequence: UInt64, _ authority: RelayAuthority
  )
    -> [UInt8]
  {
    let request = OwnerRequest(method, route, at: authority, body: body, sequence: sequence)
    let now = Int64(Date.now.timeIntervalSince1970)
    let fields = request.headers(signedBy: key, created: now).map { "\($0.name): \($0.value)\r\n" }.joined()
    let head =
      "\(method.rawValue) \(route.path) HTTP/1.1\r\nhost: \(authority.text)\r\ncontent-length: \(body.count)\r\n\(fields)\r\n"
    return Array(head.utf8) + body
  }
}

/// Requests one after the other on one connection, each of which must be answered with a 2xx.
package struct RequestLoad: LoadConversation {
  private enum Kind {
    /// Mailboxes that are created and opened, two requests each.
    case create([LoadMailbox])
    case delete([LoadMailbox])
  }

  private let kind: Kind
  private let authority: RelayAuthority
  private var said = 0

  private init(_ kind: Kind, _ authority: RelayAuthority) { (self.kind, self.authority) = (kind, authority) }

  package static func create(_ mailboxes: [LoadMailbox], at authority: RelayAuthority) -> RequestLoad {
    RequestLoad(.create(mailboxes), authority)
  }

  package static func delete(_ mailboxes: [LoadMailbox], at authority: RelayAuthority) -> RequestLoad {
    RequestLoad(.delete(mailboxes), authority)
  }

  package mutating func begin(_ out: inout ByteBuffer) {}

  /// An HTTP server says nothing first.
  package var isReadyAtOnce: Bool { true }

  package mutating func say(_ out: inout ByteBuffer) {
    defer { said += 1 }
    switch kind {
    case .create(let mailboxes):
      let mailbox = mailboxes[said / 2]
      if said.isMultiple(of: 2) {
        out.writeBytes(mailbox.request(.put, .mailbox(mailbox.id), [], 1, authority))
      } else {
        let slots = try? CapabilitySet([CapabilitySlot(.contact, LoadMailbox.capability.hash)])
        out.writeBytes(
          mailbox.request(.put, .capabilities(mailbox.id), slots?.encoded ?? [], 2, authority))
      }
    case .delete(let mailboxes):
      out.writeBytes(mailboxes[said].request(.delete, .mailbox(mailboxes[said].id), [], 3, authority))
    }
  }

  package mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let answer = try HTTPAnswer(&input) {
      guard 200..<300 ~= answer.status else { throw StartFailure.loadRefused(answer.status) }
      progress.done += 1
    }
    return progress
  }
}

/// A client that begins a request and does not end it.
package struct SlowLoad: LoadConversation {
  package init() {}
  package var isReadyAtOnce: Bool { true }
  package mutating func begin(_ out: inout ByteBuffer) { out.writeString("GET /livez HTTP/1.1\r\nhost: ") }
  package mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) -> LoadProgress {
    input.moveReaderIndex(forwardBy: input.readableBytes)
    return LoadProgress()
  }
}
