/// What trees of operations over slots end in: memory, places, lengths, constants, and how their values are asked for.
///
/// A leaf's type is its element type and a bit mask of the slots that it has; sizes, strides and pointers are its value. It is
/// asked through a context C, which says what a value is: a number, or a vector of them along slot C::lane.
#pragma once

#include <heed/element.hpp>
#include <heed/eval/loops.hpp>
#include <heed/random.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace heed::inline HEED_TARGET::lowered {

enum class kind { mask, integer, floating };
template <class T> inline constexpr kind kind_of = is_mask<T> ? kind::mask : is_integer<T> ? kind::integer : kind::floating;

/// Where along the lane slot values are wanted, how many of the lanes count, and what the reductions of the row came to.
struct spot {
    index lane = 0;
    int count = 1;
    const void* reduced = nullptr;
};

/// From one kind of value to another.
template <class C, kind To, kind From, class V>
[[gnu::always_inline]] HEED_HOST_DEVICE inline auto convert(const V& v) {
    if constexpr (To == From) return v;
    else if constexpr (To == kind::floating) return C::to_floating(v);
    else if constexpr (To == kind::integer) return C::to_integer(v);
    else return C::to_mask(v);
}

/// The step to a place along the slots of a mask.
template <unsigned Slots>
[[gnu::always_inline]] HEED_HOST_DEVICE inline index steps(const index* at, const index* stride) {
    return [&]<int... S>(std::integer_sequence<int, S...>) __attribute__((always_inline)) {
        index sum = 0;
        ((sum += (Slots >> S & 1) ? at[S] * stride[S] : 0), ...);
        return sum;
    }(std::make_integer_sequence<int, most_slots>{});
}

/// Memory. `per_row` is the step for each row that lies before a ragged sequence.
template <class T, unsigned Slots>
struct leaf {
    static constexpr kind result = kind_of<T>;
    static constexpr unsigned slots = Slots;
    static constexpr int reduction_count = 0;
    const T* base = nullptr;
    const T* here = nullptr;
    index stride[most_slots] = {};
    index per_row = 0;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        here = base + row * per_row;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
    }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (Slots >> C::lane & 1) {
            const index apart = C::dense ? 1 : stride[C::lane];
            return C::load(here + p.lane * apart, apart, p.count);
        } else return C::same(*here);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {Slots, stride, per_row, Slots, &here, sizeof(T)}; }
    [[gnu::always_inline]] void leaves(auto&& f) const { f(*this); }
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

/// The number of the place along a slot.
template <int Slot>
struct place {
    static constexpr kind result = kind::integer;
    static constexpr unsigned slots = 1u << Slot;
    static constexpr int reduction_count = 0;
    index here = 0;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index) { here = Slot == Lane ? 0 : at[Slot]; }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (Slot == C::lane) return C::count_from(p.lane);
        else return C::count(here);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {slots, nullptr, 0}; }
    void leaves(auto&&) const {}
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

/// The lengths of the sequences of a ragged pair, along the slot of its batch.
template <int Slot>
struct lengths {
    static constexpr kind result = kind::integer;
    static constexpr unsigned slots = 1u << Slot;
    static constexpr int reduction_count = 0;
    const index* offsets = nullptr;
    index segments = 0;
    const index* here = nullptr;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index) { here = offsets + (Slot == Lane ? 0 : at[Slot]); }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (Slot == C::lane) return C::differences(here + p.lane, p.count);
        else return C::count(here[1] - here[0]);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {slots, nullptr, 0}; }
    void leaves(auto&&) const {}
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

/// How many elements lie before a place in dense memory.
template <unsigned Slots>
struct offset {
    static constexpr kind result = kind::integer;
    static constexpr unsigned slots = Slots;
    static constexpr int reduction_count = 0;
    index here = 0;
    index stride[most_slots] = {};
    index per_row = 0;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        here = row * per_row;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
    }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (!(Slots >> C::lane & 1)) return C::count(here);
        else if (stride[C::lane] == 1) return C::count_from(here + p.lane);
        else return C::count(here) + C::count_from(p.lane) * C::count(stride[C::lane]);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {Slots, stride, per_row}; }
    void leaves(auto&&) const {}
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

template <kind K>
struct constant {
    static constexpr kind result = K;
    static constexpr unsigned slots = 0;
    static constexpr int reduction_count = 0;
    double value = 0;

    template <int> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index*, index) {}
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot&) const {
        if constexpr (K == kind::floating) return typename C::floating(static_cast<typename C::scalar>(value));
        else if constexpr (K == kind::integer) return C::count(static_cast<index>(value));
        else return C::same(value != 0);
    }
    static constexpr int walk_count = 0;
    void walks(walk*&) const {}
    void leaves(auto&&) const {}
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

