// The kernels that libraries do not have, or not at the machine's speed. Each is compiled for several instruction
// sets from one text; the caller says which, so that tests can hold them against each other.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// An instruction set. Each includes those before it.
typedef enum ckernels_level {
    /// What every x86-64 has.
    CKERNELS_PLAIN = 0,
    /// AVX2 and FMA.
    CKERNELS_AVX2 = 1,
    /// AVX-512 F, BW, VL and DQ.
    CKERNELS_AVX512 = 2,
    /// AVX-512 with BF16.
    CKERNELS_AVX512_BF16 = 3,
} ckernels_level;

/// The best level of this processor.
ckernels_level ckernels_supported(void);

// Threads: libgomp's, which oneDNN uses too. One team for both: a second team's threads would spin beside the first's.

/// How many threads share a kernel's work.
int ckernels_threads(void);
/// Sets it for kernels and oneDNN products that the calling thread, and threads that never asked, begin.
void ckernels_set_threads(int count);
/// Calls `body(context, i)` for every `i` below `count`, on all threads, in no order; returns when all are done.
void ckernels_parallel(size_t count, void *context, void (*body)(void *context, size_t index));

/// Tells the C library to keep the memory of activations, up to a quarter of a gigabyte, instead of giving each buffer back to the
/// system and asking for it again: the pages of a layer's activations would be cleared anew in every layer. Buffers of more
/// than 32 MB, a picture's maps among them, go back: kept ones would lie between others and add up.
void ckernels_keep_memory(void);
/// Gives what is kept and in no use back to the system, of the calling thread's arena its end as well, which `malloc_trim`
/// leaves. For before something large: what was kept would be held beside it.
void ckernels_release_memory(void);

// Products

/// `y[r * ldy + o] = sum over k of x[r * ldx + k] * w[o * inner + k]`: bfloat16 weights, float32 everything else.
///
/// For few rows: the weights are read once, at the speed of memory. A sum has one order whatever `rows` and
/// `outputs` are and however many threads share them.
void ckernels_bf16_rows(
    ckernels_level level, size_t rows, size_t outputs, size_t inner, const float *x, size_t ldx, const uint16_t *w,
    float *y, size_t ldy);

// Conversion

/// Rounds to the nearest bfloat16, ties to even; NaNs stay NaNs.
void ckernels_round_bf16(ckernels_level level, size_t count, const float *from, uint16_t *to);
/// The nearest numbers that bfloat16 has, in place.
void ckernels_round_floats(ckernels_level level, size_t count, float *x);
/// The same numbers as floats.
void ckernels_widen_bf16(ckernels_level level, size_t count, const uint16_t *from, float *to);

// Rows of activations. `rows` rows are `stride` elements apart; the work is shared among threads where there is enough.

/// `g = g / (1 + exp(-g)) * u`, element by element.
void ckernels_swiglu(ckernels_level level, size_t count, float *g, const float *u);
/// `x += y`, element by element.
void ckernels_add(ckernels_level level, size_t count, float *x, const float *y);
/// `y = x / sqrt(mean(x²) + epsilon) * weight` for each row; `x` may be `y`.
void ckernels_rms_norm(
    ckernels_level level, size_t rows, size_t columns, const float *x, const float *weight, float epsilon, float *y);
/// Layer norm of each block of `size` columns, then a factor and an offset for each column.
void ckernels_head_norm(
    ckernels_level level, size_t rows, size_t columns, size_t size, float *x, const float *weight, const float *bias,
    float epsilon);
/// Turns columns `i` and `i + size / 2` of each head of a row by the angle whose cosine and sine are
/// `turns[row * size + i]` and `turns[row * size + size / 2 + i]`.
void ckernels_rotate(
    ckernels_level level, size_t rows, size_t columns, size_t size, float *x, const float *turns);
/// Softmax over the first `min(columns, visible + row)` elements of each row, 0 after them. Elements at -infinity get 0, and
/// a row of nothing else gets zeros. The sum runs over the visible elements only.
void ckernels_softmax(ckernels_level level, size_t rows, size_t columns, size_t visible, float *x);

