/// The gradients of attention on tiles. With p = 2^(s - log-sum-exp), computed again, m what dropout leaves, D = dout out of a row:
///     dv = sum_rows m p dout    ds = p (m dout v - D) s'    dq = sum_keys ds k    dk = sum_rows ds q
///
/// One kernel makes D, one takes tiles of rows and goes over keys, for dq, one takes tiles of keys and goes over rows, for dk
/// and dv. So every sum has one order, and no block adds to what another writes. Either way a warp's lines are products with the
/// columns of a tile, and what comes of them is the left factor of what is summed: the two kernels are one, seen from either side.
#pragma once

#include <heed/eval/cuda/attention_products.hpp>
#include <heed/eval/cuda/attention_score.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// What the gradients need of a row: its log-sum-exp in base 2, infinite where it sees nothing, so that its weights are 0; and D.
struct alignas(8) row_sums { float log_sum_exp, d; };

/// The sums of every row of every problem, `padded` rows each. A warp takes a row.
template <class T>
struct attend_row_sums {
    static constexpr int threads = 256, rows = threads / warp;
    static constexpr std::size_t shared_bytes = attention_problem::room;
    attention_call<T> call;
    line_elements line, d_line;         // of out and its gradient
    row_sums* sums;
    int row_tiles;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared());
        if (block.thread() == 0) problem = attention_problem(call, block.number(), row_tiles);
        block.barrier();
        const int row = problem.tile * rows + block.thread() / warp;
        float sum = 0;
        if (row < problem.rows) {
            using one = lanes<float, 0>;
            const T* const out = problem.begin(call, call.out) + problem.step_to_row(call.out, row);
            const T* const d_out = problem.begin(call, call.d_out) + problem.step_to_row(call.d_out, row);
            for (int i = block.thread() % warp; i < line.count; i += warp) sum += one::read(out[line.step(i)]) * one::read(d_out[d_line.step(i)]);
        }
        for (int bits = 1; bits < warp; bits *= 2) sum += block.exchange(sum, bits);
        if (block.thread() % warp != 0) return;
        float whole = static_cast<float>(negative_infinity());
        if (row < problem.rows) whole = lanes<float, 0>::read(problem.begin(call, call.log_sum_exp)[problem.step_to_row(call.log_sum_exp, row)]);
        const bool sees = whole != static_cast<float>(negative_infinity());
        sums[static_cast<index>(problem.number) * row_tiles * rows + row] = {sees ? whole * log2_e : static_cast<float>(positive_infinity()), sum};
    }
};

/// Lines of a block and columns of a tile, such that registers and shared memory hold them.
template <class E, int Depth>
struct backward_shape {
    static constexpr bool wide = is_half<E>;
    static constexpr int warps = 4, threads = warps * warp, fragments = 1, lines = 16 * fragments * warps, columns = (wide ? 64 : 32) / (Depth <= 64 ? 1 : 2);
};

enum class side { rows, keys };

/// Lines are rows, and what is summed dq; or keys, and dk and dv. s = x y and dp = g h: x and g are queries and the gradient of
/// the output, or keys and values; y and h the others.
template <side Lines, class T, precision P, int Depth, class Scores>
struct attend_backward_tiles {
    using E = value_of<T>;
    using shape = backward_shape<E, Depth>;
    using tile = shared_tile<E, Depth>;
    using product = products<E, P>;
    static constexpr bool of_rows = Lines == side::rows;
    static constexpr int threads = shape::threads, M = shape::fragments, N = shape::columns / 8, C = Depth / 8;
    static constexpr std::size_t sums_bytes = shape::columns * sizeof(row_sums);
    static constexpr std::size_t shared_bytes = attention_problem::room + 2 * sums_bytes + tile::bytes(2 * shape::lines + 4 * shape::columns);

