/// A contraction as products that a BLAS runs: column-major matrices, transposed or not, in batches of even steps.
///
/// Of the axes of a contraction, those through which every operand steps as through one are joined; then one row axis, one column
/// axis and one summed axis make the matrices. What is left over are batches, of which one is a batch of even steps and the
/// others are launches of their own; a summed axis that is left over adds up, launch by launch.
#pragma once

#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/product_finish.hpp>

#include <algorithm>
#include <cstdint>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::axis_set, heed::detail::contraction_axes, heed::detail::contraction_call, heed::detail::product_bend, heed::detail::product_finish;

/// A matrix in memory: its columns lie `leading` elements apart, those of the next of a batch `apart`.
struct product_matrix {
    index leading = 1, apart = 0;
    bool transposed = false;
};

/// The operands that step through an axis: of the product a and b, its result, and what is added beside it.
inline constexpr int in_a = 0, in_b = 1, in_c = 2, beside_first = 3, beside_second = 4, product_operands = 5;
struct product_axis {
    index size = 1, step[product_operands] = {};
    bool summed = false;
};

/// d = bend(scale * a b + added + bias), column-major: m x n, over k.
struct product_plan {
    static constexpr int most_loops = 12;
    static constexpr index most_launches = 16;
    bool possible = false;
    index m = 0, n = 0, k = 0, batches = 1;
    product_matrix a, b, c, added;
    bool swapped = false;               // a is the contraction's b, its columns are m
    int bias = -1, matrix = -1;         // which operands of the finish are these
    int loop_count = 0;
    product_axis loop[most_loops];      // what is not in one launch, outer to inner

    index launches() const {
        index all = 1;
        for (int i = 0; i < loop_count; ++i) all *= loop[i].size;
        return all;
    }
    /// Where a launch begins in each operand, and whether it adds to what an earlier one began.
    product_axis place(index launch) const {
        product_axis at;
        for (int i = loop_count; i-- > 0; launch /= loop[i].size)
            for (int o = 0; o < product_operands; ++o) at.step[o] += launch % loop[i].size * loop[i].step[o];
        return at;
    }
    bool adds(index launch) const {
        for (int i = loop_count; i-- > 0; launch /= loop[i].size)
            if (loop[i].summed && launch % loop[i].size > 0) return true;
        return false;
    }
};

/// The axes of one kind, joined where all operands step through neighbours as through one.
struct joined_axes {
    static constexpr int most = 3 * axis_set::most;
    int count = 0;
    product_axis axis[most];

    void push(const product_axis& x) {
        if (x.size != 1) axis[count++] = x;
    }
    void push(const axis_set& set, const axis_set* first, const axis_set* second, bool summed = false) {
        for (int i = 0; i < set.count; ++i) push({set.size[i], {set.a[i], set.b[i], set.c[i], first ? first->c[i] : 0, second ? second->c[i] : 0}, summed});
    }
    void join() {
        std::stable_sort(axis, axis + count, [](const product_axis& x, const product_axis& y) { return largest_step(x) > largest_step(y); });
        int kept = count - 1;
        for (int s = count - 1; s-- > 0;) {
            bool one = axis[s].summed == axis[kept].summed;
            for (int o = 0; o < product_operands; ++o) one = one && axis[s].step[o] == axis[kept].size * axis[kept].step[o];
            if (one) axis[kept].size *= axis[s].size;
            else axis[--kept] = axis[s];
        }
        count = count > 0 ? count - kept : 0;
        if (kept > 0) std::move(axis + kept, axis + kept + count, axis);
    }
    /// One of the axes, or where there is none, one of a single place.
    product_axis at(int i) const { return i < count ? axis[i] : product_axis{}; }

private:
    static index largest_step(const product_axis& x) { return x.step[in_c] != 0 ? x.step[in_c] : std::max(x.step[in_a], x.step[in_b]); }
};

/// A matrix of rows x columns with these steps, as it is or transposed; false where neither is column after column.
inline bool lay_out(index rows, index row_step, index columns, index column_step, bool may_transpose, product_matrix& m) {
    if ((rows == 1 || row_step == 1) && (columns == 1 || column_step >= rows)) {
        m = {columns == 1 ? rows : column_step, 0, false};
        return true;
    }
    if (may_transpose && (columns == 1 || column_step == 1) && (rows == 1 || row_step >= columns)) {
        m = {rows == 1 ? columns : row_step, 0, true};
        return true;
    }
    return false;
}

