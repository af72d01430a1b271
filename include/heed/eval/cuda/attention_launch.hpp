/// Which kernels attention runs as: on tiles where a line of queries, keys and values fits into them, else one thread an output.
#pragma once

#include <heed/eval/cuda/attention.hpp>
#include <heed/eval/cuda/attention_backward.hpp>
#include <heed/eval/cuda/attention_elements.hpp>
#include <heed/eval/cuda/places.hpp>
#include <heed/eval/cuda/launch.hpp>

#include <algorithm>
#include <string>

namespace heed::inline HEED_TARGET::cuda {

template <class Device>
struct attention_launch {
    template <class Slots, class T, class Tree, class Mask>
    static void attend(attention_call<T> call, Tree tree, Mask mask) {
        using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
        const index rows = most_rows(call);
        prepare(call, tree, mask);
        if constexpr (!std::is_same_v<value_of<T>, double>)
            if (lies_in_tiles(call)) return with_precision<T>([&](auto floats) { attend_on_tiles<floats, Slots>(call, scores::of(tree), mask, rows); });
        Device::launch_each(attend_elements<F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, call.batches() * rows * call.value[0] * call.value[1]);
    }
    template <class Slots, class T, class Tree, class Mask>
    static void attend_backward(attention_call<T> call, Tree tree, Mask mask) {
        using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
        const index rows = most_rows(call), keys = most_keys(call), values = call.value[0] * call.value[1];
        prepare(call, tree, mask);
        if constexpr (!std::is_same_v<value_of<T>, double>)
            if (lies_in_tiles(call)) return with_precision<T>([&](auto floats) { attend_backward_on_tiles<floats, Slots>(call, scores::of(tree), mask, rows, keys); });
        Device::launch_each(attend_backward_elements<gradient_of::queries, F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, call.batches() * rows * call.depth);
        Device::launch_each(attend_backward_elements<gradient_of::keys, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, call.batches() * keys * call.depth);
        Device::launch_each(attend_backward_elements<gradient_of::values, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, call.batches() * keys * values);
    }

    /// The same in words.
    template <class Slots, class T>
    static std::string way_of(const attention_call<T>& call) {
        if (std::is_same_v<value_of<T>, double> || !lies_in_tiles(call)) return "one thread an output";
        return std::is_same_v<value_of<T>, bf16> ? "on tiles of bf16" : Device::floats() == precision::tf32 ? "on tiles of TF32" : "on tiles of float";
    }

private:
    /// Attention by the kernels on tiles.
    template <precision Floats, class Slots, class T, class Tree, class Mask>
    static void attend_on_tiles(const attention_call<T>& call, const Tree& tree, const Mask& mask, index rows) {
        using scores_type = trees_of<Slots, Tree, Mask>;
        with_depth(call, [&](auto depth) {
            using kernel_type = attend_tiles<T, Floats, depth, scores_type>;
            const operands_of<T> x(call);
            launch_tiles(call, rows, kernel_type::shape::rows, [&](int tiles) {
                return kernel_type{call, x.q, x.k, x.v, line_elements::of(call.out, call.value[0], call.value[1]), weight_drop::of(call.drop), {tree, mask}, tiles};
            });
        });
    }
    template <precision Floats, class Slots, class T, class Tree, class Mask>
    static void attend_backward_on_tiles(const attention_call<T>& call, const Tree& tree, const Mask& mask, index rows, index keys) {
        using scores_type = trees_of<Slots, Tree, Mask>;
        using sums_kernel = attend_row_sums<T>;
        constexpr index most_columns = 64;
        const index row_tiles = (rows + most_columns - 1) / most_columns * (most_columns / sums_kernel::rows), padded = row_tiles * sums_kernel::rows;
        const operands_of<T> x(call);
        const line_elements out = line_elements::of(call.out, call.value[0], call.value[1]), dq = line_elements::of(call.dq, 1, call.depth), dk = line_elements::of(call.dk, 1, call.depth),
                            dv = line_elements::of(call.dv, call.value[0], call.value[1]);
        typename Device::temporaries held;
        row_sums* const sums = held.template temporary<row_sums>(call.batches() * padded);
        launch_tiles(call, padded, sums_kernel::rows, [&](int tiles) { return sums_kernel{call, out, x.d_out.line, sums, tiles}; });
        with_depth(call, [&](auto depth) {
            using by_rows = attend_backward_tiles<side::rows, T, Floats, depth, scores_type>;
            using by_keys = attend_backward_tiles<side::keys, T, Floats, depth, scores_type>;
            const weight_drop drop = weight_drop::of(call.drop);
            launch_tiles(call, rows, by_rows::shape::lines, [&](int tiles) { return by_rows{call, x.q, x.d_out, x.k, x.v, dq, {}, drop, {tree, mask}, sums, static_cast<int>(padded), tiles}; });
            launch_tiles(call, keys, by_keys::shape::lines, [&](int tiles) { return by_keys{call, x.k, x.v, x.q, x.d_out, dk, dv, drop, {tree, mask}, sums, static_cast<int>(padded), tiles}; });
        });
    }

