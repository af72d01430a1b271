/// Row programs whose rows are alike, one loop of one length over dense memory: four rows at a time, so that no row waits for
/// the sums of the one before; what comes after is asked of memory meanwhile.
#pragma once

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/row_loops.hpp>

#include <cstring>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

inline constexpr int abreast = 4;

/// Whether the rows are one loop of one length each, along which all memory is dense. The first of the walks is the target's.
[[gnu::noinline]] inline bool rows_are_alike(const lowered::loops& l, const lowered::walk* walks, const lowered::walk* last, int lane, bool writes_inner) {
    bool alike = l.within < l.outer;
    for (int s = l.outer; s < l.slots - 1; ++s) alike = alike && l.size[s] == 1;
    return alike && lowered::dense_along(lane, writes_inner ? walks : walks + 1, last);
}

/// A part of one tree in another of its kind.
template <class R, class Tree>
HEED_INLINE R& same_part(R& part, Tree& tree, Tree& other) {
    return *reinterpret_cast<R*>(reinterpret_cast<char*>(&other) + (reinterpret_cast<char*>(&part) - reinterpret_cast<char*>(&tree)));
}

/// An operand that memory is asked for: where in its tree the pointer to a row lies, and how many bytes on; -1 where there is none.
struct asked {
    std::ptrdiff_t pointer = -1;
    index ahead = 0;
    HEED_INLINE const char* in(const void* tree, const char* otherwise) const {
        if (pointer < 0) return otherwise;
        const char* row;
        std::memcpy(&row, static_cast<const char*>(tree) + pointer, sizeof(row));
        return row + ahead;
    }
};
/// Two operands of a tree that vary from row to row along a slot, `rows` rows ahead.
[[gnu::noinline]] inline void choose(const void* tree, const lowered::walk* w, const lowered::walk* last, int lane, int slot, index rows, asked (&chosen)[2]) {
    for (; w != last; ++w) {
        if (!w->runs_along(lane) || w->stride[slot] == 0) continue;
        const asked one{static_cast<const char*>(w->pointer) - static_cast<const char*>(tree), rows * w->stride[slot] * w->bytes};
        if (chosen[0].pointer < 0) chosen[0] = one;
        else if (one.in(tree, nullptr) != chosen[0].in(tree, nullptr)) chosen[1] = one;
    }
}

/// Asks memory for what lies `rows` rows ahead: two operands that vary from row to row along a slot, and the result. The
/// hardware asks too late for rows that are read several times, and begins anew at every page.
struct request {
    const char *first, *second;
    char* result;

    request() = default;
    template <class T>
    HEED_INLINE request(const void* tree, const asked (&chosen)[2], const lowered::target<T>& target, int slot, index rows)
        : result(reinterpret_cast<char*>(target.here + rows * target.stride[slot])) {
        first = chosen[0].in(tree, result), second = chosen[1].in(tree, result);        // asked for twice, where there are fewer
    }

    HEED_INLINE void operands(index byte) const {
        __builtin_prefetch(first + byte);
        __builtin_prefetch(second + byte);
    }
    HEED_INLINE void written(index byte) const { __builtin_prefetch(result + byte, 1); }
};

/// As `fold` along a whole row, with no register tested for its length but the last; `with` sees every register.
template <class C, class Op, class X>
HEED_INLINE typename C::floating fold_row(const X& x, index length, const void* reduced, auto&& with) {
    using V = typename C::floating;
    constexpr int w = C::width;
    const V identity(static_cast<typename C::scalar>(Op::identity));
    V a = identity, b = identity;
    index i = 0;
    const auto whole = [&](index at) __attribute__((always_inline)) {
        const V value = x.template get<C>(lowered::spot{at, w, reduced});
        with(at, w, value);
        return value;
    };
    for (; i + 2 * w <= length; i += 2 * w) {
        a = Op::combine(a, whole(i));
        b = Op::combine(b, whole(i + w));
    }
    for (; i < length; i += w) {
        const int n = static_cast<int>(std::min<index>(w, length - i));
        const V value = x.template get<C>(lowered::spot{i, n, reduced});
        with(i, n, value);
        a = Op::combine(a, select(C::truth::first(n), value, identity));
    }
    return Op::combine(a, b);
}

