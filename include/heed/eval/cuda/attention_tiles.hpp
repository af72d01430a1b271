/// Tiles of attention: how rows lie in shared memory, and which places of a product a thread of a warp holds.
#pragma once

#include <heed/eval/cuda/block.hpp>
#include <heed/eval/cuda/precision.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Which element of a 16 x 8 product a thread holds as its register i: the layout of the tensor cores, and of what sums by hand.
struct fragment {
    HEED_HOST_DEVICE static int line(int lane, int i) { return lane / 4 + 8 * (i / 2); }
    HEED_HOST_DEVICE static int column(int lane, int i) { return 2 * (lane % 4) + i % 2; }
};

/// Rows of Columns elements in shared memory. Their chunks of 16 bytes are permuted, so that the same chunk of eight rows
/// that follow one another lies in eight different places of the 128 bytes that memory gives at once.
template <class E, int Columns>
struct shared_tile {
    static constexpr int per_chunk = 16 / sizeof(E), chunks = Columns / per_chunk, row_bytes = 16 * chunks;
    static_assert(chunks >= 4 && (chunks & (chunks - 1)) == 0);
    std::byte* base;

    HEED_HOST_DEVICE static constexpr std::size_t bytes(int rows) { return static_cast<std::size_t>(rows) * row_bytes; }
    HEED_HOST_DEVICE static int offset(int row, int chunk) {
        if constexpr (chunks >= 8) return row * row_bytes + 16 * (chunk ^ (row & 7));
        else return row * row_bytes + 16 * (chunk ^ (row >> 1 & 3));
    }
    HEED_HOST_DEVICE std::byte* chunk(int row, int number) const { return base + offset(row, number); }
    HEED_HOST_DEVICE E& at(int row, int column) const { return reinterpret_cast<E*>(chunk(row, column / per_chunk))[column % per_chunk]; }
};

/// Where a thread's row begins among the four matrices that are loaded together: as the left factor, 16 lines of two chunks;
/// as the right one, the chunks of 8 columns beside one another; and of a factor whose rows are summed over.
struct matrix_rows {
    HEED_HOST_DEVICE static int left_line(int lane) { return lane % 16; }
    HEED_HOST_DEVICE static int left_chunk(int lane) { return lane / 16; }
    HEED_HOST_DEVICE static int right_line(int lane) { return lane / 16 * 8 + lane % 8; }
    HEED_HOST_DEVICE static int right_chunk(int lane) { return lane / 8 % 2; }
    HEED_HOST_DEVICE static int summed_line(int lane) { return lane % 16; }
    HEED_HOST_DEVICE static int summed_chunk(int lane) { return lane / 16; }
};

/// The weight of a pair that is hidden: zero, and known from one that is too small to be told from zero.
HEED_HOST_DEVICE inline float hidden_weight() { return -0.0f; }
HEED_HOST_DEVICE inline bool is_hidden_weight(float w) { return bits_of(w) == 0x80000000u; }

}  // namespace heed::inline HEED_TARGET::cuda
