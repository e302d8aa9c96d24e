import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

@Suite(.sealsAreWatched) struct AddressTests {
  let alice: Person
  init() throws { alice = try Person(seed: 1, now: day) }

  // [address.4]
  @Test func readsWhatItWrites() throws {
    let text = alice.address.text
    #expect(text.hasPrefix("sotto:") && text.hasSuffix("@relay.example"))
    #expect(text.utf8.count == "sotto:@relay.example".utf8.count + 88)
    #expect(try Address(parsing: text) == alice.address)
  }

  // [address.5]
  @Test func everyTypoIsCaught() throws {
    let text = alice.address.text
    for (offset, character) in text.enumerated() {
      for other in "a2z." where other != character {
        var typed = Array(text)
        typed[offset] = other
        #expect(throws: AddressError.self, "\(offset) \(other)") { try Address(parsing: String(typed)) }
      }
    }
  }

  // [address.3]
  @Test func everyTypoIsNamed() {
    let text = alice.address.text
    let code = text.dropFirst(6).prefix(88)
    func error(_ text: String) -> AddressError? {
      do {
        _ = try Address(parsing: text)
        return nil
      } catch { return error }
    }
    #expect(error(String(text.dropFirst(6))) == .noScheme)
    #expect(error("sotto:\(code)") == .noRelay)
    #expect(error(text.replacing("sotto:\(code.prefix(1))", with: "sotto:0")) == .badCharacter("0"))
    // It lies between "a" and "z" in the order of characters.
    #expect(error(text.replacing("sotto:\(code.prefix(1))", with: "sotto:é")) == .badCharacter("é"))
    #expect(
      error("sotto:" + code.uppercased() + "@relay.example") == .badCharacter(code.uppercased().first { $0.isLetter }!))
    #expect(error("sotto:\(code.dropLast())@relay.example") == .wrongLength(87))
    #expect(error("sotto:\(code)@Relay.example") == .badRelay)
    #expect(error("sotto:\(code)@relay.example:0") == .badRelay)
    #expect(error("sotto:\(code)@relay.exampla") == .mistyped)
    #expect(error("sotto:\(code.dropLast(2))\(String(code.suffix(2).reversed()))@relay.example") == .mistyped)
    #expect(error("") == .noScheme)
  }

  // [address.6] [address.7] [address.2]
  @Test func contactKeysDependOnEverything() throws {
    let bob = try Person(seed: 2, now: day)
    let one = ContactKeys(alice.address)
    let rotated = ContactKeys(account: alice.account.id, secret: bob.contactSecret)
    #expect(one.cardID != rotated.cardID)
    #expect(one.cardKey().bytes().revealed() != rotated.cardKey().bytes().revealed())
    #expect(one.knock(for: alice.device.mailbox) != one.knock(for: bob.device.mailbox))
    #expect(one.knock(for: alice.device.mailbox) != rotated.knock(for: alice.device.mailbox))
  }

  // [safety.1]
  @Test func safetyNumbersAreEqualOnBothSides() throws {
    let bob = try Person(seed: 2, now: day)
    let carol = try Person(seed: 3, now: day)
    let number = SafetyNumber.between(alice.account.id, bob.account.id)
    #expect(number == SafetyNumber.between(bob.account.id, alice.account.id))
    #expect(number.utf8.count == 60 && number.allSatisfy(\.isNumber))
    #expect(number != SafetyNumber.between(alice.account.id, carol.account.id))
  }
}
