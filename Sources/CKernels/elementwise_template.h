// Functions of rows of activations for vectors of LANES floats; included by elementwise.c for each instruction set.
// Loops without a sum are left to the compiler, which vectorises them for the target.

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VEC GLUE(vec, LANES)
#define INT GLUE(int, LANES)

#include "exponential_template.h"

TARGET static void NAME(swiglu)(const struct rows *p, size_t first, size_t last) {
    float *g = p->x;
    const float *u = p->y;
    size_t i = first;
    for (; i + LANES <= last; i += LANES) {
        VEC x = NAME(load)(g + i);
        x = x / (1.0f + NAME(exponential)(-x)) * NAME(load)(u + i);
        memcpy(g + i, &x, sizeof x);
    }
    if (i < last) {
        VEC x = NAME(load_some)(g + i, last - i, 0);
        x = x / (1.0f + NAME(exponential)(-x)) * NAME(load_some)(u + i, last - i, 0);
        NAME(store_some)(g + i, x, last - i);
    }
}

/// To the nearest, ties to even; NaNs stay NaNs.
BODY TARGET uint16_t NAME(rounded)(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t nearest = bits + 0x7FFF + (bits >> 16 & 1);
    // Rounding would carry a NaN's low payload into infinity.
    return (uint16_t)(((bits & 0x7FFFFFFF) > 0x7F800000 ? bits | 0x400000 : nearest) >> 16);
}

TARGET static void NAME(add)(const struct rows *p, size_t first, size_t last) {
    float *restrict x = p->x;
    const float *restrict y = p->y;
    for (size_t i = first; i < last; i++) x[i] += y[i];
}

TARGET static void NAME(round_bf16)(const struct rows *p, size_t first, size_t last) {
    uint16_t *restrict to = (uint16_t *)(void *)p->x;
    const float *restrict from = p->y;
    for (size_t i = first; i < last; i++) to[i] = NAME(rounded)(from[i]);
}

TARGET static void NAME(round_floats)(const struct rows *p, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) {
        uint32_t word = (uint32_t)NAME(rounded)(p->x[i]) << 16;
        memcpy(p->x + i, &word, sizeof word);
    }
}

TARGET static void NAME(widen_bf16)(const struct rows *p, size_t first, size_t last) {
    float *restrict to = p->x;
    const uint16_t *restrict from = (const uint16_t *)(const void *)p->y;
    for (size_t i = first; i < last; i++) {
        uint32_t word = (uint32_t)from[i] << 16;
        memcpy(to + i, &word, sizeof word);
    }
}

TARGET static void NAME(rms_norm)(const struct rows *p, size_t first, size_t last) {
    size_t columns = p->columns;
    for (size_t row = first; row < last; row++) {
        const float *x = p->y + row * columns;
        float *y = p->x + row * columns;
        VEC sums = {};
        size_t i = 0;
        for (; i + LANES <= columns; i += LANES) {
            VEC v = NAME(load)(x + i);
            sums += v * v;
        }
        if (i < columns) {
            VEC v = NAME(load_some)(x + i, columns - i, 0);
            sums += v * v;
        }
        float scale = 1.0f / sqrtf(NAME(sum)(sums) / (float)columns + p->epsilon);
        for (size_t column = 0; column < columns; column++) y[column] = x[column] * scale * p->weight[column];
    }
}

TARGET static void NAME(head_norm)(const struct rows *p, size_t first, size_t last) {
    size_t columns = p->columns, size = p->size;
    for (size_t row = first; row < last; row++) {
        for (size_t start = 0; start + size <= columns; start += size) {
            float *x = p->x + row * columns + start;
            VEC sums = {};
            size_t i = 0;
            for (; i + LANES <= size; i += LANES) sums += NAME(load)(x + i);
            if (i < size) sums += NAME(load_some)(x + i, size - i, 0);
            float mean = NAME(sum)(sums) / (float)size;
            VEC squares = {};
            for (i = 0; i + LANES <= size; i += LANES) {
                VEC v = NAME(load)(x + i) - mean;
                squares += v * v;
            }
            if (i < size) {
                VEC v = NAME(load_some)(x + i, size - i, mean) - mean;
                squares += v * v;
            }
            float scale = 1.0f / sqrtf(NAME(sum)(squares) / (float)size + p->epsilon);
            const float *weight = p->weight + start, *bias = p->bias + start;
            for (i = 0; i < size; i++) x[i] = (x[i] - mean) * scale * weight[i] + bias[i];
        }
    }
}

TARGET static void NAME(rotate)(const struct rows *p, size_t first, size_t last) {
    size_t half = p->size / 2;
    for (size_t row = first; row < last; row++) {
        const float *restrict cosines = p->y + row * p->size;
        const float *restrict sines = cosines + half;
        for (size_t start = 0; start + p->size <= p->columns; start += p->size) {
            float *restrict low = p->x + row * p->columns + start;
            float *restrict high = low + half;
            for (size_t i = 0; i < half; i++) {
                float x = low[i], y = high[i];
                low[i] = x * cosines[i] - y * sines[i];
                high[i] = y * cosines[i] + x * sines[i];
            }
        }
    }
}

TARGET static void NAME(softmax)(const struct rows *p, size_t first, size_t last) {
    for (size_t row = first; row < last; row++) {
        size_t count = p->visible + row < p->columns ? p->visible + row : p->columns;
        NAME(softmax_row)(p->x + row * p->columns, count, p->columns);
    }
}

TARGET static void NAME(affine)(const struct rows *p, size_t first, size_t last) {
    size_t channels = p->columns;
    for (size_t pixel = first; pixel < last; pixel++) {
        const float *x = p->y + pixel * channels;
        float *y = p->x + pixel * channels;
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            VEC v = NAME(load)(x + c) * NAME(load)(p->weight + c) + NAME(load)(p->bias + c);
            if (p->flag) v = v / (1.0f + NAME(exponential)(-v));
            memcpy(y + c, &v, sizeof v);
        }
        if (c < channels) {
            size_t rest = channels - c;
            VEC v = NAME(load_some)(x + c, rest, 0) * NAME(load_some)(p->weight + c, rest, 0)
                + NAME(load_some)(p->bias + c, rest, 0);
            if (p->flag) v = v / (1.0f + NAME(exponential)(-v));
            NAME(store_some)(y + c, v, rest);
        }
    }
}

TARGET static void NAME(channel_sums)(const struct rows *p, size_t first, size_t last) {
    size_t channels = p->columns;
    for (size_t row = first; row < last; row++) {
        const float *restrict x = p->y + row * p->size * channels;
        float *restrict sums = p->x + row * channels;
        memset(sums, 0, channels * sizeof *sums);
        for (size_t pixel = 0; pixel < p->size; pixel++, x += channels) {
            if (p->flag) {
                for (size_t c = 0; c < channels; c++) sums[c] += (x[c] - p->weight[c]) * (x[c] - p->weight[c]);
            } else {
                for (size_t c = 0; c < channels; c++) sums[c] += x[c] - p->weight[c];
            }
        }
    }
}

#undef VEC
#undef INT
#undef GLUE
#undef GLUE2
