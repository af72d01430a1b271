/// Copies of whole tiles to shared memory that one thread begins, and the barriers that tell when they are there: TMA and mbarrier,
/// which GPUs of compute capability 9.0 have.
///
/// A map says how an operand lies: up to five axes, the first of neighbours. A copy names the place of its first element; lines
/// and elements beyond the operand's sizes become zero. The swizzle of the map is that of matrices of warpgroups (warpgroup.hpp).
///
/// A barrier counts what it still waits for: threads that come, and bytes that copies bring. When nothing is left, its phase ends
/// and the next begins, with as many threads to come. Whoever waits names a phase by its parity: 0 the first, 1 the second, and so on.
#pragma once

#include <heed/eval/cuda/warpgroup.hpp>

#include <array>

namespace heed::inline HEED_TARGET::cuda {

/// How an operand lies, in elements of 16 bits and bytes; and how much of the first two axes a copy takes.
struct tile_layout {
    const void* data;
    std::array<std::uint64_t, 5> sizes;
    std::array<std::uint64_t, 4> steps;         // in bytes, of axes 1 to 4: multiples of 16
    std::array<std::uint32_t, 2> box;
    enum swizzle swizzle;

    /// What the hardware's maps can say.
    bool fits() const {
        bool all = reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
        for (const std::uint64_t size : sizes) all = all && size > 0 && size <= std::uint64_t{1} << 32;
        for (const std::uint64_t step : steps) all = all && step % 16 == 0 && step < std::uint64_t{1} << 40;
        return all;
    }
};

/// The same as a copy reads it: on a GPU the driver's CUtensorMap. It lies in a kernel's arguments.
struct alignas(128) tile_map { std::byte opaque[128]; };

/// In shared memory.
struct alignas(8) tile_barrier { std::uint64_t opaque; };

#if defined(__CUDACC__)
/// What a block asks of it on a GPU.
struct device_tile_copies {
    /// By one thread; others see the barrier once it has published this and met them.
    __device__ static void begin(tile_barrier& b, int threads) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(place(&b)), "r"(threads) : "memory"); }
    /// This thread has come.
    __device__ static void arrive(tile_barrier& b) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" : : "r"(place(&b)) : "memory");
#endif
    }
    /// It has come, and copies will bring so many bytes in this phase.
    __device__ static void arrive_expecting(tile_barrier& b, int bytes) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" : : "r"(place(&b)), "r"(bytes) : "memory");
#endif
    }
    /// Until the phase of this parity has ended.
    __device__ static void wait(tile_barrier& b, int parity) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("{\n.reg .pred ended;\nAGAIN:\nmbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n@!ended bra AGAIN;\n}" : : "r"(place(&b)), "r"(parity) : "memory");
#endif
    }
    /// Begins to copy the map's box whose first element is at a place, its first axis first.
    __device__ static void copy_tile(std::byte* to, const tile_map& map, const int (&at)[5], tile_barrier& b) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5, %6}], [%7];"
            : : "r"(place(to)), "l"(&map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(at[4]), "r"(place(&b)) : "memory");
#endif
    }
    /// The same of neighbours in memory: a multiple of 16 bytes, both places aligned to 16.
    __device__ static void copy_bulk(std::byte* to, const void* from, int bytes, tile_barrier& b) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" : : "r"(place(to)), "l"(from), "r"(bytes), "r"(place(&b)) : "memory");
#endif
    }

private:
    template <class T> __device__ static std::uint32_t place(const T* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }
};
#endif

}  // namespace heed::inline HEED_TARGET::cuda
