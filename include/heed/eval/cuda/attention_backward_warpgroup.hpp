/// The gradients of attention on GPUs of compute capability 9.0, of bf16 and fp16: warpgroups multiply what one warp brings.
///
/// A warpgroup has 64 lines. The products of one tile are begun before those of the tile before are waited for.
#pragma once

#include <heed/eval/cuda/attention_gradients.hpp>
#include <heed/eval/cuda/attention_warpgroup_products.hpp>

namespace heed::inline HEED_TARGET::cuda {

template <side Lines, class T, int Depth, class Scores>
struct attend_backward_warpgroups : backward_call<Lines, T, Scores> {
    using E = value_of<T>;
    using product = warpgroup_products<E>;
    static constexpr bool of_rows = Lines == side::rows;
    static constexpr int groups = 2, lines = 64 * groups, threads = (groups + 1) * warpgroup, columns = Depth <= 64 ? 64 : 32;
    using registers = warpgroup_registers<groups, 1>;
    using line_tile = swizzled_tile<E, 64, Depth>;
    using column_tile = swizzled_tile<E, columns, Depth>;
    using ring_type = tile_ring<column_tile, of_rows ? 0 : columns * static_cast<int>(sizeof(row_sums))>;
    static constexpr std::size_t shared_bytes = 2 * groups * line_tile::bytes + ring_type::bytes + attention_problem::room;

    tile_operand y_tiles, h_tiles;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        if constexpr (has_warpgroup_code()) run(block);
    }

private:
    template <class Block>
    HEED_HOST_DEVICE void run(Block& block) const {
        const ring_type ring{block.shared() + 2 * groups * line_tile::bytes};
        attention_problem& problem = *reinterpret_cast<attention_problem*>(ring.base + ring_type::bytes);
        if (block.thread() == 0) {
            problem = this->problem_of(block.number());
            ring.begin(block, this->lines_of(problem) - problem.tile * lines > 64 ? 8 : 4);
        }
        block.barrier();
        const int all_lines = block.uniform(this->lines_of(problem)), first = block.uniform(problem.tile) * lines;
        if (first >= all_lines) return;
        const int group = block.uniform(block.thread() / warpgroup), group_line = first + 64 * group;
        if (group == groups) {
            block.template keep_registers<registers::of_bringing>();
            if (block.uniform(block.thread() / warp) == groups * 4) bring(block, ring, problem, first);
        } else {
            block.template take_registers<registers::of_multiplying>();
            const line_tile x_lines{block.shared() + 2 * group * line_tile::bytes}, g_lines{x_lines.base + line_tile::bytes};
            if (group_line < all_lines) sum(block, ring, problem, x_lines, g_lines, group_line);
        }
    }

    template <class Block>
    HEED_HOST_DEVICE void bring(Block& block, ring_type ring, const attention_problem& problem, int first) const {
        const int before = static_cast<int>(of_rows ? problem.first_key : problem.before);
        ring.bring(block, this->tiles_met(problem, first, lines, columns), [&](int i, int number) {
            y_tiles.copy(block, ring.first(i), problem, before + number * columns, ring.full(i));
            h_tiles.copy(block, ring.second(i), problem, before + number * columns, ring.full(i));
            if constexpr (!of_rows) block.copy_bulk(ring.extra(i), this->sums_of(problem) + number * columns, columns * static_cast<int>(sizeof(row_sums)), ring.full(i));
        });
    }

    template <class Block>
    HEED_HOST_DEVICE void sum(Block& block, ring_type ring, const attention_problem& problem, line_tile x_lines, line_tile g_lines, int group_line) const {
        constexpr int N = columns / 8, C = Depth / 8;
        this->template load<of_rows, 64, warpgroup>(block, problem, x_lines, this->x, group_line);
        this->template load<of_rows, 64, warpgroup>(block, problem, g_lines, this->g, group_line);
        block.wait_for_copies();
        block.publish();
        block.warpgroup_barrier();
        const int lane = block.thread() % warp, line = group_line + block.thread() % warpgroup / warp * 16;
        float to_x[1][C][4] = {}, to_g[1][of_rows ? 1 : C][4] = {}, p[1][N][4], ds[1][N][4];
        std::uint32_t p_left[N / 2][1][4] = {}, ds_left[N / 2][1][4] = {};
        if (brought_tile now = ring.wait(block, 0); now.there()) {
            block.warpgroup_begin();
            product::scores(block, p, x_lines, ring.first(0));
            product::scores(block, ds, g_lines, ring.second(0));
            block.warpgroup_end();
            block.template warpgroup_wait<0>(p[0], ds[0]);
            for (int i = 0;; ++i) {
                const hidden_pairs hidden = this->weigh(block, problem, p, ds, line, now.number() * columns, now.whole(), reinterpret_cast<const row_sums*>(ring.extra(i)));
                block.template warpgroup_wait<0>(to_x[0], to_g[0], p_left, ds_left);            // of the tile before
                if (i > 0) ring.release(block, i - 1);
                if constexpr (!of_rows) product::left(block, p_left, p);
                product::left(block, ds_left, ds);
                const column_tile y_tile = ring.first(i), h_tile = ring.second(i);
                const bool selects = product::selects(block, y_tile, hidden) || (!of_rows && product::selects(block, h_tile, hidden));
                if (selects) {
                    product::weighted_selecting(block, to_x, ds_left, y_tile);
                    if constexpr (!of_rows) product::weighted_selecting(block, to_g, p_left, h_tile);
                }
                now = ring.wait(block, i + 1);
                block.warpgroup_ready(to_x[0], to_g[0], p_left, ds_left);
                if (!now.there()) {
                    if (!selects) weighted(block, to_x, ds_left, y_tile, to_g, p_left, h_tile);
                    break;
                }
                block.warpgroup_begin();
                product::scores(block, p, x_lines, ring.first(i + 1));
                product::scores(block, ds, g_lines, ring.second(i + 1));
                block.warpgroup_end();
                if (selects) block.template warpgroup_wait<0>(p[0], ds[0]);
                else {
                    weighted(block, to_x, ds_left, y_tile, to_g, p_left, h_tile);
                    block.template warpgroup_wait<1>(p[0], ds[0]);
                }
            }
            block.template warpgroup_wait<0>(to_x[0], to_g[0], p_left, ds_left);
        }
        const auto column = [&](int c) { return product::column(lane, c); };
        this->write(block, problem, this->to_first, to_x, line, this->scores.slope(), column);
        if constexpr (!of_rows) this->write(block, problem, this->to_second, to_g, line, 1, column);
    }

    template <class Block, int C, int D, int K>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&to_x)[1][C][4], const std::uint32_t (&ds)[K][1][4], column_tile y_tile, float (&to_g)[1][D][4], const std::uint32_t (&p)[K][1][4], column_tile h_tile) {
        block.warpgroup_begin();
        product::weighted(block, to_x, ds, y_tile);
        if constexpr (!of_rows) product::weighted(block, to_g, p, h_tile);
        block.warpgroup_end();
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
