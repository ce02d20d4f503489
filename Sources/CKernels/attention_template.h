// Attention of one head for vectors of LANES floats; included by attention.c for each instruction set.

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VEC GLUE(vec, LANES)
#define INT GLUE(int, LANES)
#define HALVES GLUE(NAME(attention_halves), _t)
#define WORDS GLUE(NAME(attention_words), _t)

typedef uint16_t HALVES __attribute__((vector_size(2 * LANES)));
typedef uint32_t WORDS __attribute__((vector_size(4 * LANES)));

#include "exponential_template.h"

/// `count` positions of one head from `first` on, as floats `*apart` apart: where they are, or widened into `room`.
TARGET static const float *NAME(floats)(
    const struct group *g, size_t start, const void *rows, size_t first, size_t count, float *room, size_t *apart
) {
    size_t width = g->kv_heads * g->size, size = g->size;
    if (g->format == CKERNELS_FLOAT32) {
        *apart = width;
        return (const float *)rows + first * width + start;
    }
    *apart = size;
    const uint16_t *from = (const uint16_t *)rows + first * width + start;
    float *to = room;
    for (size_t k = 0; k < count; k++, from += width, to += size) {
        size_t i = 0;
        for (; i + LANES <= size; i += LANES) {
            HALVES halves;
            memcpy(&halves, from + i, sizeof halves);
            __builtin_prefetch(from + 16 * width + i, 0, 3);
            WORDS words = __builtin_convertvector(halves, WORDS) << 16;
            memcpy(to + i, &words, sizeof words);
        }
        for (; i < size; i++) {
            uint32_t word = (uint32_t)from[i] << 16;
            memcpy(to + i, &word, sizeof word);
        }
    }
    return room;
}

/// `N` (4 or 1) keys by one query.
BODY TARGET void NAME(score)(int N, size_t size, const float *query, const float *keys, size_t width, float scale, float *scores) {
#pragma clang fp contract(fast)
    VEC sums[4] = {};
    size_t i = 0;
    for (; i + LANES <= size; i += LANES) {
        VEC states = NAME(load)(query + i);
#pragma unroll
        for (int n = 0; n < N; n++) {
            __builtin_prefetch(keys + (size_t)(n + 8) * width + i, 0, 3);
            sums[n] += states * NAME(load)(keys + (size_t)n * width + i);
        }
    }
#pragma unroll
    for (int n = 0; n < N; n++) {
        float sum = NAME(sum)(sums[n]);
        for (size_t rest = i; rest < size; rest++) sum += query[rest] * keys[(size_t)n * width + rest];
        scores[n] = sum * scale;
    }
}

/// Adds `weights[k] * values[k]` over `count` positions to `output`, `C` vectors wide.
BODY TARGET void NAME(mix)(int C, size_t count, const float *weights, const float *values, size_t width, float *output) {
#pragma clang fp contract(fast)
    VEC sums[8];
#pragma unroll
    for (int c = 0; c < C; c++) sums[c] = NAME(load)(output + c * LANES);
    for (size_t k = 0; k < count; k++) {
#pragma unroll
        for (int c = 0; c < C; c++) {
            __builtin_prefetch(values + (k + 8) * width + c * LANES, 0, 3);
            sums[c] += weights[k] * NAME(load)(values + k * width + c * LANES);
        }
    }
#pragma unroll
    for (int c = 0; c < C; c++) memcpy(output + c * LANES, &sums[c], sizeof sums[c]);
}

/// Scores of one row for `count` keys.
TARGET static void NAME(score_row)(
    size_t size, const float *query, const float *keys, size_t apart, size_t count, float *scores
) {
    size_t k = 0;
    float scale = 1 / sqrtf((float)size);
    for (; k + 4 <= count; k += 4) NAME(score)(4, size, query, keys + k * apart, apart, scale, scores + k);
    for (; k < count; k++) NAME(score)(1, size, query, keys + k * apart, apart, scale, scores + k);
}

/// Adds `count` weighed values to one row's output.
TARGET static void NAME(mix_row)(
    size_t size, const float *weights, const float *values, size_t apart, size_t count, float *output
) {
    size_t i = 0;
    for (; i + 8 * LANES <= size; i += 8 * LANES) NAME(mix)(8, count, weights, values + i, apart, output + i);
    for (; i + LANES <= size; i += LANES) NAME(mix)(1, count, weights, values + i, apart, output + i);
    for (; i < size; i++) {
        for (size_t k = 0; k < count; k++) output[i] += weights[k] * values[k * apart + i];
    }
}