template <class C, bool WritesInner, class Tree, class T>
void by_rows_abreast(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
    using V = typename C::floating;
    constexpr int count = Tree::reduction_count, w = C::width;
    constexpr index bytes = sizeof(typename C::scalar);
    // The reduction whose operand stays in the result's row until it is scaled there.
    constexpr int keeps = WritesInner && std::is_same_v<T, typename C::scalar> ? lowered::kept_by<Tree> : -1;
    int same_as[count + 1] = {};
    find_repeats(tree, same_as);
    const index all = lowered::count_places(l, 0, l.outer), row_length = l.size[C::lane];
    const index together = std::max<index>(1, grain / std::max<index>(1, row_length) / abreast) * abreast;
    // What fits the caches is there already.
    const index rows_ahead = all * row_length * static_cast<index>(sizeof(T)) > (index(2) << 20) ? 2 * abreast : 0;
    parallel_for((all + together - 1) / together, static_cast<double>(row_length * together) * 8, [&](index job) {
        Tree t[abreast] = {tree, tree, tree, tree};
        lowered::target<T> out[abreast] = {target, target, target, target};
        lowered::cursor c;
        V reduced[abreast][count];
        request next[abreast];
        asked chosen[2];
        const index length = row_length, begin = job * together, end = std::min(all, begin + together);
        const int slot = l.outer - 1;
        for (index r = begin; r < end; r += abreast) {
            // Where fewer than four are left, the others' sums mean nothing, and are not written.
            const int n = static_cast<int>(std::min<index>(abreast, end - r));
            for (int g = 0; g < abreast; ++g) {
                if (r + g == begin) lowered::find_place(l, 0, l.outer, begin, c);
                else if (g < n) lowered::next_place(l, 0, l.outer, c);
                t[g].template seek<C::lane>(c.at, c.row);
                out[g].template seek<WritesInner ? C::lane : lowered::no_lane>(c.at, c.row);
                if (r + g == begin) {
                    lowered::walk walks[Tree::walk_count + 1] = {}, *last = walks;
                    t[0].walks(last);
                    choose(&t[0], walks, last, C::lane, slot, rows_ahead, chosen);
                }
                next[g] = request(&t[g], chosen, out[g], slot, rows_ahead);
            }
            bool done[count] = {};
            t[0].reductions([&](auto& first) __attribute__((always_inline)) {
                using R = std::remove_cvref_t<decltype(first)>;
                using op = typename R::operation;
                constexpr int k = R::number;
                if (done[k]) return;
                done[k] = true;
                if constexpr (k > 0)
                    if (same_as[k] != k) {
                        for (int g = 0; g < abreast; ++g) reduced[g][k] = reduced[g][same_as[k]];
                        return;
                    }
                if constexpr (std::is_same_v<op, operations::once>) {
                    for (int g = 0; g < abreast; ++g) reduced[g][k] = same_part(first, t[0], t[g]).x.template get<C>(lowered::spot{0, w, reduced[g]});
                } else {
                    // Memory is asked for more in the pass that writes, or in the last where none does.
                    constexpr bool asks = k == keeps || (!WritesInner && k >= count - 2);
                    V sum[abreast] = {};
                    for (int g = 0; g < n; ++g) {
                        T* const row = out[g].here;
                        const request ahead = next[g];
                        sum[g] = fold_row<C, op>(same_part(first, t[0], t[g]).x, length, reduced[g], [&](index i, int lanes, V value) __attribute__((always_inline)) {
                            if constexpr (asks) ahead.operands(i * bytes);
                            if constexpr (k == keeps) {
                                ahead.written(i * bytes);
                                C::store(row + i, 1, lanes, value);
                            }
                        });
                    }
                    for (int g = 0; g < abreast; ++g) reduced[g][k] = op::finish(V(across<op>(sum[g])), static_cast<double>(length));
                }
            });
            for (int g = 0; g < n; ++g) {
                T* const to = out[g].here;
                if constexpr (WritesInner) {
                    const request ahead = next[g];
                    const auto value = [&](index i, int lanes) __attribute__((always_inline)) {
                        const lowered::spot here{i, lanes, reduced[g]};
                        if constexpr (keeps >= 0) return C::load(static_cast<const T*>(to + i), 1, lanes) * t[g].right.template get<C>(here);
                        else return t[g].template get<C>(here);
                    };
                    index i = 0;
                    for (; i + w <= length; i += w) {
                        if constexpr (keeps < 0) ahead.operands(i * bytes), ahead.written(i * bytes);
                        C::store(to + i, 1, w, value(i, w));
                    }
                    if (i < length) C::store(to + i, 1, static_cast<int>(length - i), value(i, static_cast<int>(length - i)));
                } else C::store(to, 1, 1, t[g].template get<C>(lowered::spot{0, 1, reduced[g]}));
            }
        }
    });
}

}  // namespace row_programs

}  // namespace heed::inline HEED_TARGET::cpu
