// How long may a post be? The latency of the feed's encoder against the number of tokens, and what would bound it on a GPU.
//
// The encoder has the sizes of the feed example: width 128, 4 heads of 32, feed-forward 512, 2 layers, norms before. Its
// input is the embedded posts of a batch, all of T tokens. Measured: the processor time of one thread, which on an idle
// machine is the time that passes; the 95th percentile of several passes in turn, of the encoder and of the attention in
// it (scores, softmax and weighted sum, without the projections). Reported: the T at which the budget of 20 ms is spent,
// between two lengths on the straight line of the logarithms.
//
// The second table is computed, not measured: a GPU's time by the roofline (docs/attention.md says how).
#include <heed/heed.hpp>
#include <heed/nn/transformer.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

struct post   : heed::axis<>    {};
struct token  : heed::axis<>    {};
struct model  : heed::axis<128> {};
struct head   : heed::axis<4>   {};
struct depth  : heed::axis<32>  {};
struct hidden : heed::axis<512> {};

using namespace heed;

const double budget = 0.020;                                        // seconds
const int encoder_layers = 2;
using vectors = tensor<float, post, token, model>;
using encoder_type = nn::transformer_encoder<float, token, model, head, depth, hidden>;

/// The 95th percentile of processor times.
double p95(std::vector<double> seconds) {
    std::sort(seconds.begin(), seconds.end());
    return seconds[std::min(seconds.size() - 1, seconds.size() * 95 / 100)];
}

struct latency { double encoder, attention; };

latency measure(const encoder_type& encoder, const auto& mask, int posts, int tokens) {
    vectors x(post{posts}, token{tokens});
    x = random_uniform(1, 0, place_in(x)) - 0.5;
    encoder_type::scratch_of<vectors> kept;
    tensor<float, post, token, head, depth> q(post{posts}, token{tokens}), out;
    tensor<float, post, attended<token>, head, depth> k(post{posts}, attended<token>{tokens});
    q = random_uniform(2, 0, place_in(q)) - 0.5;
    k = random_uniform(3, 0, place_in(k)) - 0.5;
    const auto scores = nn::masked_scores<depth>(q, k, 1 / std::sqrt(double(depth::extent)), mask);

    std::vector<double> whole, alone;
    double passed = 0;
    for (int round = 0; round < 4 || (round < 41 && passed < 2); ++round) {
        const std::clock_t start = std::clock();
        encoder.forward(x, mask, kept);
        const std::clock_t between = std::clock();
        for (int layer = 0; layer < encoder_layers; ++layer) out = dot<attended<token>>(softmax<attended<token>>(scores), k);
        const std::clock_t end = std::clock();
        passed += static_cast<double>(end - start) / CLOCKS_PER_SEC;
        if (round == 0) continue;                                   // the first takes memory
        whole.push_back(static_cast<double>(between - start) / CLOCKS_PER_SEC);
        alone.push_back(static_cast<double>(end - between) / CLOCKS_PER_SEC);
    }
    return {p95(whole), p95(alone)};
}

/// Lengths, doubling, until the budget is exceeded; then the length that just spends it.
void measure_batch(const encoder_type& encoder, const auto& mask, const char* what, int posts) {
    double tokens_before = 0, seconds_before = 0;
    for (int tokens = 16;; tokens *= 2) {
        const latency s = measure(encoder, mask, posts, tokens);
        std::printf("%-22s %5d %6d %11.2f %13.2f %7.0f %%\n", what, posts, tokens, 1e3 * s.encoder, 1e3 * s.attention, 100 * s.attention / s.encoder);
        std::fflush(stdout);
        if (s.encoder > budget || tokens >= 32768) {
            if (tokens_before > 0 && s.encoder > budget) {
                const double at = tokens_before * std::pow(2.0, std::log(budget / seconds_before) / std::log(s.encoder / seconds_before));
                std::printf("%-22s %5d %6.0f %11.2f    <- the longest posts within the budget\n", what, posts, at, 1e3 * budget);
            }
            return;
        }
        tokens_before = tokens;
        seconds_before = s.encoder;
    }
}

/// What a GPU cannot be faster than. Sources: NVIDIA, "H200 Tensor Core GPU" data sheet (bf16, dense; memory); J. Shah et al.,
/// "FlashAttention-3", 2024, section 2 (exponentials of an H100, whose chip the H200 has).
struct gpu {
    double multiply_add = 989e12, memory = 4.8e12, exponentials = 3.9e12;
};

struct bound { double projections, attention; };

/// Seconds of the encoder for a batch: projections and feed-forward, then attention in one kernel, each by its scarcest.
bound roofline(const gpu& g, double posts, double tokens) {
    const double m = model::extent, f = hidden::extent, h = head::extent, n = posts * tokens, bytes = 2;
    const double projections = std::max(n * (8 * m * m + 4 * m * f) / g.multiply_add, bytes * n * (2 * m + 5 * m + 2 * m + 2 * f) / g.memory);
    const double attention = std::max({4 * n * tokens * m / g.multiply_add, n * h * tokens / g.exponentials, bytes * n * 4 * m / g.memory});
    return {encoder_layers * projections, encoder_layers * attention};
}

void computed() {
    const gpu g;
    std::printf("\nComputed for one H200, bf16, by the roofline; nothing of this was measured\n\n posts      T  projections ms   attention ms   together\n");
    for (double posts : {32.0}) {
        for (double tokens = 256; tokens <= 32768; tokens *= 2) {
            const bound b = roofline(g, posts, tokens);
            std::printf("%6.0f %6.0f %15.4f %14.4f %10.4f\n", posts, tokens, 1e3 * b.projections, 1e3 * b.attention, 1e3 * (b.projections + b.attention));
        }
        double low = 1, high = 1e7;
        while (high / low > 1.0001) {
            const double tokens = std::sqrt(low * high);
            const bound b = roofline(g, posts, tokens);
            (b.projections + b.attention > budget ? high : low) = tokens;
        }
        std::printf("%6.0f %6.0f   <- the longest posts within %.0f ms, were every kernel as fast as the chip\n", posts, low, 1e3 * budget);
    }
    std::printf("\nattention of a head of 32: %.0f ns of multiply-adds, %.0f ns of exponentials for a million scores\n", 1e15 * 4 * 32 / g.multiply_add,
                1e15 / g.exponentials);
    // Per token 8 m bytes, 4 T m operations and h T exponentials.
    const double m = model::extent, h = head::extent;
    std::printf("the bytes of fused attention take longest below T = %.0f; were it not for the exponentials, below T = %.0f\n",
                8 * m / g.memory * g.exponentials / h, 8 * m / g.memory * g.multiply_add / (4 * m));
}

int main() {
#if defined(_OPENMP)
    omp_set_num_threads(1);
#endif
    encoder_type encoder(encoder_layers);
    nn::initialise(encoder, 1);
    std::printf("Measured on one thread, 95th percentiles\n\n%-22s %5s %6s %11s %13s %9s\n", "may attend to", "posts", "T", "encoder ms", "attention ms", "share");
    for (int posts : {1, 8, 32}) measure_batch(encoder, nn::everything{}, "everything", posts);
    const auto window = abs(position<token>() - position<attended<token>>()) <= 128;
    for (int posts : {1, 32}) measure_batch(encoder, window, "128 to each side", posts);
    computed();
}
