#include "vectors.h"

#include <math.h>
#include <string.h>


/// One call's arguments: what is the same for all its rows.
struct rows {
    size_t columns, size, visible;
    int flag;
    float *x;
    const float *y, *weight, *bias;
    float epsilon;
};

#define LANES 4
#define NAME(x) x##_plain
#define TARGET TARGET_PLAIN
#include "elementwise_template.h"
#undef LANES
#undef NAME
#undef TARGET

#define LANES 8
#define NAME(x) x##_avx2
#define TARGET TARGET_AVX2
#include "elementwise_template.h"
#undef LANES
#undef NAME
#undef TARGET

#define LANES 16
#define NAME(x) x##_avx512
#define TARGET TARGET_AVX512
#include "elementwise_template.h"
#undef LANES
#undef NAME
#undef TARGET

typedef void row_body(const struct rows *, size_t first, size_t last);

struct shares {
    const struct rows *rows;
    row_body *body;
    size_t count, share;
};

static void share(void *context, size_t index) {
    const struct shares *s = context;
    size_t first = index * s->share;
    s->body(s->rows, first, first + s->share < s->count ? first + s->share : s->count);
}

/// Calls `body` for `count` rows (or elements), split so that a thread gets at least 16 Ki elements: less is done before
/// another thread has woken.
static void spread(const struct rows *rows, row_body *body, size_t count, size_t width) {
    size_t least = width > 0 ? 16384 / width + 1 : count;
    size_t share_size = count / (4 * (size_t)ckernels_threads()) + 1;
    if (share_size < least) share_size = least;
    struct shares shares = {rows, body, count, share_size};
    ckernels_parallel((count + share_size - 1) / share_size, &shares, share);
}

static row_body *choose(ckernels_level level, row_body *plain, row_body *avx2, row_body *avx512) {
    return level == CKERNELS_PLAIN ? plain : level == CKERNELS_AVX2 ? avx2 : avx512;
}

#define CHOOSE(level, name) choose(level, name##_plain, name##_avx2, name##_avx512)

void ckernels_swiglu(ckernels_level level, size_t count, float *g, const float *u) {
    struct rows rows = {.x = g, .y = u};
    spread(&rows, CHOOSE(level, swiglu), count, 1);
}

void ckernels_add(ckernels_level level, size_t count, float *x, const float *y) {
    struct rows rows = {.x = x, .y = y};
    spread(&rows, CHOOSE(level, add), count, 1);
}

void ckernels_round_bf16(ckernels_level level, size_t count, const float *from, uint16_t *to) {
    struct rows rows = {.x = (float *)(void *)to, .y = from};
    spread(&rows, CHOOSE(level, round_bf16), count, 1);
}

void ckernels_round_floats(ckernels_level level, size_t count, float *x) {
    struct rows rows = {.x = x};
    spread(&rows, CHOOSE(level, round_floats), count, 1);
}

void ckernels_widen_bf16(ckernels_level level, size_t count, const uint16_t *from, float *to) {
    struct rows rows = {.x = to, .y = (const float *)(const void *)from};
    spread(&rows, CHOOSE(level, widen_bf16), count, 1);
}

void ckernels_rms_norm(
    ckernels_level level, size_t count, size_t columns, const float *x, const float *weight, float epsilon, float *y
) {
    struct rows rows = {.columns = columns, .x = y, .y = x, .weight = weight, .epsilon = epsilon};
    spread(&rows, CHOOSE(level, rms_norm), count, columns);
}

void ckernels_head_norm(
    ckernels_level level, size_t count, size_t columns, size_t size, float *x, const float *weight, const float *bias,
    float epsilon
) {
    struct rows rows = {
        .columns = columns, .size = size, .x = x, .weight = weight, .bias = bias, .epsilon = epsilon};
    spread(&rows, CHOOSE(level, head_norm), count, columns);
}

void ckernels_rotate(
    ckernels_level level, size_t count, size_t columns, size_t size, float *x, const float *turns
) {
    struct rows rows = {.columns = columns, .size = size, .x = x, .y = turns};
    spread(&rows, CHOOSE(level, rotate), count, columns);
}

void ckernels_softmax(ckernels_level level, size_t count, size_t columns, size_t visible, float *x) {
    struct rows rows = {.columns = columns, .visible = visible, .x = x};
    spread(&rows, CHOOSE(level, softmax), count, columns);
}

void ckernels_affine(
    ckernels_level level, size_t pixels, size_t channels, const float *x, const float *scale, const float *shift, int swish,
    float *y
) {
    struct rows rows = {.columns = channels, .x = y, .y = x, .weight = scale, .bias = shift, .flag = swish};
    spread(&rows, CHOOSE(level, affine), pixels, channels);
}

void ckernels_channel_sums(
    ckernels_level level, size_t count, size_t width, size_t channels, const float *x, const float *centres, int squared,
    float *sums
) {
    struct rows rows = {.columns = channels, .size = width, .x = sums, .y = x, .weight = centres, .flag = squared};
    spread(&rows, CHOOSE(level, channel_sums), count, width * channels);
}
