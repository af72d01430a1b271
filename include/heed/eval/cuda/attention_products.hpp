/// The two products that attention is made of, by a warp, on tiles in shared memory.
///
///     scores:   s[line, column] = sum over depth of x[line, depth] y[column, depth]
///     weighted: o[line, depth] += sum over columns of w[line, column] y[column, depth]
///
/// Lines are the warp's own, 16 for each fragment; columns are those of the tile that the block goes over. w is what became of
/// s in the registers that held it. Forward, lines are rows and columns keys; in the gradients of keys it is the other way round.
#pragma once

#include <heed/eval/cuda/attention_tiles.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// The bits of an element that a tensor core is not to meet, as what is counted in its stead: see weighted_selecting.
inline constexpr float infinity_mark = 1, negative_mark = 256, nan_mark = 65536;
HEED_HOST_DEVICE inline bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }
HEED_HOST_DEVICE inline float mark_of(float x) { return is_finite(x) ? 0.0f : x != x ? nan_mark : x > 0 ? infinity_mark : negative_mark; }
HEED_HOST_DEVICE inline float sum_of_marks(float marks) {
    const float inf = float_of(0x7f800000u);
    if (marks >= nan_mark) return inf - inf;
    const bool some = marks - static_cast<float>(static_cast<int>(marks / negative_mark)) * negative_mark > 0;
    return marks >= negative_mark ? (some ? inf - inf : -inf) : (some ? inf : 0.0f);
}

/// Products by tensor cores, of bf16 or of floats as tf32.
template <class E, precision P>
struct products {
    using core = std::conditional_t<std::is_same_v<E, bf16>, bf16, tf32>;
    static constexpr bool wide = std::is_same_v<E, bf16>;           // 16 of the sum at once, in two chunks; else 8

    /// The place along depth of register i of fragment n of o.
    HEED_HOST_DEVICE static int column(int lane, int n, int i) { return 8 * n + fragment::column(lane, i); }

    template <int M, int N, class Block, int Depth>
    HEED_HOST_DEVICE static void scores(Block& block, float (&s)[M][N][4], shared_tile<E, Depth> x, int line, shared_tile<E, Depth> y) {
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int n = 0; n < N; ++n)
                HEED_UNROLL for (int i = 0; i < 4; ++i) s[m][n][i] = 0;
        HEED_UNROLL for (int k = 0; k < shared_tile<E, Depth>::chunks; k += 2) {
            std::uint32_t a[M][4];
            HEED_UNROLL for (int m = 0; m < M; ++m) {
                block.load_matrices(a[m], x.chunk(line + 16 * m + matrix_rows::left_line(lane), k + matrix_rows::left_chunk(lane)));
                round(block, a[m]);
            }
            HEED_UNROLL for (int n = 0; n < N; n += 2) {
                std::uint32_t b[4];
                block.load_matrices(b, y.chunk(8 * n + matrix_rows::right_line(lane), k + matrix_rows::right_chunk(lane)));
                round(block, b);
                HEED_UNROLL for (int m = 0; m < M; ++m) {
                    block.multiply(core{}, s[m][n], a[m], b[0], b[1]);
                    block.multiply(core{}, s[m][n + 1], a[m], b[2], b[3]);
                }
            }
        }
    }

    /// `hides`: some weight of the warp is hidden, so what it would meet must not be multiplied by zero if it is not finite.
    template <int M, int N, int C, class Block, int Depth>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&o)[M][C][4], const float (&w)[M][N][4], shared_tile<E, Depth> y, bool hides) {
        if (hides && block.vote(!all_finite<8 * N>(block, y))) return weighted_selecting(block, o, w, y);
        each_step<M, N, C>(block, w, y, [](float weight) { return weight; }, [](std::uint32_t bits) { return bits; },
                           [&](int n, int m, const auto& a, std::uint32_t b0, std::uint32_t b1) { block.multiply(core{}, o[m][n], a, b0, b1); });
    }

