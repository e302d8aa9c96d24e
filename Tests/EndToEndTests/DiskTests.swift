import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// A real relay whose disk fails, or is full. [operation.10]
@Suite struct DiskTests {
  private static func put(_ number: Int, _ size: SizeClass, _ owner: MailboxOwner, _ relay: RelayProcess) throws -> Int
  {
    let bytes = [UInt8](repeating: 7, count: size.rawValue)
    let route = Route.envelope(owner.mailbox, try envelopeID(number))
    return try RelayClient(relay).sender(.put, route, owner.contact, body: bytes).status
  }

  /// The relay ends, says why, and has what it acknowledged when it is started again.
  @Test func `A disk that refuses to sync ends the relay`() async throws {
    let folder = try TemporaryFolder()
    guard let library = try await Self.failingSync(in: folder) else {
      print("SKIPPED a disk that refuses to sync: no C compiler")
      return
    }
    let fault = folder.file("fault")
    let relay = try await RelayProcess(
      data: folder.file("relay"), environment: ["LD_PRELOAD": library, "SOTTO_TEST_FAULT": fault])
    let owner = try MailboxOwner(1)
    try owner.register(at: RelayClient(relay))
    #expect(try Self.put(1, .k1, owner, relay) == 201)
    _ = FileManager.default.createFile(atPath: fault, contents: nil)
    let refused = try? Self.put(2, .k1, owner, relay)
    #expect(refused == nil || refused == 500)
    #expect(relay.wait() == 74)
    let said = try String(contentsOfFile: relay.log, encoding: .utf8)
    #expect(said.contains("The disk refused to write or to sync the store."))
    try FileManager.default.removeItem(atPath: fault)
    try await relay.start()
    let waiting = try owner.status(at: RelayClient(relay)).envelopes
    #expect(1...2 ~= waiting)
    #expect(try Self.put(3, .k1, owner, relay) == 201)
    #expect(relay.stop() == 0)
  }

  /// On a small file system of its own: what does not fit is refused with 507, what was acknowledged stays, and when there is
  /// room it goes on.
  @Test(.enabled(if: getuid() == 0, "a file system of its own needs root"))
  func `A full disk is said, and over when there is room`() async throws {
    let folder = try TemporaryFolder()
    let data = folder.file("relay")
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    let mount = "mount -t tmpfs -o size=16m,mode=0700 none '\(data)' && exec \"$0\" \"$@\""
    let relay = try await RelayProcess(data: data, wrapper: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", mount])
    let owner = try MailboxOwner(1)
    try owner.register(at: RelayClient(relay))
    // It makes room, at any moment.
    try await onThread { relay.waitForSweep() }
    let filler = URL(filePath: "/proc/\(relay.pid)/root\(data)/filler")
    try Data(count: 10 << 20).write(to: filler)
    var stored = 0
    var status = 201
    while status == 201, stored < 300 {
      status = try Self.put(stored, .k64, owner, relay)
      if status == 201 { stored += 1 }
    }
    #expect(status == 507 && stored > 4, "\(status) after \(stored)")
    #expect(try Self.put(1_000, .k64, owner, relay) == 507)
    #expect(try owner.status(at: RelayClient(relay)).envelopes == UInt32(stored))
    try FileManager.default.removeItem(at: filler)
    #expect(try Self.put(1_000, .k64, owner, relay) == 201)
    #expect(try owner.status(at: RelayClient(relay)).envelopes == UInt32(stored + 1))
    #expect(relay.stop() == 0)
  }

  /// A library that stands before the system's `fdatasync` and `fsync`; nil without a compiler.
  private static func failingSync(in folder: TemporaryFolder) async throws -> String? {
    #if os(Linux)
      let source = """
        #include <errno.h>
        #include <stdlib.h>
        #include <unistd.h>
        #include <sys/syscall.h>
        static int faulty(void) {
          const char *path = getenv("SOTTO_TEST_FAULT");
          if (!path || access(path, F_OK)) return 0;
          errno = EIO;
          return 1;
        }
        int fdatasync(int file) { return faulty() ? -1 : syscall(SYS_fdatasync, file); }
        int fsync(int file) { return faulty() ? -1 : syscall(SYS_fsync, file); }
        """
      let (file, library) = (folder.file("fault.c"), folder.file("fault.so"))
      try Data(source.utf8).write(to: URL(filePath: file))
      let outcome = try await run(
        URL(filePath: "/usr/bin/env"), ["cc", "-shared", "-fPIC", "-o", library, file],
        environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"])
      return outcome.status == 0 ? library : nil
    #else
      return nil
    #endif
  }
}
