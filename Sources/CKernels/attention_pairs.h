// Attention of one head for sequences of many rows, where keys and values are bfloat16 and the processor multiplies them in
// pairs; included by attention.c. Queries and weights are rounded to bfloat16 as well, sums are floats. That makes two
// multiplications of one, as for the linear layers of as many rows.

#include <immintrin.h>

/// Rows that go through a panel together.
enum { PAIR_ROWS = 6 };
/// Floats in a vector, and pairs.
enum { WIDE = 16 };

/// Where a segment's keys and values have been laid out, two halves a word: keys as `[block of 16 positions][pair of
/// columns][16]`, with zeros up to a whole number of four blocks; values as `[pair of positions][column]`.
struct pair_panel {
    size_t first, count;
    const uint32_t *keys, *values;
};

BODY TARGET_AVX512_BF16 __m512bh pairs_at(const uint32_t *words) { return (__m512bh)_mm512_loadu_si512(words); }

BODY TARGET_AVX512_BF16 __m512bh pair_everywhere(uint32_t word) { return (__m512bh)_mm512_set1_epi32((int)word); }

/// Rounds `count` floats, and zeros after them up to a whole vector.
TARGET_AVX512_BF16 static void round_row(size_t count, const float *from, uint32_t *to) {
    for (size_t i = 0; i < count; i += WIDE) {
        __mmask16 mask = count - i < WIDE ? (__mmask16)((1u << (count - i)) - 1) : 0xFFFF;
        __m256i halves = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + i));
        _mm256_storeu_si256((__m256i *)(void *)(to + i / 2), halves);
    }
}

TARGET_AVX512_BF16 static void pack_pairs(
    const struct group *g, size_t start, const ckernels_segment *segment, size_t count, uint32_t *keys, uint32_t *values
) {
    size_t width = g->kv_heads * g->size, size = g->size, pairs = size / 2, k = 0;
    const uint16_t *key = (const uint16_t *)segment->keys + start;
    const uint16_t *value = (const uint16_t *)segment->values + start;
    for (; k < count; k++, key += width) {
        uint32_t *to = keys + k / WIDE * pairs * WIDE + k % WIDE;
        for (size_t i = 0; i < pairs; i++) memcpy(to + i * WIDE, key + 2 * i, sizeof *to);
    }
    for (; k % (4 * WIDE) != 0; k++) {
        uint32_t *to = keys + k / WIDE * pairs * WIDE + k % WIDE;
        for (size_t i = 0; i < pairs; i++) to[i * WIDE] = 0;
    }
    for (k = 0; k < count; k += 2, value += 2 * width, values += size) {
        const uint16_t *next = k + 1 < count ? value + width : NULL;
        for (size_t i = 0; i < size; i++) values[i] = value[i];
        if (next) {
            for (size_t i = 0; i < size; i++) values[i] |= (uint32_t)next[i] << 16;
        }
    }
}

/// Scores of `R` rows for four blocks of positions, `[R, stride]`.
BODY TARGET_AVX512_BF16 void pair_scores(
    int R, size_t pairs, const uint32_t *queries, const uint32_t *keys, float scale, float *scores, size_t stride
) {
    __m512 sums[PAIR_ROWS][4] = {};
    for (size_t i = 0; i < pairs; i++) {
        __m512bh columns[4];
#pragma unroll
        for (int b = 0; b < 4; b++) columns[b] = pairs_at(keys + ((size_t)b * pairs + i) * WIDE);
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m512bh query = pair_everywhere(queries[(size_t)r * pairs + i]);
#pragma unroll
            for (int b = 0; b < 4; b++) sums[r][b] = _mm512_dpbf16_ps(sums[r][b], columns[b], query);
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int b = 0; b < 4; b++) _mm512_storeu_ps(scores + (size_t)r * stride + b * WIDE, sums[r][b] * scale);
    }
}

/// Adds the mixed values of `R` rows in `C` (4 or 1) vectors of columns.
BODY TARGET_AVX512_BF16 void pair_mix(
    int R, int C, size_t pairs, size_t size, const uint32_t *weights, size_t stride, const uint32_t *values,
    float *output, size_t width
) {
    __m512 sums[PAIR_ROWS][4];
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int c = 0; c < C; c++) sums[r][c] = _mm512_loadu_ps(output + (size_t)r * width + c * WIDE);
    }
    for (size_t k = 0; k < pairs; k++) {
        __m512bh columns[4];
#pragma unroll
        for (int c = 0; c < C; c++) columns[c] = pairs_at(values + k * size + c * WIDE);
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m512bh weight = pair_everywhere(weights[(size_t)r * stride + k]);
#pragma unroll
            for (int c = 0; c < C; c++) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], columns[c], weight);
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int c = 0; c < C; c++) _mm512_storeu_ps(output + (size_t)r * width + c * WIDE, sums[r][c]);
    }
}

