/// Expressions without names: trees of operations over positional slots, which is what kernels are compiled for.
///
/// A statement's axes become slots 0, 1, ...; a leaf's type is its element type and a bit mask of the slots that it has.
/// Sizes, strides and pointers are trivially copyable values. So one kernel serves every model that has this shape of sum.
///
/// A tree is asked through a context C, which says what a value is: a number, or a vector of them along slot C::lane.
#pragma once

#include <heed/eval/loops.hpp>
#include <heed/expr/reduce.hpp>
#include <heed/random.hpp>

#include <cstring>

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
[[gnu::always_inline]] inline auto convert(const V& v) {
    if constexpr (To == From) return v;
    else if constexpr (To == kind::floating) return C::to_floating(v);
    else if constexpr (To == kind::integer) return C::to_integer(v);
    else return C::to_mask(v);
}

/// The step to a place along the slots of a mask.
template <unsigned Slots>
[[gnu::always_inline]] inline index steps(const index* at, const index* stride) {
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

    /// Whether the lanes of a slot are read at `here` and a step further each.
    static constexpr bool runs_along(int slot) { return slots >> slot & 1; }
    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        here = base + row * per_row;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
    }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        if constexpr (Slots >> C::lane & 1) {
            const index apart = C::dense ? 1 : stride[C::lane];
            return C::load(here + p.lane * apart, apart, p.count);
        } else return C::same(*here);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {Slots, stride, per_row}; }
    [[gnu::always_inline]] void leaves(auto&& f) const { f(*this); }
    void reductions(auto&&) const {}
};

/// The number of the place along a slot.
template <int Slot>
struct place {
    static constexpr kind result = kind::integer;
    static constexpr unsigned slots = 1u << Slot;
    static constexpr int reduction_count = 0;
    index here = 0;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index) { here = Slot == Lane ? 0 : at[Slot]; }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        if constexpr (Slot == C::lane) return C::count_from(p.lane);
        else return C::count(here);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {slots, nullptr, 0}; }
    void leaves(auto&&) const {}
    void reductions(auto&&) const {}
};

/// The lengths of the sequences of a ragged pair, along the slot of its batch.
template <int Slot>
struct lengths {
    static constexpr kind result = kind::integer;
    static constexpr unsigned slots = 1u << Slot;
    static constexpr int reduction_count = 0;
    const index* offsets = nullptr;
    const index* here = nullptr;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index) { here = offsets + (Slot == Lane ? 0 : at[Slot]); }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        if constexpr (Slot == C::lane) return C::differences(here + p.lane, p.count);
        else return C::count(here[1] - here[0]);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {slots, nullptr, 0}; }
    void leaves(auto&&) const {}
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

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        here = row * per_row;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
    }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        if constexpr (!(Slots >> C::lane & 1)) return C::count(here);
        else if (stride[C::lane] == 1) return C::count_from(here + p.lane);
        else return C::count(here) + C::count_from(p.lane) * C::count(stride[C::lane]);
    }
    static constexpr int walk_count = 1;
    void walks(walk*& out) const { *out++ = {Slots, stride, per_row}; }
    void leaves(auto&&) const {}
    void reductions(auto&&) const {}
};

/// A number in [0, 1) for each place: the draw of that number of the random_stream with this key.
template <class X>
struct uniform {
    static constexpr kind result = kind::floating;
    static constexpr unsigned slots = X::slots;
    static constexpr int reduction_count = X::reduction_count;
    X x;
    philox_key key = {};

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        return C::uniform(key, x.template get<C>(p));
    }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    [[gnu::always_inline]] void reductions(auto&& f) { x.reductions(f); }
};

template <kind K>
struct constant {
    static constexpr kind result = K;
    static constexpr unsigned slots = 0;
    static constexpr int reduction_count = 0;
    double value = 0;

