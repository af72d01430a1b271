/// Attention forward on GPUs of compute capability 9.0, of bf16 and fp16: warpgroups multiply what one warp brings.
///
/// A warpgroup has 64 rows. While the weights of one tile of keys are made, the values of the tile before are multiplied; and up to
/// 256 keys are all brought at once, so that shorter problems wait for nothing but their arrival.
#pragma once

#include <heed/eval/cuda/attention_warpgroup_products.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Where a thread needs few registers, two blocks share a multiprocessor, so that one multiplies while the other makes weights. Scores
/// that are a product times a factor are simple: they need no registers of their own.
template <class T, int Depth, class Scores>
struct attend_warpgroups : forward_call<T, Scores> {
    using E = value_of<T>;
    using product = warpgroup_products<E>;
    static constexpr int groups = 2, lines = 64 * groups, threads = (groups + 1) * warpgroup, keys = Depth >= 64 && Scores::linear ? 128 : 64, blocks_at_once = Depth == 32 && Scores::linear ? 2 : 1;
    using registers = warpgroup_registers<groups, blocks_at_once>;
    using query_tile = swizzled_tile<E, 64, Depth>;
    using column_tile = swizzled_tile<E, keys, Depth>;
    using ring_type = tile_ring<column_tile>;
    static constexpr std::size_t shared_bytes = groups * query_tile::bytes + ring_type::bytes + attention_problem::room;

    tile_operand key_tiles, value_tiles;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        if constexpr (has_warpgroup_code()) run(block);
    }

private:
    template <class Block>
    HEED_HOST_DEVICE void run(Block& block) const {
        const ring_type ring{block.shared() + groups * query_tile::bytes};
        attention_problem& problem = *reinterpret_cast<attention_problem*>(ring.base + ring_type::bytes);
        if (block.thread() == 0) {
            problem = attention_problem(this->call, block.number(), this->tiles);
            ring.begin(block, problem.rows - problem.tile * lines > 64 ? 8 : 4);
        }
        block.barrier();
        const int rows = block.uniform(problem.rows), first_row = block.uniform(problem.tile) * lines;
        if (first_row >= rows) return;
        const int group = block.uniform(block.thread() / warpgroup), group_row = first_row + 64 * group;
        if (group == groups) {
            block.template keep_registers<registers::of_bringing>();
            if (block.uniform(block.thread() / warp) == groups * 4) bring(block, ring, problem, first_row);
        } else {
            block.template take_registers<registers::of_multiplying>();
            if (group_row < rows) attend(block, ring, problem, query_tile{block.shared() + group * query_tile::bytes}, group_row);
        }
    }

    template <class Block>
    HEED_HOST_DEVICE void bring(Block& block, ring_type ring, const attention_problem& problem, int first_row) const {
        const int last_row = first_row + lines < problem.rows ? first_row + lines : problem.rows, all_keys = problem.keys;
        const tile_walk walk([&](int number) {
            const int key0 = number * keys, key1 = key0 + keys;
            const auto said = this->scores.of_tile(problem, first_row, last_row, key0, key1 < all_keys ? key1 : all_keys);
            return said == Scores::verdict::none ? 0 : said == Scores::verdict::some || key1 > all_keys ? 1 : 2;
        }, block.uniform((all_keys + keys - 1) / keys));
        const int first_key = static_cast<int>(problem.first_key);
        ring.bring(block, walk, [&](int i, int number) {
            key_tiles.copy(block, ring.first(i), problem, first_key + number * keys, ring.full(i));
            value_tiles.copy(block, ring.second(i), problem, first_key + number * keys, ring.full(i));
        });
    }

    template <class Block>
    HEED_HOST_DEVICE void attend(Block& block, ring_type ring, const attention_problem& problem, query_tile queries, int group_row) const {
        constexpr int N = keys / 8, C = Depth / 8;
        load_lines<64, warpgroup>(block, queries, this->q, problem.begin(this->call, this->q.memory), group_row, problem.rows, [&](int row) { return problem.step_to_row(this->q.memory, row); });
        block.wait_for_copies();
        block.publish();
        block.warpgroup_barrier();
        const int lane = block.thread() % warp, row = group_row + block.thread() % warpgroup / warp * 16;
        running_rows<1, N, C, Depth <= 64> of_warp;
        float s[1][N][4];
        std::uint32_t weights[N / 2][1][4] = {};
        if (brought_tile now = ring.wait(block, 0); now.there()) {
            block.warpgroup_begin();
            product::scores(block, s, queries, ring.first(0));
            block.warpgroup_end();
            block.template warpgroup_wait<0>(s[0]);
            for (int i = 0;; ++i) {
                const hidden_pairs hidden = of_warp.weigh(block, *this, problem, s, row, now.number() * keys, now.whole());
                block.template warpgroup_wait<0>(of_warp.out[0], weights);          // of the tile before
                if (i > 0) ring.release(block, i - 1);
                of_warp.shrink_out(block);
                product::left(block, weights, s);
                const column_tile values = ring.second(i);
                const bool selects = product::selects(block, values, hidden);
                if (selects) product::weighted_selecting(block, of_warp.out, weights, values);
                now = ring.wait(block, i + 1);
                block.warpgroup_ready(of_warp.out[0], weights);
                if (!now.there()) {
                    if (!selects) {
                        block.warpgroup_begin();
                        product::weighted(block, of_warp.out, weights, values);
                        block.warpgroup_end();
                    }
                    break;
                }
                block.warpgroup_begin();
                product::scores(block, s, queries, ring.first(i + 1));
                block.warpgroup_end();
                if (selects) block.template warpgroup_wait<0>(s[0]);
                else {
                    block.warpgroup_begin();
                    product::weighted(block, of_warp.out, weights, values);
                    block.warpgroup_end();
                    block.template warpgroup_wait<1>(s[0]);
                }
            }
            block.template warpgroup_wait<0>(of_warp.out[0], weights);
        }
        of_warp.write(block, *this, problem, row, [&](int c) { return product::column(lane, c); });
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