/// Memory for a row block: scores `[PAIR_ROWS, stride]`, and as many rounded weights; rounded queries.
struct pair_room {
    float *scores;
    uint32_t *weights, *queries;
    size_t stride;
};

#define PAIR_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

/// One head of up to PAIR_ROWS rows of a sequence, over panels that follow each other.
TARGET_AVX512_BF16 static void pair_row_block(
    const struct group *g, size_t head, const ckernels_sequence *q, size_t first, const struct pair_panel *panels,
    size_t panel_count, const struct pair_room *room
) {
    size_t size = g->size, pairs = size / 2, width = g->heads * size, count = least(q->rows - first, PAIR_ROWS);
    size_t seen = q->visible + first + count - 1, stride = room->stride;
    float *output = q->output + first * width + head * size, scale = 1 / sqrtf((float)size);
    for (size_t r = 0; r < count; r++) {
        round_row(size, q->queries + (first + r) * width + head * size, room->queries + r * pairs);
    }
    // A block's scores beyond its panel are overwritten by the next panel's, or lie beyond what a row sees.
    for (size_t n = 0; n < panel_count; n++) {
        for (size_t at = 0; at < panels[n].count && panels[n].first + at < seen; at += 4 * WIDE) {
            const uint32_t *keys = panels[n].keys + at * pairs;
            float *block = room->scores + panels[n].first + at;
#define CASE(R) \
    case R: pair_scores(R, pairs, room->queries, keys, scale, block, stride); break;
            switch (count) { PAIR_CASES }
#undef CASE
        }
    }
    for (size_t r = 0; r < count; r++) {
        softmax_row_avx512(room->scores + r * stride, q->visible + first + r, seen);
        memset(output + r * width, 0, size * sizeof *output);
    }
    for (size_t n = 0; n < panel_count && panels[n].first < seen; n++) {
        size_t mixed = least(panels[n].count, seen - panels[n].first), i = 0;
        const uint32_t *values = panels[n].values;
        for (size_t r = 0; r < count; r++) {
            round_row(mixed, room->scores + r * stride + panels[n].first, room->weights + r * stride);
        }
        for (; i + 4 * WIDE <= size; i += 4 * WIDE) {
#define CASE(R) \
    case R: pair_mix(R, 4, (mixed + 1) / 2, size, room->weights, stride, values + i, output + i, width); break;
            switch (count) { PAIR_CASES }
#undef CASE
        }
        for (; i < size; i += WIDE) {
#define CASE(R) \
    case R: pair_mix(R, 1, (mixed + 1) / 2, size, room->weights, stride, values + i, output + i, width); break;
            switch (count) { PAIR_CASES }
#undef CASE
        }
    }
}

#undef PAIR_CASES

/// One head of sequences of many rows: the segment that all begin with is laid out once.
static void pair_rows(const struct group *g, size_t head) {
    size_t size = g->size, pairs = size / 2, start = head / (g->heads / g->kv_heads) * size;
    struct extent extent = extent_of(g, 4 * WIDE);
    if (extent.shared == 0) return;
    size_t positions = extent.padded + extent.own, stride = extent.longest + 5 * WIDE;
    uint32_t *keys = scratch(KEYS, positions * pairs * sizeof *keys);
    uint32_t *values = scratch(VALUES, (positions + 1) * pairs * sizeof *values);
    struct pair_panel *panels = scratch(PANELS, extent.segments * sizeof *panels);
    float *scores = scratch(SCORES, PAIR_ROWS * (2 * stride + size) * sizeof *scores);
    struct pair_room room = {
        scores, (uint32_t *)(void *)(scores + PAIR_ROWS * stride),
        (uint32_t *)(void *)(scores + 2 * PAIR_ROWS * stride), stride};
    const ckernels_segment longest = {g->sequences->segments->keys, g->sequences->segments->values, extent.shared};
    pack_pairs(g, start, &longest, extent.shared, keys, values);
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS) continue;
        panels[0] = (struct pair_panel){0, q->segments->count, keys, values};
        size_t first = q->segments->count, at = extent.padded;
        for (size_t n = 1; n < q->segment_count; n++) {
            size_t count = q->segments[n].count;
            panels[n] = (struct pair_panel){first, count, keys + at * pairs, values + at * pairs};
            pack_pairs(g, start, q->segments + n, count, keys + at * pairs, values + at * pairs);
            first += count;
            at += (count + 4 * WIDE - 1) / (4 * WIDE) * 4 * WIDE;
        }
        for (size_t row = 0; row < q->rows; row += PAIR_ROWS) {
            pair_row_block(g, head, q, row, panels, q->segment_count, &room);
        }
    }
}
