/// The pages of docs/errors, embedded in the binary so that a problem's `type` leads somewhere wherever it runs.
///
/// `Pages` beside this file is a link to docs/errors: the build embeds every file there, and the tests compare the lists.
package enum ErrorPages {
    /// The page of that name (`unknown-role`), in Markdown, byte for byte as in the repository.
    package static func page(_ slug: String) -> [UInt8]? {
        switch slug {
        case "admin-only": PackageResources.admin_only_md
        case "bad-chunk": PackageResources.bad_chunk_md
        case "bad-framing": PackageResources.bad_framing_md
        case "bad-header": PackageResources.bad_header_md
        case "bad-host": PackageResources.bad_host_md
        case "bad-request-line": PackageResources.bad_request_line_md
        case "bad-target": PackageResources.bad_target_md
        case "cannot-replay": PackageResources.cannot_replay_md
        case "content-timeout": PackageResources.content_timeout_md
        case "content-too-large": PackageResources.content_too_large_md
        case "cross-site": PackageResources.cross_site_md
        case "damaged-image": PackageResources.damaged_image_md
        case "disk-full": PackageResources.disk_full_md
        case "engine-busy": PackageResources.engine_busy_md
        case "head-out-of-range": PackageResources.head_out_of_range_md
        case "header-timeout": PackageResources.header_timeout_md
        case "headers-too-large": PackageResources.headers_too_large_md
        case "idempotency-key-reused": PackageResources.idempotency_key_reused_md
        case "image-count-mismatch": PackageResources.image_count_mismatch_md
        case "image-in-use": PackageResources.image_in_use_md
        case "image-too-large": PackageResources.image_too_large_md
        case "internal-error": PackageResources.internal_error_md
        case "invalid-image-reference": PackageResources.invalid_image_reference_md
        case "invalid-key": PackageResources.invalid_key_md
        case "invalid-prompt": PackageResources.invalid_prompt_md
        case "invalid-value": PackageResources.invalid_value_md
        case "job-ended": PackageResources.job_ended_md
        case "job-in-use": PackageResources.job_in_use_md
        case "job-unfinished": PackageResources.job_unfinished_md
        case "layer-out-of-range": PackageResources.layer_out_of_range_md
        case "length-required": PackageResources.length_required_md
        case "malformed-form": PackageResources.malformed_form_md
        case "malformed-json": PackageResources.malformed_json_md
        case "malformed-state": PackageResources.malformed_state_md
        case "method-not-allowed": PackageResources.method_not_allowed_md
        case "missing-field": PackageResources.missing_field_md
        case "missing-key": PackageResources.missing_key_md
        case "missing-source": PackageResources.missing_source_md
        case "model-unavailable": PackageResources.model_unavailable_md
        case "not-acceptable": PackageResources.not_acceptable_md
        case "not-an-image": PackageResources.not_an_image_md
        case "not-found": PackageResources.not_found_md
        case "not-ready": PackageResources.not_ready_md
        case "nothing-to-do": PackageResources.nothing_to_do_md
        case "overlapping-patches": PackageResources.overlapping_patches_md
        case "overloaded": PackageResources.overloaded_md
        case "position-count-mismatch": PackageResources.position_count_mismatch_md
        case "position-out-of-range": PackageResources.position_out_of_range_md
        case "precondition-failed": PackageResources.precondition_failed_md
        case "prompt-too-long": PackageResources.prompt_too_long_md
        case "queue-full": PackageResources.queue_full_md
        case "quota-exceeded": PackageResources.quota_exceeded_md
        case "range-not-satisfiable": PackageResources.range_not_satisfiable_md
        case "rate-limited": PackageResources.rate_limited_md
        case "shutting-down": PackageResources.shutting_down_md
        case "state-in-use": PackageResources.state_in_use_md
        case "state-mismatch": PackageResources.state_mismatch_md
        case "storage-full": PackageResources.storage_full_md
        case "store-failed": PackageResources.store_failed_md
        case "target-too-long": PackageResources.target_too_long_md
        case "too-many-cells": PackageResources.too_many_cells_md
        case "too-many-values": PackageResources.too_many_values_md
        case "unknown-field": PackageResources.unknown_field_md
        case "unknown-image": PackageResources.unknown_image_md
        case "unknown-job": PackageResources.unknown_job_md
        case "unknown-key": PackageResources.unknown_key_md
        case "unknown-mode": PackageResources.unknown_mode_md
        case "unknown-model": PackageResources.unknown_model_md
        case "unknown-preset": PackageResources.unknown_preset_md
        case "unknown-result": PackageResources.unknown_result_md
        case "unknown-role": PackageResources.unknown_role_md
        case "unknown-site": PackageResources.unknown_site_md
        case "unknown-state": PackageResources.unknown_state_md
        case "unknown-token": PackageResources.unknown_token_md
        case "unknown-variant": PackageResources.unknown_variant_md
        case "unresolved-role": PackageResources.unresolved_role_md
        case "unsupported-content-coding": PackageResources.unsupported_content_coding_md
        case "unsupported-expectation": PackageResources.unsupported_expectation_md
        case "unsupported-http-version": PackageResources.unsupported_http_version_md
        case "unsupported-intervention": PackageResources.unsupported_intervention_md
        case "unsupported-media-type": PackageResources.unsupported_media_type_md
        case "unsupported-parameter": PackageResources.unsupported_parameter_md
        case "unsupported-transfer-coding": PackageResources.unsupported_transfer_coding_md
        case "wrong-host": PackageResources.wrong_host_md
        case "wrong-type": PackageResources.wrong_type_md
        default: nil
        }
    }
}
