// A block of threads for the simulator: what kernels ask of it, by the host's threads in turn.
//
// A thread runs until it waits for others, at a barrier or where a warp exchanges values. So a kernel that forgets a
// barrier reads what is not there yet, and one that not all threads reach is found.
#pragma once

#include "simulated_tiles.hpp"
#include "simulated_warpgroup.hpp"

#include <heed/eval/cuda/block.hpp>

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace simulated {

using heed::detail::index;

/// Threads of the host that take turns.
class turns {
public:
    turns(int threads, void (*start)()) : threads_(static_cast<std::size_t>(threads)) {
        static const std::unique_ptr<char[]> stacks(new char[most_threads * stack_bytes]);
        for (std::size_t i = 0; i < threads_.size(); ++i) {
            getcontext(&threads_[i].context);
            threads_[i].context.uc_stack.ss_sp = stacks.get() + i * stack_bytes;
            threads_[i].context.uc_stack.ss_size = stack_bytes;
            threads_[i].context.uc_link = &home_;
            makecontext(&threads_[i].context, start, 0);
        }
    }
    int running() const { return static_cast<int>(now_); }
    /// Runs every thread to its end.
    void run() {
        for (bool any = true; any;) {
            any = false;
            for (now_ = 0; now_ < threads_.size(); ++now_)
                if (!threads_[now_].done) any = true, swapcontext(&home_, &threads_[now_].context);
        }
    }
    /// Lets the others run.
    void pass() { swapcontext(&threads_[now_].context, &home_); }
    void finish() { threads_[now_].done = true; }

private:
    static constexpr std::size_t stack_bytes = 128 * 1024, most_threads = 1024;
    struct thread {
        ucontext_t context;
        bool done = false;
    };
    std::vector<thread> threads_;
    ucontext_t home_;
    std::size_t now_ = 0;
};

/// A meeting of some threads: each waits until all have come.
struct meeting {
    int members = 0, here = 0;
    unsigned generation = 0;
    void come(turns& all) {
        const unsigned mine = generation;
        if (++here == members) here = 0, ++generation;
        for (int waited = 0; generation == mine; ++waited) {
            if (waited > 100000) throw std::logic_error("a thread waits for others that never come");
            all.pass();
        }
    }
};

struct warp_state {
    meeting meet;
    alignas(16) std::byte values[32][16];
    alignas(16) std::uint32_t given[2][32][8];          // of one exchange after another in turn: a meeting between them is enough
    unsigned turn[32] = {};
};
/// A copy that has begun: it lands when its thread waits, and what it copies must be there until then.
struct begun_copy { std::byte* to; const void* from; int bytes; };
struct block_state {
    std::vector<std::vector<begun_copy>> copies;        // of each thread
    std::unique_ptr<turns> all;         // of threads that work together
    int alone = 0;                      // else the one that runs
    meeting meet;
    std::vector<warp_state> warps;
    std::vector<warpgroup_state> warpgroups;
    std::vector<meeting> warpgroups_meet;
    std::vector<char> unpublished;      // threads whose copies came after what they published
    tile_copies tiles;
    std::byte* shared = nullptr;
    std::size_t shared_bytes = 0;
    index number = 0, blocks = 0;
};

/// What a kernel sees of its block.
struct block {
    block_state& state;

    int thread() const { return state.all ? state.all->running() : state.alone; }
    index number() const { return state.number; }
    index blocks() const { return state.blocks; }
    void add(std::int32_t& to, std::int32_t what) const { to += what; }
    bool claim(int& flag) const { return std::exchange(flag, 1) == 0; }
    std::byte* shared() const { return state.shared; }
    static int not_kept(int value) { return value; }
    void barrier() const { state.meet.come(*state.all); }
    void warp_barrier() const { own().meet.come(*state.all); }
    template <class T> T exchange(T value, int bits) const {
        static_assert(sizeof(T) <= 16);
        const int lane = thread() % 32;
        std::memcpy(own().values[lane], &value, sizeof(T));
        warp_barrier();
        std::memcpy(&value, own().values[lane ^ bits], sizeof(T));
        warp_barrier();
        return value;
    }

    int uniform(int value) const {
        const std::uint32_t mine[1] = {static_cast<std::uint32_t>(value)};
        const auto given = give(mine);
        for (int i = 0; i < 32; ++i)
            if (given[i][0] != mine[0]) throw std::logic_error("threads of a warp have different values where all have one");
        return value;
    }
    template <int N> void exchange_all(float (&values)[N], int bits) const {
        static_assert(N <= 8);
        const auto given = give(values);
        std::memcpy(values, given[thread() % 32 ^ bits], sizeof(values));
    }
    std::uint32_t vote(bool holds) const {
        const std::uint32_t mine[1] = {holds};
        const auto given = give(mine);
        std::uint32_t all = 0;
        for (int i = 0; i < 32; ++i) all |= given[i][0] << i;
        return all;
    }
    static float exp2(float x) { return std::exp2(x); }
    template <class Half> static std::uint32_t pair(Half, float first, float second) { return Half(first).bits | std::uint32_t(Half(second).bits) << 16; }
    static std::uint32_t rounded(float x) {
        const std::uint32_t bits = heed::cuda::bits_of(x);
        return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
    }
    /// The instructions of tensor cores, by the layouts that the manual of PTX gives them.
    void multiply(heed::bf16, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) const {
        multiply_by<2>(c, a, b0, b1, [](std::uint32_t bits, int half) { return heed::cuda::float_of(half ? bits & 0xffff0000u : bits << 16); });
    }
    void multiply(heed::fp16, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) const {
        multiply_by<2>(c, a, b0, b1, [](std::uint32_t bits, int half) {
            heed::fp16 x;
            x.bits = static_cast<std::uint16_t>(half ? bits >> 16 : bits);
            return static_cast<float>(x);
        });
    }
    void multiply(heed::cuda::tf32, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) const {
        multiply_by<1>(c, a, b0, b1, [](std::uint32_t bits, int) { return heed::cuda::float_of(bits & ~0x1fffu); });
    }
    void load_matrices(std::uint32_t (&to)[4], const std::byte* row) const {
        const auto given = give_place(row);
        for (int m = 0; m < 4; ++m) std::memcpy(&to[m], place(given[8 * m + thread() % 32 / 4]) + 4 * (thread() % 4), 4);
    }
    void load_transposed(std::uint32_t (&to)[4], const std::byte* row) const {
        const auto given = give_place(row);
        const int g = thread() % 32 / 4, t = thread() % 4;
        for (int m = 0; m < 4; ++m)
            for (int half = 0; half < 2; ++half) std::memcpy(reinterpret_cast<std::byte*>(&to[m]) + 2 * half, place(given[8 * m + 2 * t + half]) + 2 * g, 2);
    }
    static inline long copies = 0;                      // that have begun, of all blocks
    void copy_async(std::byte* to, const void* from, int bytes) const {
        ++copies;
        if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0) throw std::logic_error("a copy of 16 bytes lies askew");
        state.copies[static_cast<std::size_t>(thread())].push_back({to, from, bytes});
    }
    void wait_for_copies() const {
        auto& mine = state.copies[static_cast<std::size_t>(thread())];
        for (const begun_copy& c : mine) std::memset(c.to, 0, 16), std::memcpy(c.to, c.from, static_cast<std::size_t>(c.bytes));
        mine.clear();
        state.unpublished[static_cast<std::size_t>(thread())] = true;
    }

    /// Products by warpgroups: they are computed where they are waited for, as late as can be.
    std::uint32_t shared_address(const std::byte* p) const { return first_shared_address + static_cast<std::uint32_t>(p - state.shared); }
    void publish() const { state.unpublished[static_cast<std::size_t>(thread())] = false; }
    bool any_of_warpgroup(bool holds) const {
        const int mine = thread() % heed::cuda::warpgroup;
        auto& room = group().holds[group().turn[mine]++ % 2];
        room[mine] = holds;
        meet_warpgroup();
        return std::any_of(room, room + heed::cuda::warpgroup, [](bool x) { return x; });
    }
    void warpgroup_barrier() const { meet_warpgroup(); }
    template <int> void keep_registers() const {}
    template <int> void take_registers() const {}
    template <class... Registers> void warpgroup_ready(Registers&...) const {}
    void warpgroup_begin() const { group().ready[thread() % heed::cuda::warpgroup] = true; }
    template <class E, bool Adds, int C> void warpgroup_multiply(float (&c)[C][4], std::uint64_t a, std::uint64_t b) const { begin({c[0], C, Adds, false, number_of<E>, {}, a, b}); }
    template <class E, int C> void warpgroup_multiply(float (&c)[C][4], const std::uint32_t (&a)[4], std::uint64_t b) const { begin({c[0], C, true, true, number_of<E>, {a[0], a[1], a[2], a[3]}, 0, b}); }
    void warpgroup_end() const {
        const int mine = thread() % heed::cuda::warpgroup;
        group().ready[mine] = false;
        group().ends[mine].push_back(group().begun[mine].size());
    }
    template <int Pending, class... Registers> void warpgroup_wait(Registers&...) const {
        const int mine = thread() % heed::cuda::warpgroup;
        auto& begun = group().begun[mine];
        auto& ends = group().ends[mine];
        if (begun.size() != (ends.empty() ? 0 : ends.back())) throw std::logic_error("products that no group has are not waited for");
        meet_warpgroup();
        const std::size_t groups = ends.size() - std::min<std::size_t>(ends.size(), Pending), done = groups == 0 ? 0 : ends[groups - 1];
        for (std::size_t i = 0; i < done; ++i) {
            if (begun.size() != group().begun[0].size() || !begun[i].same_as(group().begun[0][i])) throw std::logic_error("threads of a warpgroup begin different products");
            simulated::multiply(group(), {state.shared, state.shared_bytes}, mine, i);
        }
        meet_warpgroup();
        begun.erase(begun.begin(), begun.begin() + static_cast<std::ptrdiff_t>(done));
        ends.erase(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(groups));
        for (std::size_t& end : ends) end -= done;
        meet_warpgroup();
    }

    /// Copies of tiles. They land when somebody waits for them, as late as can be; or at once, as early as can be.
    static inline bool lands_at_once = false;
    void begin(heed::cuda::tile_barrier& b, int threads) const { state.tiles.begin(b, threads); }
    void arrive(heed::cuda::tile_barrier& b) const { state.tiles.arrive(b); }
    void arrive_expecting(heed::cuda::tile_barrier& b, int bytes) const { state.tiles.expect(b, bytes), state.tiles.arrive(b); }
    void wait(heed::cuda::tile_barrier& b, int parity) const {
        for (int waited = 0; !state.tiles.ended(b, parity); ++waited) {
            if (waited > 100000) throw std::logic_error("a phase that never ends is waited for");
            state.all->pass();
        }
    }
    void copy_tile(std::byte* to, const heed::cuda::tile_map& map, const int (&at)[5], heed::cuda::tile_barrier& b) const { state.tiles.copy(tile_of(to, map, at), b, lands_at_once); }
    void copy_bulk(std::byte* to, const void* from, int bytes, heed::cuda::tile_barrier& b) const {
        if (bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0) throw std::logic_error("a bulk copy lies askew");
        begun_tile t{to, {}, from, static_cast<std::size_t>(bytes)};
        state.tiles.copy(t, b, lands_at_once);
    }

private:
    warpgroup_state& group() const { return state.warpgroups[static_cast<std::size_t>(thread() / heed::cuda::warpgroup)]; }
    void meet_warpgroup() const { state.warpgroups_meet[static_cast<std::size_t>(thread() / heed::cuda::warpgroup)].come(*state.all); }
    void begin(const begun_product& p) const {
        if (!group().ready[thread() % heed::cuda::warpgroup]) throw std::logic_error("a product of a warpgroup whose registers may not be ready");
        const auto first = state.unpublished.begin() + thread() / heed::cuda::warpgroup * heed::cuda::warpgroup;
        if (std::any_of(first, first + heed::cuda::warpgroup, [](char x) { return x; })) throw std::logic_error("a product of a warpgroup reads copies that no thread published");
        group().begun[thread() % heed::cuda::warpgroup].push_back(p);
    }
    using gifts = const std::uint32_t (*)[8];
    /// What each thread of the warp gives, where all can read it until they give for the next time but one.
    template <class T, std::size_t N> gifts give(const T (&values)[N]) const {
        static_assert(sizeof(values) <= 32);
        warp_state& warp = own();
        const int lane = thread() % 32;
        auto& room = warp.given[warp.turn[lane]++ % 2];
        std::memcpy(room[lane], values, sizeof(values));
        warp_barrier();
        return room;
    }
    gifts give_place(const std::byte* row) const {
        if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) throw std::logic_error("a row of a matrix lies askew");
        const std::byte* const mine[1] = {row};
        return give(mine);
    }
    static const std::byte* place(const std::uint32_t (&given)[8]) {
        const std::byte* row;
        std::memcpy(&row, given, sizeof(row));
        return row;
    }
    /// c += a b where a register holds E neighbours along the sum: 8 E of it, in two halves of 4 E.
    template <int E, class F> void multiply_by(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, F&& element) const {
        const std::uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
        const auto given = give(mine);
        const int g = thread() % 32 / 4, t = thread() % 4;
        for (int i = 0; i < 4; ++i) {
            const int row_half = i / 2, column = 2 * t + i % 2;
            float sum = c[i];
            for (int half = 0; half < 2; ++half)
                for (int k = 0; k < 4; ++k)
                    for (int e = 0; e < E; ++e) sum += element(given[4 * g + k][2 * half + row_half], e) * element(given[4 * column + k][4 + half], e);
            c[i] = sum;
        }
    }
    warp_state& own() const { return state.warps[static_cast<std::size_t>(thread() / 32)]; }
};

}  // namespace simulated