    template <int> [[gnu::always_inline]] void seek(const index*, index) {}
    template <class C> [[gnu::always_inline]] auto get(const spot&) const {
        if constexpr (K == kind::floating) return typename C::floating(static_cast<typename C::scalar>(value));
        else if constexpr (K == kind::integer) return C::count(static_cast<index>(value));
        else return C::same(value != 0);
    }
    static constexpr int walk_count = 0;
    void walks(walk*&) const {}
    void leaves(auto&&) const {}
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
    static double same(double x) { return x; }
    static double same(float x) { return static_cast<double>(x); }
    static double same(bf16 x) { return static_cast<double>(static_cast<float>(x)); }
    static std::int64_t same(std::int32_t x) { return x; }
    static bool same(bool x) { return x; }
    template <class T> static auto load(const T* p, index, int) { return same(*p); }
    static std::int64_t count(index n) { return n; }
    static std::int64_t count_from(index n) { return n; }
    static std::int64_t differences(const index* p, int) { return p[1] - p[0]; }
    static double to_floating(auto v) { return static_cast<double>(v); }
    /// Cut toward zero; beyond int32, its nearest.
    static std::int64_t to_integer(auto v) { return static_cast<std::int64_t>(v > -2147483648.0 ? v < 2147483647.0 ? static_cast<double>(v) : 2147483647.0 : -2147483648.0); }
    static bool to_mask(auto v) { return v != 0; }
    static bool to_mask(bool v) { return v; }
    template <class V> static V choose(bool m, V a, V b) { return m ? a : b; }
    static double uniform(philox_key key, std::int64_t place) {
        const auto at = static_cast<std::uint64_t>(place);
        return static_cast<double>(uniform_from(philox(key, {low_word(at / 4), high_word(at / 4), 0, 0})[at % 4]));
    }
    static std::int64_t divide(std::int64_t a, std::int64_t b) { return b == 0 ? 0 : a / b; }
};

/// Rows of a table chosen by ids. An id that varies along the lanes is looked up lane by lane.
template <class T, unsigned Slots, class Ids>
struct gathered {
    static constexpr kind result = kind_of<T>;
    static constexpr unsigned slots = Slots | Ids::slots;
    static constexpr int reduction_count = 0;
    const T* base = nullptr;
    const T* here = nullptr;
    index stride[most_slots] = {};
    index step = 0;
    Ids ids;

    static constexpr bool runs_along(int slot) { return (Slots & ~Ids::slots) >> slot & 1; }
    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        ids.template seek<Lane>(at, row);
        here = base;
        here += steps<(Lane < most_slots ? Slots & ~(1u << (Lane % most_slots)) : Slots)>(at, stride);
        if constexpr (!(Ids::slots >> Lane & 1)) here += ids.template get<numbers<Lane>>(spot{}) * step;
    }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        if constexpr (Ids::slots >> C::lane & 1) {
            T chosen[C::width] = {};
            for (int i = 0; i < p.count; ++i) {
                const auto id = ids.template get<numbers<C::lane>>(spot{p.lane + i});
                index along = 0;
                if constexpr (Slots >> C::lane & 1) along = (p.lane + i) * stride[C::lane];
                chosen[i] = here[id * step + along];
            }
            return C::load(chosen, 1, C::width);
        } else if constexpr (Slots >> C::lane & 1) {
            const index apart = C::dense ? 1 : stride[C::lane];
            return C::load(here + p.lane * apart, apart, p.count);
        } else return C::same(*here);
    }
    static constexpr int walk_count = Ids::walk_count + 1;
    void walks(walk*& out) const { *out++ = {Slots, stride, 0}, ids.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { f(*this); }
    void reductions(auto&&) const {}
};

/// What a contraction came to, where its tile lies: the value that an epilogue begins with.
template <class T>
struct accumulated {
    static constexpr kind result = kind::floating;
    static constexpr unsigned slots = 0;
    static constexpr int reduction_count = 0;

    template <int> [[gnu::always_inline]] void seek(const index*, index) {}
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const { return C::load(static_cast<const T*>(p.reduced) + p.lane, 1, p.count); }
    static constexpr int walk_count = 0;
    void walks(walk*&) const {}
    void leaves(auto&&) const {}
    void reductions(auto&&) const {}
};

/// The value of each operation's operands for a result: numbers for arithmetic, masks for logic.
template <class Op> inline constexpr bool is_logic = std::is_same_v<Op, operations::both> || std::is_same_v<Op, operations::either> || std::is_same_v<Op, operations::opposite>;
template <class Op> inline constexpr bool is_comparison =
    std::is_same_v<Op, operations::less> || std::is_same_v<Op, operations::less_equal> || std::is_same_v<Op, operations::greater> ||
    std::is_same_v<Op, operations::greater_equal> || std::is_same_v<Op, operations::equal> || std::is_same_v<Op, operations::not_equal>;
constexpr kind stronger(kind a, kind b) { return a > b ? a : b; }

template <class Op, kind K, class X>
struct unary {
    static constexpr kind result = K;
    static constexpr unsigned slots = X::slots;
    static constexpr int reduction_count = X::reduction_count;
    X x;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const { return Op::apply(convert<C, K, X::result>(x.template get<C>(p))); }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    [[gnu::always_inline]] void reductions(auto&& f) { x.reductions(f); }
};

