/// Which kernel an elementwise tree or a row program runs as, and over how many blocks.
#pragma once

#include <heed/eval/cuda/elementwise.hpp>
#include <heed/eval/cuda/launch.hpp>
#include <heed/eval/cuda/row_parts.hpp>
#include <heed/eval/cuda/rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

template <class Device>
struct row_launch {
    template <bool Wide, class Shape, class Tree, class T>
    static void rows(lowered::loops l, Tree tree, const lowered::target<T>& target) {
        using F = std::conditional_t<Wide, double, float>;
        lowered::walk walks[Tree::walk_count + 1] = {target.walks()}, *last = walks + 1;
        tree.walks(last);
        lowered::simplify(l, walks, last);
        if (const index places = lowered::count_places(l, 0, l.slots); places > most_places) throw_too_large(places);
        move_bounds<Device>(tree);
        if constexpr (Tree::reduction_count == 0) elementwise_of<F, Shape>(l, tree, target);
        else if constexpr (Shape::by_columns) {
            if (l.within == Shape::lane || l.segment == Shape::lane) by_rows_of<F, Shape::last, Shape>(l, tree, target);
            else by_columns_of<F, Shape>(l, tree, target);
        } else by_rows_of<F, Shape::lane, Shape>(l, tree, target);
    }

private:
    template <class F, class Shape, class Tree, class T>
    static void elementwise_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        constexpr int lane = Shape::last, slots = Shape::last + 1;
        const index count = lowered::count_places(l, 0, l.slots);
        if (lies_in_groups<lane>(tree, target, l, true)) {
            move_bounds<Device>(l);
            l.size[lane] /= neighbours;
            Device::launch_each(elementwise<lanes<F, lane, neighbours, true>, slots, Tree, T>{l, static_cast<number>(count / neighbours), tree, target}, count / neighbours);
        } else {
            move_bounds<Device>(l);
            Device::launch_each(elementwise<lanes<F, lane>, slots, Tree, T>{l, static_cast<number>(count), tree, target}, count);
        }
    }
    template <class F, int Lane, class Shape, class Tree, class T>
    static void by_rows_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        static_assert(Lane == Shape::last);
        const index rows = lowered::count_places(l, 0, l.outer), elements = lowered::count_places(l, 0, l.slots);
        if (rows == 0) return;
        const bool wide = lies_in_groups<Lane>(tree, target, l, Shape::writes_inner);
        if constexpr (has_one_reduction<Tree> && !Shape::writes_inner)
            if (rows < wanted_blocks && elements / rows >= 2 * least_part * (wide ? neighbours : 1)) {
                if (wide) in_parts<false, lanes<F, Lane, neighbours, true>, Shape>(l, tree, target, rows, elements / rows);
                else in_parts<false, lanes<F, Lane>, Shape>(l, tree, target, rows, elements / rows);
                return;
            }
        const int warps = elements / rows > 2048 || (rows == 1 && elements > 256) ? row_warps : 1;
        move_bounds<Device>(l);
        const auto run = [&](auto context) {
            using C = decltype(context);
            program_by_rows<C, Shape, Tree, T> kernel{{l, static_cast<number>(rows), tree, target, {}}, warps};
            lowered::find_repeats(tree, kernel.same_as);
            kernel.l.size[Lane] /= C::width;
            Device::launch(kernel, (rows + row_warps / warps - 1) / (row_warps / warps));
        };
        if (wide) run(lanes<F, Lane, neighbours, true>{});
        else run(lanes<F, Lane>{});
    }
    template <class F, class Shape, class Tree, class T>
    static void by_columns_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        using kernel_type = program_by_columns<lanes<F, Shape::lane>, Shape, Tree, T>;
        const index rows = lowered::count_places(l, 0, l.outer), elements = lowered::count_places(l, 0, l.slots);
        if (rows == 0) return;
        if constexpr (has_one_reduction<Tree> && !Shape::writes_inner)
            if (rows < wanted_blocks * kernel_type::across && elements / rows >= 2 * least_part)
                return in_parts<true, lanes<F, Shape::lane>, Shape>(l, tree, target, rows, elements / rows);
        move_bounds<Device>(l);
        kernel_type kernel{{l, static_cast<number>(rows), tree, target, {}}};
        lowered::find_repeats(tree, kernel.same_as);
        Device::launch(kernel, (rows + kernel_type::across - 1) / kernel_type::across);
    }

    /// A sum of so many elements for each of some rows, in parts. (Of rows of several lengths, that of their mean.)
    template <bool ByColumns, class C, class Shape, class Tree, class T>
    static void in_parts(lowered::loops l, const Tree& tree, const lowered::target<T>& target, index rows, index elements) {
        using kernel = sum_parts<ByColumns, C, Shape, Tree, T>;
        using F = typename C::scalar;
        const index groups = parts_of(rows, kernel::across);
        const index longest = l.within >= l.outer && l.segment < l.outer && l.segment >= 0 ? longest_row(l) : elements / C::width;
        const index count = std::max<index>(1, std::min(parts_of(wanted_blocks, groups), longest / least_part));
        typename Device::temporaries memory;
        F* const sums = memory.template temporary<F>(count * rows);
        move_bounds<Device>(l);
        l.size[Shape::last] /= ByColumns ? 1 : C::width;
        Device::launch(kernel{{l, static_cast<number>(rows), tree, target, {}}, parts_of(longest, count), groups, sums}, groups * count);
        Device::launch_each(add_row_parts<F, Shape, Tree, T>{{l, static_cast<number>(rows), tree, target, {}}, count, ByColumns ? 1 : C::width, sums}, rows);
    }
    static index longest_row(const lowered::loops& l) {
        index most = 0, beside = 1;
        for (index s = 0; s < l.segments(); ++s) most = std::max(most, l.length(s));
        for (int s = l.outer; s < l.slots; ++s) beside *= s == l.within ? 1 : l.size[s];
        return most * beside;
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