/// Scores of a sequence's rows for `count` positions from `first` on.
TARGET static void NAME(score_rows)(
    const struct group *g, size_t head, const ckernels_sequence *q, size_t first, size_t count, const float *keys,
    size_t apart, float *scores, size_t stride
) {
    for (size_t r = 0; r < q->rows; r++) {
        if (first >= q->visible + r) continue;
        NAME(score_row)(
            g->size, q->queries + (r * g->heads + head) * g->size, keys, apart, least(count, q->visible + r - first),
            scores + r * stride + first);
    }
}

/// Adds the weighed values of `count` positions from `first` on to a sequence's rows.
TARGET static void NAME(mix_rows)(
    const struct group *g, size_t head, const ckernels_sequence *q, size_t first, size_t count, const float *values,
    size_t apart, const float *weights, size_t stride
) {
    for (size_t r = 0; r < q->rows; r++) {
        if (first >= q->visible + r) continue;
        NAME(mix_row)(
            g->size, weights + r * stride + first, values, apart, least(count, q->visible + r - first),
            q->output + (r * g->heads + head) * g->size);
    }
}

/// The longest first segment of the sequences of few rows.
TARGET static size_t NAME(few_shared)(const struct group *g) {
    size_t longest = 0;
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS && q->segments->count > longest) longest = q->segments->count;
    }
    return longest;
}

// Sequences of few rows go through positions tile by tile, so that the keys and values they share come from memory, and are
// widened, once. `each` is done with the `count` positions at `tile` of what all begin with, then of what is a sequence's own.
#define FOR_EACH_TILE(stored, each) \
    size_t start = head / (g->heads / g->kv_heads) * g->size, shared = NAME(few_shared)(g), apart; \
    for (size_t tile = 0; tile < shared; tile += TILE) { \
        const float *floats = NAME(floats)( \
            g, start, g->sequences->segments->stored, tile, least(TILE, shared - tile), room, &apart); \
        for (size_t s = 0, at = 0; s < g->count; s++) { \
            const ckernels_sequence *q = &g->sequences[s]; \
            if (q->rows > FEW_ROWS) continue; \
            if (tile < q->segments->count) { \
                size_t first = tile, count = least(TILE, q->segments->count - tile); \
                each; \
            } \
            at += q->rows; \
        } \
    } \
    for (size_t s = 0, at = 0; s < g->count; s++) { \
        const ckernels_sequence *q = &g->sequences[s]; \
        if (q->rows > FEW_ROWS) continue; \
        size_t before = q->segments->count; \
        for (size_t n = 1; n < q->segment_count; before += q->segments[n++].count) { \
            for (size_t tile = 0; tile < q->segments[n].count; tile += TILE) { \
                size_t first = before + tile, count = least(TILE, q->segments[n].count - tile); \
                const float *floats = NAME(floats)(g, start, q->segments[n].stored, tile, count, room, &apart); \
                each; \
            } \
        } \
        at += q->rows; \
    }

/// One head's scores of sequences of few rows, whose rows follow each other in `scores`.
TARGET static void NAME(few_scores)(const struct group *g, size_t head, size_t stride, float *scores, float *room) {
    FOR_EACH_TILE(
        keys, NAME(score_rows)(g, head, q, first, count, floats, apart, scores + at * stride, stride))
}

/// One head's mixed values of sequences of few rows.
TARGET static void NAME(few_mix)(
    const struct group *g, size_t head, size_t stride, const float *weights, float *room
) {
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        for (size_t r = 0; q->rows <= FEW_ROWS && r < q->rows; r++) {
            memset(q->output + (r * g->heads + head) * g->size, 0, g->size * sizeof *q->output);
        }
    }
    FOR_EACH_TILE(
        values, NAME(mix_rows)(g, head, q, first, count, floats, apart, weights + at * stride, stride))
}

#undef FOR_EACH_TILE

/// What a row of a sequence goes without: `with` in its first `visible` scores or weights.
TARGET static void NAME(cut_row)(const ckernels_sequence *q, int masked, size_t visible, float with, float *row) {
    for (size_t n = 0; n < q->cut_count; n++) {
        const ckernels_cut *cut = &q->cuts[n];
        for (size_t k = cut->first; cut->masked == masked && k < least(visible, cut->first + cut->count); k++) row[k] = with;
    }
}

