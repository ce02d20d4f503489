// Compiling one text for several instruction sets.
#ifndef CKERNELS_LEVEL_H
#define CKERNELS_LEVEL_H

#include "CKernels.h"

#define TARGET_PLAIN
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define TARGET_AVX512_BF16 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

/// A body that is compiled anew in each function that names it, for that function's instruction set.
#define BODY static inline __attribute__((always_inline))

#endif
