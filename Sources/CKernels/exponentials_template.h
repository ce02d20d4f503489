// Exponentials for vectors of LANES doubles; included by exponentials.c for each instruction set.

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define DOUBLES GLUE(NAME(doubles), _t)
#define LONGS GLUE(NAME(longs), _t)
#define FLOATS GLUE(NAME(floats), _t)

typedef double DOUBLES __attribute__((vector_size(8 * LANES)));
typedef int64_t LONGS __attribute__((vector_size(8 * LANES)));
typedef float FLOATS __attribute__((vector_size(4 * LANES)));

/// `exp(x)` for x ≤ 0, within 2 units in the last place; 0 below -708, where results would be subnormal.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, the Taylor polynomial of degree 13 for exp(r), whose rest is below 5e-18, and 2ⁿ put together
/// from its bits. n is rounded by adding 1.5·2⁵², which leaves it in the low mantissa bits; ln 2 is taken in two parts.
BODY TARGET DOUBLES NAME(power)(DOUBLES x) {
#pragma clang fp contract(fast)
    const double shift = 6755399441055744.0;
    LONGS alive = x >= -708.0;
    x = __builtin_elementwise_max(x, (DOUBLES){} - 708.0);
    DOUBLES shifted = x * 1.4426950408889634 + shift;
    DOUBLES n = shifted - shift;
    DOUBLES r = x - n * 0x1.62e42fefa0000p-1 - n * 0x1.cf79abc9e3b3ap-40;
    static const double factors[] = {
        1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
        1.0 / 24,        1.0 / 6,        0.5,           1.0,          1.0};
    DOUBLES y = (DOUBLES){} + 1.0 / 6227020800;
#pragma unroll
    for (int k = 0; k < 13; k++) y = y * r + factors[k];
    // `shifted` is 1.5·2⁵² + n exactly, so its bits are 0x4338000000000000 + n.
    LONGS bits = ((LONGS)shifted - 0x4338000000000000 + 1023) << 52;
    return (DOUBLES)((LONGS)(y * (DOUBLES)bits) & alive);
}

/// The weights of some logits, and their sum.
TARGET static double NAME(exponentials)(const struct exponentials *e, size_t first, size_t last) {
    DOUBLES sums = {};
    for (size_t i = first; i < last; i += LANES) {
        size_t count = last - i < LANES ? last - i : LANES;
        FLOATS logits;
        if (count == LANES) {
            memcpy(&logits, e->logits + i, sizeof logits);
        } else {
            for (size_t lane = 0; lane < LANES; lane++) logits[lane] = lane < count ? e->logits[i + lane] : -INFINITY;
        }
        DOUBLES power = NAME(power)(__builtin_convertvector(logits, DOUBLES) - e->peak);
        sums += power;
        if (!e->weights) continue;
        if (count == LANES) {
            memcpy(e->weights + i, &power, sizeof power);
        } else {
            for (size_t lane = 0; lane < count; lane++) e->weights[i + lane] = power[lane];
        }
    }
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    return sum;
}

#undef GLUE2
#undef GLUE
#undef DOUBLES
#undef LONGS
#undef FLOATS
