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

/// Products by tensor cores, of bf16, fp16, or floats as tf32.
template <class E, precision P>
struct products {
    using core = std::conditional_t<is_half<E>, E, tf32>;
    static constexpr bool wide = is_half<E>;           // 16 of the sum at once, in two chunks; else 8

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
        static_assert(8 * C == Depth && C % 2 == 0);
        const int lane = wide ? block.thread() % warp : block.not_kept(block.thread() % warp);
        std::uint32_t a[steps<N>][M][4];
        HEED_UNROLL for (int k = 0; k < steps<N>; ++k)
            HEED_UNROLL for (int m = 0; m < M; ++m) left(block, a[k][m], w, m, k);
        if (hides && block.vote(!all_finite<8 * N, warp>(block, y))) return weighted_selecting<M, N>(block, o, a, y);
        HEED_UNROLL for (int k = 0; k < steps<N>; ++k)
            HEED_UNROLL for (int n = 0; n < C; n += 2) {
                std::uint32_t b[4];
                if constexpr (wide) block.load_transposed(b, y.chunk(16 * k + matrix_rows::summed_line(lane), n + matrix_rows::summed_chunk(lane)));
                else { HEED_UNROLL for (int i = 0; i < 4; ++i) b[i] = block.rounded(y.at(8 * k + 2 * (lane % 4) + i % 2, 8 * (n + i / 2) + lane / 4)); }
                HEED_UNROLL for (int m = 0; m < M; ++m) {
                    block.multiply(core{}, o[m][n], a[k][m], b[0], b[1]);
                    block.multiply(core{}, o[m][n + 1], a[k][m], b[2], b[3]);
                }
            }
    }

    /// Of a sum over N fragments of columns.
    template <int N> static constexpr int steps = wide ? N / 2 : N;
    /// The weights of fragment m as left factor of step k.
    template <int M, int N, class Block>
    HEED_HOST_DEVICE static void left(Block& block, std::uint32_t (&a)[4], const float (&w)[M][N][4], int m, int k) {
        if constexpr (wide) {
            HEED_UNROLL for (int i = 0; i < 4; ++i) a[i] = block.pair(E(), w[m][2 * k + i / 2][2 * (i % 2)], w[m][2 * k + i / 2][2 * (i % 2) + 1]);
        } else {
            // Columns 2t and 2t + 1 stand where the core has t and t + 4: y's rows are read in that order.
            HEED_UNROLL for (int i = 0; i < 4; ++i) a[i] = block.rounded(w[m][k][2 * (i % 2) + i / 2]);
        }
    }
    /// Of what these of a tile's rows hold, that part which is this thread's among so many.
    template <int Rows, int Threads, class Block, class Tile>
    HEED_HOST_DEVICE static bool all_finite(Block& block, Tile y) {
        constexpr std::uint32_t exponent = std::is_same_v<E, fp16> ? 0x7c000000u : 0x7f800000u;
        bool all = true;
        HEED_ROLL for (int i = block.thread() % Threads; i < Rows * Tile::chunks; i += Threads) {
            struct alignas(16) four { std::uint32_t word[4]; };
            const four bits = *reinterpret_cast<const four*>(y.base + 16 * i);
            for (int j = 0; j < 4; ++j) all = all && (bits.word[j] & exponent) != exponent && (!wide || (bits.word[j] << 16 & exponent) != exponent);
        }
        return all;
    }
    /// Line by line and column by column, without pairs that are hidden: rarely needed, so it is short, and its sums lie in memory,
    /// where they take no registers from what is needed always.
    template <int M, int N, class Block, int C, class Tile>
    HEED_HOST_DEVICE static void weighted_selecting(Block& block, float (&o)[M][C][4], const std::uint32_t (&a)[steps<N>][M][4], Tile y) {
        const int lane = block.thread() % warp;
        float sum[4 * M * C];
        std::uint32_t weights[4 * M * steps<N>];
        HEED_UNROLL for (int i = 0; i < 4 * M * C; ++i) sum[i] = o[i / (4 * C)][i / 4 % C][i % 4];
        HEED_UNROLL for (int i = 0; i < 4 * M * steps<N>; ++i) weights[i] = a[i / (4 * M)][i / 4 % M][i % 4];
        HEED_ROLL for (int column_of_w = 0; column_of_w < 8 * N; ++column_of_w)
            HEED_ROLL for (int line = 0; line < 2 * M; ++line) {
                const int m = line / 2, h = line % 2, n = column_of_w / 8, e = column_of_w % 2;
                std::uint32_t bits;
                if constexpr (wide) {
                    bits = weights[4 * (n / 2 * M + m) + 2 * (n % 2) + h];
                    bits = e == 1 ? bits >> 16 : bits & 0xffffu;
                } else bits = weights[4 * (n * M + m) + 2 * e + h];
                if (column_of_w % 8 / 2 != lane % 4) bits = 0;          // one of the four threads of a line has it
                bits |= block.exchange(bits, 1);
                bits |= block.exchange(bits, 2);
                const float weight = number_of(bits);
                if (!is_hidden_weight(weight)) {
                    HEED_ROLL for (int i = 0; i < 2 * C; ++i) sum[4 * (m * C + i / 2) + 2 * h + i % 2] += weight * static_cast<float>(y.at(column_of_w, column(lane, i / 2, i % 2)));
                }
            }
        HEED_UNROLL for (int i = 0; i < 4 * M * C; ++i) o[i / (4 * C)][i / 4 % C][i % 4] = sum[i];
    }

