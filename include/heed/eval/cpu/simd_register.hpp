/// simd<T>: as many numbers as a register of this build holds, with the arithmetic of one.
///
/// T is float, double or int (32 bits). `simd<int>` has as many lanes as `simd<float>`. A comparison gives a
/// simd_mask<T>. Everything is inlined always: no call may cost more than its instruction, at any level of optimization.
#pragma once

#include "simd_memory.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// A truth value for each lane of a simd<T>.
template <class T> struct simd_mask {
    native::predicate<T> lanes_set;

    simd_mask() = default;
    HEED_INLINE simd_mask(native::predicate<T> m) : lanes_set(m) {}

    /// True in the first n lanes.
    HEED_INLINE static simd_mask first(int n) { return native::first_lanes<T>(n); }
    HEED_INLINE static simd_mask load(const bool* p) { return native::load_bool<T>(p); }
    /// The first n from p, false beyond; nothing past n is read.
    HEED_INLINE static simd_mask load(const bool* p, int n) { return native::load_bool<T>(p, n); }
    HEED_INLINE void store(bool* p) const { native::store_bool<T>(p, lanes_set, native::lanes<T>); }
    HEED_INLINE void store(bool* p, int n) const { native::store_bool<T>(p, lanes_set, n); }

    HEED_INLINE friend simd_mask operator&(simd_mask a, simd_mask b) { return native::predicate<T>(a.lanes_set & b.lanes_set); }
    HEED_INLINE friend simd_mask operator|(simd_mask a, simd_mask b) { return native::predicate<T>(a.lanes_set | b.lanes_set); }
    HEED_INLINE friend simd_mask operator^(simd_mask a, simd_mask b) { return (a | b) & !(a & b); }  // xsimd 8.1's ^ is | on AVX-512
    HEED_INLINE friend simd_mask operator!(simd_mask a) { return native::predicate<T>(!a.lanes_set); }
};

template <class T> HEED_INLINE bool any(simd_mask<T> m) { return native::any<T>(m.lanes_set); }
template <class T> HEED_INLINE bool all(simd_mask<T> m) { return native::all<T>(m.lanes_set); }

/// The same truths for another element type of the same size (float and int).
template <class To, class From> HEED_INLINE simd_mask<To> mask_cast(simd_mask<From> m) {
    static_assert(native::lanes<To> == native::lanes<From>);
    return native::cast_bits<native::predicate<To>>(m.lanes_set);
}

