internal import SottoCrypto
internal import SottoWire

/// The operations of Specs/Primitives.md.
enum PrimitiveOperations {
  static let all: [String: VectorOperation] = [
    "primitives/hash": hash, "primitives/prf": prf, "primitives/blake2b": blake2b, "primitives/sha256": digest,
    "primitives/argon2id": argon2id, "primitives/x25519": x25519, "primitives/x25519-iterated": x25519Iterated,
    "primitives/ed25519-sign": ed25519Sign, "primitives/ed25519-verify": ed25519Verify,
    "primitives/hybrid-signature": hybridSignature, "primitives/ml-kem-1024-key": kemKey,
    "primitives/ml-kem-1024-decapsulate": kemDecapsulate, "primitives/ml-kem-1024-encapsulation-key": kemPublicKey,
    "primitives/chacha20-poly1305": chaCha20Poly1305, "primitives/xchacha20-poly1305": xChaCha20Poly1305,
    "primitives/stream": stream,
  ]

  private static func hash(_ fields: Fields) throws -> [String: VectorValue] {
    // `Digest.of` takes its parts one by one.
    let (label, parts) = (try label(fields), try fields.byteLists("parts"))
    let digest =
      switch parts.count {
      case 0: Digest.of(label)
      case 1: Digest.of(label, parts[0])
      case 2: Digest.of(label, parts[0], parts[1])
      case 3: Digest.of(label, parts[0], parts[1], parts[2])
      default: throw BadVector("\(fields.place) has more than three parts")
      }
    return ["digest": .bytes(digest.bytes)]
  }

  private static func prf(_ fields: Fields) throws -> [String: VectorValue] {
    let key = try fields.secret("key")
    guard key.count == 32 else { throw Refused(stage: "encoding") }
    var prf = PRF(key: key, label: try label(fields))
    for part in try fields.byteLists("parts") { prf = prf.absorbing(part) }
    let derived = prf.finish()
    return ["a": .bytes(derived.a().revealed()), "b": .bytes(derived.b().revealed())]
  }

  private static func blake2b(_ fields: Fields) throws -> [String: VectorValue] {
    let (key, length) = (try fields.bytes("key"), try fields.number("length"))
    guard key.count <= 64, 16...64 ~= length else { throw BadVector("\(fields.place): no such BLAKE2b") }
    let digest = SottoCrypto.blake2b(try fields.bytes("message"), key: Secret(copying: key), count: length)
    return ["digest": .bytes(digest)]
  }

  private static func digest(_ fields: Fields) throws -> [String: VectorValue] {
    ["digest": .bytes(sha256(try fields.bytes("message")))]
  }

  private static func argon2id(_ fields: Fields) throws -> [String: VectorValue] {
    guard let operations = UInt32(exactly: try fields.number("passes")),
      let memory = UInt32(exactly: try fields.number("memory_kib"))
    else { throw BadVector("\(fields.place): passes and memory_kib have 32 bits") }
    let passphrase = try fields.secret("passphrase")
    let salt = try fields.bytes("salt")
    do throws(CryptoError) {
      let cost = PassphraseCost(operations: operations, memory: memory)
      return ["key": .bytes(try SealingKey(passphrase: passphrase, salt: salt, cost: cost).bytes().revealed())]
    } catch {
      throw Refused(stage: error == .outOfRange ? "cost" : "encoding")
    }
  }

  private static func x25519(_ fields: Fields) throws -> [String: VectorValue] {
    let scalar = try fields.secret("private")
    let point = try fields.bytes("public")
    let key: AgreementPrivateKey
    let other: AgreementPublicKey
    do throws(CryptoError) {
      other = try AgreementPublicKey(point)
      key = try AgreementPrivateKey(scalar)
    } catch { throw Refused(stage: "encoding") }
    do throws(CryptoError) {
      let shared = try key.agree(with: other).revealed()
      return ["own_public": .bytes(key.publicKey.bytes), "shared": .bytes(shared)]
    } catch { throw Refused(stage: "key") }
  }

  private static func x25519Iterated(_ fields: Fields) throws -> [String: VectorValue] {
    var (scalar, point) = (try fields.bytes("private"), try fields.bytes("public"))
    for _ in 0..<(try fields.number("iterations")) {
      do throws(CryptoError) {
        let key = try AgreementPrivateKey(Secret(copying: scalar))
        (point, scalar) = (scalar, try key.agree(with: AgreementPublicKey(point)).revealed())
      } catch { throw Refused(stage: "key") }
    }
    return ["shared": .bytes(scalar)]
  }

  private static func ed25519Sign(_ fields: Fields) throws -> [String: VectorValue] {
    let seed = try fields.secret("seed")
    let message = try fields.bytes("message")
    do throws(CryptoError) {
      let key = try SigningKey(seed: seed)
      return ["public": .bytes(key.publicKey.bytes), "signature": .bytes(key.sign(message))]
    } catch { throw Refused(stage: "encoding") }
  }

  private static func ed25519Verify(_ fields: Fields) throws -> [String: VectorValue] {
    let (key, message) = (try fields.bytes("public"), try fields.bytes("message"))
    guard let key = try? VerifyingKey(key) else { throw Refused(stage: "encoding") }
    guard key.verify(try fields.bytes("signature"), over: message) else { throw Refused(stage: "signature") }
    return [:]
  }

