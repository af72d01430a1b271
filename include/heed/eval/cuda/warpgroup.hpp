/// Products by four warps together, a warpgroup, of matrices in shared memory: wgmma, which GPUs of compute capability 9.0 have.
///
/// A descriptor says how such a matrix lies (PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions": "Shared Memory Matrix
/// Layout", "Strides", "Matrix Descriptor Format"; the canonical layouts of CuTe's make_gmma_desc say the same). A is M x K and
/// B N x K; a row is a place along M or N. The matrix is made of atoms, 8 lines of the bytes of its swizzle, 128, 64 or 32:
///
///     K-major     a line is a row, along K; 16 numbers of K are 32 bytes of an atom's lines. `stride` is the step from 8 rows to
///                 the next 8; `leading` is not used. The next 16 of K begin 32 bytes on, the swizzle being one of addresses.
///     MN-major    a line is a place along K, its bytes are rows. `leading` is the step from an atom's rows, 64, 32 or 16 of 16
///                 bits, to the next; `stride` that from 8 places of K to the next 8.
#pragma once

#include <heed/bf16.hpp>
#include <heed/fp16.hpp>
#include <heed/target.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace heed::inline HEED_TARGET::cuda {

inline constexpr int warpgroup = 128;

/// A loop over registers: nvcc unrolls it for the device, so that every register has a name; g++ knows no such word.
#if defined(__CUDA_ARCH__)
#define HEED_UNROLL _Pragma("unroll")
#define HEED_ROLL _Pragma("unroll 1")
#else
#define HEED_UNROLL
#define HEED_ROLL
#endif

/// How chunks of 16 bytes are permuted: with the bytes of a line, bits 4 and up of an address are exclusive-ored with bits 7 and up,
/// as many as count a line's chunks. (CuTe: Swizzle<3, 4, 3>, <2, 4, 3>, <1, 4, 3>.) The values are those of the descriptor.
enum class swizzle : unsigned { none = 0, of_128 = 1, of_64 = 2, of_32 = 3 };
HEED_HOST_DEVICE constexpr int line_bytes(swizzle s) { return s == swizzle::of_128 ? 128 : s == swizzle::of_64 ? 64 : s == swizzle::of_32 ? 32 : 16; }
HEED_HOST_DEVICE constexpr std::uint32_t swizzled(swizzle s, std::uint32_t address) {
    const std::uint32_t chunks = static_cast<std::uint32_t>(line_bytes(s)) / 16;
    return address ^ (address >> 7 & (chunks - 1)) << 4;
}

/// Bits 0 to 13: the address, 16 to 29: leading, 32 to 45: stride, each without its four lowest bits; 49 to 51: the base offset,
/// 0 where atoms begin at multiples of 8 of their lines of 128 bytes (1024, 512 and 256 bytes); 62 and 63: the swizzle.
struct matrix_descriptor {
    std::uint32_t address, leading, stride, base_offset;
    enum swizzle swizzle;

    HEED_HOST_DEVICE constexpr std::uint64_t bits() const {
        return part(address) | part(leading) << 16 | part(stride) << 32 | std::uint64_t{base_offset & 7} << 49 | static_cast<std::uint64_t>(swizzle) << 62;
    }
    HEED_HOST_DEVICE static constexpr matrix_descriptor of(std::uint64_t bits) {
        const auto whole = [&](int from) { return static_cast<std::uint32_t>(bits >> from & 0x3fff) << 4; };
        return {whole(0), whole(16), whole(32), static_cast<std::uint32_t>(bits >> 49 & 7), static_cast<enum swizzle>(bits >> 62)};
    }
    /// Where the two bytes of place k of a row lie: of 16 places of K, in a matrix that is K-major or MN-major.
    HEED_HOST_DEVICE constexpr std::uint32_t by_k(int row, int k) const {
        return place(static_cast<std::uint32_t>(row / 8) * stride + static_cast<std::uint32_t>(row % 8 * line_bytes(swizzle) + 2 * k));
    }
    HEED_HOST_DEVICE constexpr std::uint32_t by_rows(int row, int k) const {
        const int in_line = line_bytes(swizzle) / 2;
        return place(static_cast<std::uint32_t>(row / in_line) * leading + static_cast<std::uint32_t>(k / 8) * stride + static_cast<std::uint32_t>(k % 8 * line_bytes(swizzle) + 2 * (row % in_line)));
    }

private:
    HEED_HOST_DEVICE static constexpr std::uint64_t part(std::uint32_t bytes) { return bytes >> 4 & 0x3fff; }
    HEED_HOST_DEVICE constexpr std::uint32_t place(std::uint32_t on) const { return swizzled(swizzle, address + on); }
};

