import CSodium
import Crypto
import Foundation

/// What an operation costs at least: the calls of libsodium that the protocol asks for, in their order, on bytes of the
/// sizes that it asks for. No state, no encoding, no check, and nothing of Sotto. README.md lists the calls.
final class CryptoFloor {
  /// What the floor of a handshake has to know: how long the bytes are that Sotto hashes, signs and seals.
  struct Sizes {
    var signedPart = 0
    var list = 0
    var box1 = 0
  }

  private static let sid = 32
  private static let header = 40
  private static let padded = 383

  private let chain = bytes(64)
  private let keys = bytes(64)
  private let own = bytes(32)
  private let peer = bytes(32)
  private let fresh = bytes(32)
  private let freshPublic = bytes(32)
  private let shared = bytes(32)
  private let nonce = bytes(24)
  private let long = bytes(1 << 16)
  private let output = bytes(1 << 16)
  private let slab = bytes(32_000)
  private let sealedHeader = bytes(80)
  private let otherHeader = bytes(80)
  private let sealedMessage = bytes(512)
  private let sealedBox = bytes(1 << 16)
  private let sealedIDs = bytes(48)
  private let verifyingKey = bytes(32)
  private let partSignature = bytes(64)
  private let listSignature = bytes(64)
  private let sizes: Sizes

  init(_ sizes: Sizes) {
    self.sizes = sizes
    for (memory, count) in [(chain, 64), (keys, 64), (own, 32), (fresh, 32), (nonce, 24), (long, 1 << 16)] {
      randombytes_buf(memory, count)
    }
    crypto_scalarmult_base(peer, fresh)
    sealHeader(into: sealedHeader)
    randombytes_buf(otherHeader, 80)
    seal(Self.padded, ad: 0, into: sealedMessage)
    seal(sizes.box1 - 16, ad: 32, into: sealedBox)
    seal(32, ad: 32, into: sealedIDs)
    let secret = Self.bytes(64)
    crypto_sign_keypair(verifyingKey, secret)
    crypto_sign_detached(partSignature, nil, long, UInt64(signedMessage(sizes.signedPart)), secret)
    crypto_sign_detached(listSignature, nil, long, UInt64(signedMessage(sizes.list)), secret)
  }

  private static func bytes(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    return memory.assumingMemoryBound(to: UInt8.self)
  }

  // MARK: Blocks

  func agree() { check(crypto_scalarmult(shared, own, peer)) }

  private func makeKey() {
    randombytes_buf(fresh, 32)
    crypto_scalarmult_base(freshPublic, fresh)
  }

  /// `P` over `count` bytes of label and parts.
  private func derive(_ count: Int, key: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>) {
    crypto_generichash(output, 64, long, UInt64(count), key, 32)
  }

  /// `H` over `count` bytes of label and parts.
  private func hash(_ count: Int) { crypto_generichash(output, 32, long, UInt64(count), nil, 0) }

