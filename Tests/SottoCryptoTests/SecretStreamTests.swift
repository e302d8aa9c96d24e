import SottoCrypto
import SottoSimulation
import Testing

/// Streams against an independent implementation, and against whoever bends them. [primitives.14]
@Suite struct SecretStreamTests {
  private static let key = [UInt8](0..<32)
  private static let header = try! StreamHeader([UInt8](0x40..<0x58))
  private static let overhead = StreamSealer.overhead

  private func sealer(_ key: [UInt8] = key, _ header: StreamHeader = header) -> StreamSealer {
    StreamSealer(StreamKey(Secret(copying: key)), header: header)
  }

  /// Chunks as they are marked; the last one as such if nothing else is said.
  private func seal(_ chunks: [[UInt8]], marks: [StreamMark] = [], _ header: StreamHeader = header) -> [[UInt8]] {
    var stream = sealer(Self.key, header)
    return chunks.enumerated().map { index, chunk in
      let mark = index < marks.count ? marks[index] : index == chunks.count - 1 ? .last : .chunk
      var sealed = [UInt8](repeating: 0, count: chunk.count + Self.overhead)
      var target = sealed.mutableSpan
      stream.seal(chunk.span, mark: mark, into: &target)
      return sealed
    }
  }

  /// What opens of `chunks`, the last of them as the last; and whether all of them did.
  private func open(
    _ chunks: [[UInt8]], key: [UInt8] = key, _ header: StreamHeader = header
  ) -> (plaintexts: [[UInt8]], isWhole: Bool) {
    var stream = Optional(StreamOpener(StreamKey(Secret(copying: key)), header: header))
    var plaintexts: [[UInt8]] = []
    for (index, chunk) in chunks.enumerated() {
      var plaintext = [UInt8](repeating: 9, count: max(0, chunk.count - Self.overhead))
      var target = plaintext.mutableSpan
      guard var opener = stream.take() else { break }
      do throws(CryptoError) {
        if index == chunks.count - 1 {
          try opener.openLast(chunk.span, into: &target)
        } else {
          try opener.open(chunk.span, into: &target)
          stream = consume opener
        }
      } catch {
        #expect(error == .notAuthentic)
        // Nothing of it is there, whether it was decrypted or not.
        #expect(plaintext.allSatisfy { $0 == 9 } || plaintext.allSatisfy { $0 == 0 })
        return (plaintexts, false)
      }
      plaintexts.append(plaintext)
    }
    return (plaintexts, true)
  }

  private static let chunks = [Array("Hello".utf8), [], [UInt8](0..<64), Array("end".utf8)]
  private static let sealed = [
    "0d8bfd2c8564d22a752b95062faddba97442784277b1",
    "3ed330b2261dbda79e20c1f5adf3c76b20",
    """
    2d9122cb0bb74186e878591f601ac39b1e4fa52512a1a5f81b90feaa548bdf153d71d27c48dc63357bf945fea0dd8f8ec6becae33254f4aa
    6568d421161caba141faeedfb95dad073b8c886c35aff9bddc
    """,
    "12fcb5e20753db73d24f7b28b19cfa682f4b2efd",
  ].map { hex($0) }

  /// Computed in Python from ChaCha20 and Poly1305, after Specs/Primitives.md; `Vectors/check` does it again.
  @Test func figuresOfAnotherImplementation() {
    #expect(seal(Self.chunks) == Self.sealed)
    #expect(open(Self.sealed) == (Self.chunks, true))
  }

