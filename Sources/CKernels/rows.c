#include "vectors.h"

#include <string.h>

// One row of activations has as many elements as a row of weights and does not fit the first-level cache beside
// it. Four rows of weights together read it once instead of four times, and then memory is the limit, not the
// processor: measured 19-20 GB/s a thread against 11 with one row of weights at a time (docs/numerics.md).


/// Elements: how far before their use weights are fetched.
enum { AHEAD = 256 };

struct product {
    ckernels_level level;
    size_t rows, outputs, inner, ldx, ldy, chunk;
    const float *x;
    const uint16_t *w;
    float *y;
};

static inline float widen(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

#define LANES 4
#define NAME(x) x##_plain
#define TARGET TARGET_PLAIN
#define MAX_ROWS 2
#include "rows_template.h"
#undef LANES
#undef NAME
#undef TARGET
#undef MAX_ROWS

#define LANES 8
#define NAME(x) x##_avx2
#define TARGET TARGET_AVX2
#define MAX_ROWS 2
#include "rows_template.h"
#undef LANES
#undef NAME
#undef TARGET
#undef MAX_ROWS

#define LANES 16
#define NAME(x) x##_avx512
#define TARGET TARGET_AVX512
#define MAX_ROWS 6
#include "rows_template.h"
#undef LANES
#undef NAME
#undef TARGET
#undef MAX_ROWS

static void part(void *context, size_t index) {
    const struct product *p = context;
    size_t first = index * p->chunk;
    size_t last = first + p->chunk < p->outputs ? first + p->chunk : p->outputs;
    switch (p->level) {
    case CKERNELS_PLAIN: outputs_plain(p, first, last); break;
    case CKERNELS_AVX2: outputs_avx2(p, first, last); break;
    case CKERNELS_AVX512:
    case CKERNELS_AVX512_BF16: outputs_avx512(p, first, last); break;
    }
}

void ckernels_bf16_rows(
    ckernels_level level, size_t rows, size_t outputs, size_t inner, const float *x, size_t ldx, const uint16_t *w,
    float *y, size_t ldy
) {
    if (rows == 0 || outputs == 0) return;
    // Eight parts a thread, so that a thread that was held up leaves its rest to the others; at least 128 KB of weights
    // each, below which sharing costs more than it gains.
    size_t least = inner > 0 ? 65536 / inner + 1 : outputs;
    size_t chunk = outputs / (8 * (size_t)ckernels_threads()) + 1;
    if (chunk < least) chunk = least;
    chunk = (chunk + 3) / 4 * 4;
    struct product p = {level, rows, outputs, inner, ldx, ldy, chunk, x, w, y};
    ckernels_parallel((outputs + chunk - 1) / chunk, &p, part);
}
