import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What every store must do for blobs: the database's half.
extension StoreContract {
  static let blobs: [Clause] = [
    ("claims of blobs", { try await $0.blobClaims() }), ("uploads", { try await $0.uploads() }),
    ("uploads that move", { try await $0.movedUploads() }),
    ("announced contents", { try await $0.announcedContents() }),
    ("quotas of blobs", { try await $0.blobQuotas() }), ("expiry of blobs", { try await $0.blobExpiry() }),
    ("deletion of blobs", { try await $0.blobDeletion() }), ("shared contents", { try await $0.sharedContents() }),
  ]

  private var small: BlobLength { .smallest }

  private func name(_ number: UInt8) throws -> BlobID { try BlobID([UInt8](repeating: number, count: 16)) }
  private func part(_ number: UInt8) throws -> PartName { try PartName([UInt8](repeating: number, count: 16)) }
  private func content(_ number: UInt8) -> Digest { Digest.of("test", [number]) }

  private func target(_ seed: UInt8, _ number: UInt8, _ capability: Capability? = nil) throws -> UploadTarget {
    let owner = Owner(seed)
    return UploadTarget(
      mailbox: owner.mailbox, blob: try name(number), capability: (capability ?? owner.contact).hash)
  }

  /// The part of an upload has the number of the blob, unless said otherwise.
  @discardableResult
  private func claim(
    _ target: UploadTarget, _ length: BlobLength? = nil, part number: UInt8? = nil, now: Int64? = nil
  ) async throws -> Upload {
    try await store.claimBlob(
      target, length ?? small, part: part(number ?? target.blob.bytes[0]), now: now ?? self.now
    ) {}
  }

  private func whole(_ seed: UInt8, _ number: UInt8, content digest: Digest? = nil, now: Int64? = nil) async throws {
    try await claim(target(seed, number), now: now)
    try await store.finishUpload(part(number), as: digest ?? content(number), now: now ?? self.now)
  }

