internal import SottoCrypto
internal import SottoWire

/// C2SP Wycheproof, testvectors_v1: `testGroups[].tests[]`, each valid, invalid or acceptable.
enum Wycheproof {
  /// One test with what its group says.
  private struct Test {
    let group: Fields
    let fields: Fields
    /// Whether an implementation must accept it; "acceptable" leaves the choice, which each algorithm here makes.
    let result: String
  }

  private static let algorithms: [String: @Sendable (Test) throws -> Verdict] = [
    "XDH XdhComp": x25519, "EDDSA EddsaVerify": ed25519, "CHACHA20-POLY1305 AeadTest": chaCha20Poly1305,
    "XCHACHA20-POLY1305 AeadTest": xChaCha20Poly1305, "ML-KEM MLKEMKeyGen": kemKey, "ML-KEM MLKEMTest": kemDecapsulate,
    "ML-KEM MLKEMEncapsTest": kemEncapsulate, "ML-DSA-65 MlDsaVerify": mldsaVerify, "ML-DSA-65 MlDsaSign": mldsaSign,
  ]

  /// Known files that say nothing about Sotto.
  private static let unused: [String: String] = [
    "XDH XdhJwkComp": "JSON Web Keys are no encoding of Sotto",
    "ML-KEM MLKEMDecapsValidationTest": "private keys are seeds here, expanded keys cannot be imported",
    "AES-GCM AeadTest": "Sotto does not use AES-GCM", "ECDSA EcdsaVerify": "Sotto does not use ECDSA",
    "ECDSA EcdsaP1363Verify": "Sotto does not use ECDSA", "HKDF-SHA-256 HkdfTest": "Sotto does not use HKDF",
    "HKDF-SHA-512 HkdfTest": "Sotto does not use HKDF", "HMACSHA256 MacTest": "Sotto does not use HMAC",
    "HMACSHA512 MacTest": "Sotto does not use HMAC", " JsonWebCrypto": "Sotto does not use JSON Web Signatures",
    " JsonWebKey": "Sotto does not use JSON Web Keys", " JsonWebSignature": "Sotto does not use JSON Web Signatures",
  ]

  static func content(of file: Fields) throws -> VectorContent {
    let groups = try file.objects("testGroups")
    guard let first = groups.first else { throw BadVector("the file has no test groups") }
    let count = try file.number("numberOfTests")
    let name = "\(file.has("algorithm") ? try file.text("algorithm") : "") \(try first.text("type"))"
    if let reason = unused[name] { return .notApplicable(reason, count: count) }
    if first.has("parameterSet"), case let set = try first.text("parameterSet"), set != "ML-KEM-1024" {
      guard ["ML-KEM-512", "ML-KEM-768"].contains(set) else { throw BadVector("unknown algorithm \"\(set)\"") }
      return .notApplicable("Sotto does not use \(set)", count: count)
    }
    guard let algorithm = algorithms[name] else { throw BadVector("unknown algorithm \"\(name)\"") }
    var cases: [VectorCase] = []
    for group in groups {
      for test in try group.objects("tests") {
        let result = try test.text("result")
        guard ["valid", "invalid", "acceptable"].contains(result) else {
          throw BadVector("\(test.place) has the unknown result \"\(result)\"")
        }
        let one = Test(group: group, fields: test, result: result)
        cases.append(VectorCase(id: String(try test.number("tcId"))) { try algorithm(one) })
      }
    }
    guard cases.count == count else { throw BadVector("the file has \(cases.count) tests and promises \(count)") }
    return .cases(cases)
  }

  // MARK: Agreement

  /// Stricter than "acceptable" allows: keys that are not canonical are refused when decoded, a result of zeros at use.
  private static func x25519(_ test: Test) throws -> Verdict {
    let scalar = try test.fields.secret("private")
    let point = try test.fields.bytes("public")
    let shared = try test.fields.bytes("shared")
    let key: AgreementPublicKey
    do throws(CryptoError) { key = try AgreementPublicKey(point) } catch {
      return .expect(!isReduced(point), "a canonical key was refused when it was decoded")
    }
    guard isReduced(point) else { return .failed("a key that is not canonical was accepted") }
    guard let own = try? AgreementPrivateKey(scalar) else { return .failed("the private key was refused") }
    let isZero = shared.allSatisfy { $0 == 0 }
    do throws(CryptoError) {
      let agreed = try own.agree(with: key).revealed()
      if isZero { return .failed("an all-zero shared secret was accepted") }
      return .expect(agreed == shared, "shared secret is \(Hex.encode(agreed))")
    } catch { return .expect(isZero && error == .lowOrder, "refused") }
  }

  /// Whether the little-endian number, all 256 bits of it, is below 2^255 - 19.
  private static func isReduced(_ bytes: [UInt8]) -> Bool {
    let p: [UInt8] = [0x7f] + [UInt8](repeating: 0xff, count: 30) + [0xed]
    return bytes.reversed().lexicographicallyPrecedes(p)
  }

  // MARK: Signatures

  private static func ed25519(_ test: Test) throws -> Verdict {
    let key = try VerifyingKey(test.group.object("publicKey").bytes("pk"))
    let verified = key.verify(try test.fields.bytes("sig"), over: try test.fields.bytes("msg"))
    return .expect(verified == (test.result == "valid"), verified ? "accepted" : "refused")
  }

