/// A step that is launched as one: the statements of a function, captured as a CUDA graph.
///
///     cuda::graph step = cuda::capture([&] { train(batch); });      // runs it once, then captures it
///     for (...) {
///         batch.x = next;                                           // the same tensor, other numbers
///         step.launch();
///     }
///
/// What is captured are kernels and the memory that they read and write: the tensors of the step must be those of the first
/// run, of the same sizes, and live as long as the graph. Numbers of the host are captured as they were, so what changes from
/// step to step (a learning rate, the step of random numbers) is to be read from a tensor.
#pragma once

#include <heed/eval/cuda/device.cuh>

#include <exception>

namespace heed::inline HEED_TARGET::cuda {

class graph {
public:
    graph(const graph&) = delete;
    graph& operator=(const graph&) = delete;
    ~graph() {
        cudaGraphExecDestroy(executable_);          // once its last launch is done
    }

    /// The step again, on the stream of this thread's statements.
    void launch() const { HEED_CUDA(cudaGraphLaunch(executable_, device::stream())); }

private:
    friend struct capture_step;

    template <class Step> explicit graph(Step&& step) {
        const use_stream use(stream_);
        step();
        stream_.wait();
        HEED_CUDA(cudaStreamBeginCapture(stream_.handle(), cudaStreamCaptureModeThreadLocal));
        std::string failed;
        try {
            step();
        } catch (const std::exception& found) {
            failed = found.what();
        }
        cudaGraph_t captured = nullptr;
        const cudaError_t ended = cudaStreamEndCapture(stream_.handle(), &captured);
        if (failed.empty() && ended == cudaSuccess) {
            const cudaError_t made = cudaGraphInstantiate(&executable_, captured, 0);
            cudaGraphDestroy(captured);
            check(made, "cudaGraphInstantiate(&executable_, captured, 0)");
            return;
        }
        if (captured) cudaGraphDestroy(captured);
        cudaGetLastError();
        throw device_error("this step cannot be a graph: something in it waits for the device, as a copy to the host does, or works on another stream. What failed: " +
                           (failed.empty() ? std::string(cudaGetErrorString(ended)) : failed));
    }

    stream stream_;                     // its products have their workspace
    cudaGraphExec_t executable_ = nullptr;
};

/// Runs step() once as it is, so that its tensors, workspaces and the library's algorithms are there; then captures it, which
/// runs nothing. The step may not wait for the device: it copies nothing to the host and reads no number of a tensor.
///
/// A function object, so that an operand's namespace does not bring it into the language's own lookups.
struct capture_step {
    template <class Step> graph operator()(Step&& step) const { return graph(step); }
};
inline constexpr capture_step capture;

}  // namespace heed::inline HEED_TARGET::cuda
