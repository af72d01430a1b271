/// The GPU of this machine as the backend sees it: launches, memory of the pool, products by cuBLASLt.
#pragma once

#include <heed/eval/cuda/backend.hpp>
#include <heed/eval/cuda/product.cuh>
#include <heed/eval/cuda/stream.cuh>

#include <cudaTypedefs.h>

#include <algorithm>
#include <cstring>

namespace heed::inline HEED_TARGET::cuda {

namespace detail {

/// Some bounds of ragged sequences on their way to a device, inside a launch: nothing on the host need outlive it.
struct bounds_upload {
    static constexpr int threads = 128, most = 500;
    index to_first, count;
    index* to;
    index value[most];

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        for (index i = block.thread(); i < count; i += threads) to[to_first + i] = value[i];
    }
};

/// Compiled for GPUs with the instructions of warpgroups it takes shared memory, compiled for others none. What the driver says it
/// takes tells which code of a program is loaded, and nothing need be launched.
template <class Block> __global__ void knows_warpgroups(const Block* block) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    __shared__ volatile int some;
    some = block != nullptr;
#endif
}

/// The driver's function that makes maps, found by the runtime, so that no program need be linked with the driver.
inline PFN_cuTensorMapEncodeTiled_v12000 map_encoder() {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult how;
#if CUDART_VERSION >= 12050
    HEED_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &how));
#else
    HEED_CUDA(cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &how));
#endif
    if (!found) throw device_error("the driver has no cuTensorMapEncodeTiled, which kernels of compute capability 9.0 need");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
}

template <class Kernel> inline constexpr int blocks_at_once = 1;
template <class Kernel> requires requires { Kernel::blocks_at_once; } inline constexpr int blocks_at_once<Kernel> = Kernel::blocks_at_once;

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads, blocks_at_once<Kernel>) run(const __grid_constant__ Kernel kernel) {
    device_block block;
    kernel(block);
}

}  // namespace detail

/// What backend.hpp asks of a device.
struct device {
    static precision floats() { return thread_precision(); }
    static cudaStream_t stream() { return detail::thread_state::here().stream; }

