// swift-tools-version: 6.2
// The three core rooms with their suites, and nothing else: `.ci/core-copy` puts this in the place of the manifest in a copy,
// which builds in a third of the time, and again in seconds after a small change.
// HouseTests compares it with the main one.
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
      name: "SottoCrypto",
      dependencies: [
        "CSodium", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
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
