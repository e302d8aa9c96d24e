// swift-tools-version: 6.2
// A package of its own, because libFuzzer needs an unsafe flag. `Sources/` links to the rooms whose decoders are fuzzed:
// so they are built with the fuzzer's instrumentation, and nothing else of Sotto is built or resolved. Of the rooms around
// the core it has what reads bytes and text of strangers without a library of the network.
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
let shipped: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "sotto-fuzz",
  platforms: [.macOS("26.0")],
  dependencies: [
    // The version that the main package names; HouseTests compares.
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")
  ],
  targets: [
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium"),
    .target(
      name: "SottoCrypto",
      dependencies: [
        "CSodium", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
      swiftSettings: shipped),
    .target(name: "SottoWire", dependencies: ["SottoCrypto"], swiftSettings: shipped),
    .target(name: "SottoSession", dependencies: ["SottoCrypto", "SottoWire"], swiftSettings: shipped),
    .target(
      name: "SottoSimulation", dependencies: ["SottoCrypto", "SottoWire", "SottoSession"], swiftSettings: strict),
    .target(
      name: "SottoRelay", dependencies: ["SottoWire"],
      sources: [
        "Push/PushMessages.swift", "Registration/IDTokenClaims.swift", "Registration/IDTokenRefusal.swift",
        "Registration/OIDCProvider.swift", "Registration/SignedToken.swift", "Registration/StrictJSON.swift",
        "Rules/ClientAddress.swift", "Rules/ClientSettings.swift", "Rules/ForwardedFor.swift", "Rules/Limits.swift",
        "Rules/Room.swift", "Rules/TokenBucket.swift",
      ], swiftSettings: shipped),
    .target(
      name: "SottoClient", dependencies: ["SottoWire"],
      sources: ["Transport/ProviderURL.swift", "Transport/SignInProvider.swift"], swiftSettings: shipped),
    .target(
      name: "sotto-push", dependencies: ["SottoRelay", "SottoWire"],
      sources: [
        "Network/Endpoint.swift", "Network/PublicAddresses.swift", "Network/Resolver.swift",
        "Providers/PushProvider.swift", "Providers/ServiceAnswer.swift", "PushLimits.swift",
      ], swiftSettings: shipped),
    // `Decoders/` of the suites.
    .target(
      name: "RelayDecoders", dependencies: ["SottoRelay", "SottoWire", "SottoSimulation"], swiftSettings: strict),
    .target(
      name: "ClientDecoders", dependencies: ["SottoClient", "SottoWire", "SottoSimulation"], swiftSettings: strict),
    .target(
      name: "GatewayDecoders", dependencies: ["sotto-push", "SottoWire", "SottoSimulation"], swiftSettings: strict),
    .executableTarget(
      name: "fuzz", dependencies: ["SottoSimulation", "RelayDecoders", "ClientDecoders", "GatewayDecoders"],
      // libFuzzer brings its own `main`.
      swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
  ]
)
