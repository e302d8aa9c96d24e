internal import Foundation

/// What the kernel says of a process. Linux only: elsewhere the answers are nil.
package struct LoadProcess: Sendable {
  private let pid: Int32

  package init(_ pid: Int32) { self.pid = pid }

  /// This process.
  package static let current = LoadProcess(ProcessInfo.processInfo.processIdentifier)

  /// Processor time of all its threads so far, in microseconds: `utime` and `stime` of proc(5).
  package var processorTime: Double? {
    // The second field is a name in brackets, which may hold anything.
    guard let text = read("stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))) * 1e6
  }

  /// Memory that is its own, in bytes: `VmRSS`.
  package var residentBytes: Int? {
    guard let line = read("status")?.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }) else { return nil }
    return Int(line.filter(\.isNumber)).map { $0 * 1_024 }
  }

  private func read(_ name: String) -> String? {
    FileManager.default.contents(atPath: "/proc/\(pid)/\(name)").map { String(decoding: $0, as: UTF8.self) }
  }
}

/// How long something took, and whose processor time it was.
package struct LoadMeasure: Sendable {
  package let seconds: Double
  /// Microseconds; nil when the server is not on this machine.
  package let server: Double?
  /// Microseconds of the generator.
  package let generator: Double?

  /// Runs `body` and measures it.
  package static func of(_ server: Int32?, _ body: () async throws -> Void) async rethrows -> LoadMeasure {
    let process = server.map(LoadProcess.init)
    let before = (process?.processorTime, LoadProcess.current.processorTime)
    let start = ContinuousClock.now
    try await body()
    let duration = ContinuousClock.now - start
    func used(_ now: Double?, _ then: Double?) -> Double? { now.flatMap { now in then.map { now - $0 } } }
    return LoadMeasure(
      seconds: Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18,
      server: used(process?.processorTime, before.0), generator: used(LoadProcess.current.processorTime, before.1))
  }

  /// The generator's part of all the processor time that this machine had.
  package var generatorShare: Double? {
    generator.map { $0 / (seconds * 1e6 * Double(ProcessInfo.processInfo.activeProcessorCount)) }
  }
}
