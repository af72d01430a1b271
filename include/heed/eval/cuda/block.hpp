/// What a kernel asks of the block of threads that runs it.
///
/// A kernel is a trivially copyable struct: its arguments, `threads`, and operator()(block), which every thread calls. It asks
/// for nothing but this, so it runs on a GPU, where `block` is the one below, and on the host, where tests bring one of
/// their own and run each thread in turn.
#pragma once

#include <heed/element.hpp>
#include <heed/eval/cuda/tile_copy.hpp>
#include <heed/shape.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::index;

inline constexpr int warp = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

/// Floats of which a product reads ten bits of mantissa.
struct tf32 {};

/// A float's bits, and a float of bits.
HEED_HOST_DEVICE inline std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
HEED_HOST_DEVICE inline float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
/// The place of the lowest bit that is set, of some.
HEED_HOST_DEVICE inline int lowest_bit(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __ffs(static_cast<int>(bits)) - 1;
#else
    return std::countr_zero(bits);
#endif
}

#if defined(__CUDACC__)
/// The block that runs on a GPU.
struct device_block : device_warpgroups, device_tile_copies {
    __device__ int thread() const { return static_cast<int>(threadIdx.x); }
    __device__ index number() const { return blockIdx.x; }
    __device__ index blocks() const { return gridDim.x; }
    /// A value that nothing computed from it outlives: what depends on it is computed where it is used, again and again, so that
    /// registers are for sums.
    __device__ static int not_kept(int value) {
        asm volatile("" : "+r"(value));
        return value;
    }
    /// All threads of the block come here before any goes on.
    __device__ void barrier() const { __syncthreads(); }
    /// The same of the threads of a warp.
    __device__ void warp_barrier() const { __syncwarp(); }
    /// The value that the thread of this warp has whose number differs by these bits.
    template <class T> __device__ T exchange(T value, int bits) const { return __shfl_xor_sync(whole_warp, value, bits); }
    /// A value that all threads of this warp have alike, so that the compiler knows it: where warpgroups multiply, no branch may diverge.
    __device__ int uniform(int value) const { return __shfl_sync(whole_warp, value, 0); }
    /// Adds to memory that other threads add to as well; of whole numbers alone, whose sums no order changes.
    __device__ void add(std::int32_t& to, std::int32_t what) const { atomicAdd(&to, what); }
    /// The same of several values at once.
    template <int N> __device__ void exchange_all(float (&values)[N], int bits) const {
        HEED_UNROLL for (int i = 0; i < N; ++i) values[i] = __shfl_xor_sync(whole_warp, values[i], bits);
    }
    /// The threads of this warp for which something holds, a bit each.
    __device__ std::uint32_t vote(bool holds) const { return __ballot_sync(whole_warp, holds); }
    /// Whether a flag, 0 before, was set by this thread.
    __device__ bool claim(int& flag) const { return atomicCAS(&flag, 0, 1) == 0; }
    /// Memory that the block shares, as many bytes as its launch said, aligned to 1024: so matrices of warpgroups are.
    __device__ std::byte* shared() const {
        extern __shared__ __align__(1024) std::byte memory[];
        return memory;
    }

    /// 2^x to two units in the last place.
    __device__ static float exp2(float x) {
        float y;
        asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
        return y;
    }
    /// The bits of two numbers as bf16 or fp16, the first in the lower half.
    __device__ static std::uint32_t pair(bf16, float first, float second) {
        std::uint32_t both;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
        return both;
    }
    __device__ static std::uint32_t pair(fp16, float first, float second) {
        std::uint32_t both;
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
        return both;
    }
    /// The bits of a number as tf32.
    __device__ static std::uint32_t rounded(float x) {
        std::uint32_t y;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
        return y;
    }
    /// c += a b by a warp: a is 16 x 16, b 16 x 8, c 16 x 8. Thread 4 g + t holds
    ///     a: {g, 2t}, {g + 8, 2t}, {g, 2t + 8}, {g + 8, 2t + 8} and each's right neighbour    b: {2t, g}, {2t + 8, g} and each's lower
    ///     c: {g, 2t}, {g, 2t + 1}, {g + 8, 2t}, {g + 8, 2t + 1}
    __device__ static void multiply(bf16, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
    __device__ static void multiply(fp16, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
    /// The same of tf32, where a is 16 x 8 and b 8 x 8: a: {g, t}, {g + 8, t}, {g, t + 4}, {g + 8, t + 4}    b: {t, g}, {t + 4, g}
    __device__ static void multiply(tf32, float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
    /// Four matrices of 8 rows of 16 bytes; thread i says where row i % 8 of matrix i / 8 lies in shared memory. Of each
    /// matrix, thread 4 g + t gets the four bytes t of row g.
    __device__ static void load_matrices(std::uint32_t (&to)[4], const std::byte* row) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
            : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row))) : "memory");
    }
    /// The same, where thread 4 g + t gets of each matrix elements g of rows 2t and 2t + 1, of 16 bits.
    __device__ static void load_transposed(std::uint32_t (&to)[4], const std::byte* row) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
            : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row))) : "memory");
    }
    /// Begins to copy up to 16 bytes to shared memory; the rest of the 16 becomes zero. Both places are aligned to 16.
    __device__ static void copy_async(std::byte* to, const void* from, int bytes) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(static_cast<unsigned>(__cvta_generic_to_shared(to))), "l"(from), "r"(bytes) : "memory");
    }
    /// Waits for every copy that this thread began.
    __device__ static void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
};
#endif

}  // namespace heed::inline HEED_TARGET::cuda
