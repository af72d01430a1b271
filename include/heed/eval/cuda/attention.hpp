/// Attention on tiles: a block takes some rows and goes over the tiles of keys that they see.
///
/// With s = f(q k) log2 e, of one tile after another, for every row
///     top' = max(top, max s)    p = 2^(s - top')    total = total 2^(top - top') + sum p    out = out 2^(top - top') + p v
/// and in the end out / total, and the log-sum-exp, (top + log2 total) / log2 e. Each warp has rows of its own, and the
/// registers of a product's result are those of the next one's left factor: scores never leave them.
#pragma once

#include <heed/eval/cuda/attention_products.hpp>
#include <heed/eval/cuda/attention_score.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Rows of a warp, in fragments of 16, and keys of a tile, such that registers and shared memory hold them.
template <class E, int Depth>
struct forward_shape {
    static constexpr bool wide = is_half<E>;
    static constexpr int warps = 4, threads = warps * warp, fragments = Depth <= 64 ? 2 : 1, rows = 16 * fragments * warps, keys = wide ? 64 : 32;
};

/// What stands by a kernel's arguments: log-sum-exp and output lie as they do.
template <class T, precision P, int Depth, class Scores>
struct attend_tiles {
    using E = value_of<T>;
    using shape = forward_shape<E, Depth>;
    using tile = shared_tile<E, Depth>;
    using product = products<E, P>;
    static constexpr int threads = shape::threads, M = shape::fragments, N = shape::keys / 8, C = Depth / 8;
    static constexpr std::size_t shared_bytes = attention_problem::room + tile::bytes(shape::rows + 4 * shape::keys);

    attention_call<T> call;
    line_operand<const T> q, k, v;
    line_operand<T> out;
    weight_drop drop;
    Scores scores;
    int row_tiles;                      // of the longest problem

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        attention_problem& problem = *reinterpret_cast<attention_problem*>(block.shared());
        if (block.thread() == 0) problem = attention_problem(call, block.number(), row_tiles);
        block.barrier();
        std::byte* const tiles = block.shared() + attention_problem::room;
        const int first_row = problem.tile * shape::rows, last_row = first_row + shape::rows < problem.rows ? first_row + shape::rows : problem.rows;
        if (first_row >= problem.rows) return;
        const tile queries{tiles};
        const auto keys_at = [&](int stage) { return tile{tiles + tile::bytes(shape::rows + 2 * stage * shape::keys)}; };
        const auto values_at = [&](int stage) { return tile{tiles + tile::bytes(shape::rows + (2 * stage + 1) * shape::keys)}; };
        const T* const k_begin = problem.begin(call, k.memory);
        const T* const v_begin = problem.begin(call, v.memory);
        const auto load = [&](int number, int stage) {
            load_lines<shape::keys, threads>(block, keys_at(stage), k, k_begin, number * shape::keys, problem.keys, [&](int key) { return key * k.memory.key; });
            load_lines<shape::keys, threads>(block, values_at(stage), v, v_begin, number * shape::keys, problem.keys, [&](int key) { return key * v.memory.key; });
        };
        tile_walk walk([&](int number) {
            const int key0 = number * shape::keys, key1 = key0 + shape::keys;
            const auto said = scores.of_tile(problem, first_row, last_row, key0, key1 < problem.keys ? key1 : problem.keys);
            return said == Scores::verdict::none ? 0 : said == Scores::verdict::some || key1 > problem.keys ? 1 : 2;
        }, (problem.keys + shape::keys - 1) / shape::keys);

        bool whole = false;
        int now = walk.next(block, 0, whole);
        load_lines<shape::rows, threads>(block, queries, q, problem.begin(call, q.memory), first_row, problem.rows, [&](int row) { return problem.step_to_row(q.memory, row); });
        if (now < walk.count) load(now, 0);

        running rows;
        for (int stage = 0; now < walk.count; stage ^= 1) {
            bool next_whole = false;
            const int next = walk.next(block, now + 1, next_whole);
            block.wait_for_copies();
            block.barrier();            // this tile is there, and nobody reads the one before
            if (next < walk.count) load(next, stage ^ 1);
            float s[M][N][4];
            product::scores(block, s, queries, warp_line(block), keys_at(stage));
            const bool hides = rows.weigh(block, *this, problem, s, first_row + warp_line(block), now * shape::keys, whole);
            product::weighted(block, rows.out, s, values_at(stage), hides);
            now = next, whole = next_whole;
        }
        rows.write(block, *this, problem, first_row + warp_line(block));
    }

