/// The GPU of this machine: streams, memory of the pool, launches, and errors with the call and its place.
///
/// Nothing waits but a copy to the host and stream::wait(). What fails in between is thrown there.
#pragma once

#include <heed/error.hpp>
#include <heed/eval/cuda/backend.hpp>

#include <cuda_runtime.h>

#include <algorithm>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace heed::inline HEED_TARGET::cuda {

[[noreturn, gnu::cold]] inline void throw_device_error(cudaError_t error, const char* call, const std::source_location& place) {
    cudaGetLastError();                 // it is told now, and not again by the next call
    throw device_error(std::string(call) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ", " + place.file_name() + ":" + std::to_string(place.line()) + ")");
}
inline void check(cudaError_t error, const char* call, const std::source_location& place = std::source_location::current()) {
    if (error != cudaSuccess) [[unlikely]] throw_device_error(error, call, place);
}
#define HEED_CUDA(...) ::heed::cuda::check(__VA_ARGS__, #__VA_ARGS__)

/// A device of compute capability 8.0 or newer is there; else device_error in words, once a thread.
inline void require_device() {
    thread_local bool found = false;
    if (found) return;
    int count = 0, device = 0, major = 0, minor = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        cudaGetLastError();
        throw device_error(std::string("no GPU is there: ") + (error != cudaSuccess ? cudaGetErrorString(error) : "the driver knows none"));
    }
    HEED_CUDA(cudaGetDevice(&device));
    HEED_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    HEED_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    if (major < 8)
        throw device_error("device " + std::to_string(device) + " has compute capability " + std::to_string(major) + "." + std::to_string(minor) + "; heed's kernels need 8.0 or newer");
    // Memory that statements give back stays with the program.
    cudaMemPool_t pool;
    std::uint64_t all = ~std::uint64_t{0};
    HEED_CUDA(cudaDeviceGetDefaultMemPool(&pool, device));
    HEED_CUDA(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
    found = true;
}

/// What runs in order. Statements run on the stream of their thread: its own, or the one that use_stream chose.
class stream {
public:
    /// A stream beside all others.
    stream() {
        require_device();
        HEED_CUDA(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking));
        owned_ = true;
    }
    /// A stream of the program's own, which stays its.
    explicit stream(cudaStream_t handle) : handle_(handle) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() {
        if (owned_) cudaStreamDestroy(handle_);
    }
    cudaStream_t handle() const { return handle_; }
    /// Until all that was asked of it is done. What a kernel found wrong is thrown here.
    void wait() const;

private:
    cudaStream_t handle_ = nullptr;
    bool owned_ = false;
};

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

template <class Kernel> inline constexpr int blocks_at_once = 1;
template <class Kernel> requires requires { Kernel::blocks_at_once; } inline constexpr int blocks_at_once<Kernel> = Kernel::blocks_at_once;

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads, blocks_at_once<Kernel>) run(const __grid_constant__ Kernel kernel) {
    device_block block;
    kernel(block);
}

/// What a thread of the host keeps for its statements.
struct thread_state {
    cudaStream_t stream = cudaStreamPerThread;
    fault* note = nullptr;
    /// Bounds that lie on the device already, the last used first.
    struct held_bounds {
        std::vector<index> values;
        index* there = nullptr;
        cudaStream_t stream = nullptr;
    };
    std::vector<held_bounds> bounds;

    static thread_state& here() {
        thread_local thread_state state;
        return state;
    }
    ~thread_state() {
        for (auto& b : bounds) cudaFree(b.there);
        if (note) cudaFreeHost(note);
    }
};

}  // namespace detail

/// The statements of this thread run on a stream while this lives.
class use_stream {
public:
    explicit use_stream(const stream& s) : before_(std::exchange(detail::thread_state::here().stream, s.handle())) {}
    use_stream(const use_stream&) = delete;
    use_stream& operator=(const use_stream&) = delete;
    ~use_stream() { detail::thread_state::here().stream = before_; }

private:
    cudaStream_t before_;
};

/// What backend.hpp asks of a device.
struct device {
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
    static void give_back(void* p) noexcept { cudaFreeAsync(p, stream()); }
    static void copy(void* to, const void* from, std::size_t bytes) { HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream())); }
    static void fill(void* to, int byte, std::size_t bytes) { HEED_CUDA(cudaMemsetAsync(to, byte, bytes, stream())); }
    static void from_host(void* to, const void* from, std::size_t bytes) { HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream())); }
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

    template <class T> static bool multiply(const heed::detail::contraction_call<T>&) { return false; }
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
