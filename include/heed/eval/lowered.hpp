/// Expressions without names: trees of operations over positional slots, which is what kernels are compiled for.
///
/// A statement's axes become slots 0, 1, ...; a leaf (see lowered_leaves.hpp) has some of them. All of a tree is trivially
/// copyable. So one kernel serves every model that has this shape of sum.
#pragma once

#include <heed/eval/lowered_leaves.hpp>
#include <heed/expr/reduce.hpp>

namespace heed::inline HEED_TARGET::lowered {

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

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const { return Op::apply(convert<C, K, X::result>(x.template get<C>(p))); }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { x.reductions(f); }
};

template <kind K, class X>
struct converted {
    static constexpr kind result = K;
    static constexpr unsigned slots = X::slots;
    static constexpr int reduction_count = X::reduction_count;
    X x;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const { return convert<C, K, X::result>(x.template get<C>(p)); }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { x.reductions(f); }
};

/// A number in [0, 1) for each place: the draw of that number of the random_stream with this key.
template <class X>
struct uniform {
    static constexpr kind result = kind::floating;
    static constexpr unsigned slots = X::slots;
    static constexpr int reduction_count = X::reduction_count;
    X x;
    philox_key key = {};

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        return C::uniform(key, x.template get<C>(p));
    }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f); }
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { x.reductions(f); }
};

template <class Op, kind K, class L, class R>
struct binary {
    static constexpr kind result = K;
    static constexpr kind inside = is_comparison<Op> ? stronger(L::result, R::result) : K;
    static constexpr unsigned slots = L::slots | R::slots;
    static constexpr int reduction_count = L::reduction_count + R::reduction_count;
    L left;
    R right;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        left.template seek<Lane>(at, row);
        right.template seek<Lane>(at, row);
    }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
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
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { left.reductions(f), right.reductions(f); }
};

template <kind K, class M, class L, class R>
struct choice {
    static constexpr kind result = K;
    static constexpr unsigned slots = M::slots | L::slots | R::slots;
    static constexpr int reduction_count = M::reduction_count + L::reduction_count + R::reduction_count;
    M condition;
    L yes;
    R no;

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        condition.template seek<Lane>(at, row);
        yes.template seek<Lane>(at, row);
        no.template seek<Lane>(at, row);
    }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const {
        return C::choose(condition.template get<C>(p), convert<C, K, L::result>(yes.template get<C>(p)), convert<C, K, R::result>(no.template get<C>(p)));
    }
    static constexpr int walk_count = M::walk_count + L::walk_count + R::walk_count;
    void walks(walk*& out) const { condition.walks(out), yes.walks(out), no.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { condition.leaves(f), yes.leaves(f), no.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { condition.reductions(f), yes.reductions(f), no.reductions(f); }
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { condition.reductions(f), yes.reductions(f), no.reductions(f); }
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

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) { x.template seek<Lane>(at, row); }
    template <class C> [[gnu::always_inline]] HEED_HOST_DEVICE auto get(const spot& p) const { return static_cast<const typename C::floating*>(p.reduced)[K * C::unroll]; }
    static constexpr int walk_count = X::walk_count;
    void walks(walk*& out) const { x.walks(out); }
    [[gnu::always_inline]] void leaves(auto&& f) const { x.leaves(f); }
    [[gnu::always_inline]] void reductions(auto&& f) const { x.reductions(f), f(*this); }
    HEED_CALLS_EITHER [[gnu::always_inline]] HEED_HOST_DEVICE void reductions(auto&& f) { x.reductions(f), f(*this); }
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

    template <int Lane> [[gnu::always_inline]] HEED_HOST_DEVICE void seek(const index* at, index row) {
        here = base + row * per_row;
        here += steps<(Lane < most_slots ? 255u & ~(1u << (Lane % most_slots)) : 255u)>(at, stride);
    }
    walk walks() const { return {255u, stride, per_row}; }
};

}  // namespace heed::inline HEED_TARGET::lowered
