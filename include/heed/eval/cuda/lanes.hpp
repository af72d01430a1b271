/// The context that lowered trees are computed in by a thread of a GPU: some neighbours along a slot, in float or double.
#pragma once

#include <heed/eval/lowered.hpp>
#include <heed/eval/cuda/block.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// N values that a thread computes alike.
template <class T, int N>
struct pack {
    T value[N];

    pack() = default;
    template <class U> requires(std::is_arithmetic_v<U>) HEED_HOST_DEVICE explicit pack(U all) {
        for (int i = 0; i < N; ++i) value[i] = static_cast<T>(all);
    }
};

#define HEED_EACH(RESULT, EXPRESSION)                           \
    {                                                           \
        pack<RESULT, N> result;                                 \
        for (int i = 0; i < N; ++i) result.value[i] = EXPRESSION; \
        return result;                                          \
    }
#define HEED_PACK_BINARY(NAME, RESULT, EXPRESSION) \
    template <class T, int N> [[gnu::always_inline]] HEED_HOST_DEVICE inline pack<RESULT, N> NAME(pack<T, N> x, pack<T, N> y) HEED_EACH(RESULT, EXPRESSION)
#define HEED_PACK_UNARY(NAME, EXPRESSION) \
    template <class T, int N> [[gnu::always_inline]] HEED_HOST_DEVICE inline pack<T, N> NAME(pack<T, N> x) HEED_EACH(T, EXPRESSION)

HEED_PACK_BINARY(operator+, T, x.value[i] + y.value[i])
HEED_PACK_BINARY(operator-, T, x.value[i] - y.value[i])
HEED_PACK_BINARY(operator*, T, x.value[i] * y.value[i])
HEED_PACK_BINARY(operator/, T, x.value[i] / y.value[i])
HEED_PACK_BINARY(operator<, bool, x.value[i] < y.value[i])
HEED_PACK_BINARY(operator<=, bool, x.value[i] <= y.value[i])
HEED_PACK_BINARY(operator>, bool, x.value[i] > y.value[i])
HEED_PACK_BINARY(operator>=, bool, x.value[i] >= y.value[i])
HEED_PACK_BINARY(operator==, bool, x.value[i] == y.value[i])
HEED_PACK_BINARY(operator!=, bool, x.value[i] != y.value[i])
HEED_PACK_BINARY(operator&, bool, x.value[i] && y.value[i])
HEED_PACK_BINARY(operator|, bool, x.value[i] || y.value[i])
HEED_PACK_BINARY(max, T, x.value[i] > y.value[i] ? x.value[i] : y.value[i])
HEED_PACK_BINARY(min, T, x.value[i] < y.value[i] ? x.value[i] : y.value[i])
HEED_PACK_BINARY(min_or_nan, T, x.value[i] < y.value[i] || x.value[i] != x.value[i] ? x.value[i] : y.value[i])
HEED_PACK_BINARY(max_or_nan, T, x.value[i] > y.value[i] || x.value[i] != x.value[i] ? x.value[i] : y.value[i])
HEED_PACK_UNARY(operator-, -x.value[i])
HEED_PACK_UNARY(operator!, !x.value[i])
HEED_PACK_UNARY(abs, x.value[i] < T(0) ? -x.value[i] : x.value[i] == T(0) ? T(0) : x.value[i])
HEED_PACK_UNARY(exp, std::exp(x.value[i]))
HEED_PACK_UNARY(log, std::log(x.value[i]))
HEED_PACK_UNARY(sqrt, std::sqrt(x.value[i]))
HEED_PACK_UNARY(tanh, std::tanh(x.value[i]))
HEED_PACK_UNARY(erf, std::erf(x.value[i]))
HEED_PACK_UNARY(normal_weighted, T(0.5) * x.value[i] * std::erfc(x.value[i] * T(-0.70710678118654752)))
HEED_PACK_UNARY(normal_weighted_slope, T(0.5) * std::erfc(x.value[i] * T(-0.70710678118654752)) + x.value[i] * std::exp(T(-0.5) * x.value[i] * x.value[i]) * T(0.39894228040143268))

#undef HEED_PACK_UNARY
#undef HEED_PACK_BINARY

/// Elements that are read or written as one, where their place allows it.
template <class T, int N> struct alignas(sizeof(T) * N <= 16 ? sizeof(T) * N : 16) together { T element[N]; };

/// Width neighbours along slot Lane, computed in F. Dense: they are neighbours in every memory, and lie as `together` does.
template <class F, int Lane, int Width = 1, bool Dense = false>
struct lanes {
    using scalar = F;
    using whole = std::conditional_t<std::is_same_v<F, float>, std::int32_t, std::int64_t>;
    using floating = pack<F, Width>;
    using integer = pack<whole, Width>;
    using truth = pack<bool, Width>;
    static constexpr int lane = Lane, width = Width, unroll = 1;
    static constexpr bool dense = Dense;

