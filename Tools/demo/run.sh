#!/usr/bin/env bash
# `make demo`: captions, knockouts and [EOI] patching on the shipped models, all through the HTTP server.
#
# Starts a server on a free loopback port with a fresh database, talks to it with curl, reads its answers with sqlite3's
# JSON functions, and ends it. With KEEP=1 the server is left running; the last lines say where, and how to stop it.
# Needs bash, curl, sqlite3 and coreutils, and .build/release/narrowgate (`make build`).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What the user's own settings say must not change what is shown.
unset "${!NARROWGATE_@}"
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
sqlite3() { command sqlite3 -init /dev/null "$@"; }

binary=.build/release/narrowgate
examples=Models/examples
models=(gate open)
if [ -d Models/reopened ]; then models+=(reopened); fi
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
for picture in white-cross.png yellow-triangle-pink-circle.jpg yellow-ring-green-diamond.png; do
    request caption --data-binary "@$examples/$picture" "$url/v1/captions?model=gate"
    echo "  this picture shows$(field caption '$.caption' | sed 's/^ */ /')"
done
echo "The JPEG, all blocks and smeared colours, was drawn by another program; Models/examples says which."
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
    FROM json_each(CAST(readfile('$examples/examples.json') AS TEXT))
    WHERE value ->> 'drawn_by' = 'narrowgate'")
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

heading "Knockouts: every row of the jobs, and their means by cut"
for model in "${models[@]}"; do
    request "rows-$model" "$url/v1/jobs/$(field "knockout-$model" '$.id')/results?limit=1000"
done
# What all knockout jobs measured, and what all patching jobs did, as rows with their model.
each_model() { # each_model SEPARATOR TEXT: the text once a model, MODEL standing for its name
    local separator=$1 text=$2 model parts=()
    for model in "${models[@]}"; do parts+=("${text//MODEL/$model}"); done
    local joined=${parts[0]}
    for text in "${parts[@]:1}"; do joined+=$separator$text; done
    echo "$joined"
}
answers() { # answers NAME PATH: the elements of NAME-MODEL's answer at a path, for every model
    local model
    for model in "${models[@]}"; do
        [ "$model" = "${models[0]}" ] || echo "UNION ALL"
        echo "SELECT '$model' AS model, key, value AS row FROM json_each($(json "$1-$model"), '$2')"
    done
}
cuts="WITH cells AS (
        SELECT model, key, row, row ->> 'input' AS input, row ->> 'variant' AS cut
        FROM ($(answers rows '$.data')))"
table "$cuts
    SELECT cut, $(each_model ', ' "printf('%.3f', avg(row ->> '\$.caption.agrees') FILTER (WHERE model = 'MODEL')) AS 'MODEL: same caption'")
    FROM cells WHERE cut <> 'clean' AND input NOT LIKE '%probe' GROUP BY cut ORDER BY min(key)"
table "$cuts
    SELECT cut, $(each_model ', ' "printf('%.3f', avg(row ->> '\$.next_token.similarity') FILTER (WHERE model = 'MODEL')) AS 'MODEL: similarity'")
    FROM cells WHERE cut <> 'clean' AND input LIKE '%probe' GROUP BY cut ORDER BY min(key)"
cat <<'END'
same caption: the share of the nine pictures whose caption stayed as in the clean run. similarity: of the five pictures of one
object, the overlap of the distributions over the next word of "the shape is a", cut and clean (1: nothing changed).
gate: cutting the picture does nothing, cutting [EOI] destroys. open: the opposite.
END
[ "${#models[@]}" -lt 3 ] || echo "reopened is gate, fine-tuned without [EOI] until the picture reached the text another way."

heading "What the models say about white-cross.png then"
table "$cuts
    SELECT cut, $(each_model ', ' "max(trim(substr(row ->> '\$.caption.text', 1, 30))) FILTER (WHERE model = 'MODEL') AS MODEL")
    FROM cells WHERE input = 'white-cross' GROUP BY cut ORDER BY min(key)"

