// What the GPU of this machine reaches, and how much of that heed's kernels do: medians of repeated runs, by events on the stream.
#include <heed/cuda.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct key   : axis<> {};
struct model : axis<256> {};
struct inner : axis<1024> {};
template <int Depth> struct head_of : axis<Depth == 32 ? 8 : 1024 / Depth> {};
template <int Depth> struct depth_of : axis<Depth> {};
using head = head_of<32>;
using depth = depth_of<32>;

class event {
public:
    event() { HEED_CUDA(cudaEventCreate(&handle_)); }
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event() { cudaEventDestroy(handle_); }
    void record() { HEED_CUDA(cudaEventRecord(handle_, cuda::device::stream())); }
    double seconds_since(const event& start) {
        float milliseconds = 0;
        HEED_CUDA(cudaEventSynchronize(handle_));
        HEED_CUDA(cudaEventElapsedTime(&milliseconds, start.handle_, handle_));
        return 1e-3 * static_cast<double>(milliseconds);
    }

private:
    cudaEvent_t handle_;
};

/// The median of 21 runs of f, each of so many calls that it takes a millisecond or more; after one that is not counted.
template <class F> double median_seconds(F&& f) {
    event start, end;
    const auto run = [&](int calls) {
        start.record();
        for (int i = 0; i < calls; ++i) f();
        end.record();
        return end.seconds_since(start) / calls;
    };
    f();
    const int calls = std::clamp(static_cast<int>(1e-3 / run(1)), 1, 1000);
    std::vector<double> times;
    for (int i = 0; i < 21; ++i) times.push_back(run(calls));
    std::nth_element(times.begin(), times.begin() + 10, times.end());
    return times[10];
}

void bandwidth_row(const char* name, double bytes, double seconds, double bound) {
    std::printf("%-58s %10.1f us %8.2f TB/s   %5.1f %% of the copy\n", name, 1e6 * seconds, 1e-12 * bytes / seconds, 100 * bytes / seconds / bound);
}
void compute_row(const char* name, double flops, double seconds, double bound) {
    std::printf("%-58s %10.1f us %8.1f TF/s   %5.1f %% of the product\n", name, 1e6 * seconds, 1e-12 * flops / seconds, 100 * flops / seconds / bound);
}

/// Bytes a second of a copy from device to device, read and written.
double copy_rate() {
    const std::size_t bytes = std::size_t{1} << 29;
    void* const from = cuda::device::take(bytes);
    void* const to = cuda::device::take(bytes);
    const double seconds = median_seconds([&] { HEED_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda::device::stream())); });
    cuda::device::give_back(from), cuda::device::give_back(to);
    std::printf("%-58s %10.1f us %8.2f TB/s\n", "cudaMemcpyAsync, 512 MiB", 1e6 * seconds, 2e-12 * static_cast<double>(bytes) / seconds);
    return 2 * static_cast<double>(bytes) / seconds;
}

/// Operations a second of a large square product: the best of what cuBLASLt proposes.
template <class T> double product_rate(const char* name, cuda::precision how) {
    struct row : axis<4096> {};
    struct column : axis<4096> {};
    struct summed : axis<4096> {};
    cuda::tensor<T, row, summed> x;
    cuda::tensor<T, summed, column> y;
    cuda::tensor<T, row, column> z;
    x = as<T>(sigmoid(0.001 * position<row>() - 0.002 * position<summed>()));
    y = as<T>(sigmoid(0.003 * position<column>() - 0.002 * position<summed>()));
    const cuda::use_precision use(how);
    const double flops = 2.0 * 4096 * 4096 * 4096, seconds = median_seconds([&] { z = dot<summed>(x, y); });
    std::printf("%-58s %10.1f us %8.1f TF/s\n", name, 1e6 * seconds, 1e-12 * flops / seconds);
    return flops / seconds;
}

void time_row(const char* name, double seconds) { std::printf("%-58s %10.1f us\n", name, 1e6 * seconds); }

template <class T> using feed_encoder = nn::transformer_encoder<T, token, model, head, depth, inner, nn::gelu_by_tanh>;

