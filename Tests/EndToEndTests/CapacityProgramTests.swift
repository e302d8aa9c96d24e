import Foundation
import Testing

/// `sotto-relay capacity` as an operator meets it; what it calculates is tested in `SottoRelayTests`.
@Suite struct CapacityProgramTests {
  private func capacity(_ arguments: String) async throws -> Outcome {
    try await run(Programs.path("sotto-relay"), ["capacity"] + arguments.split(separator: " ").map(String.init))
  }

  @Test func `Each number of users has a column, or an object`() async throws {
    let table = try await capacity("--users 1M --users 100M --users 2B")
    #expect(table.status == 0 && table.stderr.isEmpty, "\(table)")
    let first = try #require(table.lines.first)
    #expect(first.split(separator: " ") == ["users", "1,000,000", "100,000,000", "2,000,000,000"])
    #expect(table.lines.allSatisfy { $0.count <= 80 })
    #expect(table.output.contains("Tested was nothing above") && table.output.contains("extrapolation"))
    let four = try await capacity("--users 1 --users 2k --users 3M --users 4M")
    #expect(four.lines.filter { $0.hasPrefix("users") }.count == 2)
    let objects = try await capacity("--users 1M --users 2B --json").objects
    #expect(objects.map { $0["users"] as? Int } == [1_000_000, 2_000_000_000])
  }

  @Test func `Every input is a flag, and counts`() async throws {
    let object = try #require(try await capacity("--users 1M --json").objects.first)
    let inputs = try #require(object["inputs"] as? [String: Double])
    #expect(inputs.count > 30)
    // A little more than the default is within every range but that of a share of all.
    let flags = inputs.map { name, value in
      "--\(name.replacing("_", with: "-")) \(value == value.rounded() ? "\(Int(value) + 1)" : "\(value * 1.01)")"
    }
    let all = try await capacity("--users 1M --json " + flags.joined(separator: " "))
    let changed = try #require(all.objects.first?["inputs"] as? [String: Double], "\(all)")
    #expect(changed.count == inputs.count)
    for (name, value) in inputs { #expect(changed[name] ?? 0 > value, "\(name)") }
    let table = try await capacity("--users 1M --cores 16 --accepts-per-second 100000")
    #expect(table.output.contains("with --cores 16\n") && table.output.contains("with --accepts-per-second 100000\n"))
  }

  private static let bad = [
    "", "--users", "--users 0", "--users -1", "--users x", "--users 11B", "--users 1.5", "--users 1M --cores 0",
    "--users 1M --peak-factor nan", "--users 1M --peak-factor x", "--users 1M --online-share 2",
    "--users 1M --shards 4",
  ]

  @Test(arguments: bad)
  func `What cannot be calculated says so`(flags: String) async throws {
    let outcome = try await capacity(flags)
    #expect(outcome.status == 64 && outcome.output.isEmpty && !outcome.stderr.isEmpty, "\(outcome)")
  }
}
