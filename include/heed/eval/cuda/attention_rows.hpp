/// What the forward kernels on tiles are called with, and what a warp keeps of its rows while they go over keys.
///
/// With s = f(q k) log2 e, of one tile after another, for every row
///     top' = max(top, max s)    p = 2^(s - top')    total = total 2^(top - top') + sum p    out = out 2^(top - top') + p v
/// and in the end out / total, and the log-sum-exp, (top + log2 total) / log2 e.
#pragma once

#include <heed/eval/cuda/attention_score.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// What stands by a kernel's arguments: log-sum-exp and output lie as they do.
template <class T, class Scores>
struct forward_call {
    attention_call<T> call;
    line_operand<const T> q, k, v;
    line_operand<T> out;
    weight_drop drop;
    Scores scores;
    int tiles;                          // of the longest problem
};

/// 2^x for x <= 0 to 1e-4 of itself, 0 below 2^-127, by a polynomial of the least largest error: as many additions and products as
/// a GPU does while its special function units do one of its own. Of 1.5 2^23 + 127 + x the lowest bits are the exponent.
HEED_HOST_DEVICE inline float exp2_by_polynomial(float x) {
    constexpr float exponents = 12583039.0f;
    x = x < -127 ? -127.0f : x;
    const float whole = x + exponents, rest = x - (whole - exponents);
    return (((0.05517167f * rest + 0.24261113f) * rest + 0.69326097f) * rest + 0.99992806f) * float_of(bits_of(whole) << 23);
}

/// Where a tile's pairs may be hidden. That no warp has one, all warps of a block know alike.
enum class hidden_pairs { of_no_warp, of_others_at_most, of_this_warp };

/// The rows of a warp, in M fragments of 16: their softmax so far, over tiles of N fragments of keys, and C of values. Where a
/// quarter of the weights goes by polynomial, the special function units are what a multiprocessor would wait for.
template <int M, int N, int C, bool QuarterByPolynomial = false>
struct running_rows {
    float out[M][C][4] = {}, top[M][2], total[M][2] = {}, shrink[M][2];

    HEED_HOST_DEVICE running_rows() {
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int h = 0; h < 2; ++h) top[m][h] = static_cast<float>(negative_infinity());
    }
    /// Products become weights; `out`, which may still be summed, is theirs once it has shrunk.
    template <class Block, class T, class Scores>
    HEED_HOST_DEVICE hidden_pairs weigh(Block& block, const forward_call<T, Scores>& all, const attention_problem& problem, float (&s)[M][N][4], int row0, int key0, bool whole) {
        if (whole && all.scores.scale() >= 0 && !all.drop.drops()) {
            weigh_whole(block, all.scores.scale(), s);
            return hidden_pairs::of_no_warp;
        }
        return weigh_each(block, all, problem, s, row0, key0, whole) ? hidden_pairs::of_this_warp : hidden_pairs::of_others_at_most;
    }
    template <class Block> HEED_HOST_DEVICE void shrink_out(Block& block) {
        bool any = false;
        HEED_UNROLL for (int i = 0; i < 2 * M; ++i) any = any || shrink[i / 2][i % 2] != 1;
        if (block.vote(any) == 0) return;           // most tiles raise no maximum
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int c = 0; c < C; ++c)
                HEED_UNROLL for (int i = 0; i < 4; ++i) out[m][c][i] *= shrink[m][i / 2];
    }
    /// Writes what the rows have come to. column(c): the place of fragment c of this thread's values.
    template <class Block, class T, class Scores, class Column>
    HEED_HOST_DEVICE void write(Block& block, const forward_call<T, Scores>& all, const attention_problem& problem, int row0, Column&& column) {
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int h = 0; h < 2; ++h) {
                float sum = total[m][h];
                HEED_UNROLL for (int bits = 1; bits < 4; bits *= 2) sum += block.exchange(sum, bits);
                const int row = row0 + 16 * m + fragment::line(lane, 2 * h);
                if (row >= problem.rows) continue;
                const float scale = sum == 0 ? 0.0f : 1 / sum;
                T* const to = problem.begin(all.call, all.out.memory) + problem.step_to_row(all.out.memory, row);
                store_line<value_of<T>>(all.out, to, out[m], h, scale, column);
                if (lane % 4 == 0 && all.call.log_sum_exp.data) {
                    const float whole = sum == 0 ? static_cast<float>(negative_infinity()) : (top[m][h] + std::log2(sum)) * ln_2;
                    const auto to_sum = problem.begin(all.call, all.call.log_sum_exp) + problem.step_to_row(all.call.log_sum_exp, row);
                    lanes<float, 0>::store(to_sum, 0, pack<float, 1>(whole));
                }
            }
    }

