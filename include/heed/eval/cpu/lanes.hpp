/// The context that lowered trees are computed in on the CPU: registers of float with int beside them, or of double.
#pragma once

#include <heed/eval/cpu/simd.hpp>
#include <heed/eval/lowered.hpp>

namespace heed::inline HEED_TARGET::cpu {

using heed::detail::index;

/// Registers of F along slot Lane. In a statement of double, integers are whole doubles: exact, and in lanes of one width.
/// Unroll: how many registers of a reduction lie side by side. Dense: neighbours along Lane are neighbours in every memory.
template <class F, int Lane, int Unroll = 1, bool Dense = false>
struct lanes {
    static constexpr bool is_float = std::is_same_v<F, float>;
    using scalar = F;
    using whole = std::conditional_t<is_float, std::int32_t, double>;
    using floating = simd<F>;
    using integer = simd<whole>;
    using truth = simd_mask<F>;
    static constexpr int lane = Lane, width = floating::lanes, unroll = Unroll;
    static constexpr bool dense = Dense;

    template <class T> using register_of = std::conditional_t<is_mask<T>, truth, std::conditional_t<is_integer<T>, integer, floating>>;
    template <class T> using number_of = std::conditional_t<is_integer<T>, whole, F>;

    template <class T> HEED_INLINE static register_of<T> same(T x) {
        if constexpr (is_mask<T>) return truth::first(x ? width : 0);
        else if constexpr (is_half<T>) return floating(static_cast<F>(static_cast<float>(x)));
        else return register_of<T>(static_cast<number_of<T>>(x));
    }

    /// The elements at p, p + stride, ...: the first n lanes, zeros beyond.
    template <class T> HEED_INLINE static register_of<T> load(const T* p, index stride, int n) {
        if (stride == 1) [[likely]] {
            if constexpr (is_mask<T> || std::is_same_v<T, number_of<T>> || (std::is_same_v<T, bf16> && is_float))
                return n == width ? register_of<T>::load(p) : register_of<T>::load(p, n);
        }
        return pick(p, stride, n);
    }
    template <class T> [[gnu::noinline]] static register_of<T> pick(const T* p, index stride, int n) {
        if constexpr (is_mask<T>) {
            bool chosen[width] = {};
            for (int i = 0; i < n; ++i) chosen[i] = p[i * stride];
            return truth::load(chosen);
        } else {
            number_of<T> chosen[width] = {};
            for (int i = 0; i < n; ++i) {
                if constexpr (is_half<T>) chosen[i] = static_cast<F>(static_cast<float>(p[i * stride]));
                else chosen[i] = static_cast<number_of<T>>(p[i * stride]);
            }
            return register_of<T>::load(chosen);
        }
    }

    HEED_INLINE static integer count(index n) { return integer(static_cast<whole>(n)); }
    HEED_INLINE static integer count_from(index n) { return integer(static_cast<whole>(n)) + integer::iota(); }
    [[gnu::noinline]] static integer differences(const index* p, int n) {
        whole chosen[width] = {};
        for (int i = 0; i < n; ++i) chosen[i] = static_cast<whole>(p[i + 1] - p[i]);
        return integer::load(chosen);
    }

    HEED_INLINE static floating to_floating(floating x) { return x; }
    HEED_INLINE static floating to_floating(simd<std::int32_t> x) requires is_float { return convert<float>(x); }
    HEED_INLINE static floating to_floating(truth m) { return select(m, floating(F(1)), floating(F(0))); }
    HEED_INLINE static integer to_integer(floating x) {
        if constexpr (is_float) return convert<std::int32_t>(x);
        else return max(floating(-2147483648.0), min(floating(2147483647.0), select(x < floating(0), -floor(-x), floor(x))));
    }
    HEED_INLINE static integer to_integer(simd<std::int32_t> x) requires is_float { return x; }
    HEED_INLINE static integer to_integer(truth m) { return choose(m, integer(whole(1)), integer(whole(0))); }
    HEED_INLINE static truth to_mask(truth m) { return m; }
    HEED_INLINE static truth to_mask(simd_mask<std::int32_t> m) requires is_float { return mask_cast<float>(m); }
    HEED_INLINE static truth to_mask(floating x) { return x != floating(0); }
    HEED_INLINE static truth to_mask(simd<std::int32_t> x) requires is_float { return mask_cast<float>(x != simd<std::int32_t>(0)); }

