#if os(Linux)
  import Glibc
  import SottoCrypto

  /// Secret bytes that this test knows only masked: no run of them stands in memory but where the code under test put
  /// it, so that `copies` counts what that code holds or has left behind.
  struct Canary {
    private let masked: [UInt8]
    private let mask: [UInt8]

    /// Fresh random bytes.
    init(count: Int = 32) {
      var system = SystemEntropy()
      masked = system.bytes(count)
      mask = system.bytes(count)
    }

    /// What `secret` holds.
    init(of secret: borrowing Secret) {
      var system = SystemEntropy()
      let mask = system.bytes(secret.count)
      masked = secret.withBytes { span in
        mask.indices.map { mask[$0] ^ span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
      }
      self.mask = mask
    }

    /// A part of the same bytes.
    init(_ whole: Canary, _ range: Range<Int>) {
      masked = Array(whole.masked[range])
      mask = Array(whole.mask[range])
    }

    /// The bytes as a secret, unmasked one at a time in place.
    func secret() -> Secret {
      Secret(count: masked.count) { span in
        for index in masked.indices {
          span.storeBytes(of: masked[index] ^ mask[index], toByteOffset: index, as: UInt8.self)
        }
      }
    }

    /// How often a sixteen-byte piece of the bytes stands in the writable memory of this process (heap, stacks and
    /// globals), at most: an allocator overwrites the start of a block that it takes back, and must not hide the rest.
    ///
    /// Read through /proc/self/mem, because another thread may unmap a page at any time. The window that memory is read
    /// into is left out of the search.
    func copies() throws -> Int {
      let pieces = stride(from: 0, to: masked.count - 15, by: 16).map { Canary(self, $0..<$0 + 16) }
      var found = pieces.map { _ in 0 }
      let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
      guard memory >= 0 else { throw ScanError.unreadable }
      defer { close(memory) }
      let size = 1 << 20
      guard let window = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        window != MAP_FAILED
      else { throw ScanError.unreadable }
      defer { munmap(window, size) }
      let own = UInt(bitPattern: window)..<UInt(bitPattern: window) + UInt(size)

      var read = 0
      for mapping in try Self.writableMappings() {
        var start = mapping.lowerBound
        while start < mapping.upperBound {
          let got = pread(memory, window, min(size, Int(mapping.upperBound - start)), off_t(start))
          guard got > 0 else { break }
          read += got
          let bytes = UnsafeRawBufferPointer(start: window, count: got)
          for index in pieces.indices { found[index] += pieces[index].count(in: bytes, at: start, leavingOut: own) }
          // Windows overlap, so that no copy hides between two of them.
          start += got < size ? UInt(got) : UInt(size - 15)
        }
      }
      // A scan that saw next to nothing proves nothing.
      guard read > 1 << 20 else { throw ScanError.unreadable }
      return found.max()!
    }

    private func count(in bytes: UnsafeRawBufferPointer, at address: UInt, leavingOut own: Range<UInt>) -> Int {
      // Memory is mostly zeros: look for a byte that is none.
      guard let rare = masked.indices.first(where: { masked[$0] != mask[$0] }) else { return 0 }
      let needle = CInt(masked[rare] ^ mask[rare])
      let end = bytes.count - masked.count + rare
      var offset = rare
      var found = 0
      while offset <= end, let hit = memchr(bytes.baseAddress! + offset, needle, end - offset + 1) {
        let position = UnsafeRawPointer(hit) - bytes.baseAddress!
        offset = position + 1
        if matches(bytes, at: position - rare), !own.contains(address + UInt(position)) { found += 1 }
      }
      return found
    }

    private func matches(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
      for index in masked.indices where bytes[start + index] != masked[index] ^ mask[index] { return false }
      return true
    }

    private static func writableMappings() throws -> [Range<UInt>] {
      guard let file = fopen("/proc/self/maps", "re") else { throw ScanError.unreadable }
      defer { fclose(file) }
      var ranges: [Range<UInt>] = []
      var line: UnsafeMutablePointer<CChar>?
      var capacity = 0
      defer { free(line) }
      while getline(&line, &capacity, file) > 0, let line {
        let fields = String(cString: line).split(separator: " ", maxSplits: 2)
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        if fields[1].hasPrefix("rw"), ends.count == 2 { ranges.append(ends[0]..<ends[1]) }
      }
      return ranges
    }

    enum ScanError: Error {
      case unreadable
    }
  }
#endif