    template <class Kernel> static void launch(const Kernel& kernel, index blocks) {
        std::size_t shared = 0;
        if constexpr (requires { kernel.shared_bytes; }) {
            shared = kernel.shared_bytes;
            if (shared > 48 * 1024) HEED_CUDA(cudaFuncSetAttribute(detail::run<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
        }
        detail::run<Kernel><<<static_cast<unsigned>(blocks), Kernel::threads, shared, stream()>>>(kernel);
        HEED_CUDA(cudaPeekAtLastError());
    }

    /// Whether the device has the instructions of warpgroups, and the program code of them: it may have been compiled for less.
    /// Where no device is, there are none: what is asked of it next says so.
    static bool has_warpgroups() {
        thread_local int known_of = -1;
        thread_local bool has = false;
        int device = 0, major = 0;
        if (cudaGetDevice(&device) != cudaSuccess) {
            cudaGetLastError();
            return false;
        }
        if (device != known_of) {
            HEED_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
            cudaFuncAttributes code{};
            if (major == 9) HEED_CUDA(cudaFuncGetAttributes(&code, detail::knows_warpgroups<device_block>));
            has = code.sharedSizeBytes > 0;
            known_of = device;
        }
        return has;
    }

    static tile_map map(const tile_layout& x) {
        static const PFN_cuTensorMapEncodeTiled_v12000 encode = detail::map_encoder();
        static_assert(sizeof(CUtensorMap) == sizeof(tile_map) && alignof(CUtensorMap) <= alignof(tile_map));
        const cuuint32_t box[5] = {x.box[0], x.box[1], 1, 1, 1}, every[5] = {1, 1, 1, 1, 1};
        const CUtensorMapSwizzle swizzles[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_SWIZZLE_64B, CU_TENSOR_MAP_SWIZZLE_32B};
        CUtensorMap made;
        const CUresult result = encode(&made, CU_TENSOR_MAP_DATA_TYPE_UINT16, 5, const_cast<void*>(x.data), x.sizes.data(), x.steps.data(), box, every, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                       swizzles[static_cast<unsigned>(x.swizzle)], CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
        if (result != CUDA_SUCCESS) throw device_error("cuTensorMapEncodeTiled: error " + std::to_string(static_cast<int>(result)));
        tile_map map;
        std::memcpy(&map, &made, sizeof(map));
        return map;
    }

    /// "NVIDIA H200, compute capability 9.0"
    static std::string name() {
        require_device();
        int device = 0;
        cudaDeviceProp of;
        HEED_CUDA(cudaGetDevice(&device));
        HEED_CUDA(cudaGetDeviceProperties(&of, device));
        return std::string(of.name) + ", compute capability " + std::to_string(of.major) + "." + std::to_string(of.minor);
    }

    static void* take(std::size_t bytes, const std::source_location& place = std::source_location::current()) {
        require_device();
        void* p = nullptr;
        const cudaError_t error = cudaMallocAsync(&p, std::max<std::size_t>(bytes, 1), stream());
        if (error == cudaErrorMemoryAllocation) {
            cudaGetLastError();
            std::size_t free = 0, total = 0;
            cudaMemGetInfo(&free, &total);
            throw device_error("the device has no room for " + std::to_string(bytes) + " bytes: " + std::to_string(free) + " of " + std::to_string(total) + " are free");
        }
        check(error, "cudaMallocAsync", place);
        return p;
    }
    /// Where the machine has several devices: one works on a thread at a time, and reaches its own memory.
    static void check_memory(const void* p) {
        static const int devices = [] {
            int count = 0;
            return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
        }();
        if (devices < 2 || !p) return;
        int here = 0;
        cudaPointerAttributes memory;
        HEED_CUDA(cudaGetDevice(&here));
        HEED_CUDA(cudaPointerGetAttributes(&memory, p));
        if (memory.type == cudaMemoryTypeDevice && memory.device != here) throw_other_device(memory.device, here);
    }
    static void give_back(void* p) noexcept { cudaFreeAsync(p, stream()); }
    static void copy(void* to, const void* from, std::size_t bytes) { HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream())); }
    static void fill(void* to, int byte, std::size_t bytes) { HEED_CUDA(cudaMemsetAsync(to, byte, bytes, stream())); }
    /// `from` may be written again when this returns. (What is page-locked is not copied aside first, but read while it lies there.)
    static void from_host(void* to, const void* from, std::size_t bytes) {
        HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
        cudaPointerAttributes memory;
        if (cudaPointerGetAttributes(&memory, from) == cudaSuccess && memory.type == cudaMemoryTypeHost) HEED_CUDA(cudaStreamSynchronize(stream()));
    }
    static void to_host(void* to, const void* from, std::size_t bytes) {
        HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
        wait();
    }

    static fault* note() {
        auto& state = detail::thread_state::here();
        if (!state.note) {
            HEED_CUDA(cudaHostAlloc(reinterpret_cast<void**>(&state.note), sizeof(fault), cudaHostAllocMapped));
            *state.note = {};
        }
        return state.note;
    }
    static void wait() {
        HEED_CUDA(cudaStreamSynchronize(stream()));
        if (fault* const found = detail::thread_state::here().note) throw_fault(*found);
    }

    static const index* bounds(const index* offsets, index count) {
        auto& held = detail::thread_state::here().bounds;
        const auto same = [&](const auto& b) { return b.stream == stream() && static_cast<index>(b.values.size()) == count && std::equal(offsets, offsets + count, b.values.begin()); };
        if (const auto found = std::find_if(held.begin(), held.end(), same); found != held.end()) {
            std::rotate(held.begin(), found, found + 1);
            return held.front().there;
        }
        constexpr std::size_t most_held = 8;
        if (held.size() == most_held) {
            HEED_CUDA(cudaFreeAsync(held.back().there, held.back().stream));
            held.pop_back();
        }
        held.insert(held.begin(), {{offsets, offsets + count}, static_cast<index*>(take(sizeof(index) * static_cast<std::size_t>(count))), stream()});
        for (index first = 0; first < count; first += detail::bounds_upload::most) {
            detail::bounds_upload some{first, std::min<index>(count - first, detail::bounds_upload::most), held.front().there, {}};
            std::copy_n(offsets + first, some.count, some.value);
            launch(some, 1);
        }
        return held.front().there;
    }

    /// Operations of a product from which copies of its operands pay: some microseconds of a kernel of one thread an output.
    static constexpr double copies_from = 4e6;
    template <class T, class Factor> static bool multiply(const product<T, Factor>& p) { return cuda::multiply(p, stream()); }
};

inline void stream::wait() const {
    use_stream use(*this);
    device::wait();
}

}  // namespace heed::inline HEED_TARGET::cuda

namespace heed::inline HEED_TARGET {

template <> struct backend_of<cuda::space> : cuda::backend<cuda::device> {};

namespace detail {

template <> struct memory_of<cuda::space> : cuda::memory_of_device<cuda::device> {};

}  // namespace detail

}  // namespace heed::inline HEED_TARGET
