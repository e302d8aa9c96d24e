import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What a client has to register with, and when it pays. [token.11] [token.13]
@Suite(.sealsAreWatched) struct RegistrationTests {
  private static let here = RelayAuthority("relay.example")!
  private static let there = RelayAuthority("elsewhere.example")!
  private let day: UInt64 = 86_400

  private func token(_ number: UInt8) throws -> RegistrationToken {
    try #require(RegistrationToken([0, 2] + [UInt8](repeating: number, count: 352)))
  }

  private func fill(_ node: Node, _ numbers: [UInt8], at relay: RelayAuthority = here) throws {
    var purse = Purse(at: relay)
    purse.tokens = try numbers.map(token)
    purse.invitation = "an invitation"
    try node.step { try $0.keep(purse) }
  }

  private func shown(_ errand: OwnerErrand) -> RegistrationToken? {
    errand.headers.first { $0.name == HeaderName.authorization }.flatMap { RegistrationToken(authorization: $0.value) }
  }

  @Test func `A token leaves the store before it is shown, and is for one relay`() throws {
    let bob = Node(blank: "bob", WorldRelay(), seed: 1, now: 1_800_000_000)
    try bob.step { try $0.createIdentity(name: "bob", at: Self.here) }
    let first = try #require(try bob.step { try $0.nextUpload() })
    #expect(shown(first) == nil)
    #expect(try !bob.step { try $0.pay(for: first) })
    try fill(bob, [1, 2], at: Self.there)
    #expect(try !bob.step { try $0.pay(for: first) })
    try fill(bob, [1, 2])
    #expect(try bob.step { try $0.pay(for: first) })
    let paid = try #require(try bob.step { try $0.nextUpload() })
    #expect(try shown(paid) == token(1) && paid.upload == first.upload)
    // The same request until it is answered, however often it is read.
    let again = try #require(try bob.step { try $0.nextUpload() })
    #expect(try shown(again) == token(1))
    #expect(try bob.step { try $0.purse(at: Self.here) }.tokens == [token(2)])
    // One that is refused is replaced.
    #expect(try bob.step { try $0.pay(for: paid) })
    #expect(try shown(#require(try bob.step { try $0.nextUpload() })) == token(2))
    #expect(try !bob.step { try $0.pay(for: paid) })
    #expect(try bob.step { try $0.purse(at: Self.here) }.invitation == "an invitation")
  }

  /// What a device that could not be made has not used is known among everything else that is there. [token.11]
  @Test func `Tokens are found for whatever relay, lent and given back`() throws {
    let (_, bob, _) = try acquainted()
    #expect(try bob.step { try $0.filledPurses() }.isEmpty)
    try fill(bob, [1, 2, 3])
    try fill(bob, [4], at: Self.there)
    try fill(bob, [], at: RelayAuthority("empty.example")!)
    let found = try bob.step { try $0.filledPurses() }
    #expect(found.count == 2 && Set(found.map(\.relay)) == [Self.here, Self.there])
    let lent = try bob.step { try $0.lend(2, at: Self.here) }
    #expect(try lent.tokens == [token(1), token(2)])
    #expect(lent.invitation == "an invitation")
    #expect(try bob.step { try $0.purse(at: Self.here) }.tokens == [token(3)])
    let few = try bob.step { try $0.lend(2, at: Self.there) }
    #expect(try few.tokens == [token(4)])
    var left = lent
    left.tokens.removeFirst()
    left.invitation = nil
    let unused = left
    try bob.step { try $0.add(unused) }
    let purse = try bob.step { try $0.purse(at: Self.here) }
    #expect(try purse.tokens == [token(3), token(2)])
    #expect(purse.invitation == "an invitation")
    #expect(try bob.step { try $0.filledPurses() }.map(\.relay) == [Self.here])
  }

  @Test func `A mailbox is paid for ten days ahead, once`() throws {
    let (_, bob, _) = try acquainted()
    try fill(bob, [1])
    let end = bob.now + 30 * day
    try bob.step { try $0.paid(until: end) }
    #expect(try bob.step { try $0.paidUntil() } == end)
    func due() throws -> [OwnerErrand] {
      try bob.step { try $0.maintain() }
      let errand = try bob.step { try $0.nextUpload() }
      return [errand].compactMap(\.self).filter { $0.action == .createMailbox }
    }
    bob.now = end - 11 * day
    try bob.step { try $0.maintain() }
    try bob.flushUploads()
    #expect(try due().isEmpty)
    bob.now = end - 9 * day
    let errand = try #require(try due().first)
    #expect(try shown(errand) == token(1))
    #expect(try due().first?.headers == errand.headers)
    #expect(try bob.step { try $0.isRenewal(errand) })
    #expect(try bob.step { try $0.wantsTokens() } == nil, "it is on its way")
    try bob.step { engine in
      try engine.uploadDone(errand)
      try engine.paid(until: end + 21 * day)
    }
    #expect(try due().isEmpty)
    // Then there is none left, and the invitation may buy some.
    bob.now = end + 20 * day
    #expect(try due().isEmpty)
    #expect(try bob.step { try $0.wantsTokens() } == Self.here)
  }

  @Test func `Where nothing has to be paid nothing is`() throws {
    let (_, bob, _) = try acquainted()
    try fill(bob, [1])
    bob.now += 40 * day
    try bob.step { try $0.maintain() }
    try bob.flushUploads()
    #expect(try bob.step { try $0.purse(at: Self.here) }.tokens.count == 1)
    #expect(try bob.step { try $0.paidUntil() } == nil)
    #expect(try bob.step { try $0.wantsTokens() } == nil)
  }

  @Test func `A purse is read back as it is`() throws {
    let (_, bob, _) = try acquainted()
    try fill(bob, [3, 4, 5])
    try bob.step { try $0.paid(until: 77) }
    let purse = try bob.step { try $0.purse(at: Self.here) }
    #expect(try purse.tokens == [token(3), token(4), token(5)])
    #expect(purse.invitation == "an invitation" && purse.lease == 77)
    try bob.step { try $0.forgetTokens(at: Self.here) }
    let empty = try bob.step { try $0.purse(at: Self.here) }
    #expect(empty.tokens.isEmpty && empty.lease == 77 && empty.invitation == "an invitation")
  }
}
