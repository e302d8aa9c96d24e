#if os(Linux)
  import SottoCrypto
  import SottoSimulation
  import Testing

  /// Each primitive's secrets stand in this process's memory while they live, and nowhere in it afterwards.
  /// Specs/Decisions/0002-erasure.md has the exceptions.
  @Suite(.serialized) struct ErasureTests {
    /// Scans while `value` lives, ends its life, scans again.
    private func expectErased<T: ~Copyable>(
      _ canary: Canary, with value: consuming T, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let before = try canary.copies()
      drop(value)
      let after = try canary.copies()
      #expect(before >= 1, "the scan does not see the secret while it lives", sourceLocation: sourceLocation)
      #expect(after == 0, "a copy was left behind", sourceLocation: sourceLocation)
    }

    /// The scan counts what is there: it would notice a copy.
    @Test func theScanCounts() throws {
      let canary = Canary()
      let first = canary.secret()
      #expect(try canary.copies() == 1)
      let second = first.copy()
      var exposed = first.revealed()
      #expect(try canary.copies() == 3)
      for index in exposed.indices { exposed[index] = 0 }
      #expect(exposed == [UInt8](repeating: 0, count: 32))
      drop(second)
      #expect(try canary.copies() == 1)
      drop(first)
      #expect(try canary.copies() == 0)
    }

    @Test func secretsAndTheirParts() throws {
      let canary = Canary(count: 48)
      let whole = canary.secret()
      let part = whole.slice(16..<48)
      try expectErased(Canary(canary, 0..<16), with: whole)
      try expectErased(Canary(canary, 16..<48), with: part)
    }

    @Test func aFillThatThrows() throws {
      struct Refusal: Error {}
      let canary = Canary()
      let source = canary.secret()
      var during = 0
      do {
        _ = try Secret(count: 32) { span throws(any Error) in
          source.withBytes { bytes in
            for index in 0..<32 {
              span.storeBytes(
                of: bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self), toByteOffset: index, as: UInt8.self)
            }
          }
          during = try canary.copies()
          throw Refusal()
        }
      } catch is Refusal {}
      #expect(during == 2)
      #expect(try canary.copies() == 1)
      drop(source)
    }

    @Test func prfKeyPartsAndOutput() throws {
      let (keyCanary, partCanary) = (Canary(), Canary())
      let key = keyCanary.secret()
      let part = partCanary.secret()
      let prf = PRF(key: key, label: "test erasure").absorbing(part)
      drop(part)
      // The part now stands in the running state only.
      #expect(try partCanary.copies() >= 1)
      let output = prf.finish()
      #expect(try partCanary.copies() == 0)
      try expectErased(keyCanary, with: key)
      let a = output.a()
      let b = output.b()
      let (first, second) = (Canary(of: a), Canary(of: b))
      drop(output)
      try expectErased(first, with: a)
      try expectErased(second, with: b)
    }

    @Test func aPRFGivenUpHalfway() throws {
      let (keyCanary, partCanary) = (Canary(), Canary())
      let prf = PRF(key: keyCanary.secret(), label: "test erasure").absorbing(partCanary.secret())
      try expectErased(partCanary, with: prf)
      #expect(try keyCanary.copies() == 0)
    }

    /// A chain's steps in the caller's memory, and a message under what they derive.
    @Test func stepsInPlace() throws {
      let (keyCanary, partCanary) = (Canary(), Canary())
      let key = keyCanary.secret()
      let part = partCanary.secret()
      var output = Derived()
      key.withSpan { key in part.withSpan { PRF.derive(key, "test erasure", $0, $0, into: &output) } }
      try expectErased(partCanary, with: part)
      key.withSpan { PRF.derive($0, "test erasure", into: &output) }
      try expectErased(keyCanary, with: key)
      let a = output.a()
      let first = Canary(of: a)
      drop(a)
      #expect(try first.copies() == 1)
      output.step("test erasure")
      #expect(try first.copies() == 0)
      let next = output.a()
      let second = output.b()
      let (spent, kept) = (Canary(of: next), Canary(of: second))
      drop(next)
      drop(second)
      var message = [UInt8](repeating: 0, count: 48)
      var target = message.mutableSpan
      output.sealOnce(&target)
      #expect(message != [UInt8](repeating: 0, count: 48))
      #expect(try spent.copies() == 0)
      output.wipe()
      #expect(try kept.copies() == 0)
      drop(output)
    }

    @Test func agreement() throws {
      let canary = Canary()
      var system = SystemEntropy()
      let peer = AgreementPrivateKey(from: &system).publicKey
      let key = try AgreementPrivateKey(canary.secret())
      let shared = try key.agree(with: peer)
      let copy = key.copy()
      drop(key)
      try expectErased(canary, with: copy)
      try expectErased(Canary(of: shared), with: shared)
    }

    @Test func classicalSignature() throws {
      let canary = Canary()
      let key = try SigningKey(seed: canary.secret())
      let signature = key.sign([1, 2, 3])
      #expect(signature.count == 64)
      try expectErased(canary, with: key)
    }

    @Test func postQuantumSignature() throws {
      let canary = Canary()
      let key = try MLDSAPrivateKey(seed: canary.secret())
      #expect(try canary.copies() == 1)
      let signature = try key.sign([1, 2, 3])
      #expect(signature.count == 3_309)
      #expect(try canary.copies() == 1)
      try expectErased(canary, with: key)
    }

    @Test func hybridSignature() throws {
      let canary = Canary(count: 64)
      let (classical, postQuantum) = (Canary(canary, 0..<32), Canary(canary, 32..<64))
      let key = try HybridSigningKey(seeds: canary.secret())
      _ = try key.sign("test erasure", [1])
      let stored = key.seeds()
      #expect(try postQuantum.copies() == 2)
      drop(stored)
      #expect(try postQuantum.copies() == 1)
      try expectErased(classical, with: key)
      #expect(try postQuantum.copies() == 0)
    }

    @Test func encapsulationKey() throws {
      let canary = Canary(count: 64)
      let key = try KEMPrivateKey(seed: canary.secret())
      #expect(try canary.copies() == 1)
      let encapsulation = try key.publicKey.encapsulate()
      let shared = try key.decapsulate(encapsulation.ciphertext)
      #expect(try canary.copies() == 1)
      let sharedCanary = Canary(of: shared)
      drop(encapsulation)
      try expectErased(sharedCanary, with: shared)
      try expectErased(canary, with: key)
    }

    @Test func encapsulatedSecret() throws {
      var system = SystemEntropy()
      let encapsulation = try KEMPrivateKey(from: &system).publicKey.encapsulate()
      let shared = encapsulation.secret()
      try expectErased(Canary(of: shared), with: shared)
    }

    @Test func singleUseKeys() throws {
      let canary = Canary()
      let sealed = SingleUseKey(canary.secret()).seal([1, 2, 3], ad: [])
      // Sealing consumed the key.
      #expect(try canary.copies() == 0)
      let key = SingleUseKey(canary.secret())
      #expect(try canary.copies() == 1)
      let opened = try key.open(sealed, ad: [])
      #expect(opened == [1, 2, 3])
      #expect(try canary.copies() == 0)
      let refused = refusal { () throws(CryptoError) in try SingleUseKey(canary.secret()).open(sealed, ad: [1]) }
      #expect(refused == .notAuthentic)
      #expect(try canary.copies() == 0)
    }

    @Test func sealingKeysAndSealedSecrets() throws {
      let (keyCanary, plaintextCanary) = (Canary(), Canary(count: 200))
      var system = SystemEntropy()
      let key = SealingKey(keyCanary.secret())
      let sealed = key.seal(plaintextCanary.secret(), ad: [], from: &system)
      #expect(try plaintextCanary.copies() == 0)
      let opened = try key.openSecret(sealed, ad: [])
      try expectErased(plaintextCanary, with: opened)
      #expect(refusal { () throws(CryptoError) in try key.openSecret(sealed, ad: [1]) } == .notAuthentic)
      #expect(try plaintextCanary.copies() == 0)
      drop(key.copy())
      drop(key.bytes())
      try expectErased(keyCanary, with: key)
    }

    @Test(arguments: [PassphraseCost.minimal, .standard]) func passphrases(cost: PassphraseCost) throws {
      let canary = Canary()
      let passphrase = canary.secret()
      let salt = [UInt8](repeating: 0, count: 16)
      let key = try SealingKey(passphrase: passphrase, salt: salt, cost: cost)
      try expectErased(canary, with: passphrase)
      let bytes = key.bytes()
      let derived = Canary(of: bytes)
      drop(bytes)
      try expectErased(derived, with: key)
    }

    @Test func savedState() throws {
      let canary = Canary()
      var writer = SecretWriter()
      writer.secret(canary.secret())
      // Past the first buffer, which has to be wiped when the bytes move.
      writer.fixed([UInt8](repeating: 0, count: 4_000))
      #expect(try canary.copies() == 1)
      let saved = writer.finish()
      #expect(try canary.copies() == 1)
      var reader = SecretReader(saved)
      let read = try reader.secret(32)
      #expect(try canary.copies() == 2)
      drop(reader)
      try expectErased(canary, with: read)
    }

    @Test func aWriterGivenUp() throws {
      let canary = Canary()
      var writer = SecretWriter()
      writer.secret(canary.secret())
      try expectErased(canary, with: writer)
    }
  }
#endif