    /// The operands of attention as lines that are loaded.
    template <class T> struct operands_of {
        using operand = line_operand<const T>;
        operand q, k, v, d_out;
        explicit operands_of(const attention_call<T>& call)
            : q(operand::of(call.q, call.batch, call.row, 1, 1, call.depth)), k(operand::of(call.k, call.batch, call.row, call.key, 1, call.depth)),
              v(operand::of(call.v, call.batch, call.row, call.key, call.value[0], call.value[1])), d_out(operand::of(call.d_out, call.batch, call.row, 1, call.value[0], call.value[1])) {}
    };
    /// Of a scale without a mask there is one kernel, whatever the slots.
    template <class Slots, class Tree, class Mask, class Trees = score_trees<Slots, Tree, Mask>>
    using trees_of = std::conditional_t<Trees::linear && !Trees::masked, score_trees<heed::detail::score_slots<0, 0>, Tree, Mask>, Trees>;
    /// A kernel with a block for each tile of lines of every problem.
    template <class T, class F> static void launch_tiles(const attention_call<T>& call, index lines, int of_block, F&& kernel) {
        const index tiles = (lines + of_block - 1) / of_block, blocks = call.batches() * tiles;
        if (blocks > most_places) throw_too_large(blocks);
        if (blocks > 0) Device::launch(kernel(static_cast<int>(tiles)), blocks);
    }
    template <class T> static bool lies_in_tiles(const attention_call<T>& call) { return call.depth <= 128 && call.value[0] * call.value[1] <= 128; }
    /// f(the depth that lines are padded to).
    template <class T, class F> static void with_depth(const attention_call<T>& call, F&& f) {
        const index widest = std::max(call.depth, call.value[0] * call.value[1]);
        if (widest <= 32) f(std::integral_constant<int, 32>());
        else if (widest <= 64) f(std::integral_constant<int, 64>());
        else f(std::integral_constant<int, 128>());
    }
    /// f(how floats are multiplied), as this thread's statements are to.
    template <class T, class F> static void with_precision(F&& f) {
        if constexpr (std::is_same_v<value_of<T>, float>)
            if (Device::floats() == precision::tf32) return f(std::integral_constant<precision, precision::tf32>());
        f(std::integral_constant<precision, precision::exact>());
    }
    template <class T, class Tree, class Mask>
    static void prepare(attention_call<T>& call, Tree& tree, Mask& mask) {
        move_bounds<Device>(tree);
        move_bounds<Device>(mask);
        if (call.ragged()) call.query_offsets = call.key_offsets = Device::bounds(call.query_offsets, call.batch[call.segment_axis] + 1);
    }
    template <class T> static index most_rows(const attention_call<T>& call) { return longest(call, call.query_offsets, call.row[0]) * call.row[1] * call.row[2]; }
    template <class T> static index most_keys(const attention_call<T>& call) { return longest(call, call.key_offsets, call.key); }
    template <class T> static index longest(const attention_call<T>& call, const index* offsets, index plain) {
        if (!call.ragged()) return plain;
        index most = 0;
        for (index s = 0; s < call.batch[call.segment_axis]; ++s) most = std::max(most, offsets[s + 1] - offsets[s]);
        return most;
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