/// The same matrix, so many bytes on.
HEED_HOST_DEVICE constexpr std::uint64_t moved(std::uint64_t descriptor, int bytes) { return descriptor + static_cast<std::uint64_t>(bytes >> 4); }

#if defined(__CUDACC__)
/// The registers of an instruction, by number and by place.
#define HEED_NAMES_16 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define HEED_NAMES_32 HEED_NAMES_16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define HEED_NAMES_64 HEED_NAMES_32 ", " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define HEED_REGISTERS_4(io, c, n) io "f"(c[n][0]), io "f"(c[n][1]), io "f"(c[n][2]), io "f"(c[n][3])
#define HEED_REGISTERS_16(io, c, n) HEED_REGISTERS_4(io, c, n), HEED_REGISTERS_4(io, c, n + 1), HEED_REGISTERS_4(io, c, n + 2), HEED_REGISTERS_4(io, c, n + 3)
#define HEED_REGISTERS_32(io, c) HEED_REGISTERS_16(io, c, 0), HEED_REGISTERS_16(io, c, 4)
#define HEED_REGISTERS_64(io, c) HEED_REGISTERS_32(io, c), HEED_REGISTERS_16(io, c, 8), HEED_REGISTERS_16(io, c, 12)

/// What a block asks of its warpgroups on a GPU. All threads of a warpgroup call alike.
struct device_warpgroups {
    /// An address as descriptors have it.
    __device__ static std::uint32_t shared_address(const std::byte* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }
    /// What this thread has written to shared memory so far, products of warpgroups see, once threads have met after it.
    __device__ static void publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
    /// Whether something holds for any thread of the warpgroup, which meets here.
    __device__ static bool any_of_warpgroup(bool holds) {
        int any;
#define HEED_ANY(barrier) asm volatile("{\n.reg .pred mine, all;\nsetp.ne.s32 mine, %1, 0;\nbarrier.cta.red.or.pred all, " barrier ", 128, mine;\nselp.s32 %0, 1, 0, all;\n}" : "=r"(any) : "r"(static_cast<int>(holds)) : "memory")
        if (is_first()) HEED_ANY("1"); else HEED_ANY("2");
#undef HEED_ANY
        return __shfl_sync(0xffffffffu, any, 0) != 0;       // which the compiler knows to be alike for all
    }
    /// All threads of the warpgroup come here before any goes on.
    __device__ static void warpgroup_barrier() {
        if (is_first()) asm volatile("barrier.cta.sync 1, 128;" ::: "memory");
        else asm volatile("barrier.cta.sync 2, 128;" ::: "memory");
    }
    /// Of the block's registers, so many for each thread of this warpgroup from here on: less than it was launched with, or more.
    template <int Count> __device__ static void keep_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(Count));
#endif
    }
    template <int Count> __device__ static void take_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(Count));
#endif
    }
    /// From here on, what products will add to and their left factors are in these registers. It stands before all that are begun while
    /// others are under way: registers that move between them would make them wait for one another.
    template <class... Registers> __device__ static void warpgroup_ready(Registers&... of_products) { (hold(of_products), ...); }
    /// Right before the first product of a group.
    __device__ static void warpgroup_begin() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
    }
    /// The products begun since are a group.
    __device__ static void warpgroup_end() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
    }
    /// Until all groups but the last so many are done; these are registers of theirs, of which nothing is read or written before.
    template <int Pending, class... Registers> __device__ static void warpgroup_wait(Registers&... of_products) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(Pending) : "memory");
