/// The gradients of attention on tiles, their products made by each warp alone: of every element type, on every GPU.
#pragma once

#include <heed/eval/cuda/attention_gradients.hpp>
#include <heed/eval/cuda/attention_products.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Lines of a block and columns of a tile, such that registers and shared memory hold them.
template <class E, int Depth>
struct backward_shape {
    static constexpr bool wide = is_half<E>;
    static constexpr int warps = 4, threads = warps * warp, fragments = 1, lines = 16 * fragments * warps, columns = (wide ? 64 : 32) / (Depth <= 64 ? 1 : 2);
};

template <side Lines, class T, precision P, int Depth, class Scores>
struct attend_backward_tiles : backward_call<Lines, T, Scores> {
    using E = value_of<T>;
    using shape = backward_shape<E, Depth>;
    using tile = shared_tile<E, Depth>;
    using product = products<E, P>;
    static constexpr bool of_rows = Lines == side::rows;
    static constexpr int threads = shape::threads, lines = shape::lines, M = shape::fragments, N = shape::columns / 8, C = Depth / 8;
    static constexpr std::size_t sums_bytes = shape::columns * sizeof(row_sums);
    static constexpr std::size_t shared_bytes = attention_problem::room + 2 * sums_bytes + tile::bytes(2 * lines + 4 * shape::columns);

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared());
        if (block.thread() == 0) problem = this->problem_of(block.number());
        block.barrier();
        const int first = problem.tile * lines;
        if (first >= this->lines_of(problem)) return;
        std::byte* const memory = block.shared() + attention_problem::room + 2 * sums_bytes;
        const tile x_lines{memory}, g_lines{memory + tile::bytes(lines)};
        const auto y_at = [&](int stage) { return tile{memory + tile::bytes(2 * lines + 2 * stage * shape::columns)}; };
        const auto h_at = [&](int stage) { return tile{memory + tile::bytes(2 * lines + (2 * stage + 1) * shape::columns)}; };
        const auto sums_at = [&](int stage) { return reinterpret_cast<row_sums*>(block.shared() + attention_problem::room + static_cast<std::size_t>(stage) * sums_bytes); };
        const auto load = [&](int number, int stage) {
            this->template load<!of_rows, shape::columns, threads>(block, problem, y_at(stage), this->y, number * shape::columns);
            this->template load<!of_rows, shape::columns, threads>(block, problem, h_at(stage), this->h, number * shape::columns);
            if (!of_rows && block.thread() < shape::columns / 2)
                block.copy_async(reinterpret_cast<std::byte*>(sums_at(stage) + 2 * block.thread()), this->sums_of(problem) + number * shape::columns + 2 * block.thread(), 16);
        };
        auto walk = this->tiles_met(problem, first, lines, shape::columns);

        bool whole = false;
        int now = walk.next(block, 0, whole);
        this->template load<of_rows, lines, threads>(block, problem, x_lines, this->x, first);
        this->template load<of_rows, lines, threads>(block, problem, g_lines, this->g, first);
        if (now < walk.count) load(now, 0);
        const int lane = block.thread() % warp, line = block.thread() / warp * 16 * M;
        float to_x[M][C][4] = {}, to_g[of_rows ? 1 : M][C][4] = {};
        for (int stage = 0; now < walk.count; stage ^= 1) {
            bool next_whole = false;
            const int next = walk.next(block, now + 1, next_whole);
            block.wait_for_copies();
            block.barrier();            // this tile is there, and nobody reads the one before
            if (next < walk.count) load(next, stage ^ 1);
            float p[M][N][4], ds[M][N][4];
            product::scores(block, p, x_lines, line, y_at(stage));
            product::scores(block, ds, g_lines, line, h_at(stage));
            const bool hides = this->weigh(block, problem, p, ds, first + line, now * shape::columns, whole, sums_at(stage)) == hidden_pairs::of_this_warp;
            if constexpr (!of_rows) product::weighted(block, to_g, p, h_at(stage), hides);
            product::weighted(block, to_x, ds, y_at(stage), hides);
            now = next, whole = next_whole;
        }
        const auto column = [&](int c) { return product::column(lane, c, 0); };
        this->write(block, problem, this->to_first, to_x, first + line, this->scores.slope(), column);
        if constexpr (!of_rows) this->write(block, problem, this->to_second, to_g, first + line, 1, column);
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
