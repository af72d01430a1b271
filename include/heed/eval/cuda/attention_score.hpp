/// A score expression as the kernels on tiles ask it: of pairs of rows and keys, and of tiles of them.
#pragma once

#include <heed/eval/cuda/attention_problem.hpp>
#include <heed/eval/derivative.hpp>
#include <heed/eval/interval.hpp>

namespace heed::inline HEED_TARGET::cuda {

namespace scores {

using lowered::kind;

/// Whether a tree is a constant times the product, and that constant.
template <class X> struct scaled { static constexpr bool value = false; };
template <class T> struct scaled<lowered::accumulated<T>> {
    static constexpr bool value = true;
    static double factor(const lowered::accumulated<T>&) { return 1; }
};
template <class X> struct scaled<lowered::converted<kind::floating, X>> : scaled<X> {
    static double factor(const lowered::converted<kind::floating, X>& e) { return scaled<X>::factor(e.x); }
};
template <class X> inline constexpr bool is_constant = false;
template <kind K> inline constexpr bool is_constant<lowered::constant<K>> = true;
template <class L, class R> struct scaled<lowered::binary<operations::multiply, kind::floating, L, R>> {
    static constexpr bool value = (scaled<L>::value && is_constant<R>) || (is_constant<L> && scaled<R>::value);
    static double factor(const lowered::binary<operations::multiply, kind::floating, L, R>& e) {
        if constexpr (scaled<L>::value) return scaled<L>::factor(e.left) * e.right.value;
        else return scaled<R>::factor(e.right) * e.left.value;
    }
};
template <class L, class R> struct scaled<lowered::binary<operations::divide, kind::floating, L, R>> {
    static constexpr bool value = scaled<L>::value && is_constant<R>;
    static double factor(const lowered::binary<operations::divide, kind::floating, L, R>& e) { return scaled<L>::factor(e.left) / e.right.value; }
};

/// What every tree that is a constant times the product becomes: one kernel serves them all.
struct scale {
    float factor;
    template <int> HEED_HOST_DEVICE void seek(const index*, index) {}
};
template <class Tree> auto of(const Tree& tree) {
    if constexpr (scaled<Tree>::value) return scale{static_cast<float>(scaled<Tree>::factor(tree))};
    else return tree;
}

}  // namespace scores

inline constexpr float log2_e = 1.442695040888963407f, ln_2 = 0.6931471805599453094f;

/// Trees over the slots of batch, rows and key, and the mask over the same.
template <class Slots, class Tree, class Mask>
struct score_trees {
    static constexpr bool linear = std::is_same_v<Tree, scores::scale>, masked = !std::is_same_v<Mask, heed::detail::no_mask>;
    /// Trees are computed key by key, in float; the product that they are made of is not rounded to the operands' type.
    struct context : lanes<float, Slots::key> {
        HEED_HOST_DEVICE static pack<float, 1> product(const lowered::spot& p) { return pack<float, 1>(*static_cast<const float*>(p.reduced)); }
    };
    Tree tree;
    Mask mask;

    /// What a product is multiplied by in base 2, where that is all; negative where it is not.
    HEED_HOST_DEVICE float scale() const {
        if constexpr (linear) return tree.factor * log2_e;
        else return -1;
    }
    /// The same as the derivative of every score, in base e.
    HEED_HOST_DEVICE float slope() const {
        if constexpr (linear) return tree.factor;
        else return 1;
    }

    /// What a row's scores are made of.
    struct of_row {
        Tree tree;
        Mask mask;
        HEED_HOST_DEVICE bool sees(int key) const {
            if constexpr (masked) return mask.template get<context>(lowered::spot{key, 1, nullptr}).value[0];
            else return true;
        }
        /// The score of a product, which is in base 2 as all that follows; its derivative by the product, in base e, but for slope().
        HEED_HOST_DEVICE float score(int key, float product) const {
            if constexpr (linear) return product * (tree.factor * log2_e);
            else return tree.template get<context>(lowered::spot{key, 1, &product}).value[0] * log2_e;
        }
        HEED_HOST_DEVICE float slope(int key, float product) const {
            if constexpr (linear) return 1;             // it multiplies whole sums, once
            else return derivatives::derive(tree).template get<context>(lowered::spot{key, 1, &product}).value[0];
        }
    };
    HEED_HOST_DEVICE of_row row(const attention_problem& problem, int row) const {
        of_row x{tree, mask};
        if constexpr (!linear || masked) {
            index at[lowered::most_slots] = {}, place[3];
            problem.place_of_row(row, place);
            HEED_UNROLL for (int i = 0; i < Slots::batch; ++i) at[i] = problem.place[i];
            HEED_UNROLL for (int i = 0; i < Slots::rows; ++i) at[Slots::batch + i] = place[i];
            x.tree.template seek<Slots::key>(at, problem.before);
            x.mask.template seek<Slots::key>(at, problem.before);
        }
        return x;
    }

    enum class verdict { none, some, all };
    /// Of rows row0 to row1 and keys key0 to key1.
    HEED_HOST_DEVICE verdict of_tile(const attention_problem& problem, int row0, int row1, int key0, int key1) const {
        if constexpr (!masked) return verdict::all;
        else {
            intervals::rectangle r;
            const int inner = static_cast<int>(problem.inner), innermost = static_cast<int>(problem.innermost);
            const int first[3] = {inner == 1 ? row0 : row0 / inner, 0, 0}, last[3] = {inner == 1 ? row1 - 1 : (row1 - 1) / inner, inner / innermost - 1, innermost - 1};
            index at[lowered::most_slots] = {};
            HEED_UNROLL for (int i = 0; i < Slots::batch; ++i) at[i] = problem.place[i];
            HEED_UNROLL for (int i = 0; i < Slots::rows; ++i) {
                r.open |= 1u << (Slots::batch + i);
                r.range[Slots::batch + i] = {static_cast<double>(first[i]), static_cast<double>(last[i])};
            }
            r.open |= 1u << Slots::key;
            r.range[Slots::key] = {static_cast<double>(key0), static_cast<double>(key1 - 1)};
            Mask m = mask;
            m.template seek<lowered::no_lane>(at, problem.before);
            const auto can = intervals::over(m, r);
            return can.high <= 0 ? verdict::none : can.low > 0 ? verdict::all : verdict::some;
        }
    }
};

/// Which tiles of columns a tile of lines meets, one after another. Each warp asks for 32 of them at once.
template <class Verdict>
struct tile_walk {
    Verdict of_tile;                    // 0 none, 1 some, 2 all
    int count;
    int group = -1;
    std::uint32_t seen = 0, whole = 0;

    /// The first tile from `from` on that is not ruled out; `count` where there is none.
    template <class Block> HEED_HOST_DEVICE int next(Block& block, int from, bool& is_whole) {
        while (from < count) {
            if (group != from / 32) {
                group = from / 32;
                const int mine = 32 * group + block.thread() % warp, said = mine < count ? of_tile(mine) : 0;
                seen = block.vote(said > 0), whole = block.vote(said == 2);
            }
            const std::uint32_t left = seen >> (from % 32);
            if (left != 0) {
                const int found = from + lowest_bit(left);
                is_whole = whole >> (found % 32) & 1;
                return found;
            }
            from = 32 * (group + 1);
        }
        return count;
    }
};
template <class Verdict> tile_walk(Verdict, int) -> tile_walk<Verdict>;

}  // namespace heed::inline HEED_TARGET::cuda