#endif
        (hold(of_products), ...);
    }
    /// Begins c = a b, or c += a b, where a is 64 x 16 and b 16 x 8 C of bf16 or fp16, both K-major in shared memory. Warp w of the
    /// warpgroup has lines 16 w to 16 w + 15 of c, and its threads hold of each 16 x 8 what they hold of one that a warp multiplies.
    template <class E, bool Adds, int C> __device__ static void warpgroup_multiply(float (&c)[C][4], std::uint64_t a, std::uint64_t b) {
        static_assert(C == 4 || C == 8 || C == 16);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HEED_MULTIPLY(E, io, adds) \
        if constexpr (C == 4) asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32." E "." E " {" HEED_NAMES_16 "}, %16, %17, " adds ", 1, 1, 0, 0;" : HEED_REGISTERS_16(io, c, 0) : "l"(a), "l"(b) : "memory"); \
        else if constexpr (C == 8) asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." E "." E " {" HEED_NAMES_32 "}, %32, %33, " adds ", 1, 1, 0, 0;" : HEED_REGISTERS_32(io, c) : "l"(a), "l"(b) : "memory"); \
        else asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." E "." E " {" HEED_NAMES_64 "}, %64, %65, " adds ", 1, 1, 0, 0;" : HEED_REGISTERS_64(io, c) : "l"(a), "l"(b) : "memory")
        if constexpr (std::is_same_v<E, bf16>) {
            if constexpr (Adds) { HEED_MULTIPLY("bf16", "+", "1"); } else { HEED_MULTIPLY("bf16", "=", "0"); }
        } else {
            if constexpr (Adds) { HEED_MULTIPLY("f16", "+", "1"); } else { HEED_MULTIPLY("f16", "=", "0"); }
        }
#undef HEED_MULTIPLY
#endif
    }
    /// Begins c += a b, where each warp has 16 lines of a in registers, as for a product by itself, and b is MN-major.
    template <class E, int C> __device__ static void warpgroup_multiply(float (&c)[C][4], const std::uint32_t (&a)[4], std::uint64_t b) {
        static_assert(C == 4 || C == 8 || C == 16);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HEED_FACTORS : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b) : "memory"
#define HEED_MULTIPLY(E) \
        if constexpr (C == 4) asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32." E "." E " {" HEED_NAMES_16 "}, {%16, %17, %18, %19}, %20, 1, 1, 1, 1;" : HEED_REGISTERS_16("+", c, 0) HEED_FACTORS); \
        else if constexpr (C == 8) asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." E "." E " {" HEED_NAMES_32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;" : HEED_REGISTERS_32("+", c) HEED_FACTORS); \
        else asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." E "." E " {" HEED_NAMES_64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;" : HEED_REGISTERS_64("+", c) HEED_FACTORS)
        if constexpr (std::is_same_v<E, bf16>) { HEED_MULTIPLY("bf16"); } else { HEED_MULTIPLY("f16"); }
#undef HEED_MULTIPLY
#undef HEED_FACTORS
#endif
    }

private:
    /// Of the two warpgroups of a block that multiply, each has a barrier of its own, its number in the instruction: one in a register
    /// takes all sixteen.
    __device__ static bool is_first() { return __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x), 0) < warpgroup; }
    /// No reading or writing of these registers moves past this.
    template <int C> __device__ static void hold(float (&c)[C][4]) {
        HEED_UNROLL for (int i = 0; i < 4 * C; ++i) asm volatile("" : "+f"(c[i / 4][i % 4]) :: "memory");
    }
    template <int K> __device__ static void hold(std::uint32_t (&a)[K][1][4]) {
        HEED_UNROLL for (int i = 0; i < 4 * K; ++i) asm volatile("" : "+r"(a[i / 4][0][i % 4]) :: "memory");
    }
};

#undef HEED_NAMES_16
#undef HEED_NAMES_32
#undef HEED_NAMES_64
#undef HEED_REGISTERS_4
#undef HEED_REGISTERS_16
#undef HEED_REGISTERS_32
#undef HEED_REGISTERS_64
#endif

}  // namespace heed::inline HEED_TARGET::cuda