private:
    template <class Block> HEED_HOST_DEVICE static void round(Block& block, std::uint32_t (&bits)[4]) {
        if constexpr (!wide) { HEED_UNROLL for (int i = 0; i < 4; ++i) bits[i] = block.rounded(float_of(bits[i])); }
    }
    /// Each element of a register.
    template <class F> HEED_HOST_DEVICE static std::uint32_t each_element(std::uint32_t bits, F&& f) {
        if constexpr (wide) return bits_of(f(float_of(bits << 16))) >> 16 | (bits_of(f(float_of(bits & 0xffff0000u))) & 0xffff0000u);
        else return bits_of(f(float_of(bits)));
    }
    /// The weights of fragment m as left factor of step k.
    template <int M, int N, class Block, class W>
    HEED_HOST_DEVICE static void left(Block& block, std::uint32_t (&a)[4], const float (&w)[M][N][4], int m, int k, W&& weight) {
        if constexpr (wide) {
            HEED_UNROLL for (int i = 0; i < 4; ++i) a[i] = block.pair(weight(w[m][2 * k + i / 2][2 * (i % 2)]), weight(w[m][2 * k + i / 2][2 * (i % 2) + 1]));
        } else {
            // Columns 2t and 2t + 1 stand where the core has t and t + 4: y's rows are read in that order.
            HEED_UNROLL for (int i = 0; i < 4; ++i) a[i] = block.rounded(weight(w[m][k][2 * (i % 2) + i / 2]));
        }
    }
    template <int M, int N, int C, class Block, int Depth, class W, class B, class F>
    HEED_HOST_DEVICE static void each_step(Block& block, const float (&w)[M][N][4], shared_tile<E, Depth> y, W&& weight, B&& right, F&& multiply) {
        static_assert(8 * C == Depth && C % 2 == 0);
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int k = 0; k < (wide ? N / 2 : N); ++k) {
            std::uint32_t a[M][4];
            HEED_UNROLL for (int m = 0; m < M; ++m) left(block, a[m], w, m, k, weight);
            HEED_UNROLL for (int n = 0; n < C; n += 2) {
                std::uint32_t b[4];
                if constexpr (wide) block.load_transposed(b, y.chunk(16 * k + matrix_rows::summed_line(lane), n + matrix_rows::summed_chunk(lane)));
                else { HEED_UNROLL for (int i = 0; i < 4; ++i) b[i] = block.rounded(y.at(8 * k + 2 * (lane % 4) + i % 2, 8 * (n + i / 2) + lane / 4)); }
                HEED_UNROLL for (int i = 0; i < 4; ++i) b[i] = right(b[i]);
                HEED_UNROLL for (int m = 0; m < M; ++m) {
                    multiply(n, m, a[m], b[0], b[1]);
                    multiply(n + 1, m, a[m], b[2], b[3]);
                }
            }
        }
    }
    template <int Rows, class Block, int Depth>
    HEED_HOST_DEVICE static bool all_finite(Block& block, shared_tile<E, Depth> y) {
        bool all = true;
        HEED_ROLL for (int i = block.thread() % warp; i < Rows * shared_tile<E, Depth>::chunks; i += warp) {
            struct alignas(16) four { std::uint32_t word[4]; };
            const four bits = *reinterpret_cast<const four*>(y.base + 16 * i);
            for (int j = 0; j < 4; ++j) all = all && (bits.word[j] & 0x7f800000u) != 0x7f800000u && (!wide || (bits.word[j] & 0x7f80u) != 0x7f80u);
        }
        return all;
    }
    /// What is not finite is left out, then counted by kind among what is not hidden, and added. Rarely needed.
    template <int M, int N, int C, class Block, int Depth>
    HEED_HOST_DEVICE static void weighted_selecting(Block& block, float (&o)[M][C][4], const float (&w)[M][N][4], shared_tile<E, Depth> y) {
        each_step<M, N, C>(block, w, y, [](float weight) { return weight; },
                           [](std::uint32_t bits) { return each_element(bits, [](float v) { return is_finite(v) ? v : 0.0f; }); },
                           [&](int n, int m, const auto& a, std::uint32_t b0, std::uint32_t b1) { block.multiply(core{}, o[m][n], a, b0, b1); });
        float marks[M][C][4] = {};
        each_step<M, N, C>(block, w, y, [](float weight) { return is_hidden_weight(weight) ? 0.0f : 1.0f; },
                           [](std::uint32_t bits) { return each_element(bits, [](float v) { return mark_of(v); }); },
                           [&](int n, int m, const auto& a, std::uint32_t b0, std::uint32_t b1) { block.multiply(core{}, marks[m][n], a, b0, b1); });
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int n = 0; n < C; ++n)
                HEED_UNROLL for (int i = 0; i < 4; ++i) o[m][n][i] += sum_of_marks(marks[m][n][i]);
    }
};