private:
    /// Of a tile that every row sees whole, in scores that are a factor times the product.
    template <class Block>
    HEED_HOST_DEVICE void weigh_whole(Block& block, float scale, float (&s)[M][N][4]) {
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int h = 0; h < 2; ++h) {
                float most = s[m][0][2 * h];
                HEED_UNROLL for (int n = 0; n < N; ++n)
                    HEED_UNROLL for (int e = 0; e < 2; ++e) most = s[m][n][2 * h + e] > most || most != most ? s[m][n][2 * h + e] : most;
                const float from = raise(block, m, h, most * scale);
                float sum = total[m][h] * shrink[m][h];
                HEED_UNROLL for (int n = 0; n < N; ++n)
                    HEED_UNROLL for (int e = 0; e < 2; ++e) {
                        float& x = s[m][n][2 * h + e];
                        x = x * scale - from;
                        x = QuarterByPolynomial && n % 2 == 1 && e == 1 ? exp2_by_polynomial(x) : block.exp2(x);
                        sum += x;
                    }
                total[m][h] = sum;
            }
    }
    /// Of any tile, pair by pair. Whether some pair of the warp is hidden.
    template <class Block, class T, class Scores>
    HEED_HOST_DEVICE bool weigh_each(Block& block, const forward_call<T, Scores>& all, const attention_problem& problem, float (&s)[M][N][4], int row0, int key0, bool whole) {
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
                const float from = raise(block, m, h, most);
                float sum = total[m][h] * shrink[m][h];
                HEED_UNROLL for (int n = 0; n < N; ++n)
                    HEED_UNROLL for (int e = 0; e < 2; ++e) {
                        float& x = s[m][n][2 * h + e];
                        const bool hidden = x == static_cast<float>(negative_infinity());
                        hides = hides || hidden;
                        x = hidden ? hidden_weight() : block.exp2(x - from);
                        sum += x;
                    }
                total[m][h] = sum;
                if (all.drop.drops()) drop_weights(all, problem, s[m], row, h, key0, lane);
            }
        return block.vote(hides) != 0;
    }
    /// The row's maximum with that of this thread's keys; what is subtracted from scores.
    template <class Block> HEED_HOST_DEVICE float raise(Block& block, int m, int h, float most) {
        most = top[m][h] > most || most != most ? top[m][h] : most;
        HEED_UNROLL for (int bits = 1; bits < 4; bits *= 2) {
            const float other = block.exchange(most, bits);
            most = other > most ? other : most;
        }
        const float from = most == static_cast<float>(negative_infinity()) ? 0.0f : most;
        shrink[m][h] = block.exp2(top[m][h] - from);
        top[m][h] = most;
        return from;
    }
    template <class T, class Scores>
    HEED_HOST_DEVICE static void drop_weights(const forward_call<T, Scores>& all, const attention_problem& problem, float (&s)[N][4], int row, int h, int key0, int lane) {
        HEED_UNROLL for (int n = 0; n < N; ++n)
            HEED_UNROLL for (int e = 0; e < 2; ++e) {
                const float left = all.drop.factor(problem.number, row, key0 + 8 * n + fragment::column(lane, e));
                if (!is_hidden_weight(s[n][2 * h + e])) s[n][2 * h + e] *= left;
            }
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