    template <class T> using held = std::conditional_t<is_mask<T>, bool, std::conditional_t<is_integer<T>, whole, F>>;
    template <class T> HEED_HOST_DEVICE static held<T> read(const T& x) {
        if constexpr (!is_on_host<T>) return read(x.value);
        else if constexpr (is_half<T>) return static_cast<F>(static_cast<float>(x));
        else return static_cast<held<T>>(x);
    }
    template <class T> HEED_HOST_DEVICE static pack<held<T>, Width> same(const T& x) { return pack<held<T>, Width>(read(x)); }

    /// The elements at p, p + stride, ...
    template <class T> HEED_HOST_DEVICE static pack<held<T>, Width> load(const T* p, index stride, int) {
        pack<held<T>, Width> v;
        if constexpr (Dense && Width > 1) {
            const auto all = *reinterpret_cast<const together<value_of<T>, Width>*>(p);
            for (int i = 0; i < Width; ++i) v.value[i] = read(all.element[i]);
        } else
            for (int i = 0; i < Width; ++i) v.value[i] = read(p[i * stride]);
        return v;
    }
    template <class T, class V> HEED_HOST_DEVICE static void store(T* p, index stride, V v) {
        using stored = value_of<T>;
        together<stored, Width> all;
        for (int i = 0; i < Width; ++i) {
            if constexpr (is_mask<T>) all.element[i] = v.value[i] != 0;
            else if constexpr (is_integer<T>) all.element[i] = static_cast<std::int32_t>(to_integer(v).value[i]);
            else if constexpr (is_half<stored>) all.element[i] = stored(static_cast<float>(v.value[i]));
            else all.element[i] = static_cast<stored>(v.value[i]);
        }
        if constexpr (Dense && Width > 1) *reinterpret_cast<together<stored, Width>*>(p) = all;
        else
            for (int i = 0; i < Width; ++i) *reinterpret_cast<stored*>(p + i * stride) = all.element[i];
    }

    HEED_HOST_DEVICE static integer count(index n) { return integer(n); }
    HEED_HOST_DEVICE static integer count_from(index n) {
        integer v;
        for (int i = 0; i < Width; ++i) v.value[i] = static_cast<whole>(n + i);
        return v;
    }
    HEED_HOST_DEVICE static integer differences(const index* p, int) {
        integer v;
        for (int i = 0; i < Width; ++i) v.value[i] = static_cast<whole>(p[i + 1] - p[i]);
        return v;
    }

    template <class V> HEED_HOST_DEVICE static floating to_floating(V v) {
        floating result;
        for (int i = 0; i < Width; ++i) result.value[i] = static_cast<F>(v.value[i]);
        return result;
    }
    /// Cut toward zero; beyond int32, its nearest.
    template <class V> HEED_HOST_DEVICE static integer to_integer(V v) {
        if constexpr (std::is_same_v<V, integer>) return v;
        else {
            integer result;
            for (int i = 0; i < Width; ++i) {
                const double x = static_cast<double>(v.value[i]);
                result.value[i] = static_cast<whole>(x > -2147483648.0 ? x < 2147483647.0 ? x : 2147483647.0 : -2147483648.0);
            }
            return result;
        }
    }
    template <class V> HEED_HOST_DEVICE static truth to_mask(V v) {
        truth result;
        for (int i = 0; i < Width; ++i) result.value[i] = v.value[i] != 0;
        return result;
    }
    template <class V> HEED_HOST_DEVICE static V choose(truth m, V a, V b) {
        for (int i = 0; i < Width; ++i) a.value[i] = m.value[i] ? a.value[i] : b.value[i];
        return a;
    }
    HEED_HOST_DEVICE static integer divide(integer a, integer b) {
        for (int i = 0; i < Width; ++i) a.value[i] = b.value[i] == 0 ? 0 : a.value[i] / b.value[i];
        return a;
    }
    HEED_HOST_DEVICE static floating uniform(philox_key key, integer places) {
        floating result;
        for (int i = 0; i < Width; ++i) {
            const auto at = static_cast<std::uint64_t>(places.value[i]);
            result.value[i] = static_cast<F>(uniform_from(philox(key, {low_word(at / 4), high_word(at / 4), 0, 0})[at % 4]));
        }
        return result;
    }
};
#undef HEED_EACH

/// What a tree comes to at a place along C's lane, written where its target has sought.
template <class C, class T, class Tree, class F>
HEED_HOST_DEVICE void store_tree(const Tree& tree, const lowered::target<T>& to, index at, const pack<F, C::width>* reduced) {
    index apart = 1;
    if constexpr (!C::dense && C::lane < lowered::most_slots) apart = to.stride[C::lane];
    T* const p = to.here + at * apart;
    const auto v = tree.template get<C>(lowered::spot{at, C::width, reduced});
    if constexpr (is_mask<T>) C::store(p, apart, C::to_mask(v));
    else if constexpr (is_integer<T>) C::store(p, apart, C::to_integer(v));
    else C::store(p, apart, C::to_floating(v));
}

}  // namespace heed::inline HEED_TARGET::cuda