    attention_call<T> call;
    line_operand<const T> x, g, y, h;
    line_operand<T> to_first, to_second;        // dq, or dk and dv
    weight_drop drop;
    Scores scores;
    const row_sums* sums;
    int padded, line_tiles;             // rows that sums has for a problem; tiles of the longest problem

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared());
        if (block.thread() == 0) {
            problem = attention_problem(call, block.number(), line_tiles);
            if (!of_rows) problem.tile = line_tiles - 1 - problem.tile;     // under a causal mask the first keys have the most to do
        }
        block.barrier();
        const int lines = of_rows ? problem.rows : problem.keys, columns = of_rows ? problem.keys : problem.rows;
        const int first = problem.tile * shape::lines, last = first + shape::lines < lines ? first + shape::lines : lines;
        if (first >= lines) return;
        std::byte* const tiles = block.shared() + attention_problem::room + 2 * sums_bytes;
        const tile x_lines{tiles}, g_lines{tiles + tile::bytes(shape::lines)};
        const auto y_at = [&](int stage) { return tile{tiles + tile::bytes(2 * shape::lines + 2 * stage * shape::columns)}; };
        const auto h_at = [&](int stage) { return tile{tiles + tile::bytes(2 * shape::lines + (2 * stage + 1) * shape::columns)}; };
        const auto sums_at = [&](int stage) { return reinterpret_cast<row_sums*>(block.shared() + attention_problem::room + static_cast<std::size_t>(stage) * sums_bytes); };
        const auto load = [&](int number, int stage) {
            load_side<!of_rows, shape::columns>(block, problem, y_at(stage), y, number * shape::columns, columns);
            load_side<!of_rows, shape::columns>(block, problem, h_at(stage), h, number * shape::columns, columns);
            if (!of_rows && block.thread() < shape::columns / 2)
                block.copy_async(reinterpret_cast<std::byte*>(sums_at(stage) + 2 * block.thread()), sums_of(problem) + number * shape::columns + 2 * block.thread(), 16);
        };
        tile_walk walk([&](int number) {
            const int begin = number * shape::columns, end = begin + shape::columns, inside = end < columns ? end : columns;
            const auto said = of_rows ? scores.of_tile(problem, first, last, begin, inside) : scores.of_tile(problem, begin, inside, first, last);
            const bool cut = end > columns || (!of_rows && first + shape::lines > lines);
            return said == Scores::verdict::none ? 0 : said == Scores::verdict::some || cut ? 1 : 2;
        }, (columns + shape::columns - 1) / shape::columns);

        bool whole = false;
        int now = walk.next(block, 0, whole);
        load_side<of_rows, shape::lines>(block, problem, x_lines, x, first, lines);
        load_side<of_rows, shape::lines>(block, problem, g_lines, g, first, lines);
        if (now < walk.count) load(now, 0);
        const int line = block.thread() / warp * 16 * M;
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
            const bool hides = weigh(block, problem, p, ds, first + line, now * shape::columns, whole, sums_at(stage));
            if constexpr (!of_rows) product::weighted(block, to_g, p, h_at(stage), hides);
            product::weighted(block, to_x, ds, y_at(stage), hides);
            now = next, whole = next_whole;
        }
        write(block, problem, to_first, to_x, first + line, lines, scores.slope());
        if constexpr (!of_rows) write(block, problem, to_second, to_g, first + line, lines, 1);
    }