  private func seal(_ count: Int, ad: Int, into sealed: UnsafeMutablePointer<UInt8>) {
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed, nil, long, UInt64(count), long, UInt64(ad), nil, nonce, own)
  }

  private func open(_ count: Int, ad: Int, _ sealed: UnsafePointer<UInt8>) {
    check(
      crypto_aead_chacha20poly1305_ietf_decrypt(
        output, nil, nil, sealed, UInt64(count + 16), long, UInt64(ad), nonce, own))
  }

  private func sealHeader(into sealed: UnsafeMutablePointer<UInt8>) {
    randombytes_buf(sealed, 24)
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      sealed + 24, nil, long, UInt64(Self.header), long, UInt64(Self.sid), nil, sealed, own)
  }

  private func openHeader(_ sealed: UnsafePointer<UInt8>) -> Bool {
    crypto_aead_xchacha20poly1305_ietf_decrypt(
      output, nil, nil, sealed + 24, UInt64(Self.header + 16), long, UInt64(Self.sid), sealed, own) == 0
  }

  private func verify(_ count: Int, _ signature: UnsafePointer<UInt8>) {
    check(crypto_sign_verify_detached(signature, long, UInt64(count), verifyingKey))
  }

  // Labels with their length: "Sotto/1 " and the word, after one byte.
  private func stepChain() { derive(14, key: chain, into: chain) }
  private func deriveMessageKeys() { derive(16 + 33 + 82, key: chain + 32, into: keys) }
  private func stepRoot() {
    derive(21 + 33, key: keys, into: keys)
    derive(22, key: keys + 32, into: output)
  }

  // MARK: Operations

  func encrypt() {
    stepChain()
    sealHeader(into: output)
    deriveMessageKeys()
    seal(Self.padded, ad: 0, into: output + 112)
  }

  func decrypt() {
    precondition(openHeader(sealedHeader))
    decryptBody()
  }

  private func decryptBody() {
    stepChain()
    deriveMessageKeys()
    _ = sodium_memcmp(keys + 32, nonce, 24)
    open(Self.padded, ad: 0, sealedMessage)
  }

  /// A message each way has a turn at its reader: the header of a new chain is not the current chain's.
  func pingPongLeg() {
    encrypt()
    precondition(!openHeader(otherHeader))
    precondition(openHeader(sealedHeader))
    agree()
    stepRoot()
    decryptBody()
    makeKey()
    agree()
    stepRoot()
  }

  /// 999 chain steps and nothing else.
  func skip() {
    for index in 0..<999 {
      stepChain()
      (slab + 32 * index).update(from: chain + 32, count: 32)
    }
  }

  /// Each header is tried with two keys; the last key of the last session opens it.
  func find(among count: Int) {
    for _ in 0..<2 * count - 1 { precondition(!openHeader(otherHeader)) }
    precondition(openHeader(sealedHeader))
  }

  /// The bytes once, in memory that is wiped.
  func save(_ count: Int) {
    let memory = malloc(count)!
    memory.copyMemory(from: long, byteCount: count)
    sodium_memzero(memory, count)
    free(memory)
  }

  // MARK: Handshakes

  /// `lp(label) || lp(signer) || lp(payload)`, with the label of a signed part.
  private func signedMessage(_ payload: Int) -> Int { 20 + 33 + 2 + payload }

  /// Both sides hash the same: c0, c1, c2, and the prelude's name.
  private func hashTranscript() {
    hash(12 + 33 + 9 + 33 + 33)
    hash(12 + 33 + 49 + 33 + 33 + 2 + 33 + 1_570 + 1_570)
    hash(12 + 33 + 2 + sizes.box1 + 33 + 33 + 9 + 33)
    hash(16 + 33 + 49 + 1_570 + 2 + sizes.box1)
  }

  private func deriveSchedule() {
    // dh2, dh3, dh4; the KEM's secret with c1; dh1 with c2; the root; the headers' keys.
    for _ in 0..<3 { derive(15 + 33, key: keys, into: keys) }
    derive(15 + 66, key: keys, into: keys)
    derive(15 + 66, key: keys, into: keys)
    derive(13, key: keys, into: output)
    derive(16, key: keys, into: output)
  }

  /// The signed part's hash and its Ed25519 half; then everything but the encapsulation, up to the first sending chain.
  func initiateClassical() {
    hash(20 + 2 + sizes.signedPart)
    verify(signedMessage(sizes.signedPart), partSignature)
    makeKey()
    makeKey()
    for _ in 0..<4 { agree() }
    hashTranscript()
    deriveSchedule()
    seal(32, ad: 32, into: output)
    seal(sizes.box1 - 16, ad: 32, into: output)
    agree()
    stepRoot()
  }

  /// The hashes of the card's list and key, and its Ed25519 half; then everything but the decapsulation, up to a session that has
  /// opened nothing yet.
  func respondClassical() {
    hash(13 + 2 + sizes.list)
    // A, and the signer that both halves sign for.
    hash(16 + 33 + 1_954)
    hash(15 + 33 + 1_954)
    verify(signedMessage(sizes.list), listSignature)
    for _ in 0..<4 { agree() }
    hashTranscript()
    deriveSchedule()
    open(32, ad: 32, sealedIDs)
    open(sizes.box1 - 16, ad: 32, sealedBox)
  }

  private func check(_ status: CInt) { precondition(status == 0, "a call of the floor failed") }
}

/// ML-KEM-1024 and ML-DSA-65 alone, as swift-crypto has them: a key that was read already, one call.
struct PostQuantumFloor {
  private let kem: MLKEM1024.PrivateKey
  private let kemPublic: MLKEM1024.PublicKey
  private let encapsulated: Data
  private let verifying: MLDSA65.PublicKey
  private let message = Data(repeating: 1, count: 2_000)
  private let context = Data("Sotto/1".utf8)
  private let signature: Data

  init() throws {
    kem = try MLKEM1024.PrivateKey()
    kemPublic = kem.publicKey
    encapsulated = try kemPublic.encapsulate().encapsulated
    let signing = try MLDSA65.PrivateKey()
    verifying = signing.publicKey
    signature = try signing.signature(for: message, context: context)
  }

  func encapsulate() throws { _ = try kemPublic.encapsulate() }
  func decapsulate() throws { _ = try kem.decapsulate(encapsulated) }
  func verify() { precondition(verifying.isValidSignature(signature, for: message, context: context)) }
}