private:
    HEED_HOST_DEVICE static float number_of(std::uint32_t bits) {
        if constexpr (wide) {
            E x;
            x.bits = static_cast<std::uint16_t>(bits);
            return static_cast<float>(x);
        } else return float_of(bits);
    }
    template <class Block> HEED_HOST_DEVICE static void round(Block& block, std::uint32_t (&bits)[4]) {
        if constexpr (!wide) { HEED_UNROLL for (int i = 0; i < 4; ++i) bits[i] = block.rounded(float_of(bits[i])); }
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
        float rest[M][N][4];            // what is left of w: it moves up, so that the loop stays a loop
        HEED_UNROLL for (int i = 0; i < 4 * M * N; ++i) rest[i / (4 * N)][i / 4 % N][i % 4] = w[i / (4 * N)][i / 4 % N][i % 4];
        HEED_ROLL for (int n = 0; n < N; ++n) {
            HEED_UNROLL for (int e = 0; e < 2; ++e)
                HEED_UNROLL for (int away = 0; away < 4; ++away) {
                    // The four threads of a line take its columns in turn, each beginning with its own.
                    float weight[2 * M];
                    HEED_UNROLL for (int i = 0; i < 2 * M; ++i) weight[i] = rest[i / 2][0][2 * (i % 2) + e];
                    if (away > 0) block.exchange_all(weight, away);
                    const int row = 8 * n + 2 * (lane % 4 ^ away) + e;
                    HEED_UNROLL for (int c = 0; c < C; c += 2) {
                        const four v = read(y, row, 2 * c + lane % 4);
                        HEED_UNROLL for (int i = 0; i < 2 * M; ++i)
                            if (!is_hidden_weight(weight[i])) {
                                HEED_UNROLL for (int j = 0; j < 4; ++j) o[i / 2][c + j / 2][2 * (i % 2) + j % 2] += weight[i] * v.value[j];
                            }
                    }
                }
            HEED_UNROLL for (int m = 0; m < M; ++m)
                HEED_UNROLL for (int next = 1; next < N; ++next)
                    HEED_UNROLL for (int i = 0; i < 4; ++i) rest[m][next - 1][i] = rest[m][next][i];
        }
    }

private:
    template <int Depth> HEED_HOST_DEVICE static four read(shared_tile<float, Depth> x, int row, int chunk) { return *reinterpret_cast<const four*>(x.chunk(row, chunk)); }
};

}  // namespace heed::inline HEED_TARGET::cuda
