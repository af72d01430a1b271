/// A ring of tiles in shared memory, for warpgroups: one warp begins copies of the tiles that the block's lines meet, some stages
/// ahead, and the warpgroups multiply what has come.
///
/// A stage has two tiles, keys and values or what stands for them in the gradients, and two barriers: full when its copies are there,
/// empty when every warp has read them. As many lines as the ring has, 256, are brought without waiting for anyone. Which tiles
/// are met is asked by the warp that brings alone; it notes it beside them.
#pragma once

#include <heed/eval/cuda/attention_problem.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Whether the GPU that is compiled for has the instructions of warpgroups; a launch asks the device itself.
HEED_HOST_DEVICE constexpr bool has_warpgroup_code() {
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
    return false;
#else
    return true;
#endif
}

/// Registers of a thread that brings tiles, and of one that multiplies, in a block of so many warpgroups that multiply and one that
/// brings, 24 or more; 65,536 are a multiprocessor's, a launch gives all threads alike, in steps of 8, and what it gave is all in use.
template <int Groups, int BlocksAtOnce>
struct warpgroup_registers {
    static constexpr int launched = 65536 / (BlocksAtOnce * (Groups + 1) * warpgroup) / 8 * 8, of_multiplying = ((Groups + 1) * launched - 24) / Groups / 8 * 8,
                         of_bringing = (Groups + 1) * launched - Groups * of_multiplying;
    static_assert(of_bringing < launched && of_multiplying <= 240);
};

/// Rows of Depth elements of 16 bits in shared memory as descriptors and maps name them, with the widest swizzle that has no line
/// cut: side by side as many panels of lines of 64 elements, or 32, as make a row. It begins at a multiple of 1024 bytes.
template <class E, int Rows, int Depth>
struct swizzled_tile {
    static constexpr int lines = Rows, per_chunk = 8, chunks = Depth / per_chunk, width = Depth < 64 ? Depth : 64, panels = Depth / width, line = 2 * width, panel = Rows * line;
    static constexpr int bytes = panels * panel;
    static constexpr swizzle mode = width == 64 ? swizzle::of_128 : swizzle::of_64;
    static_assert(line == line_bytes(mode) && Depth % width == 0 && Rows % 16 == 0 && panel % 1024 == 0);
    std::byte* base;

    HEED_HOST_DEVICE static int offset(int row, int chunk) {
        constexpr int in_panel = width / per_chunk;
        return chunk / in_panel * panel + static_cast<int>(swizzled(mode, static_cast<std::uint32_t>(row * line + 16 * (chunk % in_panel))));
    }
    HEED_HOST_DEVICE std::byte* chunk(int row, int number) const { return base + offset(row, number); }
    HEED_HOST_DEVICE E& at(int row, int column) const { return reinterpret_cast<E*>(chunk(row, column / per_chunk))[column % per_chunk]; }

    /// As a factor whose sum is over depth: the first 16 of it. How far on are those of step k.
    template <class Block> HEED_HOST_DEVICE std::uint64_t by_depth(Block& block) const { return matrix_descriptor{block.shared_address(base), 16, 8 * line, 0, mode}.bits(); }
    HEED_HOST_DEVICE static constexpr int depth_step(int k) { return 16 * k / width * panel + 16 * k % width * 2; }
    /// As a right factor whose sum is over rows.
    template <class Block> HEED_HOST_DEVICE std::uint64_t by_rows(Block& block) const { return matrix_descriptor{block.shared_address(base), panel, 8 * line, 0, mode}.bits(); }
    HEED_HOST_DEVICE static constexpr int row_step(int k) { return 16 * k * line; }
};

/// How an operand's lines lie for copies of tiles: along axis 1 of a map, after the batch axes that it has.
struct tile_plan {
    tile_layout layout;
    int axis[3] = {-1, -1, -1};         // of the batch, for axes 2 to 4 of the map; -1 where there is none
    bool fits;                          // else no map says it

    /// Of the rows or keys of all sequences together, if they are a ragged batch's.
    template <class Tile, side Lines, class T>
    static tile_plan of(const line_operand<const T>& x, const attention_call<T>& call, index lines) {
        const index step = Lines == side::keys ? x.memory.key : x.memory.row[0];
        const auto bytes = [](index elements) { return static_cast<std::uint64_t>(elements) * 2; };
        const std::uint64_t any = (bytes(x.line.count) + 15) / 16 * 16;         // of an axis of one place
        tile_plan p{{x.memory.data, {static_cast<std::uint64_t>(x.line.count), static_cast<std::uint64_t>(lines), 1, 1, 1}, {lines > 1 ? bytes(step) : any, any, any, any}, {Tile::width, Tile::lines}, Tile::mode}, {-1, -1, -1}, false};
        if (Lines == side::rows && call.row[1] * call.row[2] != 1) return p;
        int taken = 0;
        for (int i = 0; i < 4; ++i) {
            if (i == call.segment_axis || call.batch[i] == 1 || x.memory.batch[i] == 0) continue;
            if (taken == 3) return p;
            p.layout.sizes[static_cast<std::size_t>(2 + taken)] = static_cast<std::uint64_t>(call.batch[i]);
            p.layout.steps[static_cast<std::size_t>(1 + taken)] = bytes(x.memory.batch[i]);
            p.axis[taken++] = i;
        }
        p.fits = x.line.dense() && (lines <= 1 || step > 0) && p.layout.fits();
        return p;
    }
};

