/// One problem of an attention call, as the threads of a block see it: its sizes, where its rows lie, and how they are loaded.
#pragma once

#include <heed/eval/attention_call.hpp>
#include <heed/eval/cuda/attention_tiles.hpp>
#include <heed/eval/cuda/lanes.hpp>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::attention_call, heed::detail::attention_memory;

/// What a kernel's lines are, or its columns.
enum class side { rows, keys };

/// Where a block works: problem and tile. It lies in shared memory: registers are for sums.
struct attention_problem {
    static constexpr std::size_t room = 128;

    index place[4];                     // along the batch axes
    int number, tile;
    int rows, keys;
    index before, first_key;            // items before the sequences of a ragged problem
    unsigned inner, innermost;          // rows that a place of row axis 0 has; that one of row axis 1 has

    /// Block b takes tile b % tiles from the end: under a causal mask these have the most to do.
    template <class T>
    HEED_HOST_DEVICE attention_problem(const attention_call<T>& call, index block, int tiles) {
        const unsigned b = static_cast<unsigned>(block), count = static_cast<unsigned>(tiles);
        unsigned rest = b / count;
        number = static_cast<int>(rest), tile = static_cast<int>(count - 1 - b % count);
        const auto take = [&](int axis) -> index {
            const unsigned size = static_cast<unsigned>(call.batch[axis]), here = size == 1 ? 0 : rest % size;
            rest = size == 1 ? rest : rest / size;
            return here;
        };
        place[3] = take(3), place[2] = take(2), place[1] = take(1), place[0] = take(0);
        innermost = static_cast<unsigned>(call.row[2]), inner = static_cast<unsigned>(call.row[1]) * innermost;
        before = first_key = 0;
        index sequence_rows = call.row[0], sequence_keys = call.key;
        if (call.ragged()) {
            const int a = call.segment_axis;
            const index s = a == 0 ? place[0] : a == 1 ? place[1] : a == 2 ? place[2] : place[3];
            before = call.query_offsets[s], first_key = call.key_offsets[s];
            sequence_rows = call.query_offsets[s + 1] - before, sequence_keys = call.key_offsets[s + 1] - first_key;
        }
        rows = static_cast<int>(sequence_rows) * static_cast<int>(inner), keys = static_cast<int>(sequence_keys);
    }

    /// The place of a row along the row axes.
    HEED_HOST_DEVICE void place_of_row(int row, index* at) const {
        const unsigned r = static_cast<unsigned>(row);
        if (inner == 1) at[0] = row, at[1] = at[2] = 0;
        else at[0] = r / inner, at[1] = r % inner / innermost, at[2] = r % innermost;
    }
    /// The problem's first row, or key, in an operand, which has either.
    template <class Call, class U>
    HEED_HOST_DEVICE U* begin(const Call& call, const attention_memory<U>& m) const {
        const auto along = [&](int axis) { return axis == call.segment_axis ? 0 : place[axis] * m.batch[axis]; };
        return m.data + (before * m.row[0] + first_key * m.key) + (along(0) + along(1) + along(2) + along(3));
    }
    template <class U> HEED_HOST_DEVICE index step_to_row(const attention_memory<U>& m, int row) const {
        index at[3];
        place_of_row(row, at);
        return at[0] * m.row[0] + at[1] * m.row[1] + at[2] * m.row[2];
    }
};

/// What dropout leaves of a weight: weight_dropout::factor, its numbers made ready on the host.
struct weight_drop {
    philox_key key;
    float rate, left;

    static weight_drop of(const heed::detail::weight_dropout& d) { return {d.key, static_cast<float>(d.rate), static_cast<float>(1 / (1 - d.rate))}; }
    HEED_HOST_DEVICE bool drops() const { return rate > 0; }
    HEED_HOST_DEVICE float factor(int problem, int row, int at_key) const {
        const auto block = philox(key, {static_cast<std::uint32_t>(at_key) / 4, static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(problem), 0});
        const std::uint32_t two = at_key & 2 ? block[3] : block[1], one = at_key & 2 ? block[2] : block[0];
        return uniform_from(at_key & 1 ? two : one) >= rate ? left : 0.0f;
    }
};