namespace product_plans {

/// The products of one choice of axes; false where some operand does not lie as matrices.
inline bool plan_of(product_axis m, product_axis n, const product_axis& k, int operands, product_bend bend, product_plan& p) {
    const int a = p.swapped ? in_b : in_a, b = p.swapped ? in_a : in_b;
    p.m = m.size, p.n = n.size, p.k = k.size;
    if (!lay_out(m.size, m.step[in_c], n.size, n.step[in_c], false, p.c)) return false;
    if (!lay_out(m.size, m.step[a], k.size, k.step[a], true, p.a)) return false;
    if (!lay_out(k.size, k.step[b], n.size, n.step[b], true, p.b)) return false;
    for (int i = 0; i < operands; ++i) {
        const index down = m.step[beside_first + i], across = n.step[beside_first + i];
        if (p.bias < 0 && bend != product_bend::times_gelu_by_tanh_slope && (m.size == 1 || down == 1) && (n.size == 1 || across == 0)) p.bias = i;
        else if (p.matrix < 0 && lay_out(m.size, down, n.size, across, false, p.added)) p.matrix = i;
        else return false;
    }
    return true;
}

/// Of what is left over, the longest is a batch in one launch; the rest are launches.
inline void share_out(joined_axes rest, product_plan& p) {
    rest.join();
    int longest = -1;
    for (int i = 0; i < rest.count; ++i) {
        const bool one_bias = p.bias < 0 || rest.axis[i].step[beside_first + p.bias] == 0;
        if (!rest.axis[i].summed && one_bias && (longest < 0 || rest.axis[i].size > rest.axis[longest].size)) longest = i;
    }
    for (int i = 0; i < rest.count; ++i) {
        const product_axis& x = rest.axis[i];
        if (i == longest) {
            p.batches = x.size;
            p.a.apart = x.step[p.swapped ? in_b : in_a], p.b.apart = x.step[p.swapped ? in_a : in_b], p.c.apart = x.step[in_c];
            if (p.matrix >= 0) p.added.apart = x.step[beside_first + p.matrix];
        } else if (p.loop_count < product_plan::most_loops) p.loop[p.loop_count++] = x;
        else p.possible = false;
    }
}

}  // namespace product_plans

/// The products of a contraction; not possible where its strides or its finish do not allow it. Of several choices the one of
/// the fewest launches, then of the fewest matrices.
[[gnu::noinline]] inline product_plan plan_product(const contraction_axes& call, const contraction_axes* first = nullptr, const contraction_axes* second = nullptr,
                                                   product_bend bend = product_bend::none) {
    const auto of = [](const contraction_axes* axes, axis_set contraction_axes::*part) { return axes ? &(axes->*part) : nullptr; };
    joined_axes rows, columns, depth, batch;
    const auto join = [&](joined_axes& to, axis_set contraction_axes::*part, bool summed = false) {
        to.push(call.*part, of(first, part), of(second, part), summed);
        to.join();
    };
    join(rows, &contraction_axes::rows);
    join(columns, &contraction_axes::columns);
    join(batch, &contraction_axes::batch);
    depth.push(call.depth, nullptr, nullptr, true);
    depth.join();
    const int operands = (first != nullptr) + (second != nullptr);
    product_plan best;
    if (call.batch.total() * call.rows.total() * call.columns.total() * call.depth.total() == 0) return best;
    for (int r = 0; r < std::max(rows.count, 1); ++r)
        for (int c = 0; c < std::max(columns.count, 1); ++c)
            for (int d = 0; d < std::max(depth.count, 1); ++d)
                for (const bool swapped : {true, false}) {
                    product_plan p;
                    p.swapped = swapped;
                    const product_axis row = rows.at(r), column = columns.at(c);
                    if (!product_plans::plan_of(swapped ? column : row, swapped ? row : column, depth.at(d), operands, bend, p)) continue;
                    p.possible = true;
                    joined_axes rest = batch;
                    const auto others = [&](const joined_axes& from, int but) {
                        for (int i = 0; i < from.count; ++i)
                            if (i != but) rest.push(from.axis[i]);
                    };
                    others(rows, r), others(columns, c), others(depth, d);
                    product_plans::share_out(rest, p);
                    const bool sums_once = operands == 0 || std::none_of(p.loop, p.loop + p.loop_count, [](const product_axis& x) { return x.summed; });
                    if (!p.possible || !sums_once || p.launches() > product_plan::most_launches) continue;
                    if (!best.possible || p.launches() < best.launches() || (p.launches() == best.launches() && p.batches < best.batches)) best = p;
                }
    return best;
}

/// One launch: a product with the memory that it is of.
template <class T, class Factor>
struct product {
    const product_plan& plan;
    const Factor* a;
    const Factor* b;
    T* d;
    const T* added = nullptr;           // a matrix, with the layout plan.added; or d itself
    const T* bias = nullptr;            // a number for each of m
    const T* slope_of = nullptr;        // a matrix, with the layout plan.added
    double scale = 1;
    product_bend bend = product_bend::none;
    /// The bytes that every launch of the plan is aligned to: of a, b, d, the matrix beside them and the bias. One algorithm
    /// serves them all.
    unsigned alignment[product_operands] = {};
};

