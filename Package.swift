// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// A system library behind a module map: `header` in, nothing else.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// C of our own. Kernels are slow to the point of uselessness without optimisation, so debug builds have it too.
func kernels(_ name: String, libraries: [String]) -> Target {
    .target(
        name: name, path: "Sources/\(name)", cSettings: [.unsafeFlags(["-O2"], .when(configuration: .debug))],
        linkerSettings: libraries.map { .linkedLibrary($0) })
}

/// One floor of the house; which floors may import which is docs/architecture.md's table, checked by `make lint`.
func floor(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)Tests",
        exclude: ["Imaging", "Tokenization"].contains(name) ? ["Goldens"] : [], swiftSettings: strict)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// `make fuzz` alone builds this: it calls libFuzzer, which no other build links.
let fuzzing: [Target] =
    Context.environment["NARROWGATE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Runner",
            swiftSettings: strict)
    ]

let package = Package(
    name: "narrowgate",
    products: [.executable(name: "narrowgate", targets: ["narrowgate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("CNGHTTP2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
        system("CTurboJPEG", pkgConfig: "libturbojpeg", apt: "libturbojpeg0-dev"),
        system("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        system("CTLS", pkgConfig: "libssl", apt: "libssl-dev"),
        system("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
        // Debian's oneDNN has no pkg-config file; its header and library are where compilers look anyway.
        .systemLibrary(name: "COneDNN", path: "Sources/COneDNN", providers: [.apt(["libdnnl-dev"])]),
        kernels("CKernels", libraries: ["gomp"]),
        .target(name: "CLinux", path: "Sources/CLinux"),
        .target(name: "CPNG", path: "Sources/CPNG", linkerSettings: [.linkedLibrary("png16")]),

        floor("StrictJSON", []),
        floor("Metrics", []),
        floor("Schemas", ["StrictJSON"]),
        floor("Numerics", ["COpenBLAS", "COneDNN", "CKernels"]),
        floor("Checkpoints", ["StrictJSON", "CCrypto"]),
        floor("Tokenization", ["StrictJSON", "CPCRE2"]),
        floor("Imaging", ["StrictJSON", "CTurboJPEG", "CPNG"]),
        floor("Scenes", ["StrictJSON", "Numerics", "Imaging"]),
        floor("Models", ["StrictJSON", "Numerics", "Checkpoints", "Tokenization", "Imaging"]),
        floor("Interventions", ["StrictJSON", "Schemas", "Models", "Numerics", "Checkpoints"]),
        .target(
            name: "Migrations", path: "Migrations",
            resources: [
                .embedInCode("0001_jobs_cells_images.sql"), .embedInCode("0002_states.sql"),
                .embedInCode("0003_idempotency_deletions.sql"), .embedInCode("0004_keys.sql"),
            ],
            swiftSettings: strict),
        floor("Store", ["Metrics", "Migrations", "CCrypto", grdb, log]),
        floor(
            "Jobs",
            [
                "StrictJSON", "Schemas", "Metrics", "Interventions", "Models", "Numerics", "Store", "Checkpoints",
                "CLinux", log,
            ]),
        floor("HTTPServer", ["CLinux", "CNGHTTP2", "CTLS", "CZlib", httpTypes, log]),
        .target(
            name: "ErrorPages", path: "Sources/ErrorPages", resources: [.embedInCode("Pages")], swiftSettings: strict),
        floor(
            "API",
            [
                "StrictJSON", "Schemas", "Metrics", "Jobs", "HTTPServer", "Models", "Interventions", "Store",
                "ErrorPages",
                httpTypes, log,
            ]),
        .executableTarget(
            name: "narrowgate",
            dependencies: [
                "StrictJSON", "API", "Jobs", "HTTPServer", "Models", "Interventions", "Store", "Checkpoints", "Imaging",
                "Scenes", "CTLS",
                log,
                argumentParser,
            ],
            path: "Sources/narrowgate", swiftSettings: strict),

        .executableTarget(
            name: "benchmarks", dependencies: ["Models", "Numerics", "COneDNN"], path: "Benchmarks",
            exclude: ["suite", "serving", "make_checkpoint.py", "requirements.txt"], swiftSettings: strict),

        .target(name: "TestSupport", dependencies: ["StrictJSON"], path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "StrictJSON", "API", "Jobs", "HTTPServer", "Models", "Interventions", "Checkpoints", "Imaging",
                "Tokenization", httpTypes,
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: strict),
        tests("Fuzz", ["FuzzTargets", "Numerics"]),
        tests("StrictJSON", ["StrictJSON"]),
        tests("Metrics", ["Metrics"]),
        tests("Numerics", ["Numerics", "CKernels"]),
        tests("Checkpoints", ["Checkpoints", "StrictJSON"]),
        tests("Tokenization", ["Tokenization", "StrictJSON"]),
        tests("Imaging", ["Imaging", "StrictJSON", "CCrypto"]),
        tests("Scenes", ["Scenes", "Imaging", "Numerics", "StrictJSON", "CCrypto"]),
        tests("Models", ["Models", "Numerics", "Checkpoints", "StrictJSON"]),
        tests("Interventions", ["Interventions", "Models", "Numerics", "Checkpoints", "StrictJSON"]),
        tests("Store", ["Store", "Migrations", grdb]),
        tests("Jobs", ["Jobs", "Store", "Interventions", "Models", "Checkpoints", "StrictJSON", grdb, log]),
        tests("HTTPServer", ["HTTPServer", httpTypes]),
        tests("API", ["API", "Jobs", "HTTPServer", "Store", "ErrorPages", "StrictJSON", httpTypes, log]),
        tests("narrowgate", ["StrictJSON"]),
    ] + fuzzing,
    swiftLanguageModes: [.v6]
)
