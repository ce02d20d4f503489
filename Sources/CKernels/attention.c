#include "vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Each head is one piece of work. Its scores are held for a few rows at a time, and all positions are there before
// the softmax: no running maximum, and a row's bits depend on the rows beside it only by which side of
// `FEW_ROWS` they are on.

/// Up to here each row reads keys and values where they are; beyond, a head's are first laid out for its rows.
enum { FEW_ROWS = 8 };

struct heads {
    ckernels_level level;
    const ckernels_attention *attention;
    /// How many the last row sees.
    size_t positions;
};

/// Memory for one head's work, a cache line apart from others'.
static void *scratch(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes > 0 ? bytes : 64) != 0) abort();
    return memory;
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

static void one_head(void *context, size_t head) {
    const struct heads *h = context;
    switch (h->level) {
    case CKERNELS_PLAIN: head_plain(h, head); break;
    case CKERNELS_AVX2: head_avx2(h, head); break;
    case CKERNELS_AVX512:
    case CKERNELS_AVX512_BF16: head_avx512(h, head); break;
    }
}

void ckernels_attend(ckernels_level level, const ckernels_attention *attention) {
    if (attention->rows == 0) return;
    struct heads heads = {level, attention, attention->visible + attention->rows - 1};
    ckernels_parallel(attention->heads, &heads, one_head);
}