/// The elements of a line: some values, which may lie along two axes.
struct line_elements {
    index count, along, inner[2];       // in all; of the last axis; steps

    template <class U> static line_elements of(const attention_memory<U>& m, index outer, index along) { return {outer * along, along, {m.inner[0], m.inner[1]}}; }
    HEED_HOST_DEVICE bool dense() const { return inner[1] == 1 && (count == along || inner[0] == along); }
    HEED_HOST_DEVICE index step(int i) const {
        if (dense()) return i;
        return i / static_cast<int>(along) * inner[0] + i % static_cast<int>(along) * inner[1];
    }
};

/// An operand whose lines are loaded to tiles.
template <class T>
struct line_operand {
    attention_memory<T> memory;
    line_elements line;
    bool in_chunks;                     // every line lies in whole chunks of 16 bytes

    /// Of a call's row or key axes, the sizes; 1 where it lacks them.
    static line_operand of(const attention_memory<T>& m, const heed::detail::index* batch, const heed::detail::index* row, index key, index outer, index along) {
        line_operand x{m, line_elements::of(m, outer, along), false};
        const auto whole = [](index size, index step) { return size <= 1 || step * static_cast<index>(sizeof(T)) % 16 == 0; };
        x.in_chunks = x.line.dense() && reinterpret_cast<std::uintptr_t>(m.data) % 16 == 0 && whole(key, m.key);
        for (int i = 0; i < 4; ++i) x.in_chunks = x.in_chunks && whole(batch[i], m.batch[i]);
        for (int i = 0; i < 3; ++i) x.in_chunks = x.in_chunks && whole(row[i], m.row[i]);
        return x;
    }
};

/// Begins to load lines first to first + Lines into a tile, by so many threads that follow one another: zeros from line `end` on, and beyond a line's elements.
template <int Lines, int Threads, class Tile, class Block, class T, class Step>
HEED_HOST_DEVICE void load_lines(Block& block, Tile to, const line_operand<const T>& x, const T* begin, int first, int end, Step&& step_to) {
    using tile = Tile;
    using E = value_of<T>;
    static_assert(Threads % tile::chunks == 0 && Lines * tile::chunks % Threads == 0);
    const int mine = block.thread() % Threads, chunk = mine % tile::chunks, column = chunk * tile::per_chunk;
    int left = static_cast<int>(x.line.count) - column;
    left = left < 0 ? 0 : left > tile::per_chunk ? tile::per_chunk : left;
    HEED_ROLL for (int row = mine / tile::chunks; row < Lines; row += Threads / tile::chunks) {
        const int here = first + row < end ? left : 0;
        const T* const line = begin + (here > 0 ? step_to(first + row) : 0);
        if (x.in_chunks) block.copy_async(to.chunk(row, chunk), line + (here > 0 ? column : 0), here * static_cast<int>(sizeof(E)));
        else {
            HEED_ROLL for (int j = 0; j < tile::per_chunk; ++j)
                to.at(row, column + j) = j < here ? reinterpret_cast<const E*>(line)[x.line.step(column + j)] : E(0.0f);
        }
    }
}

/// Writes what a thread holds of line half h of a product's fragments, times a factor. Column(n, e) says where it stands.
template <class E, int C, class T, class Column>
HEED_HOST_DEVICE void store_line(const line_operand<T>& to, T* begin, const float (&sum)[C][4], int h, float factor, Column&& column) {
    E* const line = reinterpret_cast<E*>(begin);
    const int count = static_cast<int>(to.line.count);
    HEED_UNROLL for (int n = 0; n < C; ++n) {
        const int at = column(n);
        const float first = sum[n][2 * h] * factor, second = sum[n][2 * h + 1] * factor;
        if (to.in_chunks && at + 1 < count) *reinterpret_cast<together<E, 2>*>(line + at) = {static_cast<E>(first), static_cast<E>(second)};
        else {
            if (at < count) line[to.line.step(at)] = static_cast<E>(first);
            if (at + 1 < count) line[to.line.step(at + 1)] = static_cast<E>(second);
        }
    }
}

}  // namespace heed::inline HEED_TARGET::cuda
