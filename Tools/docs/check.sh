#!/usr/bin/env bash
# Runs every ```sh and ```python block of README.md and docs/*.md, or of the pages given, and fails when a command fails,
# the server answers a command with a status of 400 or more, or Python ends with an error.
#
# Each page gets a folder of its own, in which Models and .build are the repository's, and a fresh server on a free port,
# which takes the place of http://127.0.0.1:8080; its database is narrowgate.sqlite in that folder. The sh blocks of a page
# run in order in one shell, so later ones may use variables of earlier ones; after them its python blocks run in order
# in one process of Debian's Python. A comment on the line before a block says otherwise:
#
#     <!-- not run: reason -->     the block is skipped
#     <!-- answers 422 -->         every request of the block must be answered with that status (sh only)
#
# With OUTPUTS=folder what each block printed is kept there, as PAGE.LINE.txt: what the pages show is taken from these.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
unset "${!NARROWGATE_@}" # the user's own settings must not matter
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1 MPLBACKEND=Agg
root=$PWD
binary=$root/.build/release/narrowgate
[ -x "$binary" ] || { echo "check: $binary is missing; make build makes it" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/narrowgate-docs.XXXXXX")
server=

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'status=$?; stop_server; rm -rf "$work"; exit "$status"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts a server in the folder; leaves its address in $url.
start_server() {
    local folder=$1 tries
    : >"$folder/server.out"
    (cd "$folder" && exec "$binary" serve --port 0 >server.out 2>server.err </dev/null) &
    server=$!
    for ((tries = 0; tries < 1200; tries++)); do
        url=$(sed -n 's/^listening on //p' "$folder/server.out")
        [ -z "$url" ] || break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    [ -n "$url" ] || { echo "check: no server" >&2; cat "$folder/server.err" >&2; exit 1; }
    for ((tries = 0; tries < 1200; tries++)); do
        ! curl -sf -o "$folder/ready.json" "$url/readyz" || return 0
        sleep 0.1
    done
    echo "check: the server does not become ready: $(cat "$folder/ready.json")" >&2
    exit 1
}

# What the blocks run under: a curl that fails when the status is not what the page says.
prelude() {
    cat <<'END'
set -euo pipefail
shopt -s inherit_errexit
expected=
curl() {
    [ -n "$expected" ] || { command curl --fail-with-body "$@"; return; }
    local answer status=0
    answer=$(command curl -w '\n%{http_code}' "$@") || status=$?
    echo "${answer%$'\n'*}"
    [ "$status" -eq 0 ] && [ "${answer##*$'\n'}" = "$expected" ] && return
    echo "answered ${answer##*$'\n'}, not $expected" >&2
    return 1
}
END
}

# The page's sh blocks as one script.
shell_of() {
    awk -v outputs="$2" '
        /^<!-- not run: .*-->$/ { skip = 1; print "echo \"  line " NR ": " substr($0, 6, length($0) - 9) "\" >&3"; next }
        /^<!-- answers [0-9]+ -->$/ { expected = $3; next }
        /^```sh$/ {
            inside = !skip
            if (inside) print "expected=" expected "\necho \"  line " NR "\" >&3"
            if (inside && outputs) print "exec >\"" outputs "." NR ".txt\" 2>&1"
            next
        }
        /^```/ { inside = 0; skip = 0; expected = ""; next }
        inside { print }
    ' "$1"
}

# The page's python blocks as one program, each line where it stands on the page: a traceback names the page's lines.
python_of() {
    awk -v outputs="$2" '
        /^<!-- not run: .*-->$/ { skip = 1 }
        /^```python$/ && !skip {
            inside = 1
            line = "__import__(\"os\").write(3, b\"  line " NR "\\n\")"
            if (outputs) line = line "; __import__(\"sys\").stdout = open(\"" outputs "." NR ".txt\", \"w\", buffering=1)"
            print line
            next
        }
        /^```/ { inside = skip = 0 }
        { print inside ? $0 : "" }
    ' "$1"
}

# Runs a command in the page's folder; what it says on descriptor 3 is shown as it goes, the rest if it fails.
run() {
    local folder=$1
    shift
    (cd "$folder" && "$@" 3>&1 >output 2>&1 </dev/null) && return
    echo "  FAILED; the last it said:" >&2
    tail -n 15 "$folder/output" | cut -c1-600 | sed 's/^/    /' >&2
    return 1
}

# Runs the page's blocks, in whichever languages it has.
run_page() {
    local page=$1 folder=$2 outputs=
    [ -z "${OUTPUTS:-}" ] || outputs=$OUTPUTS/$(basename "$page" .md)
    { prelude; shell_of "$page" "$outputs"; } | sed "s#http://127.0.0.1:8080#$url#g" >"$folder/page.sh"
    run "$folder" bash page.sh || return
    grep -q '^```python$' "$page" || return 0
    python_of "$page" "$outputs" | sed "s#http://127.0.0.1:8080#$url#g" >"$folder/page.py"
    run "$folder" /usr/bin/python3 page.py
}

if [ -n "${OUTPUTS:-}" ]; then
    mkdir -p "$OUTPUTS"
    OUTPUTS=$(cd "$OUTPUTS" && pwd)
fi
if [ $# -eq 0 ]; then set -- README.md docs/*.md; fi
failures=0
for page in "$@"; do
    grep -Eq '^```(sh|python)$' "$page" || continue
    folder=$work/$(basename "$page" .md)
    mkdir "$folder"
    ln -s "$root/Models" "$root/.build" "$folder"
    start_server "$folder"
    echo "$page (server at $url)"
    run_page "$page" "$folder" || failures=$((failures + 1))
    stop_server
done
if [ "$failures" -ne 0 ]; then
    echo "check: $failures pages failed" >&2
    exit 1
fi
echo "check: every command works"
