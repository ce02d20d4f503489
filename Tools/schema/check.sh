#!/usr/bin/env bash
# Runs schemathesis against a live server: what it takes and answers must be what its /openapi.json says.
#
# The server has keys, a picture of each kind, a job and a state, so that requests that are right can succeed. EXAMPLES=N
# makes so many requests an operation and phase (20), PHASES=examples,fuzzing leaves phases out; with SEED=N a run can be
# repeated. Arguments go to schemathesis, such as --include-path-regex '^/v1/jobs'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
unset "${!NARROWGATE_@}"
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
root=$PWD
binary=$root/.build/release/narrowgate
clients=$root/.build/clients
[ -x "$binary" ] || { echo "schema: $binary is missing; make build makes it" >&2; exit 1; }
if ! "$clients/bin/pip" freeze 2>/dev/null | grep -qxF "$(grep schemathesis Tools/schema/requirements.txt)"; then
    [ -x "$clients/bin/python" ] || python3 -m venv "$clients"
    "$clients/bin/pip" install --quiet -r Tools/schema/requirements.txt
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/narrowgate-schema.XXXXXX")
server=
finish() {
    local status=$?
    [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

key=$("$binary" keys add schema --admin --database "$work/jobs.sqlite")
NARROWGATE_MODELS=$root/Models "$binary" serve --port 0 --database "$work/jobs.sqlite" >"$work/out" 2>"$work/log" &
server=$!
url=
# The shell in the background may not have opened it yet.
touch "$work/out"
for ((tries = 0; tries < 600; tries++)); do
    url=$(sed -n 's/^listening on //p' "$work/out")
    [ -z "$url" ] || ! curl -sf -o /dev/null "$url/readyz" || break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
authorization="Authorization: Bearer $key"
for picture in white-cross pink-square; do
    curl -sf -o /dev/null -H "$authorization" --data-binary "@Models/examples/$picture.png" "$url/v1/images"
done

# Keys are made and revoked by KeyTests: here they would lock schemathesis out.
cd "$work"
"$clients/bin/schemathesis" --config-file "$root/Tools/schema/schemathesis.toml" run "$url/openapi.json" \
    --url "$url" -H "$authorization" --checks all --suppress-health-check all --request-timeout 600 --exclude-path-regex '^/v1/keys' --workers 1 \
    --max-examples "${EXAMPLES:-20}" --no-color ${SEED:+--seed "$SEED"} ${PHASES:+--phases "$PHASES"} "$@"
kill -0 "$server" || { echo "schema: the server is gone" >&2; exit 1; }
