/// Attention on tiles: a block takes some rows and goes over the tiles of keys that they see.
///
/// Each warp has rows of its own, and the registers of a product's result are those of the next one's left factor: scores never
/// leave them. How products are made is a parameter: by each warp alone, or by four together (attention_warpgroup.hpp).
#pragma once

#include <heed/eval/cuda/attention_products.hpp>
#include <heed/eval/cuda/attention_rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Products by each warp alone: rows of a warp, in fragments of 16, and keys of a tile, such that registers and shared memory hold them.
template <class E, precision P, int Depth>
struct warps_alone {
    using product = products<E, P>;
    using query_tile = shared_tile<E, Depth>;
    using key_tile = shared_tile<E, Depth>;
    static constexpr bool wide = is_half<E>;
    static constexpr int threads = 4 * warp, fragments = Depth <= 64 ? 2 : 1, rows = 16 * fragments * (threads / warp), keys = wide ? 64 : 32, blocks_at_once = 1;

    HEED_HOST_DEVICE static constexpr bool has_code() { return true; }
    template <class Block> HEED_HOST_DEVICE static void wait_for_copies(Block& block) { block.wait_for_copies(); }
    template <int M, int N, class Block>
    HEED_HOST_DEVICE static void scores(Block& block, float (&s)[M][N][4], query_tile queries, int line, key_tile asked) { product::scores(block, s, queries, line, asked); }
    template <int M, int N, int C, class Block>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&o)[M][C][4], const float (&w)[M][N][4], key_tile values, hidden_pairs hidden) {
        product::weighted(block, o, w, values, hidden == hidden_pairs::of_this_warp);
    }
    HEED_HOST_DEVICE static int column(int lane, int c) { return product::column(lane, c, 0); }
};

/// The forward kernel, its products made by Ways.
template <class T, class Scores, class Ways>
struct attend_forward : forward_call<T, Scores> {
    using query_tile = typename Ways::query_tile;
    using key_tile = typename Ways::key_tile;
    static constexpr int threads = Ways::threads, blocks_at_once = Ways::blocks_at_once, rows = Ways::rows, keys = Ways::keys, M = Ways::fragments, N = keys / 8, C = query_tile::chunks * query_tile::per_chunk / 8;
    static constexpr std::size_t query_bytes = query_tile::bytes(rows), key_bytes = key_tile::bytes(keys);
    static constexpr std::size_t shared_bytes = query_bytes + 4 * key_bytes + attention_problem::room;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        if constexpr (Ways::has_code()) run(block);
    }

private:
    template <class Block>
    HEED_HOST_DEVICE void run(Block& block) const {
        const forward_call<T, Scores>& all = *this;
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared() + query_bytes + 4 * key_bytes);
        if (block.thread() == 0) problem = attention_problem(all.call, block.number(), all.row_tiles);
        block.barrier();
        const int first_row = problem.tile * rows, last_row = first_row + rows < problem.rows ? first_row + rows : problem.rows;
        if (first_row >= problem.rows) return;
        const query_tile queries{block.shared()};
        const auto keys_at = [&](int stage) { return key_tile{block.shared() + query_bytes + 2 * stage * key_bytes}; };
        const auto values_at = [&](int stage) { return key_tile{block.shared() + query_bytes + (2 * stage + 1) * key_bytes}; };
        const T* const k_begin = problem.begin(all.call, all.k.memory);
        const T* const v_begin = problem.begin(all.call, all.v.memory);
        const auto load = [&](int number, int stage) {
            load_lines<keys, threads>(block, keys_at(stage), all.k, k_begin, number * keys, problem.keys, [&](int key) { return key * all.k.memory.key; });
            load_lines<keys, threads>(block, values_at(stage), all.v, v_begin, number * keys, problem.keys, [&](int key) { return key * all.v.memory.key; });
        };
        tile_walk walk([&](int number) {
            const int key0 = number * keys, key1 = key0 + keys;
            const auto said = all.scores.of_tile(problem, first_row, last_row, key0, key1 < problem.keys ? key1 : problem.keys);
            return said == Scores::verdict::none ? 0 : said == Scores::verdict::some || key1 > problem.keys ? 1 : 2;
        }, (problem.keys + keys - 1) / keys);

        bool whole = false;
        int now = walk.next(block, 0, whole);
        load_lines<rows, threads>(block, queries, all.q, problem.begin(all.call, all.q.memory), first_row, problem.rows, [&](int row) { return problem.step_to_row(all.q.memory, row); });
        if (now < walk.count) load(now, 0);

        const int line = block.thread() / warp * 16 * M;
        running_rows<M, N, C> of_warp;
        for (int stage = 0; now < walk.count; stage ^= 1) {
            bool next_whole = false;
            const int next = walk.next(block, now + 1, next_whole);
            Ways::wait_for_copies(block);
            block.barrier();            // this tile is there, and nobody reads the one before
            if (next < walk.count) load(next, stage ^ 1);
            float s[M][N][4];
            Ways::scores(block, s, queries, line, keys_at(stage));
            const hidden_pairs hidden = of_warp.weigh(block, all, problem, s, first_row + line, now * keys, whole);
            Ways::weighted(block, of_warp.out, s, values_at(stage), hidden);
            now = next, whole = next_whole;
        }
        const int lane = block.thread() % warp;
        of_warp.write(block, all, problem, first_row + line, [&](int c) { return Ways::column(lane, c); });
    }
};

/// Attention by warps alone: of every element type, on every GPU.
template <class T, precision P, int Depth, class Scores>
struct attend_tiles : attend_forward<T, Scores, warps_alone<value_of<T>, P, Depth>> {};

}  // namespace heed::inline HEED_TARGET::cuda
