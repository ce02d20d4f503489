#include "vectors.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Each head is one piece of work. Its scores are held for a few rows at a time, and all positions are there before
// the softmax: no running maximum, and a row's bits depend on the rows beside it only by which side of
// `FEW_ROWS` they are on.

enum { FEW_ROWS = CKERNELS_FEW_ROWS };
/// Positions whose keys or values of one head stay in the first-level cache while several rows read them.
enum { TILE = 32 };

/// Sequences that begin with the same keys, and the shape of their heads.
struct group {
    size_t heads, kv_heads, size;
    ckernels_format format;
    /// Whether sequences of many rows go through attention_pairs.h.
    int in_pairs;
    size_t count;
    const ckernels_sequence *sequences;
};

struct attention {
    ckernels_level level;
    const struct group *groups;
};

/// How many positions the sequence's last row sees.
static size_t positions(const ckernels_sequence *s) { return s->visible + s->rows - 1; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// What a thread works in, one region a use.
enum region { GROUPS, SCORES, ROOM, KEYS, VALUES, PANELS, REGIONS };

/// A thread's regions. They are kept, so that attention asks for memory once a thread and not once a head.
struct regions {
    void *start[REGIONS];
    size_t bytes[REGIONS];
};

static pthread_key_t regions_key;
static pthread_once_t regions_once = PTHREAD_ONCE_INIT;

static void end_regions(void *own) {
    struct regions *regions = own;
    for (int region = 0; region < REGIONS; region++) free(regions->start[region]);
    free(regions);
}

static void begin_regions(void) {
    if (pthread_key_create(&regions_key, end_regions) != 0) abort();
}

/// `bytes` at least, a cache line apart from others', whatever they held.
static void *scratch(enum region region, size_t bytes) {
    pthread_once(&regions_once, begin_regions);
    struct regions *regions = pthread_getspecific(regions_key);
    if (!regions) {
        regions = calloc(1, sizeof *regions);
        if (!regions || pthread_setspecific(regions_key, regions) != 0) abort();
    }
    if (regions->bytes[region] < bytes || !regions->start[region]) {
        free(regions->start[region]);
        // A little more, so that a text that grows by a token a time does not ask every time.
        regions->bytes[region] = bytes + bytes / 8 + 64;
        if (posix_memalign(&regions->start[region], 64, regions->bytes[region]) != 0) abort();
    }
    return regions->start[region];
}

/// What sequences of many rows need room for, in positions: `shared` that the longest of them begin with, and `own` for the rest
/// of any, both in whole panels.
struct extent {
    size_t shared, padded, own, longest, segments;
};

/// - panel: positions that are laid out together.
static struct extent extent_of(const struct group *g, size_t panel) {
    struct extent extent = {.segments = 1};
    for (size_t s = 0; s < g->count; s++) {
        const ckernels_sequence *q = &g->sequences[s];
        if (q->rows <= FEW_ROWS) continue;
        size_t rest = 0;
        for (size_t n = 1; n < q->segment_count; n++) rest += q->segments[n].count + panel;
        if (q->segments->count > extent.shared) extent.shared = q->segments->count;
        if (rest > extent.own) extent.own = rest;
        if (positions(q) > extent.longest) extent.longest = positions(q);
        if (q->segment_count > extent.segments) extent.segments = q->segment_count;
    }
    extent.padded = (extent.shared + panel - 1) / panel * panel;
    return extent;
}

#define LANES 4
#define NAME(x) x##_plain
#define TARGET TARGET_PLAIN
#define MAX_ROWS 2
#include "attention_template.h"
#undef MAX_ROWS
#undef LANES
#undef NAME
#undef TARGET

#define LANES 8
#define NAME(x) x##_avx2
#define TARGET TARGET_AVX2
#define MAX_ROWS 2
#include "attention_template.h"
#undef MAX_ROWS
#undef LANES
#undef NAME
#undef TARGET

#define LANES 16
#define NAME(x) x##_avx512
#define TARGET TARGET_AVX512
#define MAX_ROWS 6
#include "attention_template.h"
#undef MAX_ROWS
#undef LANES
#undef NAME
#undef TARGET

#include "attention_pairs.h"

static void one_head(void *context, size_t index) {
    const struct attention *a = context;
    const struct group *group = &a->groups[index / a->groups->heads];
    size_t head = index % group->heads;
    switch (a->level) {
    case CKERNELS_PLAIN: head_plain(group, head, 1); break;
    case CKERNELS_AVX2: head_avx2(group, head, 1); break;
    case CKERNELS_AVX512: head_avx512(group, head, 1); break;
    case CKERNELS_AVX512_BF16:
        head_avx512(group, head, !group->in_pairs);
        if (group->in_pairs) pair_rows(group, head);
        break;
    }
}

int ckernels_takes_pairs(ckernels_level level, const ckernels_heads *heads) {
    return level == CKERNELS_AVX512_BF16 && heads->format == CKERNELS_BFLOAT16 && heads->size % WIDE == 0;
}

static struct group group_of(ckernels_level level, const ckernels_heads *heads, const ckernels_sequence *sequence) {
    return (struct group){
        heads->heads, heads->kv_heads, heads->size, heads->format, ckernels_takes_pairs(level, heads), 1, sequence};
}

void ckernels_attend(
    ckernels_level level, const ckernels_heads *heads, size_t count, const ckernels_sequence *sequences
) {
    if (count == 0) return;
    struct group *groups = scratch(GROUPS, count * sizeof *groups);
    size_t group_count = 0;
    for (size_t s = 0; s < count; s++) {
        const ckernels_sequence *first = s > 0 ? groups[group_count - 1].sequences : NULL;
        if (first && first->segments->keys == sequences[s].segments->keys) {
            groups[group_count - 1].count++;
        } else {
            groups[group_count++] = group_of(level, heads, sequences + s);
        }
    }
    struct attention attention = {level, groups};
    size_t work = 0;
    for (size_t s = 0; s < count; s++) {
        work += sequences[s].rows * positions(sequences + s) * heads->heads * heads->size;
    }
    // Less is done before another thread has woken.
    if (work < 1 << 16) {
        for (size_t index = 0; index < heads->heads * group_count; index++) one_head(&attention, index);
    } else {
        ckernels_parallel(heads->heads * group_count, &attention, one_head);
    }
}

void ckernels_head_scores(
    ckernels_level level, const ckernels_heads *heads, size_t head, const ckernels_sequence *sequence, float *scores,
    size_t stride
) {
    struct group group = group_of(level, heads, sequence);
    float *room = scratch(ROOM, TILE * heads->size * sizeof *room);
    switch (level) {
    case CKERNELS_PLAIN: few_scores_plain(&group, head, stride, scores, room); break;
    case CKERNELS_AVX2: few_scores_avx2(&group, head, stride, scores, room); break;
    case CKERNELS_AVX512:
    case CKERNELS_AVX512_BF16: few_scores_avx512(&group, head, stride, scores, room); break;
    }
}

void ckernels_head_mix(
    ckernels_level level, const ckernels_heads *heads, size_t head, const ckernels_sequence *sequence,
    const float *weights, size_t stride
) {
    struct group group = group_of(level, heads, sequence);
    float *room = scratch(ROOM, TILE * heads->size * sizeof *room);
    switch (level) {
    case CKERNELS_PLAIN: few_mix_plain(&group, head, stride, weights, room); break;
    case CKERNELS_AVX2: few_mix_avx2(&group, head, stride, weights, room); break;
    case CKERNELS_AVX512:
    case CKERNELS_AVX512_BF16: few_mix_avx512(&group, head, stride, weights, room); break;
    }
}
