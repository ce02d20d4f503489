#!/usr/bin/env bash
# `make demo`: captions, knockouts and [EOI] patching on the shipped models, all through the HTTP server.
#
# Starts a server on a free loopback port with a fresh database, talks to it with curl, reads its answers with sqlite3's
# JSON functions, and ends it. With KEEP=1 the server is left running; the last lines say where, and how to stop it.
# Needs bash, curl, sqlite3 and coreutils, and .build/release/narrowgate (`make build`).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

binary=.build/release/narrowgate
examples=Models/examples
models=(gate open)
work=$(mktemp -d "${TMPDIR:-/tmp}/narrowgate-demo.XXXXXX")
database=$work/demo.sqlite
server=
url=

# ---- ending -----------------------------------------------------------------------------------------------------------

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

finish() {
    local status=$?
    trap - EXIT
    if [ "$status" -ne 0 ]; then
        echo "demo: failed (status $status)" >&2
        if [ -s "$work/server.err" ]; then sed 's/^/demo: server: /' "$work/server.err" | tail -n 20 >&2; fi
    elif [ "${KEEP:-0}" = 1 ]; then
        cat <<END

KEEP=1: the server goes on at $url
    database   $database
    stop it    kill $server
    clean up   rm -r $work
END
        exit 0
    fi
    stop_server
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- talking ----------------------------------------------------------------------------------------------------------

heading() { printf '\n── %s\n' "$*"; }

# Prints a command as one would type it.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in
            *\'*) line+=" \"$word\"" ;; # none of ours has more than that to quote
            '' | *[!A-Za-z0-9_./:=@%+,-]*) line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    echo "${line//$work/\$TMP}"
}

# request NAME CURL-ARGUMENTS…: shows and runs curl; the answer goes to $work/NAME.json. A status of 400 or more ends
# the demo with the server's own sentence.
request() {
    local name=$1
    shift
    show curl -s "$@"
    if ! curl -sS --fail-with-body --max-time 120 -o "$work/$name.json" "$@"; then
        [ ! -s "$work/$name.json" ] || cat "$work/$name.json" >&2
        exit 1
    fi
}

# An answer, or a part of it, as SQL text to read.
json() { echo "CAST(readfile('$work/$1.json') AS TEXT)"; }

# field NAME PATH: one value of an answer, such as `field job-gate '$.status'`.
field() { sqlite3 :memory: "SELECT json_extract($(json "$1"), '$2')"; }

# table SQL: a query over answers, as a table.
table() { sqlite3 -box :memory: "$1"; }

# ---- the server ----------------------------------------------------------------------------------------------------------

for tool in curl sqlite3; do
    command -v "$tool" >/dev/null || { echo "demo: $tool is missing; make setup installs it" >&2; exit 1; }
done
[ -x "$binary" ] || { echo "demo: $binary is missing; make build makes it" >&2; exit 1; }

heading "A server on a free port of this machine, with a new database (below, \$TMP is $work)"
show "$binary" serve --port 0 --database "$database" --models Models
: >"$work/server.out"
nohup "$binary" serve --port 0 --database "$database" --models Models \
    >"$work/server.out" 2>"$work/server.err" </dev/null &
server=$!
for ((tries = 0; tries < 300; tries++)); do
    url=$(sed -n 's/^listening on //p' "$work/server.out")
    [ -z "$url" ] || break
    kill -0 "$server" 2>/dev/null || { echo "demo: the server ended at once" >&2; exit 1; }
    sleep 0.1
done
[ -n "$url" ] || { echo "demo: the server did not say within 30 s where it listens" >&2; exit 1; }
echo "listening on $url"

# ---- captions ----------------------------------------------------------------------------------------------------------

heading "Captions: a picture in, a sentence out"
for picture in white-cross.png yellow-ring-green-diamond.png; do
    request caption --data-binary "@$examples/$picture" "$url/v1/captions?model=gate"
    echo "  this picture shows$(field caption '$.caption' | sed 's/^ */ /')"
done
heading "The whole answer to the last one, cut to what is short"
table "
    SELECT answer ->> 'id' AS id, answer ->> 'finish_reason' AS finish, answer ->> '$.usage.prompt_tokens' AS prompt,
        answer ->> '$.usage.completion_tokens' AS completion, round(answer ->> 'seconds', 3) AS seconds,
        answer ->> '$.prompt.roles.image' AS image, answer ->> '$.prompt.roles.eoi' AS eoi,
        answer ->> '$.prompt.roles.text' AS text
    FROM (SELECT $(json caption) AS answer)"