template <kind K, class X>
struct converted {
    static constexpr kind result = K;
    static constexpr unsigned slots = X::slots;
    static constexpr int reduction_count = X::reduction_count;
    X x;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const { return convert<C, K, X::result>(x.template get<C>(p)); }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    [[gnu::always_inline]] void reductions(auto&& f) { x.reductions(f); }
};

template <class Op, kind K, class L, class R>
struct binary {
    static constexpr kind result = K;
    static constexpr kind inside = is_comparison<Op> ? stronger(L::result, R::result) : K;
    static constexpr unsigned slots = L::slots | R::slots;
    static constexpr int reduction_count = L::reduction_count + R::reduction_count;
    L left;
    R right;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        left.template seek<Lane>(at, row);
        right.template seek<Lane>(at, row);
    }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        const auto a = convert<C, inside, L::result>(left.template get<C>(p));
        const auto b = convert<C, inside, R::result>(right.template get<C>(p));
        if constexpr (is_comparison<Op> || is_logic<Op>) return C::to_mask(Op::apply(a, b));
        else if constexpr (std::is_same_v<Op, operations::divide> && K == kind::integer) return C::divide(a, b);
        else return Op::apply(a, b);
    }
    static constexpr int walk_count = L::walk_count + R::walk_count;
    void walks(walk*& out) const { left.walks(out), right.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { left.leaves(f), right.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { left.reductions(f), right.reductions(f); }
    [[gnu::always_inline]] void reductions(auto&& f) { left.reductions(f), right.reductions(f); }
};

template <kind K, class M, class L, class R>
struct choice {
    static constexpr kind result = K;
    static constexpr unsigned slots = M::slots | L::slots | R::slots;
    static constexpr int reduction_count = M::reduction_count + L::reduction_count + R::reduction_count;
    M condition;
    L yes;
    R no;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        condition.template seek<Lane>(at, row);
        yes.template seek<Lane>(at, row);
        no.template seek<Lane>(at, row);
    }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const {
        return C::choose(condition.template get<C>(p), convert<C, K, L::result>(yes.template get<C>(p)), convert<C, K, R::result>(no.template get<C>(p)));
    }
    static constexpr int walk_count = M::walk_count + L::walk_count + R::walk_count;
    void walks(walk*& out) const { condition.walks(out), yes.walks(out), no.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { condition.leaves(f), yes.leaves(f), no.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { condition.reductions(f), yes.reductions(f), no.reductions(f); }
    [[gnu::always_inline]] void reductions(auto&& f) { condition.reductions(f), yes.reductions(f), no.reductions(f); }
};

/// The K-th reduction of a row program: computed before it is asked for, once a row.
template <class Op, int K, class X>
struct reduction {
    using operation = Op;
    static constexpr kind result = kind::floating;
    static constexpr int number = K;
    static constexpr unsigned slots = 0;            // of the row: what it varies with is outside
    static constexpr int reduction_count = X::reduction_count + 1;
    X x;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] auto get(const spot& p) const { return static_cast<const typename C::floating*>(p.reduced)[K * C::unroll]; }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f), f(*this); }
    [[gnu::always_inline]] void reductions(auto&& f) { x.reductions(f), f(*this); }
};

/// What reduction K sums, as the first factor of a row's result: a backend may keep it where the result will stand.
template <int K, class X>
struct kept : X {
    static constexpr int summed_by = K;
};
template <class Tree> inline constexpr int kept_by = -1;
template <kind R, int K, class X, class F> inline constexpr int kept_by<binary<operations::multiply, R, kept<K, X>, F>> = F::slots == 0 ? K : -1;

/// Whether a tree is one number a row, made of its reductions.
template <class X> inline constexpr bool is_of_row = X::slots == 0 && X::reduction_count > 0 && X::result == kind::floating;
template <class X> inline constexpr bool is_reduction = false;
template <class Op, int K, class X> inline constexpr bool is_reduction<reduction<Op, K, X>> = true;

/// Where a row program writes.
template <class T>
struct target {
    using element = T;
    T* base = nullptr;
    T* here = nullptr;
    index stride[most_slots] = {};
    index per_row = 0;

    template <int Lane> [[gnu::always_inline]] void seek(const index* at, index row) {
        here = base + row * per_row;
        here += steps<(Lane < most_slots ? 255u & ~(1u << (Lane % most_slots)) : 255u)>(at, stride);
    }
    walk walks() const { return {255u, stride, per_row}; }
};

}  // namespace heed::inline HEED_TARGET::lowered