template <class T> struct simd {
    using value_type = T;
    using mask_type = simd_mask<T>;
    static constexpr int lanes = native::lanes<T>;

    native::vector<T> value;

    simd() = default;
    HEED_INLINE simd(T all_lanes) : value(all_lanes) {}
#if HEED_VECTOR_REGISTERS
    HEED_INLINE simd(native::vector<T> v) : value(v) {}
#endif

    /// Of any alignment, as are all loads and stores.
    HEED_INLINE static simd load(const T* p) { return native::load(p); }
    /// The first n lanes from p, zero beyond; nothing past n is read. n is 0 to lanes.
    HEED_INLINE static simd load(const T* p, int n) { return native::load(p, n); }
    HEED_INLINE void store(T* p) const { native::store<T>(p, value); }
    /// Writes the first n lanes and nothing past them.
    HEED_INLINE void store(T* p, int n) const { native::store(p, value, n); }

    HEED_INLINE static simd load(const bf16* p) requires std::is_same_v<T, float> { return native::load_bf16(p); }
    HEED_INLINE static simd load(const bf16* p, int n) requires std::is_same_v<T, float> { return native::load_bf16(p, n); }
    HEED_INLINE void store(bf16* p) const requires std::is_same_v<T, float> { native::store_bf16(p, value); }
    HEED_INLINE void store(bf16* p, int n) const requires std::is_same_v<T, float> { native::store_bf16(p, value, n); }

    /// 0, 1, 2, ...
    HEED_INLINE static simd iota() { return native::iota<T>(); }

    HEED_INLINE friend simd operator+(simd a, simd b) { return native::vector<T>(a.value + b.value); }
    HEED_INLINE friend simd operator-(simd a, simd b) { return native::vector<T>(a.value - b.value); }
    HEED_INLINE friend simd operator*(simd a, simd b) { return native::vector<T>(a.value * b.value); }
    HEED_INLINE friend simd operator/(simd a, simd b) requires std::is_floating_point_v<T> { return native::vector<T>(a.value / b.value); }
    HEED_INLINE friend simd operator-(simd a) { return native::vector<T>(-a.value); }
    HEED_INLINE simd& operator+=(simd b) { return *this = *this + b; }
    HEED_INLINE simd& operator-=(simd b) { return *this = *this - b; }
    HEED_INLINE simd& operator*=(simd b) { return *this = *this * b; }

    HEED_INLINE friend mask_type operator<(simd a, simd b) { return native::predicate<T>(a.value < b.value); }
    HEED_INLINE friend mask_type operator<=(simd a, simd b) { return native::predicate<T>(a.value <= b.value); }
    HEED_INLINE friend mask_type operator>(simd a, simd b) { return native::predicate<T>(a.value > b.value); }
    HEED_INLINE friend mask_type operator>=(simd a, simd b) { return native::predicate<T>(a.value >= b.value); }
    HEED_INLINE friend mask_type operator==(simd a, simd b) { return native::predicate<T>(a.value == b.value); }
    HEED_INLINE friend mask_type operator!=(simd a, simd b) { return !(a == b); }     // xsimd 8.1's is false for NaN

    /// a * b + c, rounded once where the instruction set has it (AVX2 with FMA, AVX-512).
    HEED_INLINE friend simd fma(simd a, simd b, simd c) requires std::is_floating_point_v<T> { return native::fma<T>(a.value, b.value, c.value); }
    /// The smaller; b where either is NaN, so that min(limit, x) lets a NaN in x through.
    HEED_INLINE friend simd min(simd a, simd b) { return native::min<T>(a.value, b.value); }
    /// The greater; b where either is NaN, so that max(limit, x) lets a NaN in x through.
    HEED_INLINE friend simd max(simd a, simd b) { return native::max<T>(a.value, b.value); }
    /// The same, but NaN where either is.
    HEED_INLINE friend simd min_or_nan(simd a, simd b) {
        if constexpr (std::is_floating_point_v<T>) return select(a != a, a, min(a, b));
        else return min(a, b);
    }
    HEED_INLINE friend simd max_or_nan(simd a, simd b) {
        if constexpr (std::is_floating_point_v<T>) return select(a != a, a, max(a, b));
        else return max(a, b);
    }
    HEED_INLINE friend simd sqrt(simd a) requires std::is_floating_point_v<T> { return native::sqrt<T>(a.value); }
    HEED_INLINE friend simd floor(simd a) requires std::is_floating_point_v<T> { return native::floor<T>(a.value); }
    /// The nearest whole number, ties to even.
    HEED_INLINE friend simd round(simd a) requires std::is_floating_point_v<T> { return native::round<T>(a.value); }

    /// Over all lanes, always in the same order.
    HEED_INLINE friend T reduce_add(simd a) { return native::reduce_add<T>(a.value); }
    HEED_INLINE friend T reduce_max(simd a) { return native::reduce_max<T>(a.value); }
    HEED_INLINE friend T reduce_min(simd a) { return native::reduce_min<T>(a.value); }

    /// a where the mask is true, b elsewhere.
    HEED_INLINE friend simd select(mask_type m, simd a, simd b) { return native::select<T>(m.lanes_set, a.value, b.value); }
};

/// The bits of each lane as an integer of the same size, and back.
template <class T> HEED_INLINE auto bits_of(simd<T> x) { return native::cast_bits<native::vector<typename native::integer_of<T>::type>>(x.value); }
template <class T, class Bits> HEED_INLINE simd<T> from_bits(Bits x) { return simd<T>(native::cast_bits<native::vector<T>>(x)); }

template <class T> HEED_INLINE simd<T> abs(simd<T> x) {
    if constexpr (std::is_floating_point_v<T>) {
        using integer = typename native::integer_of<T>::type;
        const native::vector<integer> all_but_sign(static_cast<integer>(~integer(0) ^ (integer(1) << (sizeof(T) * 8 - 1))));
        return from_bits<T>(native::vector<integer>(bits_of(x) & all_but_sign));
    } else {
        return max(x, -x);
    }
}

/// |magnitude| with the sign of `sign`.
template <class T> HEED_INLINE simd<T> copysign(simd<T> magnitude, simd<T> sign) {
    using integer = typename native::integer_of<T>::type;
    const native::vector<integer> sign_bit(static_cast<integer>(integer(1) << (sizeof(T) * 8 - 1)));
    return from_bits<T>(native::vector<integer>(bits_of(abs(magnitude)) | native::vector<integer>(bits_of(sign) & sign_bit)));
}

/// Exchanges the rows and columns of a square of lanes x lanes numbers, one register a row.
template <class T> HEED_INLINE void transpose(simd<T> (&rows)[native::lanes<T>]) {
    native::vector<T> square[native::lanes<T>];
    for (int i = 0; i < native::lanes<T>; ++i) square[i] = rows[i].value;
    native::transpose<T>(square);
    for (int i = 0; i < native::lanes<T>; ++i) rows[i].value = square[i];
}

/// int to float, rounded; float to int, cut toward zero.
template <class To, class From> HEED_INLINE simd<To> convert(simd<From> x) {
    if constexpr (std::is_same_v<To, From>) return x;
    else if constexpr (std::is_same_v<To, float>) return native::to_float(x.value);
    else return native::to_int(x.value);
}

}  // namespace heed::inline HEED_TARGET::cpu