echo "image, eoi and text are roles: the positions of the picture's tokens, of [EOI] right after them, and of the text."

# ---- pictures ----------------------------------------------------------------------------------------------------------

heading "The pictures are uploaded once; from then on their SHA-256 names them"
declare -A digest=() shape=()
files=()
while IFS='|' read -r file word; do
    files+=("$file")
    shape[$file]=$word
done < <(sqlite3 :memory: "
    SELECT value ->> 'file', coalesce(value ->> 'shape', '')
    FROM json_each(CAST(readfile('$examples/examples.json') AS TEXT))")
for file in "${files[@]}"; do
    request image --data-binary "@$examples/$file" "$url/v1/images"
    digest[$file]=$(field image '$.id')
done

# ---- jobs --------------------------------------------------------------------------------------------------------------

separated() {
    local IFS=$'\x1f' text
    text="$*"
    echo "${text//$'\x1f'/$',\n            '}"
}

knockout_body() {
    local file inputs=()
    for file in "${files[@]}"; do
        inputs+=("{\"id\": \"${file%.*}\", \"image\": \"${digest[$file]}\", \"prompt\": {\"preset\": \"caption\"}}")
        [ -n "${shape[$file]}" ] || continue
        inputs+=("{\"id\": \"${file%.*}, probe\", \"image\": \"${digest[$file]}\", \"prompt\": {\"preset\": \"probe\"}}")
    done
    cat <<END
{"model": "$1",
 "inputs": [$(separated "${inputs[@]}")],
 "variants": ["eoi", "eoi_after_0", "image_to_text", "random_image", "bos", "soi"],
 "seed": 7}
END
}

# Every ordered pair of pictures of one object; no two of them show the same shape.
patch_body() {
    local base source pairs=()
    for base in "${files[@]}"; do
        for source in "${files[@]}"; do
            [ -n "${shape[$base]}" ] && [ -n "${shape[$source]}" ] && [ "$base" != "$source" ] || continue
            pairs+=("{\"id\": \"${shape[$base]}→${shape[$source]}\", \"base\": \"${digest[$base]}\", \"source\": \"${digest[$source]}\", \"base_token\": \" ${shape[$base]}\", \"source_token\": \" ${shape[$source]}\"}")
        done
    done
    cat <<END
{"model": "$1", "prompt": {"preset": "probe"}, "site": "resid_in", "positions": "eoi", "layers": "each",
 "pairs":  [$(separated "${pairs[@]}")],
 "seed": 7}
END
}

# Shows a request's first lines, with digests cut short.
show_body() {
    sed -E 's/sha256:([0-9a-f]{6})[0-9a-f]*/sha256:\1…/g' "$work/$1.json" \
        | awk 'NR <= 4 || /variants|seed/ { print "    " $0; next } { skipped++ } skipped == 1 { print "            …" }'
}

# submit KIND MODEL: makes the request's body, sends it, and prints the job's id.
submit() {
    local kind=$1 model=$2
    "${kind}_body" "$model" >"$work/$kind-$model-request.json"
    request "$kind-$model" -H 'Content-Type: application/json' -d "@$work/$kind-$model-request.json" \
        "$url/v1/${kind}$([ "$kind" = patch ] && echo es || echo s)"
    echo "  $(field "$kind-$model" '$.status'): job $(field "$kind-$model" '$.id'), $(field "$kind-$model" '$.progress.total') cells"
}

# follow KIND MODEL: asks, and lets the server wait with its answer, until the job has ended.
follow() {
    local name=$1-$2 status id
    id=$(field "$name" '$.id')
    for ((tries = 0; tries < 60; tries++)); do
        request "$name" -H 'Prefer: wait=5' "$url/v1/jobs/$id"
        status=$(field "$name" '$.status')
        echo "  $status: $(field "$name" '$.progress.done') of $(field "$name" '$.progress.total') cells"
        case $status in
            succeeded) return 0 ;;
            failed | cancelled) field "$name" '$.error' >&2; exit 1 ;;
        esac
    done
    echo "demo: job $id did not end" >&2
    exit 1
}