/// `weights[i] = exp(logits[i] - peak)` in double precision, and their sum, whose order `count` alone decides; a null `weights` takes
/// the sum alone. `peak` is no less than any logit; what is more than 708 below it gets 0.
double ckernels_exponentials(ckernels_level level, size_t count, const float *logits, double peak, double *weights);

// Pictures: maps of pixels, channels last.

/// `y = x * scale + shift` channel by channel, and `y = y / (1 + exp(-y))` after it where `swish`.
void ckernels_affine(
    ckernels_level level, size_t pixels, size_t channels, const float *x, const float *scale, const float *shift, int swish,
    float *y);
/// For each row of `width` pixels, by channel, the sum of `x - centre`, or of its square: `sums[row * channels + c]`.
void ckernels_channel_sums(
    ckernels_level level, size_t rows, size_t width, size_t channels, const float *x, const float *centres, int squared,
    float *sums);

// Attention of several sequences: every head of their rows over the keys that they see, without a matrix of weights.
//
// Where the processor multiplies bfloat16 in pairs (`ckernels_takes_pairs`), sequences of more than CKERNELS_FEW_ROWS rows over
// bfloat16 keys and values have their queries and weights rounded to bfloat16, too.

/// What keys and values are stored in: all of a call in one format. Queries, weights and sums are floats with either.
typedef enum ckernels_format {
    CKERNELS_FLOAT32 = 0,
    CKERNELS_BFLOAT16 = 1,
} ckernels_format;

/// Consecutive positions of keys and values, `[count, kv_heads * size]`.
typedef struct ckernels_segment {
    const void *keys, *values;
    size_t count;
} ckernels_segment;

/// Positions whose keys, before the softmax, or values, after it, the rows of a sequence go without, in every head.
typedef struct ckernels_cut {
    size_t first, count;
    /// 1: scores become -infinity; 0: weights become 0, and the others stay.
    int masked;
} ckernels_cut;

/// Rows of one sequence. Row `r` sees the first `visible + r` positions of its segments; the last row sees all.
typedef struct ckernels_sequence {
    size_t rows, visible;
    /// `[rows, heads * size]`, as `output`.
    const float *queries;
    float *output;
    const ckernels_segment *segments;
    size_t segment_count;
    /// Of sequences of at most CKERNELS_FEW_ROWS rows.
    const ckernels_cut *cuts;
    size_t cut_count;
} ckernels_sequence;

/// `heads` is a multiple of `kv_heads`; consecutive heads share one.
typedef struct ckernels_heads {
    size_t heads, kv_heads, size;
    ckernels_format format;
} ckernels_heads;

/// Up to here a sequence's rows read keys and values where they are; beyond, a head's are first laid out for its rows.
enum { CKERNELS_FEW_ROWS = 8 };

/// Whether sequences of many rows have their queries and weights rounded.
int ckernels_takes_pairs(ckernels_level level, const ckernels_heads *heads);

/// Sequences that follow each other and begin with the same keys read them once. A row's bits depend on its own sequence
/// alone.
void ckernels_attend(
    ckernels_level level, const ckernels_heads *heads, size_t count, const ckernels_sequence *sequences);

// The two halves of it for one head of a sequence of at most CKERNELS_FEW_ROWS rows: with `ckernels_softmax` between them the
// bits are those of the whole.

/// Scores of the keys that each row sees, scaled, `scores[row * stride + position]`.
void ckernels_head_scores(
    ckernels_level level, const ckernels_heads *heads, size_t head, const ckernels_sequence *sequence, float *scores,
    size_t stride);
/// The values that each row sees, mixed by `weights[row * stride + position]` into the head's columns of its output.
void ckernels_head_mix(
    ckernels_level level, const ckernels_heads *heads, size_t head, const ckernels_sequence *sequence,
    const float *weights, size_t stride);

#endif
