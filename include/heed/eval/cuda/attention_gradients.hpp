/// The gradients of attention on tiles. With p = 2^(s - log-sum-exp), computed again, m what dropout leaves, D = dout out of a row:
///     dv = sum_rows m p dout    ds = p (m dout v - D) s'    dq = sum_keys ds k    dk = sum_rows ds q
///
/// One kernel makes D, one takes tiles of rows and goes over keys, for dq, one takes tiles of keys and goes over rows, for dk
/// and dv. So every sum has one order, and no block adds to what another writes. Either way a warp's lines are products with the
/// columns of a tile, and what comes of them is the left factor of what is summed: the two kernels are one, seen from either side.
/// Here is what they share, however their products are made (attention_backward.hpp, attention_backward_warpgroup.hpp).
#pragma once

#include <heed/eval/cuda/attention_rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// What the gradients need of a row: its log-sum-exp in base 2, infinite where it sees nothing, so that its weights are 0; and D.
struct alignas(8) row_sums { float log_sum_exp, d; };

/// The sums of every row of every problem, `padded` rows each. A warp takes a row.
template <class T>
struct attend_row_sums {
    static constexpr int threads = 256, lines = threads / warp;
    static constexpr std::size_t shared_bytes = attention_problem::room;
    attention_call<T> call;
    line_elements line, d_line;         // of out and its gradient
    row_sums* sums;
    int tiles;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared());
        if (block.thread() == 0) problem = attention_problem(call, block.number(), tiles);
        block.barrier();
        const int row = problem.tile * lines + block.thread() / warp;
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
        sums[static_cast<index>(problem.number) * tiles * lines + row] = {sees ? whole * log2_e : static_cast<float>(positive_infinity()), sum};
    }
};

/// What stands by a kernel's arguments. Lines are rows, and what is summed dq; or keys, and dk and dv. s = x y and dp = g h: x
/// and g are queries and the gradient of the output, or keys and values; y and h the others.
template <side Lines, class T, class Scores>
struct backward_call {
    using E = value_of<T>;
    static constexpr bool of_rows = Lines == side::rows;
    attention_call<T> call;
    line_operand<const T> x, g, y, h;
    line_operand<T> to_first, to_second;        // dq, or dk and dv
    weight_drop drop;
    Scores scores;
    const row_sums* sums;
    int padded, tiles;                  // rows that sums has for a problem; tiles of the longest problem

    HEED_HOST_DEVICE attention_problem problem_of(index block) const {
        attention_problem problem(call, block, tiles);
        if (!of_rows) problem.tile = tiles - 1 - problem.tile;     // under a causal mask the first keys have the most to do
        return problem;
    }
    HEED_HOST_DEVICE static int lines_of(const attention_problem& problem) { return of_rows ? problem.rows : problem.keys; }
    HEED_HOST_DEVICE static int columns_of(const attention_problem& problem) { return of_rows ? problem.keys : problem.rows; }
    HEED_HOST_DEVICE const row_sums* sums_of(const attention_problem& problem) const { return sums + static_cast<index>(problem.number) * padded; }

    /// The tiles of so many columns that lines first to first + size meet.
    HEED_HOST_DEVICE auto tiles_met(const attention_problem& problem, int first, int size, int width) const {
        return tile_walk([this, &problem, first, size, width](int number) {
            const int lines = lines_of(problem), columns = columns_of(problem), last = first + size < lines ? first + size : lines;
            const int begin = number * width, end = begin + width, inside = end < columns ? end : columns;
            const auto said = of_rows ? scores.of_tile(problem, first, last, begin, inside) : scores.of_tile(problem, begin, inside, first, last);
            const bool cut = end > columns || (!of_rows && first + size > lines);
            return said == Scores::verdict::none ? 0 : said == Scores::verdict::some || cut ? 1 : 2;
        }, (columns_of(problem) + width - 1) / width);
    }
    /// Begins to load the block's lines, or a tile's columns.
    template <bool OfRows, int Count, int Threads, class Tile, class Block>
    HEED_HOST_DEVICE void load(Block& block, const attention_problem& problem, Tile to, const line_operand<const T>& from, int first) const {
        load_lines<Count, Threads>(block, to, from, problem.begin(call, from.memory), first, OfRows ? problem.rows : problem.keys, [&](int line) { return step_to<OfRows>(problem, from.memory, line); });
    }

    /// Products s and dp become m p and ds.
    template <int M, int N, class Block>
    HEED_HOST_DEVICE hidden_pairs weigh(Block& block, const attention_problem& problem, float (&p)[M][N][4], float (&ds)[M][N][4], int line0, int column0, bool whole, const row_sums* column_sums) const {
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
            return hidden_pairs::of_no_warp;
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
        return block.vote(hides) != 0 ? hidden_pairs::of_this_warp : hidden_pairs::of_others_at_most;
    }
    /// column(c): the place of fragment c of this thread's sums.
    template <int M, int C, class Block, class Column>
    HEED_HOST_DEVICE void write(Block& block, const attention_problem& problem, const line_operand<T>& to, const float (&sum)[M][C][4], int line0, float factor, Column&& column) const {
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int half = 0; half < 2; ++half) {
                const int line = line0 + 16 * m + fragment::line(lane, 2 * half);
                if (line >= lines_of(problem)) continue;
                store_line<E>(to, problem.begin(call, to.memory) + step_to<of_rows>(problem, to.memory, line), sum[m], half, factor, column);
            }
    }

private:
    template <bool OfRows, class U> HEED_HOST_DEVICE static index step_to(const attention_problem& problem, const attention_memory<U>& m, int line) {
        if constexpr (OfRows) return problem.step_to_row(m, line);
        else return line * m.key;
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
