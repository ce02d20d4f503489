#include "CKernels.h"

#include <stdatomic.h>

// What a compiler makes of `#pragma omp parallel`, in libgomp's binary interface: clang's own OpenMP would bring a
// second runtime, whose threads would wait spinning beside libgomp's.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int);

int ckernels_threads(void) { return omp_get_max_threads(); }

void ckernels_set_threads(int count) { omp_set_num_threads(count > 0 ? count : 1); }

struct work {
    size_t count;
    atomic_size_t next;
    void *context;
    void (*body)(void *, size_t);
};

static void share(void *data) {
    struct work *work = data;
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (index >= work->count) return;
        work->body(work->context, index);
    }
}

void ckernels_parallel(size_t count, void *context, void (*body)(void *context, size_t index)) {
    if (count < 2 || omp_get_max_threads() < 2) {
        for (size_t index = 0; index < count; index++) body(context, index);
        return;
    }
    struct work work = {.count = count, .context = context, .body = body};
    atomic_init(&work.next, 0);
    GOMP_parallel(share, &work, 0, 0);
}
