/// Updates of what is learnt: one launch for many parameters, and the lengths of their gradients.
#pragma once

#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/cuda/launch.hpp>
#include <heed/eval/update_call.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::gradient_numbers, heed::detail::update_call;

/// Parameters of one launch: they travel inside it.
inline constexpr int updates_at_once = 48;

/// Which of several arrays a block works on, and where in it: array i has the blocks first[i] to first[i + 1].
struct shared_blocks {
    int count = 0;
    index first[updates_at_once + 1] = {};

    void add(index blocks) { first[count + 1] = first[count] + blocks, ++count; }
    HEED_HOST_DEVICE int array_of(index block) const {
        int low = 0, high = count;
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            (first[middle] <= block ? low : high) = middle;
        }
        return low;
    }
};

template <class T, int Moments, class Rule>
struct update_parameters {
    static constexpr int threads = 256;
    static constexpr index at_once = 4 * threads;       // numbers of a block
    using F = value_of<T>;
    using one = lanes<F, lowered::no_lane>;
    shared_blocks blocks;
    update_call<T, Moments, Rule> call[updates_at_once];
    F scale;

    static index numbers_of(const update_call<T, Moments, Rule>& c) { return c.width > 0 ? c.row_count * c.width : c.size; }

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const int which = blocks.array_of(block.number());
        const update_call<T, Moments, Rule>& c = call[which];
        const index rows = c.rows_there ? *c.rows_there : c.row_count, count = c.width > 0 ? rows * c.width : c.size;
        const index first = (block.number() - blocks.first[which]) * at_once;
        for (int turn = 0; turn < 4; ++turn) {
            const index i = first + turn * threads + block.thread();
            if (i >= count) return;
            const index at = c.width > 0 ? c.rows[i / c.width] * c.width + i % c.width : i;
            pack<F, 1> value(one::read(c.value[at])), gradient(scale * one::read(c.gradient[i])), moment[Moments];
            for (int m = 0; m < Moments; ++m) moment[m] = pack<F, 1>(one::read(c.moment[m][at]));
            if constexpr (Moments == 1) c.rule(value, gradient, moment[0]);
            else c.rule(value, gradient, moment[0], moment[1]);
            one::store(c.value + at, 0, value);
            for (int m = 0; m < Moments; ++m) one::store(c.moment[m] + at, 0, moment[m]);
        }
    }
};

/// The sums of squares of pieces of several gradients, in double: sums[block].
template <class T>
struct square_pieces {
    static constexpr int threads = 256;
    static constexpr index at_once = 32 * threads;
    static constexpr std::size_t shared_bytes = threads / warp * sizeof(double);
    shared_blocks blocks;
    gradient_numbers<T> of[updates_at_once];
    double* sums;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const int which = blocks.array_of(block.number());
        const gradient_numbers<T>& g = of[which];
        const index count = g.rows_there ? *g.rows_there * g.width : g.count, first = (block.number() - blocks.first[which]) * at_once;
        double sum = 0;
        for (index i = first + block.thread(); i < first + at_once && i < count; i += threads) {
            const auto x = static_cast<double>(lanes<value_of<T>, lowered::no_lane>::read(g.first[i]));
            sum += x * x;
        }
        for (int bits = 1; bits < warp; bits *= 2) sum += block.exchange(sum, bits);
        auto* const of_warps = reinterpret_cast<double*>(block.shared());
        if (block.thread() % warp == 0) of_warps[block.thread() / warp] = sum;
        block.barrier();
        if (block.thread() > 0) return;
        for (int w = 1; w < threads / warp; ++w) sum += of_warps[w];
        sums[block.number()] = sum;
    }
};

/// How many launches they take: as many arrays at once as travel inside one.
template <class Device>
struct update_launch {
    template <class T, int Moments, class Rule>
    static void update(std::span<const update_call<T, Moments, Rule>> calls, value_of<T> scale) {
        using kernel = update_parameters<T, Moments, Rule>;
        in_batches(calls, [&](auto some) {
            kernel k{};
            k.scale = scale;
            for (const auto& call : some) {
                const index blocks = parts_of(kernel::numbers_of(call), kernel::at_once);
                if (blocks > 0) k.call[k.blocks.count] = call, k.blocks.add(blocks);
            }
            if (k.blocks.count > 0) Device::launch(k, k.blocks.first[k.blocks.count]);
        });
    }
    template <class T>
    static void sums_of_squares(std::span<const gradient_numbers<T>> gradients, double* sums) {
        using kernel = square_pieces<T>;
        in_batches(gradients, [&](auto some) {
            kernel k{};
            for (const auto& g : some) k.of[k.blocks.count] = g, k.blocks.add(std::max<index>(1, parts_of(g.count, kernel::at_once)));
            const index blocks = k.blocks.first[k.blocks.count];
            typename Device::temporaries memory;
            k.sums = memory.template temporary<double>(blocks);
            Device::launch(k, blocks);
            std::vector<double> pieces(static_cast<std::size_t>(blocks));
            Device::to_host(pieces.data(), k.sums, sizeof(double) * pieces.size());
            for (int i = 0; i < k.blocks.count; ++i, ++sums) {
                *sums = 0;
                for (index b = k.blocks.first[i]; b < k.blocks.first[i + 1]; ++b) *sums += pieces[static_cast<std::size_t>(b)];
            }
        });
    }

private:
    /// f(some) for as many at a time as one launch takes.
    template <class X> static void in_batches(std::span<const X> all, auto&& f) {
        for (; !all.empty(); all = all.subspan(std::min<std::size_t>(all.size(), updates_at_once))) f(all.first(std::min<std::size_t>(all.size(), updates_at_once)));
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
