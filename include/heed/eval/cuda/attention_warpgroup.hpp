/// Attention forward on GPUs of compute capability 9.0, of bf16: products by four warps together.
///
/// Queries and keys are K-major matrices in shared memory, values an MN-major one: as lines of depth that follow one another they
/// are each. Scores become weights in their registers, which are those of a left factor.
#pragma once

#include <heed/eval/cuda/attention.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Rows of Depth elements in shared memory as descriptors name them, with the widest swizzle that has no line cut: side by side as
/// many panels of lines of 64 elements, or 32, as make a row. It begins at a multiple of 1024 bytes.
template <int Rows, int Depth>
struct swizzled_tile {
    static constexpr int per_chunk = 8, chunks = Depth / per_chunk, width = Depth < 64 ? Depth : 64, line = 2 * width, panel = Rows * line;
    static constexpr swizzle mode = width == 64 ? swizzle::of_128 : swizzle::of_64;
    static_assert(line == line_bytes(mode) && Depth % width == 0 && Rows % 16 == 0 && panel % 1024 == 0);
    std::byte* base;

    HEED_HOST_DEVICE static constexpr std::size_t bytes(int) { return static_cast<std::size_t>(Depth / width) * panel; }
    HEED_HOST_DEVICE static int offset(int row, int chunk) {
        constexpr int in_panel = width / per_chunk;
        return chunk / in_panel * panel + static_cast<int>(swizzled(mode, static_cast<std::uint32_t>(row * line + 16 * (chunk % in_panel))));
    }
    HEED_HOST_DEVICE std::byte* chunk(int row, int number) const { return base + offset(row, number); }
    HEED_HOST_DEVICE bf16& at(int row, int column) const { return reinterpret_cast<bf16*>(chunk(row, column / per_chunk))[column % per_chunk]; }

    /// As a factor whose sum is over depth: the first 16 of it, from a row on that is a multiple of 8. How far on are those of step k.
    template <class Block> HEED_HOST_DEVICE std::uint64_t by_depth(Block& block, int row) const {
        return matrix_descriptor{block.shared_address(base + row * line), 16, 8 * line, 0, mode}.bits();
    }
    HEED_HOST_DEVICE static constexpr int depth_step(int k) { return 16 * k / width * panel + 16 * k % width * 2; }
    /// As a right factor whose sum is over rows.
    template <class Block> HEED_HOST_DEVICE std::uint64_t by_rows(Block& block) const { return matrix_descriptor{block.shared_address(base), panel, 8 * line, 0, mode}.bits(); }
    HEED_HOST_DEVICE static constexpr int row_step(int k) { return 16 * k * line; }
};

/// Products by warpgroups: each has 64 rows. Where sums leave registers for it, two blocks share a multiprocessor, so that one
/// multiplies while the other makes weights; else the two warpgroups of a block do. Scores that are a product times a factor are
/// simple: they need no registers of their own.
template <int Depth, bool Simple>
struct warpgroups {
    using product = products<bf16, precision::exact>;
    static constexpr int threads = 2 * warpgroup, fragments = 1, rows = 64 * (threads / warpgroup), keys = Depth == 128 && Simple ? 128 : 64, blocks_at_once = Depth <= 64 && Simple ? 2 : 1;
    using query_tile = swizzled_tile<rows, Depth>;
    using key_tile = swizzled_tile<keys, Depth>;

    /// Whether the GPU that this is compiled for has the instructions; a launch asks the device itself.
    HEED_HOST_DEVICE static constexpr bool has_code() {
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
        return false;
#else
        return true;
#endif
    }
    /// Products read past what threads themselves see of shared memory.
    template <class Block> HEED_HOST_DEVICE static void wait_for_copies(Block& block) {
        block.wait_for_copies();
        block.publish();
    }
    template <int M, int N, class Block>
    HEED_HOST_DEVICE static void scores(Block& block, float (&s)[M][N][4], query_tile queries, int line, key_tile all_keys) {
        const std::uint64_t x = queries.by_depth(block, line / 64 * 64), y = all_keys.by_depth(block, 0);
        block.warpgroup_begin(s[0]);
        block.template warpgroup_multiply<false>(s[0], x, y);
        HEED_UNROLL for (int k = 1; k < Depth / 16; ++k)
            block.template warpgroup_multiply<true>(s[0], moved(x, query_tile::depth_step(k)), moved(y, key_tile::depth_step(k)));
        block.warpgroup_wait(s[0]);
    }
    template <int M, int N, int C, class Block>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&o)[M][C][4], const float (&w)[M][N][4], key_tile values, hidden_pairs hidden) {
        constexpr int steps = N / 2;
        std::uint32_t a[steps][M][4];
        HEED_UNROLL for (int k = 0; k < steps; ++k) product::left(block, a[k][0], w, 0, k);
        // Its four warps go one way: what none of a block's has, no warpgroup asks for.
        if (hidden != hidden_pairs::of_no_warp && block.any_of_warpgroup(hidden == hidden_pairs::of_this_warp) &&
            block.any_of_warpgroup(!product::all_finite<keys, warpgroup>(block, values)))
            return product::template weighted_selecting<M, N>(block, o, a, values);
        const std::uint64_t y = values.by_rows(block);
        block.warpgroup_begin(o[0], a);
        HEED_UNROLL for (int k = 0; k < steps; ++k) block.warpgroup_multiply(o[0], a[k][0], moved(y, key_tile::row_step(k)));
        block.warpgroup_wait(o[0], a);
    }
    HEED_HOST_DEVICE static int column(int lane, int c) { return product::column(lane, c, 0); }
};

/// Attention by warpgroups: of bf16, where the device has them.
template <class T, int Depth, class Scores>
struct attend_warpgroups : attend_forward<T, Scores, warpgroups<Depth, Scores::linear>> {};

}  // namespace heed::inline HEED_TARGET::cuda