private:
    HEED_HOST_DEVICE const row_sums* sums_of(const attention_problem& problem) const { return sums + static_cast<index>(problem.number) * padded; }
    template <bool OfRows, class U> HEED_HOST_DEVICE static index step_to(const attention_problem& problem, const attention_memory<U>& m, int line) {
        if constexpr (OfRows) return problem.step_to_row(m, line);
        else return line * m.key;
    }
    template <bool OfRows, int Count, class Block>
    HEED_HOST_DEVICE void load_side(Block& block, const attention_problem& problem, tile to, const line_operand<const T>& from, int first, int end) const {
        load_lines<Count, threads>(block, to, from, problem.begin(call, from.memory), first, end, [&](int line) { return step_to<OfRows>(problem, from.memory, line); });
    }

    /// Products s and dp become m p and ds. Whether some are of hidden pairs.
    template <class Block>
    HEED_HOST_DEVICE bool weigh(Block& block, const attention_problem& problem, float (&p)[M][N][4], float (&ds)[M][N][4], int line0, int column0, bool whole, const row_sums* column_sums) const {
        const int lane = block.thread() % warp;
        if (Scores::linear && whole && !drop.drops()) {
            const float scale = scores.scale();
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int n = 0; n < N; ++n)
                    HEED_UNROLL for (int i = 0; i < 4; ++i) {
                        const row_sums sum = of_rows ? sums_of(problem)[line0 + 16 * m + fragment::line(lane, i)] : column_sums[8 * n + fragment::column(lane, i)];
                        p[m][n][i] = block.exp2(p[m][n][i] * scale - sum.log_sum_exp);
                        ds[m][n][i] = p[m][n][i] * (ds[m][n][i] - sum.d);
                    }
            return false;
        }
        bool hides = false;
        const auto pair = [&](const auto& score, int row, int key, row_sums sum, float& weight, float& slope) {
            const float dot = weight;
            float s;
            if (whole) s = score.score(key, dot);
            else s = key < problem.keys && row < problem.rows && score.sees(key) ? score.score(key, dot) : static_cast<float>(negative_infinity());
            const bool hidden = s == static_cast<float>(negative_infinity());
            hides = hides || hidden;
            const float of_softmax = block.exp2(s - sum.log_sum_exp), left = drop.drops() ? drop.factor(problem.number, row, key) : 1.0f;
            weight = hidden ? hidden_weight() : of_softmax * left;
            slope = hidden ? hidden_weight() : of_softmax * (left * slope - sum.d) * score.slope(key, dot);
        };
        const auto clamped = [&](int row) { return row < problem.rows ? row : problem.rows - 1; };
        if constexpr (of_rows) {
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int half = 0; half < 2; ++half) {
                    const int row = line0 + 16 * m + fragment::line(lane, 2 * half);
                    const auto score = scores.row(problem, clamped(row));
                    const row_sums sum = sums_of(problem)[row];
                    HEED_UNROLL for (int n = 0; n < N; ++n)
                        HEED_UNROLL for (int e = 0; e < 2; ++e)
                            pair(score, row, column0 + 8 * n + fragment::column(lane, e), sum, p[m][n][2 * half + e], ds[m][n][2 * half + e]);
                }
        } else {
            HEED_UNROLL for (int n = 0; n < N; ++n)
                HEED_UNROLL for (int e = 0; e < 2; ++e) {
                    const int column = 8 * n + fragment::column(lane, e), row = column0 + column;
                    const auto score = scores.row(problem, clamped(row));
                    const row_sums sum = column_sums[column];
                    HEED_UNROLL for (int m = 0; m < M; ++m)
                        HEED_UNROLL for (int half = 0; half < 2; ++half)
                            pair(score, row, line0 + 16 * m + fragment::line(lane, 2 * half), sum, p[m][n][2 * half + e], ds[m][n][2 * half + e]);
                }
        }
        return block.vote(hides) != 0;
    }
    template <class Block>
    HEED_HOST_DEVICE void write(Block& block, const attention_problem& problem, const line_operand<T>& to, const float (&sum)[M][C][4], int line0, int end, float factor) const {
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int half = 0; half < 2; ++half) {
                const int line = line0 + 16 * m + fragment::line(lane, 2 * half);
                if (line >= end) continue;
                store_line<E>(to, problem.begin(call, to.memory) + step_to<of_rows>(problem, to.memory, line), sum[m], half, factor, [&](int c) { return product::column(lane, c, 0); });
            }
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