  private static func mldsaVerify(_ test: Test) throws -> Verdict {
    let valid = test.result == "valid"
    guard test.fields.has("msg") else { return .skipped(externalHash) }
    guard let key = try? MLDSAPublicKey(test.group.bytes("publicKey")) else {
      return .expect(!valid, "the public key was refused")
    }
    let verified = key.verify(
      try test.fields.bytes("sig"), over: try test.fields.bytes("msg"), context: try context(test))
    return .expect(verified == valid, verified ? "accepted" : "refused")
  }

  /// Signing is randomised here, so the seed's public key is compared, and the recorded signature verified.
  private static func mldsaSign(_ test: Test) throws -> Verdict {
    let seed = try test.group.secret("privateSeed")
    let publicKey: MLDSAPublicKey
    do throws(CryptoError) { publicKey = try MLDSAPrivateKey(seed: seed).publicKey } catch {
      return .expect(test.result == "invalid" && error == .wrongLength, "the seed was refused")
    }
    if test.result == "invalid" {
      return try context(test).count > 255
        ? .skipped("the context of a signature is fixed here") : .failed("the seed was accepted")
    }
    guard publicKey.bytes == (try test.group.bytes("publicKey")) else { return .failed("another public key") }
    guard test.fields.has("msg") else { return .skipped(externalHash) }
    let verified = publicKey.verify(
      try test.fields.bytes("sig"), over: try test.fields.bytes("msg"), context: try context(test))
    return .expect(verified, "the signature was refused")
  }

  private static let externalHash = "signs a hash that was made outside, which has no interface here"

  private static func context(_ test: Test) throws -> [UInt8] {
    test.fields.has("ctx") ? try test.fields.bytes("ctx") : []
  }

  // MARK: Encryption

  private static func chaCha20Poly1305(_ test: Test) throws -> Verdict {
    let nonce = try test.fields.bytes("iv")
    guard nonce.count == 12 else { return .skipped("a nonce of another length cannot be passed: it is fixed here") }
    let (key, ad) = (try test.fields.bytes("key"), try test.fields.bytes("aad"))
    return try aead(test) { plaintext in
      SingleUseKey(Secret(copying: key)).seal(plaintext, ad: ad, nonce: nonce)
    } open: { (sealed) throws(CryptoError) in
      try SingleUseKey(Secret(copying: key)).open(sealed, ad: ad, nonce: nonce)
    }
  }

  /// The nonce stands in front of the ciphertext: one of another length shifts everything, and must be refused.
  private static func xChaCha20Poly1305(_ test: Test) throws -> Verdict {
    let (nonce, ad) = (try test.fields.bytes("iv"), try test.fields.bytes("aad"))
    let key = SealingKey(try test.fields.secret("key"))
    return try aead(test) { plaintext in
      key.seal(plaintext, ad: ad, nonce: nonce)
    } open: { (sealed) throws(CryptoError) in
      try key.open(nonce + sealed, ad: ad)
    }
  }

  private static func aead(
    _ test: Test, seal: ([UInt8]) -> [UInt8], open: ([UInt8]) throws(CryptoError) -> [UInt8]
  ) throws -> Verdict {
    let plaintext = try test.fields.bytes("msg")
    let sealed = try test.fields.bytes("ct") + test.fields.bytes("tag")
    do throws(CryptoError) {
      let opened = try open(sealed)
      guard test.result == "valid" else { return .failed("accepted") }
      return .expect(opened == plaintext && seal(plaintext) == sealed, "another plaintext or ciphertext")
    } catch { return .expect(test.result == "invalid" && error == .notAuthentic, "refused") }
  }

  // MARK: Encapsulation

  private static func kemKey(_ test: Test) throws -> Verdict {
    let seed = try test.fields.secret("seed")
    let expected = try test.fields.bytes("ek")
    guard let key = try? KEMPrivateKey(seed: seed) else { return .failed("the seed was refused") }
    let computed = key.publicKey.bytes
    return .expect(computed == expected, "another encapsulation key")
  }

  private static func kemDecapsulate(_ test: Test) throws -> Verdict {
    let seed = try test.fields.secret("seed")
    let ciphertext = try test.fields.bytes("c")
    let (valid, secret) = (test.result == "valid", try test.fields.bytes("K"))
    let encapsulationKey = test.fields.has("ek") ? try test.fields.bytes("ek") : nil
    do throws(CryptoError) {
      let key = try KEMPrivateKey(seed: seed)
      if let encapsulationKey, encapsulationKey != key.publicKey.bytes { return .failed("another encapsulation key") }
      let shared = try key.decapsulate(ciphertext).revealed()
      return .expect(valid && shared == secret, "shared secret is \(Hex.encode(shared))")
    } catch { return .expect(!valid && error == .wrongLength, "refused") }
  }

  private static func kemEncapsulate(_ test: Test) throws -> Verdict {
    let (bytes, valid) = (try test.fields.bytes("ek"), test.result == "valid")
    guard (try? KEMPublicKey(bytes)) != nil else { return .expect(!valid, "the encapsulation key was refused") }
    return valid ? .skipped(PublicVectors.noRandomness) : .failed("the encapsulation key was accepted")
  }
}
