// Vectors of floats, and their sums.
#ifndef CKERNELS_VECTORS_H
#define CKERNELS_VECTORS_H

#include "level.h"

typedef float vec2 __attribute__((vector_size(8)));
typedef float vec4 __attribute__((vector_size(16)));
typedef float vec8 __attribute__((vector_size(32)));
typedef float vec16 __attribute__((vector_size(64)));
typedef int32_t int4 __attribute__((vector_size(16)));
typedef int32_t int8 __attribute__((vector_size(32)));
typedef int32_t int16 __attribute__((vector_size(64)));

// A vector's elements added by halves, always in the same order.

BODY TARGET_PLAIN float sum_plain(vec4 v) {
    vec2 pair = __builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3);
    return pair[0] + pair[1];
}

BODY TARGET_AVX2 float sum_avx2(vec8 v) {
    return sum_plain(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
}

BODY TARGET_AVX512 float sum_avx512(vec16 v) {
    return sum_avx2(
        __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}

#endif
