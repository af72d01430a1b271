/// Where statements run on the GPU of this machine: streams, and errors with the call and its place.
///
/// Nothing waits but a copy to the host and stream::wait(). What fails in between is thrown there.
#pragma once

#include <heed/error.hpp>
#include <heed/eval/cuda/ids.hpp>

#include <cuda_runtime.h>

#include <cstdint>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace heed::inline HEED_TARGET::cuda {

[[noreturn, gnu::cold]] inline void throw_device_error(cudaError_t error, const char* call, const std::source_location& place) {
    cudaGetLastError();                 // it is told now, and not again by the next call
    const char* const hint = error == cudaErrorIllegalAddress ? "; memory of another device, or of a tensor that is gone, was used" : "";
    throw device_error(std::string(call) + ": " + cudaGetErrorString(error) + hint + " (" + cudaGetErrorName(error) + ", " + place.file_name() + ":" + std::to_string(place.line()) + ")");
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
        throw device_error(std::string("no GPU is there: ") + (error == cudaErrorInsufficientDriver ? "no driver, or one that is older than CUDA " + std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10)
                                                                : error != cudaSuccess ? cudaGetErrorString(error) : "the driver knows none"));
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

}  // namespace heed::inline HEED_TARGET::cuda