/// One head of sequences of few rows.
TARGET static void NAME(few_rows)(const struct group *g, size_t head, size_t stride, float *scores, float *room) {
    NAME(few_scores)(g, head, stride, scores, room);
    float *row = scores;
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        for (size_t r = 0; q->rows <= FEW_ROWS && r < q->rows; r++, row += stride) {
            NAME(cut_row)(q, 1, q->visible + r, -INFINITY, row);
            NAME(softmax_row)(row, q->visible + r, q->visible + r);
            NAME(cut_row)(q, 0, q->visible + r, 0, row);
        }
    }
    NAME(few_mix)(g, head, stride, scores, room);
}

/// Keys of one head as `[block of LANES positions][column][LANES]`, so that LANES scores grow in one vector, with zeros
/// after the last position; and values as `[position][size]`.
TARGET static void NAME(pack)(
    const struct group *g, size_t start, const ckernels_segment *segment, size_t count, float *keys, float *values,
    float *room
) {
    size_t size = g->size, k = 0, apart;
    for (; k < count; k++) {
        const float *key = NAME(floats)(g, start, segment->keys, k, 1, room, &apart);
        float *to = keys + k / LANES * size * LANES + k % LANES;
        for (size_t i = 0; i < size; i++) to[i * LANES] = key[i];
        const float *value = NAME(floats)(g, start, segment->values, k, 1, values + k * size, &apart);
        if (value != values + k * size) memcpy(values + k * size, value, size * sizeof *values);
    }
    for (; k % (4 * LANES) != 0; k++) {
        float *to = keys + k / LANES * size * LANES + k % LANES;
        for (size_t i = 0; i < size; i++) to[i * LANES] = 0;
    }
}

/// Scores of `R` rows for four blocks of LANES positions, `[R, stride]`.
BODY TARGET void NAME(score_block)(
    int R, size_t size, const float *queries, size_t width, const float *keys, float scale, float *scores,
    size_t stride
) {
#pragma clang fp contract(fast)
    VEC sums[MAX_ROWS][4] = {};
    for (size_t i = 0; i < size; i++) {
        VEC columns[4];
#pragma unroll
        for (int b = 0; b < 4; b++) columns[b] = NAME(load)(keys + ((size_t)b * size + i) * LANES);
#pragma unroll
        for (int r = 0; r < R; r++) {
            VEC query = (VEC){} + queries[(size_t)r * width + i];
#pragma unroll
            for (int b = 0; b < 4; b++) sums[r][b] += columns[b] * query;
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int b = 0; b < 4; b++) {
            VEC scaled = sums[r][b] * scale;
            memcpy(scores + (size_t)r * stride + b * LANES, &scaled, sizeof scaled);
        }
    }
}

/// Adds the mixed values of `R` rows in `C` (4 or 1) times LANES columns.
BODY TARGET void NAME(mix_block)(
    int R, int C, size_t count, size_t size, const float *weights, size_t stride, const float *values, float *output,
    size_t width
) {
#pragma clang fp contract(fast)
    VEC sums[MAX_ROWS][4];
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int c = 0; c < C; c++) sums[r][c] = NAME(load)(output + (size_t)r * width + c * LANES);
    }
    for (size_t k = 0; k < count; k++) {
        VEC columns[4];
#pragma unroll
        for (int c = 0; c < C; c++) columns[c] = NAME(load)(values + k * size + c * LANES);
#pragma unroll
        for (int r = 0; r < R; r++) {
            VEC weight = (VEC){} + weights[(size_t)r * stride + k];
#pragma unroll
            for (int c = 0; c < C; c++) sums[r][c] += columns[c] * weight;
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int c = 0; c < C; c++) memcpy(output + (size_t)r * width + c * LANES, &sums[r][c], sizeof sums[r][c]);
    }
}

#if MAX_ROWS > 2
#define ROW_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#else
#define ROW_CASES CASE(1) CASE(2)
#endif

/// Where a segment's keys and values have been laid out.
struct NAME(panel) {
    size_t first, count;
    const float *keys, *values;
};

