#if os(Linux)
  import Foundation
  import Testing

  /// What `make bench-crypto` says of allocations is held to here: the counter stands before the C library's allocator.
  @Suite struct AllocationTests {
    @Test func `A message allocates nothing but what its caller gives, and an allocation would be counted`()
      async throws
    {
      let folder = try TemporaryFolder()
      let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Benchmarks/CountAllocations.c")
      let library = folder.file("count-allocations.so")
      let compiled = try await run(
        URL(filePath: "/usr/bin/env"), ["cc", "-O2", "-shared", "-fPIC", "-o", library, source.path],
        environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"])
      try #require(compiled.status == 0, "\(compiled)")
      let measured = try await run(
        Programs.path("benchmarks"), ["crypto", "--operation", "chain_encrypt_256", "--rounds", "1"],
        environment: ["LD_PRELOAD": library])
      #expect(measured.status == 0, "\(measured)")
      #expect(
        measured.output.contains("allocations of a message, into the caller's memory: encrypt 0, decrypt 0\n"),
        "\(measured)")
      let control = try #require(measured.output.firstMatch(of: /control, which makes one: (\d+)/), "\(measured)")
      #expect(try #require(Int(control.1)) > 0)
    }
  }
#endif
