/// Which kernels a call of attention runs as: those on tiles where depth and values fit, else one thread an output.
#pragma once

#include <heed/eval/cuda/attention.hpp>
#include <heed/eval/cuda/attention_backward.hpp>
#include <heed/eval/cuda/attention_backward_warpgroup.hpp>
#include <heed/eval/cuda/attention_elements.hpp>
#include <heed/eval/cuda/attention_warpgroup.hpp>
#include <heed/eval/cuda/launch.hpp>
#include <heed/eval/cuda/places.hpp>
#include <heed/eval/cuda/precision.hpp>

#include <algorithm>
#include <string>

namespace heed::inline HEED_TARGET::cuda {

/// What the kernels on tiles are compiled for: 32, 64 and 128, or the one of these that is known; 129 stands for what is deeper.
inline constexpr index deepest = 128;
constexpr int padded_depth(index depth) { return depth <= 32 ? 32 : depth <= 64 ? 64 : depth <= deepest ? 128 : 129; }

/// Attention on a device; floats are multiplied as `Floats` says. Bounds of a ragged call lie where kernels read them.
template <class Device, precision Floats, class Slots, class T, class Tree, class Mask>
struct attention_kernels {
    using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
    /// Whether kernels on tiles are compiled, and whether others are: where the depth is part of a type, one of them.
    static constexpr bool has_tiles = !std::is_same_v<value_of<T>, double> && Slots::padded <= deepest, has_elements = !has_tiles || Slots::padded == 0;
    static constexpr bool has_warpgroup_tiles = is_half<T>;
    /// Of a scale without a mask there is one kernel, whatever the slots; of all else, one for each number of slots.
    using tree_type = decltype(scores::of(std::declval<const Tree&>()));
    static constexpr bool plain = std::is_same_v<tree_type, scores::scale> && std::is_same_v<Mask, heed::detail::no_mask>;
    using scores_type = score_trees<std::conditional_t<plain, heed::detail::score_slots<0, 0>, heed::detail::score_slots<Slots::batch, Slots::rows>>, tree_type, Mask>;

    const attention_call<T>& call;
    const Tree& tree;
    const Mask& mask;
    index rows, keys;                   // of the longest problem
    index all_rows, all_keys;           // along row axis 0 and the keys, of all sequences of a ragged batch

    void forward() const {
        if constexpr (has_tiles) {
            if (fits()) return with_depth([&](auto depth) {
                const forward_call<T, scores_type> all{call, lines_of_rows(call.q, 1, call.depth), lines_of_keys(call.k, 1, call.depth), lines_of_keys(call.v, call.value[0], call.value[1]),
                                                       lines_of_rows(call.out, call.value[0], call.value[1]), weight_drop::of(call.drop), score(), 0};
                if constexpr (has_warpgroup_tiles)
                    if (launch_by_warpgroups<side::keys, attend_warpgroups<T, depth, scores_type>>(all, all.k, all.v, rows)) return;
                launch_tiles(attend_tiles<T, Floats, depth, scores_type>{all}, rows);
            });
        }
        if constexpr (has_elements) launch_elements(attend_elements<F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, rows * values());
    }

    /// `sums` is room for the rows' sums: sums_count of them.
    index sums_count() const { return call.batches() * padded_rows(); }
    void backward(row_sums* sums) const {
        if constexpr (has_tiles) {
            if (fits()) {
                const auto q = lines_of_rows(call.q, 1, call.depth), d_out = lines_of_rows(call.d_out, call.value[0], call.value[1]);
                const auto k = lines_of_keys(call.k, 1, call.depth), v = lines_of_keys(call.v, call.value[0], call.value[1]);
                const auto dq = lines_of_rows(call.dq, 1, call.depth), dk = lines_of_keys(call.dk, 1, call.depth), dv = lines_of_keys(call.dv, call.value[0], call.value[1]);
                const int padded = static_cast<int>(padded_rows());
                launch_tiles(attend_row_sums<T>{call, line_elements::of(call.out, call.value[0], call.value[1]), d_out.line, sums, 0}, padded);
                return with_depth([&](auto depth) {
                    const weight_drop drop = weight_drop::of(call.drop);
                    launch_backward<side::rows, depth>({call, q, d_out, k, v, dq, {}, drop, score(), sums, padded, 0}, rows);
                    launch_backward<side::keys, depth>({call, k, v, q, d_out, dk, dv, drop, score(), sums, padded, 0}, keys);
                });
            }
        }
        if constexpr (has_elements) {
            launch_elements(attend_backward_elements<gradient_of::queries, F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, rows * call.depth);
            launch_elements(attend_backward_elements<gradient_of::keys, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, keys * call.depth);
            launch_elements(attend_backward_elements<gradient_of::values, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, keys * values());
        }
    }

private:
    index values() const { return call.value[0] * call.value[1]; }
    bool fits() const { return !has_elements || std::max(call.depth, values()) <= deepest; }
    /// Rows that sums are kept for: whole tiles of any kernel's columns.
    index padded_rows() const { return (rows + 63) / 64 * 64; }
    scores_type score() const { return {scores::of(tree), mask}; }
    template <class U> line_operand<U> lines_of_rows(const attention_memory<U>& m, index outer, index along) const { return line_operand<U>::of(m, call.batch, call.row, 1, outer, along); }
    template <class U> line_operand<U> lines_of_keys(const attention_memory<U>& m, index outer, index along) const { return line_operand<U>::of(m, call.batch, call.row, call.key, outer, along); }