/// One head of up to MAX_ROWS rows of a sequence, over panels that follow each other.
TARGET static void NAME(row_block)(
    const struct group *g, size_t head, const ckernels_sequence *q, size_t first, const struct NAME(panel) *panels,
    size_t panel_count, float *scores, size_t stride
) {
    size_t size = g->size, width = g->heads * size, count = least(q->rows - first, MAX_ROWS);
    size_t seen = q->visible + first + count - 1;
    const float *queries = q->queries + first * width + head * size;
    float *output = q->output + first * width + head * size;
    float scale = 1 / sqrtf((float)size);
    // A block's scores beyond its panel are overwritten by the next panel's, or lie beyond what a row sees.
    for (size_t n = 0; n < panel_count; n++) {
        for (size_t at = 0; at < panels[n].count && panels[n].first + at < seen; at += 4 * LANES) {
            const float *keys = panels[n].keys + at * size;
            float *block = scores + panels[n].first + at;
#define CASE(R) \
    case R: NAME(score_block)(R, size, queries, width, keys, scale, block, stride); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
    }
    // What no row of these sees is neither weighed nor mixed; what the last one alone sees weighs 0 in the others.
    for (size_t r = 0; r < count; r++) {
        NAME(softmax_row)(scores + r * stride, q->visible + first + r, seen);
        memset(output + r * width, 0, size * sizeof *output);
    }
    for (size_t n = 0; n < panel_count && panels[n].first < seen; n++) {
        size_t mixed = least(panels[n].count, seen - panels[n].first), i = 0;
        const float *weights = scores + panels[n].first, *values = panels[n].values;
        for (; i + 4 * LANES <= size; i += 4 * LANES) {
#define CASE(R) \
    case R: NAME(mix_block)(R, 4, mixed, size, weights, stride, values + i, output + i, width); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
        for (; i + LANES <= size; i += LANES) {
#define CASE(R) \
    case R: NAME(mix_block)(R, 1, mixed, size, weights, stride, values + i, output + i, width); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
        for (; i < size; i++) {
            for (size_t r = 0; r < count; r++) {
                for (size_t k = 0; k < mixed; k++) output[r * width + i] += weights[r * stride + k] * values[k * size + i];
            }
        }
    }
}

/// One head of sequences of many rows: the segment that all begin with is laid out once.
TARGET static void NAME(many_rows)(const struct group *g, size_t head, size_t stride, float *scores, float *room) {
    size_t size = g->size, start = head / (g->heads / g->kv_heads) * size;
    struct extent extent = extent_of(g, 4 * LANES);
    if (extent.shared == 0) return;
    size_t shared = extent.shared, padded = extent.padded;
    float *keys = scratch(KEYS, (padded + extent.own) * size * sizeof *keys);
    float *values = scratch(VALUES, (padded + extent.own) * size * sizeof *values);
    struct NAME(panel) *panels = scratch(PANELS, extent.segments * sizeof *panels);
    const ckernels_segment longest = {g->sequences->segments->keys, g->sequences->segments->values, shared};
    NAME(pack)(g, start, &longest, shared, keys, values, room);
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS) continue;
        panels[0] = (struct NAME(panel)){0, q->segments->count, keys, values};
        size_t first = q->segments->count, at = padded;
        for (size_t n = 1; n < q->segment_count; n++) {
            size_t count = q->segments[n].count;
            panels[n] = (struct NAME(panel)){first, count, keys + at * size, values + at * size};
            NAME(pack)(g, start, q->segments + n, count, keys + at * size, values + at * size, room);
            first += count;
            at += (count + 4 * LANES - 1) / (4 * LANES) * 4 * LANES;
        }
        for (size_t row = 0; row < q->rows; row += MAX_ROWS) {
            NAME(row_block)(g, head, q, row, panels, q->segment_count, scores, stride);
        }
    }
}

/// - many: whether sequences of many rows are computed, too.
TARGET static void NAME(head)(const struct group *g, size_t head, int many) {
    size_t rows = MAX_ROWS, stride = 0, few = 0;
    for (size_t s = 0; s < g->count; s++) {
        if (g->sequences[s].rows <= FEW_ROWS) few += g->sequences[s].rows;
        if (positions(&g->sequences[s]) > stride) stride = positions(&g->sequences[s]);
    }
    if (few > rows) rows = few;
    // Whole blocks of scores, also of a panel that begins anywhere.
    stride += 4 * LANES;
    float *scores = scratch(SCORES, (rows * stride + TILE * g->size) * sizeof *scores);
    float *room = scores + rows * stride;
    if (few > 0) NAME(few_rows)(g, head, stride, scores, room);
    if (many) NAME(many_rows)(g, head, stride, scores, room);
}

#undef ROW_CASES
#undef HALVES
#undef WORDS
#undef VEC
#undef INT
#undef GLUE
#undef GLUE2
