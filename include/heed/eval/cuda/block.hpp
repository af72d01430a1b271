/// What a kernel asks of the block of threads that runs it.
///
/// A kernel is a trivially copyable struct: its arguments, `threads`, and operator()(block), which every thread calls. It asks
/// for nothing but this, so it runs on a GPU, where `block` is the one below, and on the host, where tests bring one of
/// their own and run each thread in turn.
#pragma once

#include <heed/shape.hpp>

#include <cstdint>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::index;

inline constexpr int warp = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

#if defined(__CUDACC__)
/// The block that runs on a GPU.
struct device_block {
    __device__ int thread() const { return static_cast<int>(threadIdx.x); }
    __device__ index number() const { return blockIdx.x; }
    __device__ index blocks() const { return gridDim.x; }
    /// All threads of the block come here before any goes on.
    __device__ void barrier() const { __syncthreads(); }
    /// The same of the threads of a warp.
    __device__ void warp_barrier() const { __syncwarp(); }
    /// The value that the thread of this warp has whose number differs by these bits.
    template <class T> __device__ T exchange(T value, int bits) const { return __shfl_xor_sync(whole_warp, value, bits); }
    /// Adds to memory that other threads add to as well; of whole numbers alone, whose sums no order changes.
    __device__ void add(std::int32_t& to, std::int32_t what) const { atomicAdd(&to, what); }
    /// Whether a flag, 0 before, was set by this thread.
    __device__ bool claim(int& flag) const { return atomicCAS(&flag, 0, 1) == 0; }
    /// Memory that the block shares, as many bytes as its launch said, aligned to 128.
    __device__ std::byte* shared() const {
        extern __shared__ __align__(128) std::byte memory[];
        return memory;
    }
};
#endif

}  // namespace heed::inline HEED_TARGET::cuda
