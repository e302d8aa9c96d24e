import SottoCrypto
import SottoSession
import SottoSimulation
import Testing

/// The detector of key and nonce reuse finds what is planted, and nothing else.
@Suite(.sealsAreWatched) struct SealWatchTests {
  private func key(_ byte: UInt8) -> Secret { Secret(copying: [UInt8](repeating: byte, count: 32)) }

  private func reuses(_ body: () -> Void) -> (reuses: Int, seals: Int) {
    let ledger = SealLedger(isCounted: false)
    ledger.watching(body)
    return (ledger.reuses, ledger.seals)
  }

  // [primitives.8] [primitives.9]
  @Test func aPlantedReuseIsFound() {
    let nonce = [UInt8](repeating: 7, count: 24)
    let (single, other) = (
      reuses {
        _ = SingleUseKey(key(1)).seal([1], ad: [])
        _ = SingleUseKey(key(1)).seal([2], ad: [])
      },
      reuses {
        _ = SealingKey(key(1)).seal([1], ad: [], nonce: nonce)
        _ = SealingKey(key(1)).seal([1], ad: [9], nonce: nonce)
        var entropy = FixedEntropy(nonce)
        _ = SealingKey(key(1)).seal(key(3), ad: [], from: &entropy)
      }
    )
    #expect(single == (1, 2))
    #expect(other == (2, 3))
  }

  // [primitives.14] A key that begins two streams is found by the headers, and one chunk under two plaintexts by itself.
  @Test func aStreamThatBeginsTwiceIsFound() throws {
    func seal(_ header: UInt8, _ chunk: UInt8) {
      let bytes = try! StreamHeader([UInt8](repeating: header, count: StreamHeader.count))
      var stream = StreamSealer(StreamKey(key(1)), header: bytes)
      let plaintext = [chunk]
      var sealed = [UInt8](repeating: 0, count: 1 + StreamSealer.overhead)
      var target = sealed.mutableSpan
      stream.seal(plaintext.span, into: &target)
      stream.sealLast(plaintext.span, into: &target)
    }
    let (again, headers, chunks) = (
      reuses { for _ in 0..<2 { seal(1, 1) } },
      reuses { for header in 1...2 as ClosedRange<UInt8> { seal(header, 1) } },
      // The second chunk's nonce has absorbed the first one's tag: there nothing is used twice.
      reuses { for chunk in 1...2 as ClosedRange<UInt8> { seal(1, chunk) } }
    )
    #expect(again == (0, 6) && headers == (1, 6) && chunks == (1, 6))
  }

  @Test func whatIsNoReuseIsNotFound() {
    let found = reuses {
      for byte in 1...3 as ClosedRange<UInt8> { _ = SingleUseKey(key(byte)).seal([1], ad: []) }
      // Once more the same: nothing that was not there before.
      _ = SingleUseKey(key(1)).seal([1], ad: [])
      var entropy = SeededEntropy(seed: 1)
      for byte in 1...3 as ClosedRange<UInt8> { _ = SealingKey(key(1)).seal([byte], ad: [], from: &entropy) }
    }
    #expect(found == (0, 7))
  }

  // [ratchet.3] A15: a state that was restored seals with an old message key, but not under an old key of the AEAD: the
  // header's nonce is part of what that is derived from.
  @Test func aRestoredStateSealsUnderNewKeys() throws {
    let pair = try Pair()
    let snapshot = try pair.fromAlice.reloaded()
    let ledger = SealLedger(isCounted: false)
    try ledger.watching {
      _ = pair.sealAtAlice("before")
      _ = snapshot.session.seal(pair.alice.text("after", at: day), from: &pair.alice.entropy)
      #expect(ledger.reuses == 0 && ledger.seals == 4)
      // The control: with the same randomness it would be found.
      var entropy = SeededEntropy(seed: 5)
      let again = try snapshot.reloaded()
      _ = try snapshot.reloaded().session.seal(pair.alice.text("one", at: day), from: &entropy)
      entropy = SeededEntropy(seed: 5)
      _ = again.session.seal(pair.alice.text("other", at: day), from: &entropy)
      #expect(ledger.reuses == 1)
    }
  }
}
