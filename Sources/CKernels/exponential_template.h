// Vectors of LANES floats, for each instruction set that includes this: loads, the exponential, softmax of a row.

BODY TARGET VEC NAME(load)(const float *from) {
    VEC vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

/// The `count` (below LANES) elements at `from`, then `fill`.
BODY TARGET VEC NAME(load_some)(const float *from, size_t count, float fill) {
    VEC vector;
    for (size_t lane = 0; lane < LANES; lane++) vector[lane] = lane < count ? from[lane] : fill;
    return vector;
}

BODY TARGET void NAME(store_some)(float *to, VEC vector, size_t count) {
    for (size_t lane = 0; lane < count; lane++) to[lane] = vector[lane];
}

/// `exp(x)` within 2 units in the last place; 0 below -87.3, where results would be subnormal.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, a degree-5 polynomial for exp(r) (the coefficients of Cephes `expf`), and 2ⁿ put
/// together from its bits. n is rounded by adding 1.5·2²³, which leaves it in the low mantissa bits.
BODY TARGET VEC NAME(exponential)(VEC x) {
#pragma clang fp contract(fast)
    const float shift = 12582912.0f;
    INT alive = x >= -87.33654f;
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, (VEC){} - 87.33654f), (VEC){} + 88.37626f);
    VEC shifted = x * 1.44269504f + shift;
    VEC n = shifted - shift;
    VEC r = x - n * 0.693359375f + n * 2.1219444e-4f;
    VEC y = r * 1.98756915e-4f + 1.39819995e-3f;
    y = y * r + 8.3334519e-3f;
    y = y * r + 4.1665796e-2f;
    y = y * r + 1.66666655e-1f;
    y = y * r + 5.0000001e-1f;
    y = y * (r * r) + r + 1.0f;
    // `shifted` is 1.5·2²³ + n exactly, so its bits are 0x4B400000 + n.
    INT bits = ((INT)shifted - 0x4B400000 + 127) << 23;
    return (VEC)((INT)(y * (VEC)bits) & alive);
}

/// Softmax of the first `count` elements, 0 in the rest of `columns`. Elements at -infinity get 0, and a row of nothing
/// else gets zeros.
BODY TARGET void NAME(softmax_row)(float *x, size_t count, size_t columns) {
    VEC largest = (VEC){} - INFINITY;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) largest = __builtin_elementwise_max(largest, NAME(load)(x + i));
    if (i < count) largest = __builtin_elementwise_max(largest, NAME(load_some)(x + i, count - i, -INFINITY));
    float maximum = largest[0];
    for (int lane = 1; lane < LANES; lane++) maximum = largest[lane] > maximum ? largest[lane] : maximum;
    if (maximum > -INFINITY) {
        VEC sums = {};
        for (i = 0; i + LANES <= count; i += LANES) {
            VEC power = NAME(exponential)(NAME(load)(x + i) - maximum);
            sums += power;
            memcpy(x + i, &power, sizeof power);
        }
        if (i < count) {
            VEC power = NAME(exponential)(NAME(load_some)(x + i, count - i, -INFINITY) - maximum);
            sums += power;
            NAME(store_some)(x + i, power, count - i);
        }
        float scale = 1.0f / NAME(sum)(sums);
        for (i = 0; i < count; i++) x[i] *= scale;
    } else {
        memset(x, 0, count * sizeof *x);
    }
    memset(x + count, 0, (columns - count) * sizeof *x);
}