  /// The typed ways seal what the vectors' way seals.
  @Test func chunksAndTheLastOneAreMarked() {
    var stream = sealer()
    var sealed: [[UInt8]] = []
    for chunk in Self.chunks.dropLast() {
      var room = [UInt8](repeating: 7, count: chunk.count + Self.overhead + 2)
      var target = room.mutableSpan
      stream.seal(chunk.span, into: &target)
      #expect(room.suffix(2) == [7, 7], "more was written than a sealed chunk")
      sealed.append(Array(room.dropLast(2)))
    }
    let end = Self.chunks[3]
    var last = [UInt8](repeating: 0, count: end.count + Self.overhead)
    var target = last.mutableSpan
    stream.sealLast(end.span, into: &target)
    #expect(sealed + [last] == Self.sealed)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 63, 64, 65, 1_024, 65_536]) func everyLengthRoundTrips(count: Int) {
    var entropy = SeededEntropy(seed: UInt64(count))
    let chunks = (0..<3).map { _ in entropy.bytes(count) }
    let header = StreamHeader(from: &entropy)
    let sealed = seal(chunks, header)
    #expect(sealed.allSatisfy { $0.count == count + Self.overhead })
    #expect(open(sealed, header) == (chunks, true))
    // Equal chunks are sealed otherwise in another place.
    #expect(Set(seal([chunks[0], chunks[0], chunks[0]], StreamHeader(from: &entropy))).count == 3)
  }

  // A31
  @Test func everyOtherOrderIsRefused() {
    let whole = Self.sealed
    for (one, other) in [(0, 1), (0, 3), (1, 2), (2, 3)] {
      var bent = whole
      bent.swapAt(one, other)
      #expect(!open(bent).isWhole, "\(one) and \(other)")
    }
    for place in whole.indices {
      var (less, more) = (whole, whole)
      less.remove(at: place)
      more.insert(whole[place], at: place)
      #expect(!open(less).isWhole && !open(more).isWhole, "\(place)")
    }
    // The end is not the end, or comes too soon.
    for count in 1..<whole.count { #expect(!open(Array(whole.prefix(count))).isWhole) }
    #expect(!open(whole + [whole[3]]).isWhole)
    // A chunk of another stream under the same key, in its own place.
    var entropy = SeededEntropy(seed: 4)
    let other = seal(Self.chunks, StreamHeader(from: &entropy))
    for place in whole.indices {
      var spliced = whole
      spliced[place] = other[place]
      #expect(!open(spliced).isWhole, "\(place)")
    }
  }

  @Test func everyOtherMarkIsRefused() {
    for place in Self.chunks.indices {
      let right: StreamMark = place == 3 ? .last : .chunk
      for mark in [StreamMark.chunk, .push, .rekey, .last] where mark != right {
        var marks: [StreamMark] = [.chunk, .chunk, .chunk, .last]
        marks[place] = mark
        let opened = open(seal(Self.chunks, marks: marks))
        #expect(!opened.isWhole && opened.plaintexts == Array(Self.chunks.prefix(place)), "\(mark) at \(place)")
      }
    }
  }

  @Test func everyFlippedBitIsRefused() {
    for (place, chunk) in Self.sealed.enumerated() {
      for bit in 0..<chunk.count * 8 {
        var bent = Self.sealed
        bent[place] = chunk.flipping(bit)
        #expect(open(bent).plaintexts == Array(Self.chunks.prefix(place)), "bit \(bit) of chunk \(place)")
      }
    }
    for bit in 0..<StreamHeader.count * 8 {
      #expect(open(Self.sealed, try! StreamHeader(Self.header.bytes.flipping(bit))).plaintexts.isEmpty)
    }
    for bit in 0..<256 { #expect(open(Self.sealed, key: Self.key.flipping(bit)).plaintexts.isEmpty) }
  }

  @Test func otherLengthsAreRefused() {
    let chunk = Self.sealed[0]
    for count in 0..<chunk.count { #expect(open([Array(chunk.prefix(count)), Self.sealed[1]]).plaintexts.isEmpty) }
    #expect(open([chunk + [0], Self.sealed[1]]).plaintexts.isEmpty)
    for count in [0, 23, 25, 48] {
      let bytes = [UInt8](repeating: 1, count: count)
      #expect(refusal { () throws(CryptoError) in try StreamHeader(bytes) } == .wrongLength)
    }
  }
}
