// swift-tools-version: 6.2
// The house is drawn in README.md ("The map of the house"); the arrows below are enforced by HouseTests.
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
/// What ships also has every unsafe expression marked.
let shipped: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "sotto",
  platforms: [.macOS("26.0")],
  products: [
    .library(name: "SottoCrypto", targets: ["SottoCrypto"]),
    .library(name: "SottoWire", targets: ["SottoWire"]),
    .library(name: "SottoSession", targets: ["SottoSession"]),
    .library(name: "SottoClient", targets: ["SottoClient"]),
    .library(name: "SottoRelay", targets: ["SottoRelay"]),
    .executable(name: "sotto", targets: ["sotto"]),
    .executable(name: "sotto-relay", targets: ["sotto-relay"]),
    .executable(name: "sotto-push", targets: ["sotto-push"]),
  ],
  traits: [
    .trait(
      name: "Fleet",
      description: "Relays that share a store in PostgreSQL, and RabbitMQ; needs libpq-dev and librabbitmq-dev.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0"),
    .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CSodium", pkgConfig: "libsodium",
      providers: [.apt(["libsodium-dev"]), .brew(["libsodium"])]),
    .target(
      name: "SottoCrypto",
      dependencies: [
        "CSodium", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
      swiftSettings: shipped),
    .target(name: "SottoWire", dependencies: ["SottoCrypto"], swiftSettings: shipped),
    .target(
      name: "SottoSession", dependencies: ["SottoCrypto", "SottoWire"], swiftSettings: shipped),
    .target(
      name: "SottoClient",
      dependencies: [
        "SottoCrypto", "SottoWire", "SottoSession",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "NIOFoundationCompat", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      swiftSettings: shipped),
    .target(
      name: "SottoRelay",
      dependencies: [
        "SottoCrypto", "SottoWire",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "JWTKit", package: "jwt-kit"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "X509", package: "swift-certificates"),
        .product(name: "SwiftASN1", package: "swift-asn1"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: shipped),
    .systemLibrary(
      name: "CLibpq", pkgConfig: "libpq",
      providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
    .systemLibrary(
      name: "CRabbitMQ", pkgConfig: "librabbitmq",
      providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]),
    // Without the trait it is empty, and neither library is looked for.
    .target(
      name: "SottoRelayFleet",
      dependencies: [
        "SottoCrypto", "SottoWire", "SottoRelay", .target(name: "CLibpq", condition: .when(traits: ["Fleet"])),
        .target(name: "CRabbitMQ", condition: .when(traits: ["Fleet"])),
      ],
      swiftSettings: shipped),
    .executableTarget(
      name: "sotto",
      dependencies: [
        "SottoClient", "SottoSession", "SottoWire", "SottoCrypto",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: shipped),
    .executableTarget(
      name: "sotto-relay",
      dependencies: [
        "SottoRelay", "SottoWire", "SottoCrypto", .target(name: "SottoRelayFleet", condition: .when(traits: ["Fleet"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: shipped),
    .executableTarget(
      name: "sotto-push",
      dependencies: [
        "SottoRelay", "SottoWire", "SottoCrypto",
        .target(name: "SottoRelayFleet", condition: .when(traits: ["Fleet"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "JWTKit", package: "jwt-kit"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: shipped),
    // What follows does not ship.
    // To optimise it takes minutes, and it runs for seconds.
    .executableTarget(
      name: "vectors-generate", dependencies: ["SottoCrypto", "SottoWire", "SottoSession"],
      path: "Vectors/generate", swiftSettings: strict + [.unsafeFlags(["-Onone"])]),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "SottoRelay", "SottoClient", "SottoSession", "SottoWire", "SottoCrypto", "SottoSimulation", "CSodium",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      path: "Benchmarks", exclude: ["README.md", "RESULTS.md", "CountAllocations.c", "PostgreSQLFloor.c"],
      swiftSettings: strict),
    .target(
      name: "SottoSimulation",
      dependencies: ["SottoCrypto", "SottoWire", "SottoSession"],
      path: "Tests/SottoSimulation", swiftSettings: strict),
    .testTarget(
      name: "SottoCryptoTests", dependencies: ["SottoCrypto", "SottoSimulation"],
      swiftSettings: strict),
    .testTarget(
      name: "SottoWireTests", dependencies: ["SottoWire", "SottoCrypto", "SottoSimulation"],
      swiftSettings: strict),
    .testTarget(
      name: "SottoSessionTests",
      dependencies: ["SottoSession", "SottoWire", "SottoCrypto", "SottoSimulation"],
      swiftSettings: strict),
    .testTarget(
      name: "SottoClientTests",
      dependencies: [
        "SottoClient", "SottoSession", "SottoWire", "SottoCrypto", "SottoSimulation",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SottoTests", dependencies: ["sotto", "SottoClient", "SottoSession", "SottoWire", "SottoSimulation"],
      exclude: ["Chat/Golden", "QR/golden.py"], swiftSettings: strict),
    .testTarget(
      name: "SottoRelayTests",
      dependencies: [
        "SottoRelay", "SottoWire", "SottoCrypto", "SottoSimulation",
        .target(name: "SottoRelayFleet", condition: .when(traits: ["Fleet"])),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "JWTKit", package: "jwt-kit"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "NIOFoundationCompat", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SottoPushTests",
      dependencies: [
        "sotto-push", "SottoRelay", "SottoWire", "SottoCrypto", "SottoSimulation",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "JWTKit", package: "jwt-kit"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      exclude: ["services.py"], swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "SottoClient", "SottoCrypto", "SottoWire", "SottoSimulation",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(name: "HouseTests", swiftSettings: strict),
  ]
)