/// Products of floats in float. A thread holds the same places of s as of a tensor core's; of o, four neighbours of depth in
/// two fragments, which are read as one chunk.
template <>
struct products<float, precision::exact> {
    struct alignas(16) four { float value[4]; };
    HEED_HOST_DEVICE static int column(int lane, int n, int i) { return 16 * (n / 2) + 4 * (lane % 4) + 2 * (n % 2) + i % 2; }

    template <int M, int N, class Block, int Depth>
    HEED_HOST_DEVICE static void scores(Block& block, float (&s)[M][N][4], shared_tile<float, Depth> x, int line, shared_tile<float, Depth> y) {
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int m = 0; m < M; ++m)
            HEED_UNROLL for (int n = 0; n < N; ++n)
                HEED_UNROLL for (int i = 0; i < 4; ++i) s[m][n][i] = 0;
        HEED_ROLL for (int k = 0; k < shared_tile<float, Depth>::chunks; ++k) {
            four a[M][2];
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int h = 0; h < 2; ++h) a[m][h] = read(x, line + 16 * m + fragment::line(lane, 2 * h), k);
            HEED_UNROLL for (int n = 0; n < N; ++n)
                HEED_UNROLL for (int e = 0; e < 2; ++e) {
                    const four b = read(y, 8 * n + fragment::column(lane, e), k);
                    HEED_UNROLL for (int m = 0; m < M; ++m)
                        HEED_UNROLL for (int h = 0; h < 2; ++h)
                            HEED_UNROLL for (int j = 0; j < 4; ++j) s[m][n][2 * h + e] += a[m][h].value[j] * b.value[j];
                }
        }
    }

    template <int M, int N, int C, class Block, int Depth>
    HEED_HOST_DEVICE static void weighted(Block& block, float (&o)[M][C][4], const float (&w)[M][N][4], shared_tile<float, Depth> y, bool) {
        static_assert(8 * C == Depth && C % 2 == 0);
        const int lane = block.thread() % warp;
        HEED_UNROLL for (int n = 0; n < N; ++n)
            HEED_UNROLL for (int e = 0; e < 2; ++e)
                HEED_UNROLL for (int away = 0; away < 4; ++away) {
                    // The four threads of a line take its columns in turn, each beginning with its own.
                    float weight[2 * M];
                    HEED_UNROLL for (int m = 0; m < M; ++m)
                        HEED_UNROLL for (int h = 0; h < 2; ++h) weight[2 * m + h] = w[m][n][2 * h + e];
                    if (away > 0) block.exchange_all(weight, away);
                    const int row = 8 * n + 2 * (lane % 4 ^ away) + e;
                    HEED_UNROLL for (int c = 0; c < C; c += 2) {
                        const four v = read(y, row, 2 * c + lane % 4);
                        HEED_UNROLL for (int m = 0; m < M; ++m)
                            HEED_UNROLL for (int h = 0; h < 2; ++h)
                                if (!is_hidden_weight(weight[2 * m + h])) {
                                    HEED_UNROLL for (int j = 0; j < 4; ++j) o[m][c + j / 2][2 * h + j % 2] += weight[2 * m + h] * v.value[j];
                                }
                    }
                }
    }

private:
    template <int Depth> HEED_HOST_DEVICE static four read(shared_tile<float, Depth> x, int row, int chunk) { return *reinterpret_cast<const four*>(x.chunk(row, chunk)); }
};

}  // namespace heed::inline HEED_TARGET::cuda
