/// The closed list of elementwise operations: what each is called and what it makes of its operands, lane by lane.
/// `V` is a number or a vector of them; the functions are found where V is defined.
#pragma once

#include <heed/target.hpp>

#include <cmath>
#include <cstdint>

namespace heed::inline HEED_TARGET::operations {

// The functions of plain numbers, beside which those of vectors are found by their type.
using std::abs, std::erf, std::exp, std::log, std::sqrt, std::tanh;
HEED_HOST_DEVICE inline double max(double limit, double x) { return limit > x ? limit : x; }       // of NaN, NaN
HEED_HOST_DEVICE inline double min(double limit, double x) { return limit < x ? limit : x; }
HEED_HOST_DEVICE inline double normal_weighted(double x) { return 0.5 * x * std::erfc(x * -0.70710678118654752); }
HEED_HOST_DEVICE inline double normal_weighted_slope(double x) { return 0.5 * std::erfc(x * -0.70710678118654752) + x * std::exp(-0.5 * x * x) * 0.39894228040143268; }
// NaN where either is.
HEED_HOST_DEVICE inline double min_or_nan(double x, double y) { return x < y || x != x ? x : y; }
HEED_HOST_DEVICE inline double max_or_nan(double x, double y) { return x > y || x != x ? x : y; }
HEED_HOST_DEVICE inline std::int64_t min_or_nan(std::int64_t x, std::int64_t y) { return x < y ? x : y; }
HEED_HOST_DEVICE inline std::int64_t max_or_nan(std::int64_t x, std::int64_t y) { return x > y ? x : y; }

#define HEED_UNARY(NAME, RESULT)                                   \
    struct NAME {                                                  \
        static constexpr const char* name = #NAME;                 \
        template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static auto apply(V x) { return RESULT; } \
    };
#define HEED_BINARY(NAME, RESULT)                                       \
    struct NAME {                                                       \
        static constexpr const char* name = #NAME;                      \
        template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static auto apply(V x, V y) { return RESULT; } \
    };

// arithmetic
HEED_BINARY(add, x + y)
HEED_BINARY(subtract, x - y)
HEED_BINARY(multiply, x* y)
HEED_BINARY(divide, x / y)
HEED_BINARY(minimum, min_or_nan(x, y))
HEED_BINARY(maximum, max_or_nan(x, y))
HEED_UNARY(negate, -x)
HEED_UNARY(absolute, abs(x))

// functions of floating numbers
HEED_UNARY(exponential, exp(x))
HEED_UNARY(logarithm, log(x))
HEED_UNARY(square_root, sqrt(x))
HEED_UNARY(reciprocal_square_root, V(1) / sqrt(x))
HEED_UNARY(hyperbolic_tangent, tanh(x))
HEED_UNARY(error_function, erf(x))
HEED_UNARY(logistic, V(1) / (V(1) + exp(-x)))
HEED_UNARY(rectified, max(V(0), x))
HEED_UNARY(sigmoid_weighted, x / (V(1) + exp(-x)))                                   // silu: x * sigmoid(x)
HEED_UNARY(gauss_weighted, normal_weighted(x))                                       // gelu: x * Phi(x)
HEED_UNARY(gauss_weighted_slope, normal_weighted_slope(x))

/// The same by tanh: (1 + tanh u) / 2 = s is the logistic function of 2 u.
struct gauss_weighted_by_tanh {
    static constexpr const char* name = "gauss_weighted_by_tanh";
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V apply(V x) {
        const V inside = max(V(least), x);                      // where it is 0 already, so that -infinity gives no NaN
        return inside / (V(1) + exp(inside * (V(-2 * linear) + V(-2 * cubic) * inside * inside)));
    }
    static constexpr double linear = 0.79788456080286536, cubic = linear * 0.044715, least = -30;    // u = linear x + cubic x^3
};
struct gauss_weighted_by_tanh_slope {
    static constexpr const char* name = "gauss_weighted_by_tanh_slope";
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V apply(V x) {
        using by_tanh = gauss_weighted_by_tanh;
        const V inside = max(V(-farthest), min(V(farthest), x)), square = inside * inside;
        const V power = exp(inside * (V(-2 * by_tanh::linear) + V(-2 * by_tanh::cubic) * square)), s = V(1) / (V(1) + power);
        return s + power * s * s * inside * (V(2 * by_tanh::linear) + V(6 * by_tanh::cubic) * square);      // 1 - s = power s
    }
    static constexpr double farthest = 9.5;         // within 1e-30 of 0 or 1; the power of a float is finite up to here
};

// comparisons
HEED_BINARY(less, x < y)
HEED_BINARY(less_equal, x <= y)
HEED_BINARY(greater, x > y)
HEED_BINARY(greater_equal, x >= y)
HEED_BINARY(equal, x == y)
HEED_BINARY(not_equal, x != y)

// logic
HEED_BINARY(both, x& y)
HEED_BINARY(either, x | y)
HEED_UNARY(opposite, !x)

#undef HEED_UNARY
#undef HEED_BINARY

}  // namespace heed::inline HEED_TARGET::operations