/// A context of plain numbers: what the reference computes in, and what asks for an id.
template <int Lane>
struct numbers {
    using scalar = double;
    using floating = double;
    using integer = std::int64_t;
    static constexpr int lane = Lane, width = 1, unroll = 1;
    static constexpr bool dense = false;
    HEED_HOST_DEVICE static double same(double x) { return x; }
    HEED_HOST_DEVICE static double same(float x) { return static_cast<double>(x); }
    HEED_HOST_DEVICE static double same(fp16 x) { return static_cast<double>(static_cast<float>(x)); }
    HEED_HOST_DEVICE static double same(bf16 x) { return static_cast<double>(static_cast<float>(x)); }
    HEED_HOST_DEVICE static std::int64_t same(std::int32_t x) { return x; }
    HEED_HOST_DEVICE static bool same(bool x) { return x; }
    template <class T> requires(!is_on_host<T>) HEED_HOST_DEVICE static auto same(const T& x) { return same(x.value); }
    template <class T> HEED_HOST_DEVICE static auto load(const T* p, index, int) { return same(*p); }
    HEED_HOST_DEVICE static std::int64_t count(index n) { return n; }
    HEED_HOST_DEVICE static std::int64_t count_from(index n) { return n; }
    HEED_HOST_DEVICE static std::int64_t differences(const index* p, int) { return p[1] - p[0]; }
    HEED_HOST_DEVICE static double to_floating(auto v) { return static_cast<double>(v); }
    /// Cut toward zero; beyond int32, its nearest.
    HEED_HOST_DEVICE static std::int64_t to_integer(auto v) { return static_cast<std::int64_t>(v > -2147483648.0 ? v < 2147483647.0 ? static_cast<double>(v) : 2147483647.0 : -2147483648.0); }
    HEED_HOST_DEVICE static bool to_mask(auto v) { return v != 0; }
    HEED_HOST_DEVICE static bool to_mask(bool v) { return v; }
    template <class V> HEED_HOST_DEVICE static V choose(bool m, V a, V b) { return m ? a : b; }
    HEED_HOST_DEVICE static double uniform(philox_key key, std::int64_t place) {
        const auto at = static_cast<std::uint64_t>(place);
        return static_cast<double>(uniform_from(philox(key, {low_word(at / 4), high_word(at / 4), 0, 0})[at % 4]));
    }
    HEED_HOST_DEVICE static std::int64_t divide(std::int64_t a, std::int64_t b) { return b == 0 ? 0 : a / b; }
};

/// Rows of a table chosen by ids. An id that varies along the lanes is looked up lane by lane. Ids were checked before; where
/// they could not be, one outside the table reads its first row.
template <class T, unsigned Slots, class Ids>
struct gathered {
    static constexpr kind result = kind_of<T>;
    static constexpr unsigned slots = Slots | Ids::slots;
    static constexpr int reduction_count = 0;
    const T* base = nullptr;
    const T* here = nullptr;
    index stride[most_slots] = {};
    index step = 0, rows = 0;
    Ids ids;

    HEED_HOST_DEVICE index of_row(index id) const { return (id >= 0 && id < rows ? id : 0) * step; }

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        ids.template seek<Lane>(at, row);
        here = base;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
        if constexpr (!(Ids::slots >> Lane & 1)) here += of_row(ids.template get<numbers<Lane>>(spot{}));
    }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (Ids::slots >> C::lane & 1) {
            T chosen[C::width] = {};
            for (int i = 0; i < p.count; ++i) {
                const auto id = ids.template get<numbers<C::lane>>(spot{p.lane + i});
                index along = 0;
                if constexpr (Slots >> C::lane & 1) along = (p.lane + i) * stride[C::lane];
                chosen[i] = here[of_row(id) + along];
            }
            return C::load(chosen, 1, C::width);
        } else if constexpr (Slots >> C::lane & 1) {
            const index apart = C::dense ? 1 : stride[C::lane];
            return C::load(here + p.lane * apart, apart, p.count);
        } else return C::same(*here);
    }
    static constexpr int walk_count = Ids::walk_count + 1;
    void walks(walk*& out) const {
        *out++ = {Slots, stride, 0, Slots & ~Ids::slots, &here, sizeof(T)};
        walk* w = out;
        ids.walks(out);
        for (; w != out; ++w) w->running = 0;       // ids are looked up one by one, where they lie
    }
    [[gnu::always_inline]] void leaves(auto&& f) const { f(*this); }
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

/// What a contraction came to, where its tile lies: the value that an epilogue begins with.
template <class T>
struct accumulated {
    static constexpr kind result = kind::floating;
    static constexpr unsigned slots = 0;
    static constexpr int reduction_count = 0;

    template <int> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index*, index) {}
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        if constexpr (requires { C::product(p); }) return C::product(p);        // not rounded to T
        else return C::load(static_cast<const T*>(p.reduced) + p.lane, 1, p.count);
    }
    static constexpr int walk_count = 0;
    void walks(walk*&) const {}
    void leaves(auto&&) const {}
    HEED_HOST_DEVICE void reductions(auto&&) {}
    void reductions(auto&&) const {}
};

}  // namespace heed::inline HEED_TARGET::lowered
