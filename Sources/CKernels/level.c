#include "CKernels.h"

#include <malloc.h>
#include <stdlib.h>

enum { MOST_KEPT = 256 << 20 };

void ckernels_keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT);
}

void ckernels_release_memory(void) {
    // An arena that is not the main thread's gives its end back when something next to it is freed and no sooner.
    mallopt(M_TRIM_THRESHOLD, 0);
    char *volatile end = malloc(1 << 18);
    free(end);
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT);
    malloc_trim(0);
}

ckernels_level ckernels_supported(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return CKERNELS_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")
        || !__builtin_cpu_supports("avx512dq")) {
        return CKERNELS_AVX2;
    }
    return __builtin_cpu_supports("avx512bf16") ? CKERNELS_AVX512_BF16 : CKERNELS_AVX512;
}
