// Attention of one head for vectors of LANES floats; included by attention.c for each instruction set.

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VEC GLUE(vec, LANES)
#define INT GLUE(int, LANES)

#include "exponential_template.h"

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

/// Scores of one row for positions `from..<to` of a segment, whose first position has `scores[0]`.
TARGET static void NAME(score_row)(
    const struct group *g, size_t start, const float *query, const ckernels_segment *segment, size_t from, size_t to,
    float *scores
) {
    size_t width = g->kv_heads * g->size, k = from;
    float scale = 1 / sqrtf((float)g->size);
    const float *keys = segment->keys + start;
    for (; k + 4 <= to; k += 4) NAME(score)(4, g->size, query, keys + k * width, width, scale, scores + k);
    for (; k < to; k++) NAME(score)(1, g->size, query, keys + k * width, width, scale, scores + k);
}

/// Adds the weighed values of positions `from..<to` of a segment to one row's output.
TARGET static void NAME(mix_row)(
    const struct group *g, size_t start, const float *weights, const ckernels_segment *segment, size_t from, size_t to,
    float *output
) {
    if (from >= to) return;
    size_t width = g->kv_heads * g->size, size = g->size, i = 0;
    const float *values = segment->values + from * width + start;
    weights += from;
    for (; i + 8 * LANES <= size; i += 8 * LANES) NAME(mix)(8, to - from, weights, values + i, width, output + i);
    for (; i + LANES <= size; i += LANES) NAME(mix)(1, to - from, weights, values + i, width, output + i);
    for (; i < size; i++) {
        for (size_t k = 0; k < to - from; k++) output[i] += weights[k] * values[k * width + i];
    }
}

/// One head of sequences of few rows: tile by tile, so that the keys and values they share come from memory once.
TARGET static void NAME(few_rows)(const struct group *g, size_t head, size_t stride, float *scores) {
    size_t size = g->size, width = g->heads * size, start = head / (g->heads / g->kv_heads) * size;
    size_t longest = 0;
    for (size_t s = 0; s < g->count; s++) {
        if (g->sequences[s].rows <= FEW_ROWS && g->sequences[s].segments->count > longest) {
            longest = g->sequences[s].segments->count;
        }
    }
#define FOR_EACH_ROW(body) \
    for (size_t s = 0, at = 0; s < g->count; s++) { \
        const ckernels_sequence *q = &g->sequences[s]; \
        for (size_t r = 0; q->rows <= FEW_ROWS && r < q->rows; r++, at++) { \
            const float *query = q->queries + r * width + head * size; \
            float *output = q->output + r * width + head * size, *row = scores + at * stride; \
            size_t seen = q->visible + r; \
            (void)query, (void)output; \
            body \
        } \
    }
    for (size_t tile = 0; tile < longest; tile += TILE) {
        FOR_EACH_ROW(NAME(score_row)(
            g, start, query, q->segments, tile, least(tile + TILE, least(seen, q->segments->count)), row);)
    }
    FOR_EACH_ROW(
        size_t first = q->segments->count;
        for (size_t n = 1; n < q->segment_count && first < seen; first += q->segments[n++].count) {
            NAME(score_row)(
                g, start, query, q->segments + n, 0, least(seen - first, q->segments[n].count), row + first);
        }
        NAME(softmax_row)(row, seen, seen);
        memset(output, 0, size * sizeof *output);)
    for (size_t tile = 0; tile < longest; tile += TILE) {
        FOR_EACH_ROW(NAME(mix_row)(
            g, start, row, q->segments, tile, least(tile + TILE, least(seen, q->segments->count)), output);)
    }
    FOR_EACH_ROW(
        size_t first = q->segments->count;
        for (size_t n = 1; n < q->segment_count && first < seen; first += q->segments[n++].count) {
            NAME(mix_row)(
                g, start, row + first, q->segments + n, 0, least(seen - first, q->segments[n].count), output);
        })
#undef FOR_EACH_ROW
}

/// Keys of one head as `[block of LANES positions][column][LANES]`, so that LANES scores grow in one vector, with zeros
/// after the last position; and values as `[position][size]`.
TARGET static void NAME(pack)(
    const struct group *g, size_t start, const ckernels_segment *segment, size_t count, float *keys, float *values
) {
    size_t width = g->kv_heads * g->size, size = g->size, k = 0;
    for (; k < count; k++) {
        const float *key = segment->keys + k * width + start;
        float *to = keys + k / LANES * size * LANES + k % LANES;
        for (size_t i = 0; i < size; i++) to[i * LANES] = key[i];
        memcpy(values + k * size, segment->values + k * width + start, size * sizeof *values);
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
TARGET static void NAME(many_rows)(const struct group *g, size_t head, size_t stride, float *scores) {
    size_t size = g->size, start = head / (g->heads / g->kv_heads) * size;
    size_t shared = 0, own = 0, most = 1;
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS) continue;
        size_t rest = 0;
        for (size_t n = 1; n < q->segment_count; n++) rest += q->segments[n].count + 4 * LANES;
        shared = q->segments->count > shared ? q->segments->count : shared;
        own = rest > own ? rest : own;
        most = q->segment_count > most ? q->segment_count : most;
    }
    if (shared == 0) return;
    size_t padded = (shared + 4 * LANES - 1) / (4 * LANES) * 4 * LANES;
    float *keys = scratch((padded + own) * size * sizeof *keys);
    float *values = scratch((padded + own) * size * sizeof *values);
    struct NAME(panel) *panels = scratch(most * sizeof *panels);
    const ckernels_segment longest = {g->sequences->segments->keys, g->sequences->segments->values, shared};
    NAME(pack)(g, start, &longest, shared, keys, values);
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS) continue;
        panels[0] = (struct NAME(panel)){0, q->segments->count, keys, values};
        size_t first = q->segments->count, room = padded;
        for (size_t n = 1; n < q->segment_count; n++) {
            size_t count = q->segments[n].count;
            panels[n] = (struct NAME(panel)){first, count, keys + room * size, values + room * size};
            NAME(pack)(g, start, q->segments + n, count, keys + room * size, values + room * size);
            first += count;
            room += (count + 4 * LANES - 1) / (4 * LANES) * 4 * LANES;
        }
        for (size_t row = 0; row < q->rows; row += MAX_ROWS) {
            NAME(row_block)(g, head, q, row, panels, q->segment_count, scores, stride);
        }
    }
    free(keys);
    free(values);
    free(panels);
}

TARGET static void NAME(head)(const struct group *g, size_t head) {
    size_t rows = MAX_ROWS, stride = 0, few = 0;
    for (size_t s = 0; s < g->count; s++) {
        if (g->sequences[s].rows <= FEW_ROWS) few += g->sequences[s].rows;
        if (positions(&g->sequences[s]) > stride) stride = positions(&g->sequences[s]);
    }
    if (few > rows) rows = few;
    // Whole blocks of scores, also of a panel that begins anywhere.
    stride += 4 * LANES;
    float *scores = scratch(rows * stride * sizeof *scores);
    if (few > 0) NAME(few_rows)(g, head, stride, scores);
    NAME(many_rows)(g, head, stride, scores);
    free(scores);
}

#undef ROW_CASES
#undef VEC
#undef INT
#undef GLUE
#undef GLUE2
