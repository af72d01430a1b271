/// Attention on tiles: a block takes some rows and goes over the tiles of keys that they see.
///
/// Each warp has rows of its own, and the registers of a product's result are those of the next one's left factor: scores never
/// leave them. Products are made by each warp alone: of every element type, on every GPU.
#pragma once

#include <heed/eval/cuda/attention_products.hpp>
#include <heed/eval/cuda/attention_rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Rows of a warp, in fragments of 16, and keys of a tile, such that registers and shared memory hold them.
template <class E, int Depth>
struct forward_shape {
    static constexpr int threads = 4 * warp, fragments = Depth <= 64 ? 2 : 1, rows = 16 * fragments * (threads / warp), keys = is_half<E> ? 64 : 32;
};

template <class T, precision P, int Depth, class Scores>
struct attend_tiles : forward_call<T, Scores> {
    using E = value_of<T>;
    using shape = forward_shape<E, Depth>;
    using tile = shared_tile<E, Depth>;
    using product = products<E, P>;
    static constexpr int threads = shape::threads, lines = shape::rows, keys = shape::keys, M = shape::fragments, N = keys / 8, C = Depth / 8;
    static constexpr std::size_t query_bytes = tile::bytes(lines), key_bytes = tile::bytes(keys), shared_bytes = query_bytes + 4 * key_bytes + attention_problem::room;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const forward_call<T, Scores>& all = *this;
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared() + query_bytes + 4 * key_bytes);
        if (block.thread() == 0) problem = attention_problem(all.call, block.number(), all.tiles);
        block.barrier();
        const int first_row = problem.tile * lines, last_row = first_row + lines < problem.rows ? first_row + lines : problem.rows;
        if (first_row >= problem.rows) return;
        const tile queries{block.shared()};
        const auto keys_at = [&](int stage) { return tile{block.shared() + query_bytes + 2 * stage * key_bytes}; };
        const auto values_at = [&](int stage) { return tile{block.shared() + query_bytes + (2 * stage + 1) * key_bytes}; };
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
        load_lines<lines, threads>(block, queries, all.q, problem.begin(all.call, all.q.memory), first_row, problem.rows, [&](int row) { return problem.step_to_row(all.q.memory, row); });
        if (now < walk.count) load(now, 0);

        const int line = block.thread() / warp * 16 * M;
        running_rows<M, N, C> of_warp;
        for (int stage = 0; now < walk.count; stage ^= 1) {
            bool next_whole = false;
            const int next = walk.next(block, now + 1, next_whole);
            block.wait_for_copies();
            block.barrier();            // this tile is there, and nobody reads the one before
            if (next < walk.count) load(next, stage ^ 1);
            float s[M][N][4];
            product::scores(block, s, queries, line, keys_at(stage));
            const bool hides = of_warp.weigh(block, all, problem, s, first_row + line, now * keys, whole) == hidden_pairs::of_this_warp;
            of_warp.shrink_out(block);
            product::weighted(block, of_warp.out, s, values_at(stage), hides);
            now = next, whole = next_whole;
        }
        const int lane = block.thread() % warp;
        of_warp.write(block, all, problem, first_row + line, [&](int c) { return product::column(lane, c, 0); });
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