    /// f(what lines are padded to).
    template <class G> void with_depth(G&& f) const {
        if constexpr (Slots::padded > 0) f(std::integral_constant<int, Slots::padded>());
        else {
            const int padded = padded_depth(std::max(call.depth, values()));
            if (padded == 32) f(std::integral_constant<int, 32>());
            else if (padded == 64) f(std::integral_constant<int, 64>());
            else f(std::integral_constant<int, 128>());
        }
    }
    template <side Lines, int Depth> void launch_backward(const backward_call<Lines, T, scores_type>& all, index lines) const {
        if constexpr (has_warpgroup_tiles) {
            constexpr side columns = Lines == side::rows ? side::keys : side::rows;
            if (launch_by_warpgroups<columns, attend_backward_warpgroups<Lines, T, Depth, scores_type>>(all, all.y, all.h, lines)) return;
        }
        launch_tiles(attend_backward_tiles<Lines, T, Floats, Depth, scores_type>{all}, lines);
    }
    /// A kernel that copies tiles of two operands; or false, where the device has none, or no map says how these lie.
    template <side Columns, class Kernel, class Call>
    bool launch_by_warpgroups(const Call& all, const line_operand<const T>& first, const line_operand<const T>& second, index lines) const {
        if (!Device::has_warpgroups()) return false;
        using tile = typename Kernel::column_tile;
        const index all_columns = Columns == side::rows ? all_rows : all_keys;
        const tile_plan a = tile_plan::of<tile, Columns>(first, call, all_columns), b = tile_plan::of<tile, Columns>(second, call, all_columns);
        if (a.fits && b.fits) launch_tiles(Kernel{all, tile_operand::of<Device>(a), tile_operand::of<Device>(b)}, lines);
        return a.fits && b.fits;
    }
    /// A kernel with a block for each tile of lines of every problem.
    template <class Kernel> void launch_tiles(Kernel kernel, index lines) const {
        const index tiles = (lines + Kernel::lines - 1) / Kernel::lines, blocks = call.batches() * tiles;
        if (blocks >= most_places) throw_too_large(blocks);
        kernel.tiles = static_cast<int>(tiles);
        if (blocks > 0) Device::launch(kernel, blocks);
    }
    /// A kernel with a thread for each output of every problem.
    template <class Kernel> void launch_elements(const Kernel& kernel, index of_problem) const { Device::launch_each(kernel, call.batches() * of_problem); }
};

template <class Device>
struct attention_launch {
    static constexpr int padded_depth(index depth) { return cuda::padded_depth(depth); }

    template <class Slots, class T, class Tree, class Mask>
    static void attend(attention_call<T> call, Tree tree, Mask mask) {
        on_device<Slots>(call, tree, mask, [](const auto& kernels) { kernels.forward(); });
    }
    template <class Slots, class T, class Tree, class Mask>
    static void attend_backward(attention_call<T> call, Tree tree, Mask mask) {
        on_device<Slots>(call, tree, mask, [](const auto& kernels) {
            typename Device::temporaries held;
            kernels.backward(held.template temporary<row_sums>(kernels.sums_count()));
        });
    }

    /// The same in words.
    template <class Slots, class T>
    static std::string way_of(const attention_call<T>& call) {
        if (std::is_same_v<value_of<T>, double> || std::max(call.depth, call.value[0] * call.value[1]) > deepest) return "one thread an output";
        if constexpr (is_half<T>) {
            const auto mapped = [&](const auto& m, index outer, index along) {
                return tile_plan::of<swizzled_tile<value_of<T>, 64, 64>, side::keys>(line_operand<const T>::of(m, call.batch, call.row, call.key, outer, along), call, all_of(call, call.key_offsets, call.key)).fits;
            };
            const bool by_warpgroups = Device::has_warpgroups() && mapped(call.k, 1, call.depth) && mapped(call.v, call.value[0], call.value[1]);
            return std::string("on tiles of ") + (std::is_same_v<value_of<T>, bf16> ? "bf16" : "fp16") + (by_warpgroups ? ", by warpgroups" : "");
        }
        return Device::floats() == precision::tf32 ? "on tiles of TF32" : "on tiles of float";
    }

private:
    /// f(kernels), with what they read on the device, and floats multiplied as this thread's statements are to.
    template <class Slots, class T, class Tree, class Mask, class F>
    static void on_device(attention_call<T>& call, Tree& tree, Mask& mask, F&& f) {
        const index rows = longest(call, call.query_offsets, call.row[0]) * call.row[1] * call.row[2], keys = longest(call, call.key_offsets, call.key);
        const index all_rows = all_of(call, call.query_offsets, call.row[0]), all_keys = all_of(call, call.key_offsets, call.key);
        move_bounds<Device>(tree);
        move_bounds<Device>(mask);
        if (call.ragged()) call.query_offsets = call.key_offsets = Device::bounds(call.query_offsets, call.batch[call.segment_axis] + 1);
        if constexpr (std::is_same_v<value_of<T>, float>)
            if (Device::floats() == precision::tf32) return f(attention_kernels<Device, precision::tf32, Slots, T, Tree, Mask>{call, tree, mask, rows, keys, all_rows, all_keys});
        f(attention_kernels<Device, precision::exact, Slots, T, Tree, Mask>{call, tree, mask, rows, keys, all_rows, all_keys});
    }
    template <class T> static index longest(const attention_call<T>& call, const index* offsets, index plain) {
        if (!call.ragged()) return plain;
        index most = 0;
        for (index s = 0; s < call.batch[call.segment_axis]; ++s) most = std::max(most, offsets[s + 1] - offsets[s]);
        return most;
    }
    template <class T> static index all_of(const attention_call<T>& call, const index* offsets, index plain) { return call.ragged() ? offsets[call.batch[call.segment_axis]] : plain; }
};

}  // namespace heed::inline HEED_TARGET::cuda
