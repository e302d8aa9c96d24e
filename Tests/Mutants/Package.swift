// swift-tools-version: 6.2
// The rooms that mutants are made of, with their suites: `.ci/mutants` puts this in the place of the manifest in its copy,
// so that a change of one check builds in seconds. Warnings are none of its business: what a removed check leaves unused
// is unused.
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "sotto",
  platforms: [.macOS("26.0")],
  dependencies: [.package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")],
  targets: [
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium"),
    .target(
      name: "SottoCrypto", dependencies: ["CSodium", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: strict),
    .target(name: "SottoWire", dependencies: ["SottoCrypto"], swiftSettings: strict),
    .target(name: "SottoSession", dependencies: ["SottoCrypto", "SottoWire"], swiftSettings: strict),
    .target(
      name: "SottoSimulation", dependencies: ["SottoCrypto", "SottoWire", "SottoSession"],
      path: "Tests/SottoSimulation", swiftSettings: strict),
    .testTarget(
      name: "SottoCryptoTests", dependencies: ["SottoCrypto", "SottoSimulation"], swiftSettings: strict),
    .testTarget(
      name: "SottoWireTests", dependencies: ["SottoWire", "SottoCrypto", "SottoSimulation"], swiftSettings: strict),
    .testTarget(
      name: "SottoSessionTests", dependencies: ["SottoSession", "SottoWire", "SottoCrypto", "SottoSimulation"],
      swiftSettings: strict),
  ]
)