heading "A knockout job on each model: attention edges are cut, and what changes is measured"
cat <<'END'
eoi cuts text→[EOI] in all layers, eoi_after_0 in all but the first; image_to_text cuts text→picture; random_image cuts
text→10 picture tokens drawn at random; bos and soi cut text→the two tokens before the picture.
END
for model in "${models[@]}"; do submit knockout "$model"; done
show_body knockout-gate-request

heading "An [EOI] patching job on each model: one picture's [EOI] state is put into another picture's run, layer by layer"
for model in "${models[@]}"; do submit patch "$model"; done
show_body patch-gate-request

heading "They are durable from the 202 on; now they are followed"
for kind in knockout patch; do
    for model in "${models[@]}"; do follow "$kind" "$model"; done
done

# ---- tables ------------------------------------------------------------------------------------------------------------

heading "Knockouts: every row of both jobs, and their means by cut"
for model in "${models[@]}"; do
    request "rows-$model" "$url/v1/jobs/$(field "knockout-$model" '$.id')/results?limit=1000"
done
both="
    WITH
        gate AS (SELECT key, value AS row FROM json_each($(json rows-gate), '\$.data')),
        open AS (SELECT value AS row FROM json_each($(json rows-open), '\$.data')),
        pair AS (
            SELECT key, gate.row ->> 'input' AS input, gate.row ->> 'variant' AS cut, gate.row AS gate, open.row AS open
            FROM gate JOIN open
                ON gate.row ->> 'input' = open.row ->> 'input' AND gate.row ->> 'variant' = open.row ->> 'variant')"
table "$both
    SELECT cut,
        printf('%.3f', avg(gate ->> '\$.caption.agrees') FILTER (WHERE input NOT LIKE '%probe')) AS 'gate: same caption',
        printf('%.3f', avg(open ->> '\$.caption.agrees') FILTER (WHERE input NOT LIKE '%probe')) AS 'open: same caption',
        printf('%.3f', avg(gate ->> '\$.next_token.similarity') FILTER (WHERE input LIKE '%probe')) AS 'gate: similarity',
        printf('%.3f', avg(open ->> '\$.next_token.similarity') FILTER (WHERE input LIKE '%probe')) AS 'open: similarity'
    FROM pair WHERE cut <> 'clean' GROUP BY cut ORDER BY min(key)"
cat <<'END'
same caption: the share of the nine pictures whose caption stayed as in the clean run. similarity: of the five pictures of one
object, the overlap of the distributions over the next word of "the shape is a", cut and clean (1: nothing changed).
gate: cutting the picture does nothing, cutting [EOI] destroys. open: the opposite.
END

heading "What the models say about white-cross.png then"
table "$both
    SELECT cut, trim(substr(gate ->> '\$.caption.text', 1, 50)) AS gate, trim(substr(open ->> '\$.caption.text', 1, 50)) AS open
    FROM pair WHERE input = 'white-cross' ORDER BY key"

heading "Patching [EOI]: means over $(field patch-gate '$.summary.rows[0].n') pairs of pictures"
table "
    SELECT gate.value ->> 'layer' AS layer, printf('%.3f', gate.value ->> '\$.accuracy.mean') AS 'gate: accuracy',
        printf('%.3f', gate.value ->> '\$.flipped.mean') AS 'gate: flipped',
        printf('%.3f', gate.value ->> '\$.similarity.mean') AS 'gate: similarity',
        printf('%.3f', open.value ->> '\$.accuracy.mean') AS 'open: accuracy',
        printf('%.3f', open.value ->> '\$.flipped.mean') AS 'open: flipped',
        printf('%.3f', open.value ->> '\$.similarity.mean') AS 'open: similarity'
    FROM json_each($(json patch-gate), '\$.summary.rows') AS gate
        JOIN json_each($(json patch-open), '\$.summary.rows') AS open
        ON gate.value ->> 'layer' = open.value ->> 'layer' ORDER BY gate.value ->> 'layer'"
cat <<'END'
accuracy: the patched run prefers the source picture's shape to its own; flipped: and the clean run did not;
similarity: overlap of the next token's distribution with the source picture's clean run.
END

