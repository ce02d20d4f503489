// The few-row product for vectors of LANES floats; included by rows.c for each instruction set.

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VEC GLUE(vec, LANES)
#define HALVES GLUE(NAME(halves), _t)
#define WORDS GLUE(NAME(words), _t)

typedef uint16_t HALVES __attribute__((vector_size(2 * LANES)));
typedef uint32_t WORDS __attribute__((vector_size(4 * LANES)));

/// `R` rows of activations by `O` rows of weights, `step` outputs apart; `R` and `O` are constants where this is compiled. Each sum is LANES partial sums
/// over `k`, added by halves, then what is left of the row: the same for every `R` and `O`.
BODY TARGET void NAME(block)(
    int R, int O, const struct product *p, const float *x, const uint16_t *w, float *y, size_t step
) {
#pragma clang fp contract(fast)
    VEC sums[MAX_ROWS][4] = {};
    size_t inner = p->inner, apart = step * inner, k = 0;
    for (; k + LANES <= inner; k += LANES) {
        VEC weights[4];
#pragma unroll
        for (int o = 0; o < O; o++) {
            HALVES halves;
            memcpy(&halves, w + (size_t)o * apart + k, sizeof halves);
            weights[o] = (VEC)(__builtin_convertvector(halves, WORDS) << 16);
            __builtin_prefetch(w + (size_t)o * apart + k + AHEAD, 0, 3);
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
            VEC states;
            memcpy(&states, x + (size_t)r * p->ldx + k, sizeof states);
#pragma unroll
            for (int o = 0; o < O; o++) sums[r][o] += states * weights[o];
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int o = 0; o < O; o++) {
            float sum = NAME(sum)(sums[r][o]);
            for (size_t rest = k; rest < inner; rest++) sum += x[(size_t)r * p->ldx + rest] * widen(w[(size_t)o * apart + rest]);
            y[(size_t)r * p->ldy + (size_t)o * step] = sum;
        }
    }
}

#define CASE(R, O) \
    case R: NAME(block)(R, O, p, x, w, y, step); break;

/// `O` (4 or 1) outputs of all rows, `step` apart, as many rows at a time as there are registers for; the weights stay in the cache.
BODY TARGET void NAME(rows)(int O, const struct product *p, size_t output, size_t step) {
    size_t groups = (p->rows + MAX_ROWS - 1) / MAX_ROWS;
    size_t first = 0;
    for (size_t group = 0; group < groups; group++) {
        size_t count = (p->rows - first + groups - group - 1) / (groups - group);
        const float *x = p->x + first * p->ldx;
        const uint16_t *w = p->w + output * p->inner;
        float *y = p->y + first * p->ldy + output;
        switch (count) {
            CASE(1, O)
            CASE(2, O)
#if MAX_ROWS > 2
            CASE(3, O)
            CASE(4, O)
            CASE(5, O)
            CASE(6, O)
#endif
        }
        first += count;
    }
}

/// Outputs are taken four at a time from four quarters of the range: so the weights are read as four long streams, which
/// the processor fetches ahead, and not as rows that end before it has noticed them.
TARGET static void NAME(outputs)(const struct product *p, size_t first, size_t last) {
    size_t quarter = (last - first) / 4;
    for (size_t output = 0; output < quarter; output++) NAME(rows)(4, p, first + output, quarter);
    for (size_t output = first + 4 * quarter; output < last; output++) NAME(rows)(1, p, output, 1);
}

#undef CASE
#undef VEC
#undef HALVES
#undef WORDS
#undef GLUE
#undef GLUE2
