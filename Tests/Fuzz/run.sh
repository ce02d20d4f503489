#!/usr/bin/env bash
# Fuzzes targets with libFuzzer under AddressSanitizer: run.sh all|NAME SECONDS, so many seconds each.
# New inputs are collected under .build/fuzz/found, and used again the next time; what breaks is left in .build/fuzz/broken.
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=${1:-all}
seconds=${2:-60}
work=.build/fuzz
names=$(ls Tests/Fuzz/corpora)
[ "$wanted" = all ] || names=$wanted

echo "fuzz: building with coverage and AddressSanitizer (the first time takes minutes)"
# The C of ours is watched like the Swift; libraries of the system are not instrumented, but their memory is checked at
# its edges. C has no libFuzzer of its own to link: -fsanitize=fuzzer-no-link.
NARROWGATE_FUZZ=1 swift build -c release --scratch-path $work --product fuzz --sanitize=address \
    -Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link

failed=0
for name in $names; do
    seeds=Tests/Fuzz/corpora/$name
    [ -d "$seeds" ] || { echo "fuzz: no target $name; there are $(ls Tests/Fuzz/corpora | tr '\n' ' ')" >&2; exit 2; }
    mkdir -p "$work/found/$name" "$work/broken"
    echo "fuzz: $name, $seconds s"
    # An input may take a second of a quiet machine; on a busy one that is many, and the sanitizer takes its share.
    FUZZ_TARGET=$name ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 $work/release/fuzz \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=20000 -print_final_stats=1 \
        -dict="Tests/Fuzz/dictionaries/$name.dict" -artifact_prefix="$work/broken/$name-" "$work/found/$name" "$seeds" \
        >"$work/$name.log" 2>&1 || {
        echo "fuzz: $name broke; the last lines of $work/$name.log:"
        grep -v '^#' "$work/$name.log" | tail -40
        failed=1
    }
    grep -E 'number_of_executed_units|peak_rss_mb|slowest_unit' "$work/$name.log" || true
done
exit $failed