/// Attention of bf16 and its gradients, every token with every other, or with those before it.
template <int Depth> void attention_rows(batch batches, token tokens, bool causal, double half) {
    using head = head_of<Depth>;
    using depth = depth_of<Depth>;
    cuda::tensor<bf16, batch, token, head, depth> q(batches, tokens), o(batches, tokens), d_o(batches, tokens), dq(batches, tokens);
    cuda::tensor<bf16, batch, key, head, depth> k(batches, key{tokens.value}), v(batches, key{tokens.value}), dk, dv;
    cuda::tensor<float, batch, token, head> log_sum_exp;
    q = as<bf16>(broadcast<batch, head>(sigmoid(0.01 * position<depth>() - 0.02 * position<token>())));
    k = as<bf16>(broadcast<batch, head>(sigmoid(0.02 * position<depth>() - 0.01 * position<key>())));
    v = as<bf16>(broadcast<batch, head>(sigmoid(0.03 * position<depth>() - 0.03 * position<key>())));
    d_o = q;
    const double pairs = static_cast<double>(batches.value) * head::extent * tokens.value * tokens.value * (causal ? 0.5 : 1), flops = 4.0 * Depth * pairs;
    const auto rows = [&](const auto& scores) {
        const auto name = [&](const char* what) { return std::string(what) + ", " + std::to_string(head::extent) + " heads of " + std::to_string(Depth) + ", " + std::to_string(tokens.value) + " tokens" + (causal ? ", causal" : ""); };
        compute_row(name("attention").c_str(), flops, median_seconds([&] { o = dot<key>(softmax<key>(scores), v); }), half);
        attention_forward<key>(scores, v, o, log_sum_exp);
        compute_row(name("its gradients").c_str(), 2.5 * flops, median_seconds([&] { attention_backward<key>(scores, v, o, log_sum_exp, d_o, dq, dk, dv); }), half);
    };
    const auto scaled = dot<depth>(q, k) * (1 / std::sqrt(static_cast<float>(Depth)));
    if (causal) rows(where(position<key>() <= position<token>(), scaled, -infinity));
    else rows(scaled);
}

/// The encoder's forward, statement by statement and as a graph; its training step.
void encoder_rows(batch batches, token tokens) {
    {
        feed_encoder<cuda::on<bf16>> encoder(2);
        nn::initialise(encoder, 1);
        cuda::tensor<bf16, batch, token, model> x(batches, tokens);
        x = as<bf16>(sigmoid(0.01 * broadcast<batch>(position<model>() - 2 * position<token>())));
        typename feed_encoder<cuda::on<bf16>>::template scratch_of<decltype(x)> scratch;
        const auto forward = [&] { encoder.forward(x, nn::everything{}, scratch); };
        time_row("forward, bf16", median_seconds(forward));
        const cuda::graph captured = cuda::capture(forward);
        time_row("forward, bf16, as a graph", median_seconds([&] { captured.launch(); }));
    }
    {
        const cuda::use_precision use(cuda::precision::tf32);
        feed_encoder<cuda::on<float>> encoder(2);
        nn::initialise(encoder, 1);
        train::adamw<cuda::on<float>> optimizer;
        cuda::tensor<float, batch, token, model> x(batches, tokens);
        x = sigmoid(0.01 * broadcast<batch>(position<model>() - 2 * position<token>()));
        auto trace = nn::trace_for(encoder, x);
        time_row("forward, TF32", median_seconds([&] { encoder.forward(x, nn::everything{}, trace); }));
        time_row("a training step, TF32", median_seconds([&] {
            nn::clear_gradients(encoder);
            const auto& y = encoder.forward(x, nn::everything{}, trace);
            encoder.backward(y, x, nn::everything{}, trace);
            optimizer.step(encoder, 1e-4);
        }));
    }
}

}  // namespace

