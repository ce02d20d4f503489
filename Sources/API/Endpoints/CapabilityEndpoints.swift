import HTTPServer
import HTTPTypes
import Interventions
import Jobs
import Models
import Store
import StrictJSON

/// `GET /v1/capabilities`: what this server can do, for programs that decide by it.
struct CapabilityEndpoints: Sendable {
    let jobs: JobService

    @Sendable func capabilities(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        return Response(json: [
            "object": "capabilities",
            "versions": [
                "narrowgate": .string(Provenance.engine), "sqlite": .string(try await jobs.store.libraryVersion()),
                "nghttp2": .string(HTTP2Library.version), "openblas": .string(NumericKernels.openBLAS),
                "onednn": .string(NumericKernels.oneDNN), "own_kernels": .string(NumericKernels.own),
            ],
            "threads": .integer(NumericKernels.threads),
            "models": .array(jobs.models.entries.map { ModelAnswer.json($0) }),
            "default_model": .optional(jobs.models.defaultName),
            "kinds": Self.names(JobKind.self), "sites": Self.names(Site.self), "roles": Self.names(Role.self),
            "modes": Self.names(KnockoutMode.self),
            "variants": .array(Variant.namedVariants.map { .string($0.name) }),
            "number_formats": Self.names(NumberFormat.self), "result_formats": Self.names(ResultFormat.self),
            "limits": limits,
        ])
    }

    private var limits: JSONValue {
        [
            "unfinished_jobs": .integer(jobs.queue.limit), "cells": .integer(JobPlan.maximumCells),
            "max_tokens": .integer(Measure.tokenRange.upperBound), "top": .integer(Measure.topRange.upperBound),
            "page": .integer(Paging.range.upperBound), "wait_seconds": .integer(Preferences.longestWait),
            "image_bytes": .integer(Routes.largestPicture), "request_bytes": .integer(Routes.largestRequest),
            "values": .integer(Request.valueLimit),
        ]
    }

    private static func names<Named: RawRepresentable & CaseIterable>(_ type: Named.Type) -> JSONValue
    where Named.RawValue == String {
        .array(Named.allCases.map { .string($0.rawValue) })
    }
}