private:
    template <class Block> HEED_HOST_DEVICE static int warp_line(Block& block) { return block.thread() / warp * 16 * M; }

    /// The rows of a warp: their softmax so far.
    struct running {
        float out[M][C][4] = {}, top[M][2], total[M][2] = {};

        HEED_HOST_DEVICE running() {
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int h = 0; h < 2; ++h) top[m][h] = static_cast<float>(negative_infinity());
        }
        /// Products become weights. Whether some are of hidden pairs.
        template <class Block>
        HEED_HOST_DEVICE bool weigh(Block& block, const attend_tiles& all, const attention_problem& problem, float (&s)[M][N][4], int row0, int key0, bool whole) {
            bool hides = false;
            if (whole && all.scores.scale() >= 0 && !all.drop.drops()) weigh_whole(block, all.scores.scale(), s);
            else hides = weigh_each(block, all, problem, s, row0, key0, whole);
            return hides;
        }
        /// Of a tile that every row sees whole, in scores that are a factor times the product.
        template <class Block>
        HEED_HOST_DEVICE void weigh_whole(Block& block, float scale, float (&s)[M][N][4]) {
            float shrink[M][2];
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int h = 0; h < 2; ++h) {
                    float most = s[m][0][2 * h];
                    HEED_UNROLL for (int n = 0; n < N; ++n)
                        HEED_UNROLL for (int e = 0; e < 2; ++e) most = s[m][n][2 * h + e] > most || most != most ? s[m][n][2 * h + e] : most;
                    const float from = raise(block, m, h, most * scale, shrink[m][h]);
                    float sum = total[m][h] * shrink[m][h];
                    HEED_UNROLL for (int n = 0; n < N; ++n)
                        HEED_UNROLL for (int e = 0; e < 2; ++e) {
                            float& x = s[m][n][2 * h + e];
                            x = block.exp2(x * scale - from);
                            sum += x;
                        }
                    total[m][h] = sum;
                }
            shrink_sums(block, shrink);
        }
        /// Of any tile, pair by pair.
        template <class Block>
        HEED_HOST_DEVICE bool weigh_each(Block& block, const attend_tiles& all, const attention_problem& problem, float (&s)[M][N][4], int row0, int key0, bool whole) {
            const int lane = block.thread() % warp;
            bool hides = false;
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int h = 0; h < 2; ++h) {
                    const int row = row0 + 16 * m + fragment::line(lane, 2 * h), last = problem.rows - 1;
                    const auto score = all.scores.row(problem, row < last ? row : last);
                    float most = static_cast<float>(negative_infinity());
                    HEED_UNROLL for (int n = 0; n < N; ++n)
                        HEED_UNROLL for (int e = 0; e < 2; ++e) {
                            float& x = s[m][n][2 * h + e];
                            const int key = key0 + 8 * n + fragment::column(lane, e);
                            if (whole) x = score.score(key, x);
                            else x = key < problem.keys && score.sees(key) ? score.score(key, x) : static_cast<float>(negative_infinity());
                            most = x > most ? x : most;
                        }
                    float shrink;
                    const float from = raise(block, m, h, most, shrink);
                    float sum = total[m][h] * shrink;
                    HEED_UNROLL for (int n = 0; n < N; ++n)
                        HEED_UNROLL for (int e = 0; e < 2; ++e) {
                            float& x = s[m][n][2 * h + e];
                            const bool hidden = x == static_cast<float>(negative_infinity());
                            hides = hides || hidden;
                            x = hidden ? hidden_weight() : block.exp2(x - from);
                            sum += x;
                        }
                    total[m][h] = sum;
                    HEED_UNROLL for (int c = 0; c < C; ++c)
                        HEED_UNROLL for (int e = 0; e < 2; ++e) out[m][c][2 * h + e] *= shrink;
                    if (all.drop.drops()) drop_weights(all, problem, s[m], row, h, key0, lane);
                }
            return block.vote(hides) != 0;
        }
        /// The row's maximum with that of this thread's keys; what is subtracted from scores, and what sums so far are multiplied by.
        template <class Block> HEED_HOST_DEVICE float raise(Block& block, int m, int h, float most, float& shrink) {
            most = top[m][h] > most || most != most ? top[m][h] : most;
            HEED_UNROLL for (int bits = 1; bits < 4; bits *= 2) {
                const float other = block.exchange(most, bits);
                most = other > most ? other : most;
            }
            const float from = most == static_cast<float>(negative_infinity()) ? 0.0f : most;
            shrink = block.exp2(top[m][h] - from);
            top[m][h] = most;
            return from;
        }
        template <class Block> HEED_HOST_DEVICE void shrink_sums(Block& block, const float (&shrink)[M][2]) {
            bool any = false;
            HEED_UNROLL for (int i = 0; i < 2 * M; ++i) any = any || shrink[i / 2][i % 2] != 1;
            if (block.vote(any) == 0) return;           // most tiles raise no maximum
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int c = 0; c < C; ++c)
                    HEED_UNROLL for (int i = 0; i < 4; ++i) out[m][c][i] *= shrink[m][i / 2];
        }
        HEED_HOST_DEVICE static void drop_weights(const attend_tiles& all, const attention_problem& problem, float (&s)[N][4], int row, int h, int key0, int lane) {
            HEED_UNROLL for (int n = 0; n < N; ++n)
                HEED_UNROLL for (int e = 0; e < 2; ++e) {
                    const float left = all.drop.factor(problem.number, row, key0 + 8 * n + fragment::column(lane, e));
                    if (!is_hidden_weight(s[n][2 * h + e])) s[n][2 * h + e] *= left;
                }
        }
        template <class Block>
        HEED_HOST_DEVICE void write(Block& block, const attend_tiles& all, const attention_problem& problem, int row0) {
            const int lane = block.thread() % warp;
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int h = 0; h < 2; ++h) {
                    float sum = total[m][h];
                    HEED_UNROLL for (int bits = 1; bits < 4; bits *= 2) sum += block.exchange(sum, bits);
                    const int row = row0 + 16 * m + fragment::line(lane, 2 * h);
                    if (row >= problem.rows) continue;
                    const float scale = sum == 0 ? 0.0f : 1 / sum;
                    T* const to = problem.begin(all.call, all.out.memory) + problem.step_to_row(all.out.memory, row);
                    store_line<E>(all.out, to, out[m], h, scale, [&](int c) { return product::column(lane, c, 0); });
                    if (lane % 4 == 0 && all.call.log_sum_exp.data) {
                        const float whole = sum == 0 ? static_cast<float>(negative_infinity()) : (top[m][h] + std::log2(sum)) * ln_2;
                        const auto to_sum = problem.begin(all.call, all.call.log_sum_exp) + problem.step_to_row(all.call.log_sum_exp, row);
                        lanes<float, 0>::store(to_sum, 0, pack<float, 1>(whole));
                    }
                }
        }
    };
};

}  // namespace heed::inline HEED_TARGET::cuda