/// How a launch's memory is aligned, whichever of the plan's launches it is.
inline unsigned alignment_of(const void* p, std::size_t bytes, const product_plan& plan, int operand) {
    std::uintptr_t bits = reinterpret_cast<std::uintptr_t>(p) | 256;
    for (int i = 0; i < plan.loop_count; ++i) bits |= static_cast<std::uintptr_t>(plan.loop[i].step[operand]) * bytes;
    return static_cast<unsigned>(bits & (~bits + 1));
}

/// Runs a plan launch by launch: multiply(product) says whether the device's library has what it takes. Where it has not for
/// the first, nothing was done.
template <class T, class Factor>
bool run_product(const product_plan& plan, const contraction_call<T, Factor>& call, const product_finish<T>& finish, auto&& multiply) {
    const Factor* const a = plan.swapped ? call.b : call.a;
    const Factor* const b = plan.swapped ? call.a : call.b;
    const int of_a = plan.swapped ? in_b : in_a, of_b = plan.swapped ? in_a : in_b;
    product_plan into = plan;           // the same of launches that add to the result
    into.added = plan.c;
    for (index launch = 0, n = plan.launches(); launch < n; ++launch) {
        const product_axis at = plan.place(launch);
        const bool adds = call.accumulate || plan.adds(launch);
        product<T, Factor> one{adds ? into : plan, a + at.step[of_a], b + at.step[of_b], call.c + at.step[in_c]};
        one.alignment[in_a] = alignment_of(a, sizeof(Factor), plan, of_a), one.alignment[in_b] = alignment_of(b, sizeof(Factor), plan, of_b);
        one.alignment[in_c] = alignment_of(call.c, sizeof(T), plan, in_c);
        if (adds) one.added = one.d, one.alignment[beside_first] = one.alignment[in_c];
        one.scale = finish.scale;
        one.bend = finish.bend;
        if (plan.bias >= 0) {
            one.bias = finish.operand[plan.bias].data + at.step[beside_first + plan.bias];
            one.alignment[beside_second] = alignment_of(finish.operand[plan.bias].data, sizeof(T), plan, beside_first + plan.bias);
        }
        if (plan.matrix >= 0) {
            const T* const whole = finish.operand[plan.matrix].data;
            one.alignment[beside_first] = alignment_of(whole, sizeof(T), plan, beside_first + plan.matrix);
            (finish.bend == product_bend::times_gelu_by_tanh_slope ? one.slope_of : one.added) = whole + at.step[beside_first + plan.matrix];
        }
        if (!multiply(one)) return false;
    }
    return true;
}

/// Dense steps of an operand along three parts of a contraction, the last axis of the last the fastest; how many elements it has.
using operand_steps = index (axis_set::*)[axis_set::most];
inline index lay_dense(operand_steps steps, axis_set& first, axis_set& second, axis_set& third) {
    index step = 1;
    for (axis_set* part : {&third, &second, &first})
        for (int i = part->count; i-- > 0; step *= part->size[i]) (part->*steps)[i] = step;
    return step;
}

/// A contraction some of whose operands (bits 1, 2 and 4: a, b and c) are dense copies.
inline contraction_axes with_copies(contraction_axes axes, int copies, index* elements) {
    elements[0] = copies & 1 ? lay_dense(&axis_set::a, axes.batch, axes.rows, axes.depth) : 0;
    elements[1] = copies & 2 ? lay_dense(&axis_set::b, axes.batch, axes.columns, axes.depth) : 0;
    elements[2] = copies & 4 ? lay_dense(&axis_set::c, axes.batch, axes.rows, axes.columns) : 0;
    return axes;
}
/// Which operands must be copied so that a BLAS can run the product: the fewest elements. 0: it cannot, or needs none.
[[gnu::noinline]] inline int cheapest_copies(const contraction_axes& axes) {
    int best = 0;
    index least = 0, elements[3];
    for (int copies = 1; copies < 8; ++copies) {
        const bool possible = plan_product(with_copies(axes, copies, elements)).possible;
        const index all = elements[0] + elements[1] + elements[2];
        if (possible && (best == 0 || all < least)) best = copies, least = all;
    }
    return best;
}

/// Elements from one layout to another, stored or added to what is there.
template <class T>
struct copy_elements {
    static constexpr int threads = 256, most = 3 * axis_set::most;
    const T* from;
    T* to;
    index count;
    bool add;
    int axes = 0;
    index size[most] = {}, from_step[most] = {}, to_step[most] = {};

    void along(const axis_set& part, const index* from_steps, const index* to_steps) {
        for (int i = 0; i < part.count; ++i, ++axes) size[axes] = part.size[i], from_step[axes] = from_steps[i], to_step[axes] = to_steps[i];
    }
    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        index here = 0, there = 0;
        for (index i = axes, rest = n; i-- > 0; rest /= size[i]) {
            const index at = rest % size[i];
            here += at * from_step[i], there += at * to_step[i];
        }
        if (!add) {
            to[there] = from[here];
            return;
        }
        using numeric = lanes<std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>, lowered::no_lane>;
        numeric::store(to + there, 0, typename numeric::floating(numeric::read(to[there]) + numeric::read(from[here])));
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