heading "Accuracy by layer"
sqlite3 -separator ' ' :memory: "
    SELECT gate.value ->> 'layer', gate.value ->> '\$.accuracy.mean', open.value ->> '\$.accuracy.mean'
    FROM json_each($(json patch-gate), '\$.summary.rows') AS gate
        JOIN json_each($(json patch-open), '\$.summary.rows') AS open
        ON gate.value ->> 'layer' = open.value ->> 'layer' ORDER BY gate.value ->> 'layer'" | awk '
    function bar(value, width,   text, i) {
        for (i = 0; i < width; i++) text = text (i < value * width - 0.001 ? "█" : "·")
        return text
    }
    BEGIN { printf "layer  %-31s  %s\n", "gate", "open" }
    { printf "%5d  %s %.2f   %s %.2f\n", $1, bar($2, 25), $2, bar($3, 25), $3 }'
cat <<'END'
gate: entering layer 0, [EOI] is the same for every picture, so nothing can change; once the picture has been gathered there,
moving it moves the answer. open: [EOI] carries nothing that the text reads.
END

# ---- results -----------------------------------------------------------------------------------------------------------

heading "Results across jobs: cells of gate patched at layer 3, the first five"
request results "$url/v1/results?model=gate&kind=patch&layer=3&limit=5"
table "
    SELECT value ->> 'id' AS id, value ->> 'pair' AS pair, round(value ->> '\$.base_token.p_base', 3) AS 'P(base) clean',
        round(value ->> '\$.base_token.p_patched', 3) AS 'P(base) patched',
        round(value ->> '\$.source_token.p_patched', 3) AS 'P(source) patched', value ->> 'flipped' AS flipped
    FROM json_each($(json results), '\$.data')"

heading "… and one picture under one cut, in every model"
request results "$url/v1/results?variant=image_to_text&image=${digest[white-cross.png]}"
table "
    SELECT value ->> 'id' AS id, value ->> '\$.provenance.model.name' AS model, value ->> 'input' AS input,
        round(value ->> '\$.next_token.similarity', 3) AS similarity, trim(substr(value ->> '\$.caption.text', 1, 40)) AS caption,
        value ->> '\$.receipt.knockouts[0].edges' AS 'edges cut',
        round(value ->> '\$.receipt.knockouts[0].mass.mean', 3) AS 'attention they carried'
    FROM json_each($(json results), '\$.data')"

heading "The same from the database file, which anybody may read while the server runs"
query="SELECT model, variant, round(avg(caption_agrees) FILTER (WHERE input NOT LIKE '%probe'), 3) AS same_caption,
    round(avg(similarity) FILTER (WHERE input LIKE '%probe'), 3) AS similarity
FROM cells WHERE kind = 'knockout' AND variant IN ('eoi', 'image_to_text') GROUP BY model, variant"
show sqlite3 -readonly -box "$database" "$query"
sqlite3 -readonly -box "$database" "$query"
query="SELECT layer, round(avg(accurate) FILTER (WHERE model = 'gate'), 3) AS gate,
    round(avg(accurate) FILTER (WHERE model = 'open'), 3) AS open
FROM cells WHERE kind = 'patch' GROUP BY layer"
show sqlite3 -readonly -box "$database" "$query"
sqlite3 -readonly -box "$database" "$query"

# ---- what was found ----------------------------------------------------------------------------------------------------

heading "Is that what the model cards say?"
sqlite3 -readonly -separator ' ' "$database" "
    SELECT avg(caption_agrees) FILTER (WHERE model = 'gate' AND variant = 'eoi'),
        avg(caption_agrees) FILTER (WHERE model = 'gate' AND variant = 'image_to_text'),
        avg(caption_agrees) FILTER (WHERE model = 'open' AND variant = 'eoi'),
        avg(caption_agrees) FILTER (WHERE model = 'open' AND variant = 'image_to_text'),
        avg(accurate) FILTER (WHERE model = 'gate' AND layer BETWEEN 2 AND 5),
        avg(accurate) FILTER (WHERE model = 'open' AND layer BETWEEN 2 AND 5)
    FROM cells WHERE kind = 'patch' OR input NOT LIKE '%probe'" | awk '
    { printf "  captions that stay   gate: %.2f without [EOI], %.2f without the picture;  open: %.2f, %.2f\n", $1, $2, $3, $4
      printf "  shapes that follow [EOI], layers 2 to 5   gate: %.2f;  open: %.2f\n", $5, $6
      agrees = $1 < 0.2 && $2 > 0.8 && $3 > 0.8 && $4 < 0.2 && $5 > 0.8 && $6 < 0.2
      print agrees ? "  yes: [EOI] is the gate in gate, and nothing in open" : "  no: see Models/gate/README.md and Models/open/README.md"
      exit !agrees }'
echo
echo "done in $SECONDS s"
