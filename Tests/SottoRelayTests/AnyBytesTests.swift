import NIOCore
import SottoRelay
import SottoSimulation
import SottoWire
import Testing

/// Decoders that stand beside NIO and jwt-kit, where the fuzzer does not reach, and those that lead to them: honest inputs,
/// changed at random from a seed.
@Suite struct AnyBytesTests {
  /// The inputs, and as many more that are changed: bytes put in, taken out, turned or doubled, and the end of another.
  private func changed(_ inputs: [[UInt8]], _ count: Int) -> [[UInt8]] {
    var entropy = SeededEntropy(seed: 31)
    var all = inputs
    for _ in 0..<count {
      var bytes = inputs[entropy.next(below: inputs.count)]
      for _ in 0...entropy.next(below: 3) {
        let place = entropy.next(below: bytes.count + 1)
        switch entropy.next(below: 5) {
        case 0: bytes.insert(UInt8(entropy.next(below: 256)), at: place)
        case 1: if place < bytes.count { bytes.remove(at: place) }
        case 2: if place < bytes.count { bytes[place] ^= 1 << UInt8(entropy.next(below: 8)) }
        case 3:
          let doubled = Array(bytes[place...].prefix(entropy.next(below: 16)))
          bytes.insert(contentsOf: doubled, at: place)
        default:
          let other = inputs[entropy.next(below: inputs.count)]
          bytes = Array(bytes[..<place]) + other.suffix(entropy.next(below: other.count + 1))
        }
      }
      all.append(bytes)
    }
    return all
  }

  private static let header = #"{"alg":"ES256","kid":"a \u00e9\ud83d\ude00","typ":"JWT"}"#
  private static let claims =
    #"{"iss":"https://id.example","aud":["sotto","b"],"azp":"sotto","exp":1.7e9,"iat":-0,"sub":"x","nonce":null}"#
  private static let keySets = [
    #"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
      + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
    #"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    #"{"keys":[{"kty":"RSA","alg":"PS256","key_ops":["verify"],"e":"AQAB","n":""# + PublishedKey.n + #""}]}"#,
  ]

  @Test func `JSON that is read says the same when it is written again`() {
    var count = 0
    for bytes in changed(([Self.header, Self.claims] + Self.keySets).map { Array($0.utf8) }, 20_000) {
      guard let value = StrictJSON(bytes) else { continue }
      count += 1
      #expect(StrictJSON(Array(value.written.utf8)) == value, "\(bytes)")
    }
    #expect(count > 100)
  }

  /// [token.12]
  @Test func `A token is taken apart within its bounds, or refused`() {
    let parts = [Self.header, Self.claims, "signature"].map { Base64URL.encode(Array($0.utf8)) }
    var count = 0
    for bytes in changed([Array(parts.joined(separator: ".").utf8)], 20_000) {
      let text = String(decoding: bytes, as: UTF8.self)
      guard let token = try? SignedToken(text) else { continue }
      count += 1
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      #expect(parts.count == 3 && text.utf8.count <= RelayLimits.idToken, "\(text)")
      #expect(token.keyName?.count ?? 0 <= RelayLimits.claim, "\(text)")
    }
    #expect(count > 100)
  }

  /// [token.12]
  @Test func `Whatever a provider publishes, nothing that it did not sign is signed`() async {
    var count = 0
    for bytes in changed(Self.keySets.map { Array($0.utf8) }, 3_000) {
      guard let keys = await ProviderKeys(document: bytes), let key = keys.key(named: nil) else { continue }
      count += 1
      for length in [0, 64, 256] { #expect(!key.hasSigned(bytes, [UInt8](repeating: 1, count: length)), "\(bytes)") }
    }
    #expect(count > 10)
  }

  /// [push.10]
  @Test func `A message at the push socket has one spelling`() throws {
    let job = PushJob(handle: PushHandle(number: 3), sealed: [UInt8](repeating: 7, count: 40))
    let answers = PushVerdict.allCases.map { PushAnswer(number: .max, $0).encoded }
    var count = 0
    for bytes in changed(answers + [PushRequest(number: 1, job: job).encoded], 20_000) {
      let request = try promiseOneSpelling(bytes, { try PushRequest(decoding: $0) }, \.encoded)
      let answer = try promiseOneSpelling(bytes, { try PushAnswer(decoding: $0) }, \.encoded)
      #expect(request == nil || answer == nil, "\(bytes)")
      if request != nil || answer != nil { count += 1 }
    }
    #expect(count > 100)
  }

  /// What is on the socket, read in one go: the messages, and whether one is longer than any.
  private func messages(_ bytes: [UInt8]) -> (read: [[UInt8]], isRefused: Bool) {
    var (read, rest) = ([[UInt8]](), bytes[...])
    while rest.count >= 2 {
      let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
      if length > RelayLimits.pushFrame { return (read, true) }
      guard rest.count >= 2 + length else { break }
      read.append(Array(rest.dropFirst(2).prefix(length)))
      rest = rest.dropFirst(2 + length)
    }
    return (read, false)
  }

  /// [push.10]
  @Test func `Wherever the bytes on the push socket are cut, the same messages are read`() throws {
    var entropy = SeededEntropy(seed: 33)
    let lengths = [0, 1, 9, 300, RelayLimits.pushFrame]
    let inputs = (0..<20).map { _ -> [UInt8] in
      let chosen = (0..<4).map { _ in lengths[entropy.next(below: lengths.count)] }
      return chosen.flatMap { [UInt8](buffer: PushFrames.frame([UInt8](repeating: UInt8($0 & 255), count: $0))) }
    }
    var (count, refused) = (0, 0)
    for bytes in changed(inputs, 2_000) {
      var (frames, buffer, read, isRefused) = (PushFrames(), ByteBuffer(), [[UInt8]](), false)
      var rest = bytes[...]
      while !rest.isEmpty, !isRefused {
        let part = rest.prefix(1 + entropy.next(below: 900))
        rest = rest.dropFirst(part.count)
        buffer.writeBytes(part)
        do {
          while let message = try frames.decode(buffer: &buffer) { read.append(message) }
        } catch {
          isRefused = true
        }
      }
      let expected = messages(bytes)
      #expect(read == expected.read && isRefused == expected.isRefused, "\(bytes)")
      let last = try frames.decodeLast(buffer: &buffer, seenEOF: true)
      #expect(last == nil, "half a message is none")
      count += read.count
      if isRefused { refused += 1 }
    }
    #expect(count > 1_000 && refused > 10)
  }
}
