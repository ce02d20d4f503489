#!/usr/bin/env bash
# Runs the test suite under a sanitizer: run.sh address|thread|all [FILTER], a regular expression of suites.
# Each has a build of its own under .build/sanitize-NAME, with all of our Swift and C instrumented.
set -euo pipefail
cd "$(dirname "$0")/../.."

which=${1:-all}
filter=${2:-.}
[ "$which" = all ] && which="address thread"

# Tests that cannot say anything here, with the reason beside each.
skipped=(
    # They kill servers at moments that they measure in a server's own time; a sanitizer makes it ten times slower.
    KilledServerTests
    # The same: they want the end of a server in the middle of a job, and run servers that a sanitizer makes ten times slower.
    KilledStackTests
    ResumptionTests
)

export OMP_WAIT_POLICY=passive
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-8}

for name in $which; do
    case $name in
    address)
        # Swift's runtime keeps metadata for ever, reachable from nowhere that the leak checker looks: it would report
        # thousands of them. What it cannot do is find a leak of ours among those.
        export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:strict_string_checks=1
        ;;
    thread)
        export TSAN_OPTIONS="suppressions=$PWD/Tests/sanitize/thread.supp:halt_on_error=0:exitcode=66:history_size=4"
        # libgomp's barriers are futexes in its own code, which TSan does not see: every parallel loop would be a race
        # between its iterations and what follows. With one thread there are none; the loops' iterations are checked
        # for being independent by the tests that compare one thread with several.
        export OMP_NUM_THREADS=1
        export OPENBLAS_NUM_THREADS=1
        ;;
    *)
        echo "sanitize: no sanitizer $name; address, thread and all are" >&2
        exit 2
        ;;
    esac
    echo "sanitize: $name (the first build takes many minutes)"
    options=(-c release --disable-testable-imports --disable-xctest --scratch-path ".build/sanitize-$name" --sanitize="$name")
    for suite in "${skipped[@]}"; do options+=(--skip "$suite"); done
    swift test "${options[@]}" --filter "$filter"
done
