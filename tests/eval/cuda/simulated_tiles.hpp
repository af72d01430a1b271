// Copies of tiles for the simulator: a map says where they read, a barrier in shared memory counts what has come.
#pragma once

#include <heed/eval/cuda/tile_copy.hpp>

#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

namespace simulated {

inline heed::cuda::tile_map map_of(const heed::cuda::tile_layout& x) {
    static_assert(sizeof(x) <= sizeof(heed::cuda::tile_map));
    if (!x.fits() || x.box[0] * 2 > static_cast<unsigned>(line_bytes(x.swizzle)) || x.box[1] > 256) throw std::logic_error("a map that the driver refuses");
    heed::cuda::tile_map map{};
    std::memcpy(&map, &x, sizeof(x));
    return map;
}

/// A copy that a thread began: what it will write, chunk by chunk of 16 bytes, or bytes as they lie.
struct begun_tile {
    std::byte* to;
    struct chunk { std::uint32_t to; const std::byte* from[8]; };       // two bytes each; null where there is nothing
    std::vector<chunk> chunks;
    const void* neighbours = nullptr;
    std::size_t bytes = 0;

    void land() const {
        if (neighbours) std::memcpy(to, neighbours, bytes);
        for (const chunk& c : chunks)
            for (int i = 0; i < 8; ++i) {
                std::memset(to + c.to + 2 * i, 0, 2);
                if (c.from[i]) std::memcpy(to + c.to + 2 * i, c.from[i], 2);
            }
    }
};
inline begun_tile tile_of(std::byte* to, const heed::cuda::tile_map& map, const int (&at)[5]) {
    heed::cuda::tile_layout x;
    std::memcpy(static_cast<void*>(&x), &map, sizeof(x));
    if (reinterpret_cast<std::uintptr_t>(to) % 1024 != 0) throw std::logic_error("a tile lies askew");
    begun_tile tile{to, {}};
    tile.bytes = 2 * x.box[0] * x.box[1];
    for (std::uint32_t line = 0; line < x.box[1]; ++line)
        for (std::uint32_t c = 0; c < x.box[0] / 8; ++c) {
            begun_tile::chunk chunk{swizzled(x.swizzle, line * static_cast<std::uint32_t>(line_bytes(x.swizzle)) + 16 * c), {}};
            const std::int64_t along[5] = {0, at[1] + std::int64_t{line}, at[2], at[3], at[4]};
            bool inside = true;
            std::uint64_t step = 0;
            for (std::size_t axis = 1; axis < 5; ++axis) {
                inside = inside && along[axis] >= 0 && along[axis] < static_cast<std::int64_t>(x.sizes[axis]);
                step += static_cast<std::uint64_t>(along[axis]) * x.steps[axis - 1];
            }
            for (std::uint32_t i = 0; i < 8; ++i) {
                const auto element = static_cast<std::uint64_t>(at[0]) + 8 * c + i;
                chunk.from[i] = inside && element < x.sizes[0] ? static_cast<const std::byte*>(x.data) + step + 2 * element : nullptr;
            }
            tile.chunks.push_back(chunk);
        }
    return tile;
}

/// The barriers of a block, and what they wait for. Their state lies where the block keeps them, so that another's memory is found out.
class tile_copies {
public:
    static inline long copied = 0;      // bytes that maps have copied, of all blocks

    void begin(heed::cuda::tile_barrier& b, int threads) { set(b, {magic, 0, static_cast<std::int8_t>(threads), static_cast<std::int8_t>(threads), 0}); }
    void expect(heed::cuda::tile_barrier& b, int bytes) {
        state s = get(b);
        s.bytes += bytes;
        set(b, s);
    }
    void arrive(heed::cuda::tile_barrier& b) {
        state s = get(b);
        if (--s.to_come < 0) throw std::logic_error("more threads come to a barrier than it waits for");
        set(b, s);
        end(b);
    }
    void copy(begun_tile tile, heed::cuda::tile_barrier& b, bool at_once) {
        copied += tile.neighbours ? 0 : static_cast<long>(tile.bytes);
        pending_[&b].push_back(std::move(tile));
        if (at_once) land(b);
    }
    /// At the end of a block, whose memory is another's next.
    void finish() {
        for (const auto& [barrier, tiles] : std::exchange(pending_, {}))
            if (!tiles.empty()) throw std::logic_error("a block ends before its copies of tiles have come");
    }
    bool ended(heed::cuda::tile_barrier& b, int parity) {
        land(b);
        return get(b).phase % 2 != parity;
    }

private:
    static constexpr std::uint8_t magic = 0xb7;
    struct state {
        std::uint8_t magic, phase;
        std::int8_t threads, to_come;
        std::int32_t bytes;
    };
    static_assert(sizeof(state) == sizeof(heed::cuda::tile_barrier));
    std::map<const void*, std::vector<begun_tile>> pending_;

    static state get(const heed::cuda::tile_barrier& b) {
        state s;
        std::memcpy(&s, &b, sizeof(s));
        if (s.magic != magic) throw std::logic_error("a barrier that nobody has begun");
        return s;
    }
    static void set(heed::cuda::tile_barrier& b, const state& s) { std::memcpy(static_cast<void*>(&b), &s, sizeof(s)); }
    void land(heed::cuda::tile_barrier& b) {
        for (const begun_tile& tile : std::exchange(pending_[&b], {})) {
            tile.land();
            expect(b, -static_cast<int>(tile.bytes));
        }
        end(b);
    }
    static void end(heed::cuda::tile_barrier& b) {
        state s = get(b);
        if (s.to_come != 0 || s.bytes != 0) return;
        ++s.phase, s.to_come = s.threads;
        set(b, s);
    }
};

}  // namespace simulated