/// An operand of which tiles are copied.
struct tile_operand {
    tile_map map;
    int axis[3];

    template <class Device> static tile_operand of(const tile_plan& p) { return {Device::map(p.layout), {p.axis[0], p.axis[1], p.axis[2]}}; }
    /// Begins to copy the tile from a line on, counted over all sequences of a ragged batch.
    template <class Tile, class Block>
    HEED_HOST_DEVICE void copy(Block& block, Tile to, const attention_problem& problem, int line, tile_barrier& full) const {
        int at[5] = {0, line, 0, 0, 0};
        HEED_UNROLL for (int i = 0; i < 3; ++i) at[2 + i] = axis[i] < 0 ? 0 : static_cast<int>(problem.place[axis[i]]);
        HEED_UNROLL for (int panel = 0; panel < Tile::panels; ++panel) {
            at[0] = panel * Tile::width;
            block.copy_tile(to.base + panel * Tile::panel, map, at, full);
        }
    }
};

/// What is in a stage: which tile, and whether all of its pairs are seen; or that none follows.
struct brought_tile {
    int note;
    HEED_HOST_DEVICE static constexpr brought_tile of(int number, bool whole) { return {2 * number + whole}; }
    HEED_HOST_DEVICE static constexpr brought_tile none() { return {-1}; }
    HEED_HOST_DEVICE bool there() const { return note >= 0; }
    HEED_HOST_DEVICE int number() const { return note / 2; }
    HEED_HOST_DEVICE bool whole() const { return note % 2 != 0; }
};

/// Stages of two tiles, and of Extra bytes more. Uses of stages are counted: number i is of stage i % stages.
template <class Tile, int Extra = 0>
struct tile_ring {
    static constexpr int stages = 256 / Tile::lines;
    static_assert(stages >= 2 && Extra % 16 == 0);
    static constexpr std::size_t bytes = (stages * (2 * Tile::bytes + Extra + 2 * sizeof(tile_barrier) + sizeof(brought_tile)) + 15) / 16 * 16;
    std::byte* base;                    // a multiple of 1024

    HEED_HOST_DEVICE Tile first(int i) const { return {base + 2 * (i % stages) * Tile::bytes}; }
    HEED_HOST_DEVICE Tile second(int i) const { return {base + (2 * (i % stages) + 1) * Tile::bytes}; }
    HEED_HOST_DEVICE std::byte* extra(int i) const { return base + 2 * stages * Tile::bytes + i % stages * Extra; }
    HEED_HOST_DEVICE tile_barrier& full(int i) const { return barriers()[i % stages]; }

    /// By one thread, before the block meets: so many warps will read.
    template <class Block> HEED_HOST_DEVICE void begin(Block& block, int warps) const {
        for (int s = 0; s < stages; ++s) block.begin(barriers()[s], 1), block.begin(barriers()[stages + s], warps);
        block.publish();
    }
    /// By the warp that brings: every tile of a walk, each copied by copy(i, tile), which one thread calls; then that none follows.
    template <class Block, class Walk, class Copy> HEED_HOST_DEVICE void bring(Block& block, Walk walk, Copy&& copy) const {
        bool whole = false;
        int i = 0;
        for (int now = walk.next(block, 0, whole); now < walk.count; now = walk.next(block, now + 1, whole), ++i)
            if (claim(block, i, brought_tile::of(now, whole))) {
                block.arrive_expecting(full(i), 2 * Tile::bytes + Extra);
                copy(i, now);
            }
        if (claim(block, i, brought_tile::none())) block.arrive(full(i));
    }
    /// By those who read: what use i brings, once it is there.
    template <class Block> HEED_HOST_DEVICE brought_tile wait(Block& block, int i) const {
        block.wait(full(i), i / stages % 2);
        return {block.uniform(notes()[i % stages].note)};
    }
    /// All threads of a warp have read it.
    template <class Block> HEED_HOST_DEVICE void release(Block& block, int i) const {
        block.warp_barrier();
        if (block.thread() % warp == 0) block.arrive(empty(i));
    }

private:
    /// Until use i's stage has been read; whether this is the thread that brings it.
    template <class Block> HEED_HOST_DEVICE bool claim(Block& block, int i, brought_tile what) const {
        if (i >= stages) block.wait(empty(i), (i / stages - 1) % 2);
        if (block.thread() % warp != 0) return false;
        notes()[i % stages] = what;
        return true;
    }
    HEED_HOST_DEVICE tile_barrier* barriers() const { return reinterpret_cast<tile_barrier*>(base + stages * (2 * Tile::bytes + Extra)); }
    HEED_HOST_DEVICE brought_tile* notes() const { return reinterpret_cast<brought_tile*>(barriers() + 2 * stages); }
    HEED_HOST_DEVICE tile_barrier& empty(int i) const { return barriers()[stages + i % stages]; }
};

}  // namespace heed::inline HEED_TARGET::cuda