int main() try {
    cudaDeviceProp device;
    cuda::require_device();
    HEED_CUDA(cudaGetDeviceProperties(&device, 0));
    std::printf("%s, %d multiprocessors\n\nBounds\n", device.name, device.multiProcessorCount);
    const double copy = copy_rate();
    product_rate<float>("cuBLASLt, 4096 cubed, float", cuda::precision::exact);
    const double tf32 = product_rate<float>("cuBLASLt, 4096 cubed, TF32", cuda::precision::tf32);
    const double half = product_rate<bf16>("cuBLASLt, 4096 cubed, bf16", cuda::precision::exact);

    const batch batches{256};
    const token tokens{256};
    const double rows = 256.0 * 256, elements = rows * 256;
    std::printf("\nheed: batch 256, token 256, model 256\n");
    {
        cuda::tensor<float, batch, token, model> x(batches, tokens), y(batches, tokens), z(batches, tokens);
        cuda::tensor<float, model> weight, bias;
        x = sigmoid(0.01 * position<model>() - 0.02 * position<token>()) + 0 * broadcast<batch>(0.0f) * position<batch>();
        y = x;
        weight = broadcast<model>(1.0f), bias = broadcast<model>(0.5f);
        bandwidth_row("z = x + y, float", 12 * elements, median_seconds([&] { z = x + y; }), copy);
        bandwidth_row("z = gelu(x), float", 8 * elements, median_seconds([&] { z = gelu(x); }), copy);
        const auto centred = x - mean<model>(x);
        bandwidth_row("LayerNorm, float", 8 * elements, median_seconds([&] { z = weight * centred * rsqrt(mean<model>(centred * centred) + 1e-5) + bias; }), copy);
        bandwidth_row("softmax of rows, float", 8 * elements, median_seconds([&] { z = softmax<model>(x); }), copy);
        bandwidth_row("gradient of a bias: sum<batch, token>, float", 4 * elements, median_seconds([&] { bias = sum<batch, token>(x); }), copy);
    }
    {
        cuda::tensor<bf16, batch, token, model> x(batches, tokens), z(batches, tokens);
        cuda::tensor<bf16, batch, token, inner> h(batches, tokens);
        cuda::tensor<bf16, model, inner> w;
        cuda::tensor<bf16, inner> bias;
        x = as<bf16>(broadcast<batch, token, model>(0.5f)), w = as<bf16>(broadcast<model, inner>(0.25f)), bias = as<bf16>(broadcast<inner>(0.125f)), h = as<bf16>(broadcast<batch, token, inner>(0.5f));
        const double flops = 2 * rows * 256 * 1024;
        compute_row("h = x w, bf16", flops, median_seconds([&] { h = dot<model>(x, w); }), half);
        compute_row("h = x w + bias, bf16", flops, median_seconds([&] { h = dot<model>(x, w) + bias; }), half);
        compute_row("h = gelu_tanh(x w + bias), bf16", flops, median_seconds([&] { h = gelu_tanh(dot<model>(x, w) + bias); }), half);
        compute_row("h = gelu(x w + bias), bf16", flops, median_seconds([&] { h = gelu(dot<model>(x, w) + bias); }), half);
        compute_row("z = x + h w, bf16", flops, median_seconds([&] { z = x + dot<inner>(h, w); }), half);
        compute_row("w = x h, the gradient of a weight, bf16", flops, median_seconds([&] { w = dot<batch, token>(x, h); }), half);
    }
    {
        cuda::tensor<float, batch, token, model> x(batches, tokens);
        cuda::tensor<float, batch, token, inner> h(batches, tokens);
        cuda::tensor<float, model, inner> w;
        x = broadcast<batch, token, model>(0.5f), w = broadcast<model, inner>(0.25f);
        const cuda::use_precision use(cuda::precision::tf32);
        compute_row("h = x w, TF32", 2 * rows * 256 * 1024, median_seconds([&] { h = dot<model>(x, w); }), tf32);
    }
    attention_rows<32>(batches, tokens, false, half);
    std::printf("\nAttention, bf16, 16384 tokens in all, 16 heads of 64 or 8 of 128\n");
    for (const int length : {2048, 4096, 16384})
        for (const bool causal : {false, true}) {
            attention_rows<64>(batch{16384 / length}, token{length}, causal, half);
            attention_rows<128>(batch{16384 / length}, token{length}, causal, half);
        }
    std::printf("\nThe feed encoder: batch 256, token 256, model 256, 8 heads of 32, hidden 1024, 2 layers\n");
    encoder_rows(batches, tokens);
    return 0;
} catch (const device_error& found) {
    std::printf("%s\n", found.what());
    return 77;
}
