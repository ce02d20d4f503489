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

TARGET static void NAME(few_rows)(const struct heads *h, size_t head) {
    const ckernels_attention *a = h->attention;
    size_t size = a->size, width = a->kv_heads * size, start = head / (a->heads / a->kv_heads) * size;
    float scale = 1 / sqrtf((float)size);
    float *scores = scratch((h->positions + 4) * sizeof *scores);
    for (size_t row = 0; row < a->rows; row++) {
        const float *query = a->queries + row * a->heads * size + head * size;
        float *output = a->output + row * a->heads * size + head * size;
        size_t seen = a->visible + row, at = 0;
        for (size_t s = 0; s < a->segment_count && at < seen; s++) {
            const float *keys = a->segments[s].keys + start;
            size_t count = a->segments[s].count < seen - at ? a->segments[s].count : seen - at;
            size_t k = 0;
            for (; k + 4 <= count; k += 4) NAME(score)(4, size, query, keys + k * width, width, scale, scores + at + k);
            for (; k < count; k++) NAME(score)(1, size, query, keys + k * width, width, scale, scores + at + k);
            at += count;
        }
        NAME(softmax_row)(scores, seen, seen);
        memset(output, 0, size * sizeof *output);
        at = 0;
        for (size_t s = 0; s < a->segment_count && at < seen; s++) {
            const float *values = a->segments[s].values + start;
            size_t count = a->segments[s].count < seen - at ? a->segments[s].count : seen - at;
            size_t i = 0;
            for (; i + 8 * LANES <= size; i += 8 * LANES) NAME(mix)(8, count, scores + at, values + i, width, output + i);
            for (; i + LANES <= size; i += LANES) NAME(mix)(1, count, scores + at, values + i, width, output + i);
            for (; i < size; i++) {
                for (size_t k = 0; k < count; k++) output[i] += scores[at + k] * values[k * width + i];
            }
            at += count;
        }
    }
    free(scores);
}

/// Keys as `[block of LANES positions][column][LANES]`: LANES scores grow in one vector. After the last position, zeros.
TARGET static void NAME(pack_keys)(const struct heads *h, size_t start, float *packed) {
    const ckernels_attention *a = h->attention;
    size_t width = a->kv_heads * a->size, at = 0;
    for (size_t s = 0; s < a->segment_count; s++) {
        for (size_t k = 0; k < a->segments[s].count && at < h->positions; k++, at++) {
            const float *key = a->segments[s].keys + k * width + start;
            float *to = packed + at / LANES * a->size * LANES + at % LANES;
            for (size_t i = 0; i < a->size; i++) to[i * LANES] = key[i];
        }
    }
    for (; at % (4 * LANES) != 0; at++) {
        float *to = packed + at / LANES * a->size * LANES + at % LANES;
        for (size_t i = 0; i < a->size; i++) to[i * LANES] = 0;
    }
}

/// Values as `[position][size]`.
TARGET static void NAME(pack_values)(const struct heads *h, size_t start, float *packed) {
    const ckernels_attention *a = h->attention;
    size_t width = a->kv_heads * a->size, at = 0;
    for (size_t s = 0; s < a->segment_count; s++) {
        for (size_t k = 0; k < a->segments[s].count && at < h->positions; k++, at++) {
            memcpy(packed + at * a->size, a->segments[s].values + k * width + start, a->size * sizeof *packed);
        }
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

/// Mixed values of `R` rows in `C` (4 or 1) times LANES columns.
BODY TARGET void NAME(mix_block)(
    int R, int C, size_t count, size_t size, const float *weights, size_t stride, const float *values, float *output,
    size_t width
) {
#pragma clang fp contract(fast)
    VEC sums[MAX_ROWS][4] = {};
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

TARGET static void NAME(many_rows)(const struct heads *h, size_t head) {
    const ckernels_attention *a = h->attention;
    size_t size = a->size, width = a->heads * size, start = head / (a->heads / a->kv_heads) * size;
    size_t padded = (h->positions + 4 * LANES - 1) / (4 * LANES) * 4 * LANES;
    float *keys = scratch(padded * size * sizeof *keys);
    float *values = scratch(padded * size * sizeof *values);
    float *scores = scratch(MAX_ROWS * padded * sizeof *scores);
    NAME(pack_keys)(h, start, keys);
    NAME(pack_values)(h, start, values);
    float scale = 1 / sqrtf((float)size);
    for (size_t first = 0; first < a->rows; first += MAX_ROWS) {
        size_t count = a->rows - first < MAX_ROWS ? a->rows - first : MAX_ROWS;
        size_t seen = a->visible + first + count - 1;
        const float *queries = a->queries + first * width + head * size;
        float *output = a->output + first * width + head * size;
        for (size_t at = 0; at < seen; at += 4 * LANES) {
#define CASE(R) \
    case R: NAME(score_block)(R, size, queries, width, keys + at * size, scale, scores + at, padded); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
        // What no row of these sees is neither weighed nor mixed; what the last one alone sees weighs 0 in the others.
        for (size_t r = 0; r < count; r++) NAME(softmax_row)(scores + r * padded, a->visible + first + r, seen);
        size_t i = 0;
        for (; i + 4 * LANES <= size; i += 4 * LANES) {
#define CASE(R) \
    case R: NAME(mix_block)(R, 4, seen, size, scores, padded, values + i, output + i, width); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
        for (; i + LANES <= size; i += LANES) {
#define CASE(R) \
    case R: NAME(mix_block)(R, 1, seen, size, scores, padded, values + i, output + i, width); break;
            switch (count) { ROW_CASES }
#undef CASE
        }
        for (; i < size; i++) {
            for (size_t r = 0; r < count; r++) {
                float sum = 0;
                for (size_t k = 0; k < seen; k++) sum += scores[r * padded + k] * values[k * size + i];
                output[r * width + i] = sum;
            }
        }
    }
    free(keys);
    free(values);
    free(scores);
}

TARGET static void NAME(head)(const struct heads *h, size_t head) {
    if (h->attention->rows > FEW_ROWS) {
        NAME(many_rows)(h, head);
    } else {
        NAME(few_rows)(h, head);
    }
}

#undef ROW_CASES
#undef VEC
#undef INT
#undef GLUE
#undef GLUE2