  /// [blob.1] [blob.3]
  func blobClaims() async throws {
    _ = try await registered(1)
    _ = try await registered(2)
    let owner = Owner(1)
    for (capability, mailbox) in [(owner.knock, owner.mailbox), (Owner(2).contact, owner.mailbox)]
      + [(owner.contact, Owner(9).mailbox)]
    {
      let target = UploadTarget(mailbox: mailbox, blob: try name(1), capability: capability.hash)
      #expect(await refusal { try await claim(target) } == .deliveryRefused)
      #expect(await refusal { _ = try await store.upload(target, now: now) } == .deliveryRefused)
    }
    #expect(await refusal { _ = try await store.upload(target(1, 1), now: now) } == .notFound)
    let first = try await claim(target(1, 1))
    #expect(first == Upload(length: small, state: .arriving(try part(1), saved: 0)))
    try await store.saveUpload(part(1), upTo: 77)
    let again = try await claim(target(1, 1), part: 9)
    #expect(again == Upload(length: small, state: .arriving(try part(1), saved: 77)), "what stands, stands")
    #expect(try await store.upload(target(1, 1), now: now) == again)
    #expect(await refusal { try await claim(target(1, 1), .largest) } == .blobConflict)
    #expect(await refusal { try await claim(target(2, 1)) } == .blobConflict)
    #expect(await refusal { _ = try await store.upload(target(2, 1), now: now) } == .notFound)
    let asked = try await store.claimBlob(target(1, 1), small, part: part(9), now: now) { throw Refusal(.storageFull) }
    #expect(asked == again, "what stands needs no admission")
    #expect(
      await refusal {
        _ = try await store.claimBlob(target(1, 2), small, part: part(2), now: now) { throw Refusal(.storageFull) }
      } == .storageFull)
    // A retiring capability is one of a contact's.
    let set = try CapabilitySet([CapabilitySlot(.retiring, owner.contact.hash, expires: UInt64(now))])
    try await store.setCapabilities(owner.mailbox, set, by: mutation(1, 3))
    try await claim(target(1, 2))
    #expect(await refusal { try await claim(target(1, 3), now: now + 1) } == .deliveryRefused)
  }

  /// [blob.6]
  func uploads() async throws {
    _ = try await registered(1)
    try await claim(target(1, 1), .largest)
    #expect(try await store.blob(name(1), now: now) == nil, "not before it is whole")
    try await store.finishUpload(part(1), as: content(1), now: now)
    #expect(try await store.blob(name(1), now: now) == StoredBlob(content: content(1), length: .largest))
    #expect(try await store.upload(target(1, 1), now: now) == Upload(length: .largest, state: .whole))
    #expect(try await claim(target(1, 1), .largest).state == .whole)
    #expect(await refusal { try await store.finishUpload(part(1), as: content(2), now: now) } == .notFound)
    #expect(await refusal { try await store.saveUpload(part(1), upTo: 5) } == .notFound)
    #expect(try await store.blob(name(1), now: now)?.content == content(1), "a name's bytes do not change")
    #expect(try await store.abandonedFiles(limit: 10).isEmpty)
    #expect(try await store.needs(.content(content(1))))
    #expect(try await !store.needs(.part(part(1))))
    try await claim(target(1, 2))
    let files: [BlobFile] = try [.content(content(1)), .content(content(2)), .part(part(1)), .part(part(2))]
    #expect(try await store.unneeded(files) == [files[1], files[2]])
    #expect(try await store.unneeded([]).isEmpty)
  }

  /// [operation.19]
  func movedUploads() async throws {
    _ = try await registered(1)
    try await claim(target(1, 1))
    try await store.saveUpload(part(1), upTo: 77)
    try await store.moveUpload(part(1), to: part(9), saved: 70)
    #expect(try await store.upload(target(1, 1), now: now).state == .arriving(try part(9), saved: 70), "of the copy")
    #expect(try await store.abandonedFiles(limit: 10) == [.part(part(1))], "nobody goes on with it")
    #expect(await refusal { try await store.saveUpload(part(1), upTo: 80) } == .notFound)
    #expect(await refusal { try await store.moveUpload(part(1), to: part(8), saved: 1) } == .notFound)
    #expect(await refusal { try await store.announceUpload(part(1), as: content(1)) } == .notFound)
    #expect(await refusal { try await store.finishUpload(part(1), as: content(1), now: now) } == .notFound)
    try await store.finishUpload(part(9), as: content(1), now: now)
    #expect(await refusal { try await store.moveUpload(part(9), to: part(8), saved: 1) } == .notFound, "it is whole")
    #expect(try await store.abandonedFiles(limit: 10) == [.part(part(1))])
  }

  /// [operation.19]
  func announcedContents() async throws {
    _ = try await registered(1)
    for number in 1...3 as ClosedRange<UInt8> {
      try await claim(target(1, number))
      try await store.announceUpload(part(number), as: content(number))
    }
    #expect(try await store.needs(.content(content(1))), "before it is read")
    #expect(try await store.needs(.part(part(1))))
    #expect(try await store.blob(name(1), now: now) == nil)
    #expect(try await store.wholeBlobs(after: .zero, limit: 10).isEmpty, "it may have no file")
    #expect(try await store.upload(target(1, 1), now: now).state == .arriving(try part(1), saved: 0))
    try await store.announceUpload(part(1), as: content(7))
    #expect(try await !store.needs(.content(content(1))), "whoever begins again may bring something else")
    try await store.finishUpload(part(1), as: content(7), now: now)
    #expect(try await store.blob(name(1), now: now)?.content == content(7))
    #expect(await refusal { try await store.announceUpload(part(1), as: content(7)) } == .notFound)
    // One that is removed, or never becomes whole, leaves its file's name like any other, a day after it was claimed.
    try await store.deleteUploads(Owner(1).mailbox, name(2), by: mutation(1, 3))
    #expect(try await store.abandonedFiles(limit: 10).contains(.content(content(2))))
    try await store.sweepBlobs(now: now + 2 * day)
    #expect(try await !store.needs(.content(content(3))))
    #expect(try await store.blob(name(1), now: now + 2 * day) != nil)
  }

  /// [blob.4]
  func blobQuotas() async throws {
    _ = try await registered(1)
    for number in 1...40 as ClosedRange<UInt8> { try await claim(target(1, number), .largest) }
    #expect(await refusal { try await claim(target(1, 41)) } == .blobsFull, "5 GiB, not a byte of it sent")
    try await claim(target(1, 8), .largest)
    _ = try await registered(2)
    for number in 0..<1000 {
      let bytes = envelopeID(number).bytes
      let target = UploadTarget(mailbox: Owner(2).mailbox, blob: try BlobID(bytes), capability: Owner(2).contact.hash)
      _ = try await store.claimBlob(target, small, part: PartName(bytes), now: now) {}
    }
    #expect(await refusal { try await claim(target(2, 200)) } == .blobsFull, "1,000 of them")
    // Two that race for the last place.
    try await store.deleteUploads(Owner(1).mailbox, name(1), by: mutation(1, 3))
    let took = try await withThrowingTaskGroup { group in
      for number in 50...59 as ClosedRange<UInt8> {
        let target = try target(1, number)
        group.addTask { await refusal { try await claim(target, .largest) } == nil ? 1 : 0 }
      }
      return try await group.reduce(0, +)
    }
    #expect(took == 1)
  }

  /// [blob.9]
  func blobExpiry() async throws {
    _ = try await registered(1)
    try await claim(target(1, 1))
    let fresh = Upload(length: small, state: .arriving(try part(1), saved: 0))
    #expect(try await store.upload(target(1, 1), now: now + day) == fresh)
    #expect(await refusal { _ = try await store.upload(target(1, 1), now: now + 2 * day) } == .notFound)
    // Finished the day after: that is the day that counts.
    try await store.finishUpload(part(1), as: content(1), now: now + day)
    #expect(try await store.blob(name(1), now: now + 31 * day) != nil)
    #expect(try await store.blob(name(1), now: now + 32 * day) == nil, "not read")
    try await claim(target(1, 2))
    try await store.sweepBlobs(now: now + 2 * day)
    #expect(try await store.abandonedFiles(limit: 10) == [.part(part(2))])
    try await claim(target(1, 1), part: 7, now: now + 32 * day)
    #expect(try await Set(store.abandonedFiles(limit: 10)) == [.part(part(2)), .content(content(1))])
    #expect(try await store.abandonedFiles(limit: 1).count == 1)
    try await store.forgetFiles([.part(part(2)), .content(content(1))])
    #expect(try await store.abandonedFiles(limit: 10).isEmpty)
  }

  /// [blob.12] [relay.29]
  func blobDeletion() async throws {
    let mailbox = try await registered(1)
    _ = try await registered(2)
    for number in 1...4 as ClosedRange<UInt8> { try await whole(1, number) }
    try await claim(target(1, 5))
    try await whole(2, 6)
    #expect(await refusal { try await store.deleteUploads(mailbox, nil, by: mutation(1, 1)) } == .sequenceStale)
    try await store.deleteUploads(mailbox, name(6), by: mutation(1, 3))
    #expect(try await store.blob(name(6), now: now) != nil, "another mailbox's")
    try await store.deleteUploads(mailbox, name(1), by: mutation(1, 4))
    #expect(try await store.blob(name(1), now: now) == nil)
    #expect(try await store.blob(name(2), now: now) != nil)
    try await store.deleteUploads(mailbox, nil, by: mutation(1, 5))
    #expect(try await store.blob(name(2), now: now) == nil)
    #expect(await refusal { try await store.saveUpload(part(5), upTo: 9) } == .notFound, "while it arrives")
    try await whole(1, 7)
    try await store.deleteMailbox(mailbox, by: mutation(1, 6))
    #expect(try await store.blob(name(7), now: now) == nil)
    let contents = Set(([1, 2, 3, 4, 7] as [UInt8]).map { BlobFile.content(content($0)) })
    #expect(try await Set(store.abandonedFiles(limit: 100)) == contents.union([.part(part(5))]))
    let missing = Owner(9).mailbox
    #expect(await refusal { try await store.deleteUploads(missing, nil, by: mutation(9, 1)) } == .mailboxMissing)
  }

  /// [blob.7]
  func sharedContents() async throws {
    _ = try await registered(1)
    _ = try await registered(2)
    let same = content(1)
    try await whole(1, 1, content: same)
    try await whole(2, 2, content: same)
    try await whole(2, 3, content: content(9))
    let all = [same, content(9)].sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    #expect(try await store.wholeBlobs(after: .zero, limit: 10).map(\.content) == all, "each once")
    #expect(try await store.wholeBlobs(after: all[0], limit: 10).map(\.content) == [all[1]])
    #expect(try await store.wholeBlobs(after: .zero, limit: 1).map(\.content) == [all[0]])
    try await store.deleteUploads(Owner(1).mailbox, nil, by: mutation(1, 3))
    #expect(try await store.needs(.content(same)), "the other one has it")
    try await store.dropBlobs(same)
    #expect(try await store.blob(name(2), now: now) == nil)
    #expect(try await !store.needs(.content(same)))
    #expect(try await store.blob(name(3), now: now) != nil)
  }
}
