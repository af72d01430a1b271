/// The two products that attention is made of, by a warpgroup: those of attention_products.hpp, of 64 lines: begun, and waited for in groups.
///
/// Lines and columns are K-major matrices where the sum is over depth, columns an MN-major one where it is over them: as lines of
/// depth that follow one another they are each. What scores became in their registers is the next product's left factor.
#pragma once

#include <heed/eval/cuda/attention_products.hpp>
#include <heed/eval/cuda/attention_ring.hpp>
#include <heed/eval/cuda/attention_rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

template <class E>
struct warpgroup_products {
    using product = products<E, precision::exact>;

    HEED_HOST_DEVICE static int column(int lane, int c) { return product::column(lane, c, 0); }

    /// Begins s = x y^T.
    template <int N, int Columns, int Depth, class Block>
    HEED_HOST_DEVICE static void scores(Block& block, float (&s)[1][N][4], swizzled_tile<E, 64, Depth> x, swizzled_tile<E, Columns, Depth> y) {
        static_assert(8 * N == Columns);
        const std::uint64_t a = x.by_depth(block), b = y.by_depth(block);
        block.template warpgroup_multiply<E, false>(s[0], a, b);
        HEED_UNROLL for (int k = 1; k < Depth / 16; ++k)
            block.template warpgroup_multiply<E, true>(s[0], moved(a, x.depth_step(k)), moved(b, y.depth_step(k)));
    }

    /// Weights as left factors.
    template <int N, class Block> HEED_HOST_DEVICE static void left(Block& block, std::uint32_t (&a)[N / 2][1][4], const float (&w)[1][N][4]) {
        HEED_UNROLL for (int k = 0; k < N / 2; ++k) product::left(block, a[k][0], w, 0, k);
    }

    /// Begins o += w y.
    template <int K, int C, int Depth, class Block>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&o)[1][C][4], const std::uint32_t (&a)[K][1][4], swizzled_tile<E, 16 * K, Depth> y) {
        static_assert(8 * C == Depth);
        const std::uint64_t b = y.by_rows(block);
        HEED_UNROLL for (int k = 0; k < K; ++k) block.template warpgroup_multiply<E>(o[0], a[k][0], moved(b, y.row_step(k)));
    }
    /// Whether o += w y must leave out pairs: some weights are hidden, and what they would meet is not finite. All four warps go one
    /// way: what none of a block's hides, no warpgroup asks for. Then it is added by this, which nobody waits for.
    template <class Tile, class Block>
    HEED_HOST_DEVICE static bool selects(Block& block, Tile y, hidden_pairs hidden) {
        return hidden != hidden_pairs::of_no_warp && block.any_of_warpgroup(hidden == hidden_pairs::of_this_warp) && block.any_of_warpgroup(!product::template all_finite<Tile::lines, warpgroup>(block, y));
    }
    template <int K, int C, class Tile, class Block>
    HEED_HOST_DEVICE static void weighted_selecting(Block& block, float (&o)[1][C][4], const std::uint32_t (&a)[K][1][4], Tile y) { product::template weighted_selecting<1, 2 * K>(block, o, a, y); }
};

}  // namespace heed::inline HEED_TARGET::cuda
