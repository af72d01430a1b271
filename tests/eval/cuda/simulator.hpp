// A GPU for tests on the host: its memory is the host's, and blocks of threads run one after another (simulated_block.hpp).
#pragma once

#include "simulated_block.hpp"

#include <heed/eval/cuda/backend.hpp>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace simulated {

/// Shared memory is aligned to this.
struct alignas(1024) together { std::byte bytes[1024]; };

struct launch_state {
    block_state* state;
    void (*run)(const void* kernel, block& b);
    const void* kernel;
};
inline launch_state* current = nullptr;

inline void start_thread() {
    block b{*current->state};
    current->run(current->kernel, b);
    current->state->all->finish();
}

/// Whether the threads of a kernel's block wait for each other or share memory: it says how much.
template <class Kernel> concept works_together = requires(const Kernel& kernel) { kernel.shared_bytes; };

struct device {
    static inline long launches = 0;

    template <class Kernel> static void launch(const Kernel& kernel, index blocks) {
        static_assert(std::is_trivially_copyable_v<Kernel>);
        ++launches;
        block_state state;
        state.blocks = blocks;
        if constexpr (!works_together<Kernel>) {
            block b{state};
            for (state.number = 0; state.number < blocks; ++state.number)
                for (state.alone = 0; state.alone < Kernel::threads; ++state.alone) kernel(b);
        } else {
            const std::size_t shared = kernel.shared_bytes;
            std::vector<together> memory(shared / sizeof(together) + 1);
            state.shared = memory.data()->bytes;
            state.shared_bytes = shared;
            for (state.number = 0; state.number < blocks; ++state.number) {
                std::memset(state.shared, 0x7f, shared);        // what nobody wrote is no number that a test expects
                state.warps.assign(Kernel::threads / 32, {});
                for (auto& w : state.warps) w.meet.members = 32;
                state.meet.members = Kernel::threads;
                state.copies.assign(Kernel::threads, {});
                state.unpublished.assign(Kernel::threads, false);
                state.warpgroups.assign(Kernel::threads / heed::cuda::warpgroup, {});
                state.warpgroups_meet.assign(Kernel::threads / heed::cuda::warpgroup, {heed::cuda::warpgroup});
                launch_state launched{&state, [](const void* k, block& b) { (*static_cast<const Kernel*>(k))(b); }, &kernel};
                current = &launched;
                state.all = std::make_unique<turns>(Kernel::threads, start_thread);
                state.all->run();
                state.tiles.finish();
            }
        }
    }
    static void* take(std::size_t bytes) { return ::operator new(bytes, std::align_val_t{256}); }
    static inline const void* of_another_device = nullptr;
    static void check_memory(const void* p) {
        if (p && p == of_another_device) heed::cuda::throw_other_device(1, 0);
    }
    static void give_back(void* p) noexcept { ::operator delete(p, std::align_val_t{256}); }
    static heed::cuda::precision floats() { return heed::cuda::thread_precision(); }
    static inline bool warpgroups = false;
    static bool has_warpgroups() { return warpgroups; }
    static heed::cuda::tile_map map(const heed::cuda::tile_layout& x) { return map_of(x); }
    static std::string name() { return "a simulated GPU"; }
    static void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
    static void fill(void* to, int byte, std::size_t bytes) { std::memset(to, byte, bytes); }
    static void from_host(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
    static void to_host(void* to, const void* from, std::size_t bytes) {
        heed::cuda::throw_fault(*note());
        std::memcpy(to, from, bytes);
    }
    static const index* bounds(const index* offsets, index) { return offsets; }
    static heed::cuda::fault* note() {
        static heed::cuda::fault found;
        return &found;
    }

    /// Products by the library, and what of them it did beside the sums, since last asked.
    static inline long products = 0, finished = 0, batched = 0;
    static constexpr double copies_from = 0;            // every operand that no library reads is copied
    /// A product as cuBLASLt would run it, each element found by the leading dimensions alone.
    template <class T, class Factor> static bool multiply(const heed::cuda::product<T, Factor>& p) {
        const heed::cuda::product_plan& plan = p.plan;
        using number = heed::cuda::lanes<double, heed::lowered::no_lane>;
        const auto stored_rows = [](const heed::cuda::product_matrix& m, index rows, index columns) { return m.transposed ? columns : rows; };
        if (plan.m < 1 || plan.n < 1 || plan.k < 1 || plan.batches < 1 || plan.a.leading < stored_rows(plan.a, plan.m, plan.k) ||
            plan.b.leading < stored_rows(plan.b, plan.k, plan.n) || plan.c.leading < plan.m || plan.c.transposed || plan.added.transposed || (p.added && plan.added.leading < plan.m))
            throw std::logic_error("a product that cuBLASLt refuses");
        ++products;
        batched += plan.batches > 1;
        finished += p.bias || p.bend != heed::detail::product_bend::none || p.scale != 1 || (p.added && p.added != p.d);
        const auto at = [](const auto* base, const heed::cuda::product_matrix& m, index batch, index i, index j) {
            return number::read(base[batch * m.apart + (m.transposed ? j + i * m.leading : i + j * m.leading)]);
        };
        using operations = heed::operations::gauss_weighted_by_tanh;
        using slope = heed::operations::gauss_weighted_by_tanh_slope;
        for (index g = 0; g < plan.batches; ++g)
            for (index j = 0; j < plan.n; ++j)
                for (index i = 0; i < plan.m; ++i) {
                    double sum = 0;
                    for (index l = 0; l < plan.k; ++l) sum += at(p.a, plan.a, g, i, l) * at(p.b, plan.b, g, l, j);
                    sum *= p.scale;
                    if (p.added) sum += at(p.added, plan.added, g, i, j);
                    if (p.bias) sum += number::read(p.bias[i]);
                    if (p.bend == heed::detail::product_bend::gelu_by_tanh) sum = operations::apply(sum);
                    if (p.slope_of) sum *= slope::apply(at(p.slope_of, plan.added, g, i, j));
                    number::store(p.d + g * plan.c.apart + i + j * plan.c.leading, 0, heed::cuda::pack<double, 1>(sum));
                }
        return true;
    }
};

}  // namespace simulated

namespace heed::inline HEED_TARGET {

template <> struct backend_of<cuda::space> : cuda::backend<simulated::device> {};

namespace detail {
template <> struct memory_of<cuda::space> : cuda::memory_of_device<simulated::device> {};
}  // namespace detail

}  // namespace heed::inline HEED_TARGET