  /// The keys come from their seeds; the signature is recorded, because signing is randomised.
  private static func hybridSignature(_ fields: Fields) throws -> [String: VectorValue] {
    let seeds = try fields.secret("seeds")
    let payload = try fields.bytes("payload")
    let publicKey: HybridPublicKey
    let signature: HybridSignature
    let bytes = try fields.bytes("signature")
    do throws(CryptoError) {
      publicKey = try HybridSigningKey(seeds: seeds).publicKey
      signature = try HybridSignature(bytes)
    } catch { throw Refused(stage: "encoding") }
    guard publicKey.verify(signature, try label(fields), over: payload) else { throw Refused(stage: "signature") }
    return [
      "classical_public": .bytes(publicKey.classical.bytes), "post_quantum_public": .bytes(publicKey.postQuantum.bytes),
      "signer": .bytes(publicKey.signer.bytes),
    ]
  }

  private static func kemKey(_ fields: Fields) throws -> [String: VectorValue] {
    let seed = try fields.secret("seed")
    do throws(CryptoError) {
      return ["public": .bytes(try KEMPrivateKey(seed: seed).publicKey.bytes)]
    } catch { throw Refused(stage: "encoding") }
  }

  private static func kemDecapsulate(_ fields: Fields) throws -> [String: VectorValue] {
    let seed = try fields.secret("seed")
    let ciphertext = try fields.bytes("ciphertext")
    do throws(CryptoError) {
      return ["secret": .bytes(try KEMPrivateKey(seed: seed).decapsulate(ciphertext).revealed())]
    } catch { throw Refused(stage: "encoding") }
  }

  private static func kemPublicKey(_ fields: Fields) throws -> [String: VectorValue] {
    let bytes = try fields.bytes("public")
    guard (try? KEMPublicKey(bytes)) != nil else { throw Refused(stage: "encoding") }
    return [:]
  }

  /// With `plaintext` it seals and opens again, with `sealed` it opens.
  private static func chaCha20Poly1305(_ fields: Fields) throws -> [String: VectorValue] {
    let (key, nonce, ad) = (try fields.bytes("key"), try fields.bytes("nonce"), try fields.bytes("ad"))
    guard key.count == 32, nonce.count == 12 else { throw Refused(stage: "encoding") }
    func open(_ sealed: [UInt8]) throws -> [UInt8] {
      do throws(CryptoError) {
        return try SingleUseKey(Secret(copying: key)).open(sealed, ad: ad, nonce: nonce)
      } catch { throw Refused(stage: "open") }
    }
    guard fields.has("plaintext") else { return ["plaintext": .bytes(try open(try fields.bytes("sealed")))] }
    let plaintext = try fields.bytes("plaintext")
    let sealed = SingleUseKey(Secret(copying: key)).seal(plaintext, ad: ad, nonce: nonce)
    return ["sealed": .bytes(try open(sealed) == plaintext ? sealed : [])]
  }

  private static func xChaCha20Poly1305(_ fields: Fields) throws -> [String: VectorValue] {
    let (key, ad) = (try fields.bytes("key"), try fields.bytes("ad"))
    guard key.count == 32 else { throw Refused(stage: "encoding") }
    let sealingKey = SealingKey(Secret(copying: key))
    func open(_ sealed: [UInt8]) throws -> [UInt8] {
      do throws(CryptoError) { return try sealingKey.open(sealed, ad: ad) } catch { throw Refused(stage: "open") }
    }
    guard fields.has("plaintext") else { return ["plaintext": .bytes(try open(try fields.bytes("sealed")))] }
    let (plaintext, nonce) = (try fields.bytes("plaintext"), try fields.bytes("nonce"))
    guard nonce.count == 24 else { throw Refused(stage: "encoding") }
    let sealed = nonce + sealingKey.seal(plaintext, ad: ad, nonce: nonce)
    return ["sealed": .bytes(try open(sealed) == plaintext ? sealed : [])]
  }

  private static func stream(_ fields: Fields) throws -> [String: VectorValue] {
    let (key, header) = (try fields.bytes("key"), try fields.typed("header", StreamHeader.init))
    guard key.count == 32 else { throw Refused(stage: "encoding") }
    guard fields.has("chunks") else {
      return ["chunks": .list(try openStream(try fields.byteLists("sealed"), key, header).map(Hex.encode))]
    }
    let chunks = try fields.byteLists("chunks")
    var stream = StreamSealer(StreamKey(Secret(copying: key)), header: header)
    let sealed = chunks.enumerated().map { index, chunk in
      var room = [UInt8](repeating: 0, count: chunk.count + StreamSealer.overhead)
      var target = room.mutableSpan
      stream.seal(chunk.span, mark: index == chunks.count - 1 ? .last : .chunk, into: &target)
      return room
    }
    guard try openStream(sealed, key, header) == chunks else { throw Refused(stage: "open") }
    return ["sealed": .list(sealed.map(Hex.encode))]
  }

  private static func openStream(_ sealed: [[UInt8]], _ key: [UInt8], _ header: StreamHeader) throws -> [[UInt8]] {
    var stream = Optional(StreamOpener(StreamKey(Secret(copying: key)), header: header))
    return try sealed.enumerated().map { index, chunk in
      guard var opener = stream.take() else { throw Refused(stage: "open") }
      var room = [UInt8](repeating: 0, count: max(0, chunk.count - StreamSealer.overhead))
      var target = room.mutableSpan
      do throws(CryptoError) {
        if index == sealed.count - 1 {
          try opener.openLast(chunk.span, into: &target)
        } else {
          try opener.open(chunk.span, into: &target)
          stream = consume opener
        }
      } catch { throw Refused(stage: "open") }
      return room
    }
  }

  private static func label(_ fields: Fields) throws -> Label {
    let text = try fields.text("label")
    guard text.utf8.count <= Label.limit else { throw Refused(stage: "encoding") }
    return Label(text: text)
  }
}
