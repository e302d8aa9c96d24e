import Testing

@Suite struct ManifestTests {
  @Test func `No declared dependency goes against the arrows`() throws {
    let manifest = try Manifest(Repository.text("Package.swift"))
    expectNone(manifest.violations)
  }

  @Test func `Every room in Sources is a target, and the reading is not empty`() throws {
    let manifest = try Manifest(Repository.text("Package.swift"))
    let rooms = try Repository.files(under: "Sources").map { String($0.split(separator: "/")[1]) }
    #expect(Set(manifest.targets.filter(\.ships).map(\.name)) == Set(rooms))
    let client = try #require(manifest.targets.first { $0.name == "SottoClient" })
    #expect(client.dependencies.contains("SottoSession") && client.dependencies.contains("GRDB"))
  }

  @Test(arguments: [
    (".target(name: \"SottoRelay\", dependencies: [\"SottoWire\", \"SottoSession\"])", "SottoRelay", "SottoSession"),
    (".executableTarget(name: \"sotto-relay\", dependencies: [\"SottoClient\"])", "sotto-relay", "SottoClient"),
    (".executableTarget(name: \"sotto\", dependencies: [.target(name: \"SottoRelay\")])", "sotto", "SottoRelay"),
    (".target(name: \"SottoClient\", dependencies: [\"SottoRelay\"])", "SottoClient", "SottoRelay"),
    (".target(name: \"SottoWire\", dependencies: [\"CSodium\"])", "SottoWire", "CSodium"),
    (".target(name: \"SottoWire\", dependencies: [\"SottoSession\"])", "SottoWire", "SottoSession"),
    (
      ".target(name: \"SottoSession\", dependencies: [.product(name: \"GRDB\", package: \"GRDB.swift\")])",
      "SottoSession", "GRDB"
    ),
    (
      "// A comment, with a bracket (.\n.target(name: \"SottoCrypto\", dependencies: [\n\"CSodium\", \"SottoWire\",\n])",
      "SottoCrypto", "SottoWire"
    ),
    (".target(name: \"SottoNew\", dependencies: [])", "SottoNew", "what it may depend on"),
    (
      ".target(name: \"Helpers\", path: \"Tests/Helpers\"), .target(name: \"SottoWire\", dependencies: [\"Helpers\"])",
      "SottoWire", "Helpers"
    ),
  ])
  func `A planted arrow is found`(target: String, room: String, finding: String) {
    let violations = Manifest("let package = Package(name: \"sotto\", targets: [\(target)])").violations
    #expect(violations.count == 1)
    #expect(violations.first?.contains(room) == true && violations.first?.contains(finding) == true)
  }

  @Test(arguments: [
    ".systemLibrary(name: \"CSodium\", pkgConfig: \"libsodium\", providers: [.apt([\"libsodium-dev\"])])",
    ".target(name: \"SottoCrypto\", dependencies: [\"CSodium\", .product(name: \"Crypto\", package: \"swift-crypto\")])",
    ".executableTarget(name: \"sotto-relay\", dependencies: [.target(name: \"SottoRelayFleet\", condition: .when(traits: [\"Fleet\"]))])",
    ".testTarget(name: \"SottoWireTests\", dependencies: [\"SottoWire\", \"CSodium\"])",
  ])
  func `What is allowed is let through`(target: String) {
    #expect(Manifest("let package = Package(name: \"sotto\", targets: [\(target)])").violations.isEmpty)
  }
}
