import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What devices of one account say to each other, and the digits that their users compare.
@Suite(.sealsAreWatched) struct DeviceMessageTests {
  private let id = try! MessageID([UInt8](0..<16))

  private func content(_ parts: [ContentPart]) -> Content { Content(id: id, sentAt: 1, parts: parts) }

  private func attachment() -> SottoSession.Attachment {
    var entropy = SystemEntropy()
    return SottoSession.Attachment(
      blob: BlobID(from: &entropy), relay: RelayAuthority("relay.example")!, key: AttachmentKey(from: &entropy),
      layout: AttachmentLayout(length: 5)!, name: FileName("history")!, mediaType: nil)
  }

  // [devices.5] [devices.8]
  @Test func everyMessageRoundTrips() throws {
    let alice = try Person(seed: 1, now: day)
    let device = alice.card.list.devices[0]
    let capability = try Capability([UInt8](repeating: 7, count: Capability.count))
    let request = LinkRequest(device: device, capability: capability, name: DeviceName("phone")!)
    let names = [device.id: DeviceName("laptop")!, try DeviceID([UInt8](repeating: 1, count: 8)): DeviceName("ü")!]
    let grant = LinkGrant(names: names, history: attachment())
    let text = ConversationCopy.Message(.account, content([.text("hello"), .timer(60)]))
    let file = ConversationCopy.Message(
      .contact, content([.attachment(attachment()), .answer(MessageReference(.reader, id))]))
    var parts: [ContentPart] = [
      .link(.offer), .link(.request(request)), .link(.grant(grant)), .link(.card(UnverifiedCard(alice.card))),
    ]
    for message in [nil, text, file] {
      parts.append(
        .copy(
          ConversationCopy(
            address: alice.address, name: message == nil ? nil : DeviceName("bob"), standing: .blocked, verifiedAt: 5,
            timer: 9, message: message)))
    }
    #expect(try Content(decoding: content(parts).encoded()) == content(parts))
    #expect(!content(parts).isMessage, "nothing of it is shown as a message")
  }

  // [devices.8] A33
  @Test func copiesDoNotNest() throws {
    let alice = try Person(seed: 1, now: day)
    func copy(_ parts: [ContentPart]) -> [UInt8] {
      content([
        .copy(
          ConversationCopy(
            address: alice.address, name: nil, standing: .accepted, verifiedAt: 0, timer: 0,
            message: .init(.account, content(parts))))
      ]).encoded()
    }
    let inner = ConversationCopy(
      address: alice.address, name: nil, standing: .accepted, verifiedAt: 0, timer: 0,
      message: .init(.contact, content([.text("inner")])))
    #expect(throws: Never.self) { try Content(decoding: copy([.text("good")])) }
    for bad in [
      [.text("x"), .copy(inner)], [.text("x"), .link(.offer)], [.text("x"), .missing([id])],
      [.text("x"), .ignorable(kind: 200, body: [])], [.timer(60)], [],
    ] as [[ContentPart]] {
      #expect(stage { try Content(decoding: copy(bad)) } == .content)
    }
  }

  // [devices.4]
  @Test func theDigitsAreThoseOfOneSession() throws {
    func account(_ byte: UInt8) throws -> AccountID { AccountID(try Digest([UInt8](repeating: byte, count: 32))) }
    func code(_ one: UInt8, _ other: UInt8, _ sid: UInt8) throws -> String {
      LinkCode.of(
        account: try account(one), guest: try account(other), sid: try Digest([UInt8](repeating: sid, count: 32)))
    }
    let all = [try code(1, 2, 3), try code(2, 1, 3), try code(1, 2, 4), try code(1, 4, 3), try code(4, 2, 3)]
    #expect(Set(all).count == all.count)
    #expect(all.allSatisfy { $0.utf8.count == 15 && $0.allSatisfy(\.isNumber) })
  }

  // [devices.5]
  @Test func namesAreOneLine() {
    for good in ["a", "my phone", "Telefon №1", String(repeating: "x", count: 64)] { #expect(DeviceName(good) != nil) }
    for bad in ["", "a\nb", "\u{1b}[31m", "\u{7f}", "\u{85}", String(repeating: "x", count: 65)] {
      #expect(DeviceName(bad) == nil)
    }
  }
}