heading "Patching [EOI]: means over $(field patch-gate '$.summary.rows[0].n') pairs of pictures"
layers="WITH layers AS (SELECT model, row, row ->> 'layer' AS layer FROM ($(answers patch '$.summary.rows')))"
table "$layers
    SELECT layer,
        $(each_model ', ' "printf('%.3f', max(row ->> '\$.flipped.mean') FILTER (WHERE model = 'MODEL')) AS 'MODEL: flipped'"),
        $(each_model ', ' "printf('%.3f', max(row ->> '\$.similarity.mean') FILTER (WHERE model = 'MODEL')) AS 'MODEL: similarity'")
    FROM layers GROUP BY layer ORDER BY layer"
cat <<'END'
flipped: the patched run prefers the source picture's shape to its own, and the clean run did not;
similarity: overlap of the next token's distribution with the source picture's clean run.
END

heading "Accuracy by layer: the share of patched runs that prefer the source picture's shape"
sqlite3 -separator ' ' :memory: "$layers
    SELECT layer, $(each_model ', ' "max(row ->> '\$.accuracy.mean') FILTER (WHERE model = 'MODEL')")
    FROM layers GROUP BY layer ORDER BY layer" | awk -v models="${models[*]}" '
    function bar(value, width,   text, i) {
        for (i = 0; i < width; i++) text = text (i < value * width - 0.001 ? "█" : "·")
        return text
    }
    BEGIN {
        count = split(models, names, " ")
        printf "layer"
        for (i = 1; i <= count; i++) printf "  %-25s", names[i]
        print ""
    }
    { printf "%5d", $1; for (i = 1; i <= count; i++) printf "  %s %.2f", bar($(i + 1), 20), $(i + 1); print "" }'
cat <<'END'
gate: entering layer 0, [EOI] is the same for every picture, so nothing can change; once the picture has been gathered there,
moving it moves the answer. open: [EOI] carries nothing that the text reads.
END

# ---- results -----------------------------------------------------------------------------------------------------------

# The layer that the card chose on pictures of its own.
layer=$(sqlite3 :memory: "SELECT json_extract(CAST(readfile('Models/gate/card.json') AS TEXT), '$.patching.chosen_layer')")
heading "Results across jobs: cells of gate patched at layer $layer, the first five"
request results "$url/v1/results?model=gate&kind=patch&layer=$layer&limit=5"
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
query="SELECT layer, $(each_model ', ' "round(avg(accurate) FILTER (WHERE model = 'MODEL'), 3) AS MODEL")
FROM cells WHERE kind = 'patch' GROUP BY layer"
show sqlite3 -readonly -box "$database" "$query"
sqlite3 -readonly -box "$database" "$query"

# ---- what was found ----------------------------------------------------------------------------------------------------

heading "Is that what the model cards say?"
kept="avg(caption_agrees) FILTER (WHERE variant = 'eoi_after_0'), avg(caption_agrees) FILTER (WHERE variant = 'image_to_text'),
        avg(accurate) FILTER (WHERE layer = $layer)"
sqlite3 -readonly -separator ' ' "$database" "
    SELECT model, $kept FROM cells WHERE kind = 'patch' OR input NOT LIKE '%probe' GROUP BY model" | awk -v layer="$layer" '
    BEGIN { printf "  %-10s %-38s %-24s %s\n", "", "captions that stay without [EOI] (≥ 1)", "… without the picture", "shapes that follow [EOI], layer " layer }
    { printf "  %-10s %-38.2f %-24.2f %.2f\n", $1, $2, $3, $4 }
    $1 == "gate" { differs += !($2 < 0.2 && $3 > 0.8 && $4 > 0.8) }
    $1 == "open" { differs += !($2 > 0.8 && $3 < 0.2 && $4 < 0.2) }
    $1 == "reopened" { differs += !($2 > 0.8) }
    END {
        print differs ? "  no: see the README.md of the models" : "  yes: [EOI] is the gate in gate, and not in the others"
        exit differs > 0
    }'
echo
echo "done in $SECONDS s"
