#include "vectors.h"

#include <math.h>
#include <string.h>

// The next token's probabilities: exponentials in double precision of thousands of logits.

/// Logits that are taken together: fixed, so that the order of the sum is.
enum { BLOCK = 2048 };

struct exponentials {
    ckernels_level level;
    size_t count;
    const float *logits;
    double peak, *weights, *sums;
};

#define LANES 2
#define NAME(x) x##_plain
#define TARGET TARGET_PLAIN
#include "exponentials_template.h"
#undef LANES
#undef NAME
#undef TARGET

#define LANES 4
#define NAME(x) x##_avx2
#define TARGET TARGET_AVX2
#include "exponentials_template.h"
#undef LANES
#undef NAME
#undef TARGET

#define LANES 8
#define NAME(x) x##_avx512
#define TARGET TARGET_AVX512
#include "exponentials_template.h"
#undef LANES
#undef NAME
#undef TARGET

static void block(void *context, size_t index) {
    const struct exponentials *e = context;
    size_t first = index * BLOCK, last = first + BLOCK < e->count ? first + BLOCK : e->count;
    switch (e->level) {
    case CKERNELS_PLAIN: e->sums[index] = exponentials_plain(e, first, last); break;
    case CKERNELS_AVX2: e->sums[index] = exponentials_avx2(e, first, last); break;
    case CKERNELS_AVX512:
    case CKERNELS_AVX512_BF16: e->sums[index] = exponentials_avx512(e, first, last); break;
    }
}

double ckernels_exponentials(ckernels_level level, size_t count, const float *logits, double peak, double *weights) {
    double sum = 0;
    // A few blocks at a time, whose sums are then added in their order.
    enum { TOGETHER = 64 };
    double sums[TOGETHER];
    for (size_t first = 0; first < count; first += TOGETHER * BLOCK) {
        size_t some = count - first < TOGETHER * BLOCK ? count - first : TOGETHER * BLOCK;
        size_t blocks = (some + BLOCK - 1) / BLOCK;
        struct exponentials exponentials = {level, some, logits + first, peak, weights ? weights + first : NULL, sums};
        if (blocks < 4) {
            for (size_t index = 0; index < blocks; index++) block(&exponentials, index);
        } else {
            ckernels_parallel(blocks, &exponentials, block);
        }
        for (size_t index = 0; index < blocks; index++) sum += sums[index];
    }
    return sum;
}