    HEED_INLINE static floating choose(truth m, floating a, floating b) { return select(m, a, b); }
    HEED_INLINE static simd<std::int32_t> choose(truth m, simd<std::int32_t> a, simd<std::int32_t> b) requires is_float {
        return select(mask_cast<std::int32_t>(m), a, b);
    }
    HEED_INLINE static truth choose(truth m, truth a, truth b) { return (m & a) | ((!m) & b); }
    [[gnu::noinline]] static integer divide(integer a, integer b) {
        whole x[width], y[width];
        a.store(x);
        b.store(y);
        for (int i = 0; i < width; ++i) x[i] = y[i] == 0 ? 0 : static_cast<whole>(static_cast<std::int64_t>(x[i]) / static_cast<std::int64_t>(y[i]));
        return integer::load(x);
    }

    /// A number in [0, 1) for each place: Philox on all lanes at once. A block has words for four places; of places one after
    /// another, as those of a row are, each block is made once.
    [[gnu::noinline]] static floating uniform(philox_key key, integer places) {
        constexpr std::uint64_t group = 4;
        whole stored[width];
        places.store(stored);
        std::uint64_t place[width];
        for (int i = 0; i < width; ++i) place[i] = static_cast<std::uint64_t>(static_cast<std::int64_t>(stored[i]));
        bool in_turn = width % group == 0 && place[0] % group == 0;
        for (int i = 0; i < width; ++i) in_turn &= place[i] == place[0] + static_cast<std::uint64_t>(i);
        F out[width];
        if (in_turn) {
            std::uint32_t words[4][(width + group - 1) / group];
            number_blocks(words, [&](int i) { return place[0] / group + static_cast<std::uint64_t>(i); });
            philox(key, words);
            for (std::uint64_t i = 0; i < width; ++i) out[i] = static_cast<F>(uniform_from(words[i % group][i / group]));
        } else {
            std::uint32_t words[4][width];
            number_blocks(words, [&](int i) { return place[i] / group; });
            philox(key, words);
            for (int i = 0; i < width; ++i) out[i] = static_cast<F>(uniform_from(words[place[i] % group][i]));
        }
        return floating::load(out);
    }
    template <int N> HEED_INLINE static void number_blocks(std::uint32_t (&words)[4][N], auto number) {
        for (int i = 0; i < N; ++i) words[0][i] = low_word(number(i)), words[1][i] = high_word(number(i)), words[2][i] = words[3][i] = 0;
    }

    /// The first n lanes to p, p + stride, ... as elements of T.
    template <class T, class V> HEED_INLINE static void store(T* p, index stride, int n, V v) {
        if constexpr (is_mask<T>) {
            const truth m = to_mask(v);
            if (stride == 1) [[likely]] return n == width ? m.store(p) : m.store(p, n);
            bool out[width];
            m.store(out);
            for (int i = 0; i < n; ++i) p[i * stride] = out[i];
        } else {
            const auto x = [&] {
                if constexpr (is_integer<T>) return to_integer(v);
                else return to_floating(v);
            }();
            if constexpr (std::is_same_v<T, number_of<T>> || (std::is_same_v<T, bf16> && is_float)) {
                if (stride == 1) [[likely]] return n == width ? x.store(p) : x.store(p, n);
            }
            number_of<T> out[width];
            x.store(out);
            for (int i = 0; i < n; ++i) {
                if constexpr (is_half<T>) p[i * stride] = T(static_cast<float>(out[i]));
                else p[i * stride] = static_cast<T>(out[i]);
            }
        }
    }
};

}  // namespace heed::inline HEED_TARGET::cpu
