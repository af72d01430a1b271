/// Attention, forward and backward, against this machine's multiply-add peak, found in the same run.
///
///     attention [repeats]
///
/// Tensors are {batch, token, head, depth}: heads interleaved, nothing copied before. A head counts 4 T^2 d floating-point
/// operations forward and 10 T^2 d backward, whatever the mask, so the fraction under a mask says what skipping gains.
/// Sequences of uneven lengths are measured packed, {token, head, depth}, and padded under a mask of their lengths; there the
/// operations are those of the true lengths.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include <heed/eval/cpu/attention_backward.hpp>

#include "measure.hpp"

namespace {

using namespace heed::cpu;

/// Every position sees those from `reach` - 1 before it up to itself; a reach of 0 hides nothing.
template <bool Masked> struct band {
    static constexpr bool linear = true, masked = Masked;
    float factor;
    std::ptrdiff_t reach = 0;

    float scale() const { return factor; }
    void seek(const std::ptrdiff_t*) {}
    tile_verdict verdict(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) const {
        if (key0 > row1 - 1 || key1 - 1 < row0 - reach + 1) return tile_verdict::none;
        return key1 - 1 <= row0 && key0 >= row1 - reach ? tile_verdict::all : tile_verdict::some;
    }
    void mask(std::ptrdiff_t row, std::ptrdiff_t key0, float* scores, int n) const {
        for (int j = 0; j < n; ++j)
            if (key0 + j > row || key0 + j <= row - reach) scores[j] = -std::numeric_limits<float>::infinity();
    }
};

/// Each sequence ends where its own length says; rows of padding see nothing.
struct padding {
    static constexpr bool linear = true, masked = true;
    float factor;
    const std::vector<std::ptrdiff_t>& lengths;
    std::ptrdiff_t length = 0;

    float scale() const { return factor; }
    void seek(const std::ptrdiff_t* batch) { length = lengths[static_cast<std::size_t>(batch[0])]; }
    tile_verdict verdict(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) const {
        if (key0 >= length || row0 >= length) return tile_verdict::none;
        return key1 <= length && row1 <= length ? tile_verdict::all : tile_verdict::some;
    }
    void mask(std::ptrdiff_t row, std::ptrdiff_t key0, float* scores, int n) const {
        for (int j = 0; j < n; ++j)
            if (row >= length || key0 + j >= length) scores[j] = -std::numeric_limits<float>::infinity();
    }
};

/// Numbers aligned as a tensor's.
class numbers {
public:
    void resize(std::size_t n) { all_.assign(n + line, 0), n_ = n; }
    float* data() { return all_.data() + (line - reinterpret_cast<std::uintptr_t>(all_.data()) / sizeof(float) % line) % line; }
    const float* data() const { return const_cast<numbers*>(this)->data(); }
    float* begin() { return data(); }
    float* end() { return data() + n_; }

private:
    static constexpr std::size_t line = 64 / sizeof(float);
    std::vector<float> all_;
    std::size_t n_ = 0;
};

/// The tensors of one attention and its gradients.
struct tensors {
    numbers q, k, v, out, log_sum_exp, d_out, dq, dk, dv;
    attention_shape shape;
    std::ptrdiff_t batch, head, length, depth;

    tensors(std::ptrdiff_t b, std::ptrdiff_t h, std::ptrdiff_t t, std::ptrdiff_t d) : batch(b), head(h), length(t), depth(d) {
        const auto n = static_cast<std::size_t>(b * t * h * d);
        std::mt19937 random(5);
        std::normal_distribution<float> normal;
        for (auto* x : {&q, &k, &v, &d_out}) {
            x->resize(n);
            for (float& y : *x) y = normal(random);
        }
        for (auto* x : {&out, &dq, &dk, &dv}) x->resize(n);
        log_sum_exp.resize(static_cast<std::size_t>(b * h * t));
        shape.batch[0] = b;
        shape.batch[1] = h;
        shape.row[0] = shape.key = t;
        shape.depth = shape.value[1] = d;
    }

    /// Sequences one after another: from offsets[i] to offsets[i + 1].
    tensors(const std::vector<std::ptrdiff_t>& offsets, std::ptrdiff_t h, std::ptrdiff_t d) : tensors(1, h, offsets.back(), d) {
        shape.batch[0] = static_cast<std::ptrdiff_t>(offsets.size()) - 1;
        shape.segment_axis = 0;
        shape.query_offsets = shape.key_offsets = offsets.data();
    }

    template <class T> attention_operand<T> by_row(T* p) const {
        attention_operand<T> x = by_key(p);
        std::swap(x.row[0], x.key);
        return x;
    }

    template <class T> attention_operand<T> by_key(T* p) const {
        attention_operand<T> x;
        x.data = p;
        x.batch[0] = shape.segment_axis == 0 ? 0 : length * head * depth;
        x.batch[1] = depth;
        x.key = head * depth;
        return x;
    }

    template <class T> attention_operand<T> row_numbers(T* p) const {
        attention_operand<T> x;
        x.data = p;
        x.batch[0] = shape.segment_axis == 0 ? 0 : head * length;
        x.batch[1] = length;
        x.row[0] = 1;
        return x;
    }

    template <class Score> void forward(const Score& score) {
        attention_operands<float> x;
        x.q = by_row<const float>(q.data());
        x.k = by_key<const float>(k.data());
        x.v = by_key<const float>(v.data());
        x.out = by_row(out.data());
        x.log_sum_exp = row_numbers(log_sum_exp.data());
        attention_forward(shape, x, score);
    }

    template <class Score> void backward(const Score& score) {
        attention_backward_operands<float> x;
        x.q = by_row<const float>(q.data());
        x.k = by_key<const float>(k.data());
        x.v = by_key<const float>(v.data());
        x.out = by_row<const float>(out.data());
        x.log_sum_exp = row_numbers<const float>(log_sum_exp.data());
        x.d_out = by_row<const float>(d_out.data());
        x.dq = by_row(dq.data());
        x.dk = by_key(dk.data());
        x.dv = by_key(dv.data());
        attention_backward(shape, x, score);
    }
};

struct times { double forward, backward; };

float scale(std::ptrdiff_t depth) { return 1 / std::sqrt(static_cast<float>(depth)); }

/// Sequences of these lengths, packed and padded.
void measure_uneven(const char* name, const std::vector<std::ptrdiff_t>& lengths, std::ptrdiff_t heads, std::ptrdiff_t depth, int threads, int repeats) {
    std::vector<std::ptrdiff_t> offsets = {0};
    double product = 0;
    for (const std::ptrdiff_t n : lengths) {
        offsets.push_back(offsets.back() + n);
        product += 2.0 * static_cast<double>(heads * n * n * depth);
    }
    const auto count = static_cast<std::ptrdiff_t>(lengths.size());
    tensors packed(offsets, heads, depth), padded(count, heads, *std::max_element(lengths.begin(), lengths.end()), depth);
    const band<false> all{scale(depth)};
    const padding mask{scale(depth), lengths};
    std::vector<double> forward_fraction, backward_fraction;
    const std::vector<double> t = measure::interleaved(repeats, [&] { packed.forward(all); }, [&] { packed.backward(all); }, [&] { padded.forward(mask); }, [&] { padded.backward(mask); });
    const double peak = measure::fma_peak<float>(threads);
    std::printf("%-28s %7d %12.3f %9.2f %13.3f %9.2f\n", name, threads, t[0] * 1e3, 2 * product / t[0] / peak, t[1] * 1e3, 5 * product / t[1] / peak);
    const double each = static_cast<double>(count * heads);
    std::printf("    a sequence and head: forward %.0f ns, backward %.0f ns; padded / packed: forward %.2f, backward %.2f\n", t[0] / each * 1e9, t[1] / each * 1e9, t[2] / t[0], t[3] / t[1]);
    std::fflush(stdout);
}

/// Log-normal lengths.
std::vector<std::ptrdiff_t> drawn_lengths(int count, double median, double sigma, std::ptrdiff_t least, std::ptrdiff_t most) {
    std::mt19937 random(0);
    std::lognormal_distribution<double> length(std::log(median), sigma);
    std::vector<std::ptrdiff_t> lengths;
    for (int i = 0; i < count; ++i) lengths.push_back(std::clamp(static_cast<std::ptrdiff_t>(length(random)), least, most));
    return lengths;
}

/// Medians; the peak is sought between the calls, since what else runs on the machine changes it.
template <class Score> times measure_one(const char* name, tensors& x, const Score& score, int threads, int repeats) {
    std::vector<double> forward, backward, forward_fraction, backward_fraction;
    const double heads = static_cast<double>(x.batch * x.head), length = static_cast<double>(x.length);
    const double product = 2.0 * heads * length * length * static_cast<double>(x.depth);
    x.forward(score);
    x.backward(score);
    for (int i = 0; i < repeats; ++i) {
        const double peak = measure::fma_peak<float>(threads);
        forward.push_back(measure::seconds([&] { x.forward(score); }));
        backward.push_back(measure::seconds([&] { x.backward(score); }));
        forward_fraction.push_back(2 * product / forward.back() / peak);
        backward_fraction.push_back(5 * product / backward.back() / peak);
    }
    const times t = {measure::median(forward), measure::median(backward)};
    std::printf("%-28s %7d %12.3f %9.2f %13.3f %9.2f\n", name, threads, t.forward * 1e3, measure::median(forward_fraction), t.backward * 1e3,
                measure::median(backward_fraction));
    std::fflush(stdout);
    return t;
}

void measure_all(int threads, int repeats) {
#if defined(_OPENMP)
    omp_set_num_threads(threads);
#endif
    {
        tensors x(32, 8, 256, 32);
        measure_one("B32 h8 T256  d32", x, band<false>{scale(32)}, threads, 4 * repeats);
    }
    measure_uneven("B32 h8 uneven   d32", drawn_lengths(32, 40, 1, 4, 256), 8, 32, threads, 10 * repeats);
    measure_uneven("B64 h8 T4       d32", std::vector<std::ptrdiff_t>(64, 4), 8, 32, threads, 20 * repeats);
    measure_uneven("B64 h8 T10      d32", std::vector<std::ptrdiff_t>(64, 10), 8, 32, threads, 20 * repeats);
    measure_uneven("B64 h8 T40      d32", std::vector<std::ptrdiff_t>(64, 40), 8, 32, threads, 20 * repeats);
    {
        tensors x(8, 12, 512, 64);
        measure_one("B8  h12 T512 d64", x, band<false>{scale(64)}, threads, 2 * repeats);
    }
    {
        tensors x(1, 8, 4096, 64);
        const times full = measure_one("B1  h8 T4096 d64", x, band<false>{scale(64)}, threads, repeats);
        const times causal = measure_one("B1  h8 T4096 d64 causal", x, band<true>{scale(64), 4096}, threads, repeats);
        std::printf("    causal / full: forward %.2f, backward %.2f\n", causal.forward / full.forward, causal.backward / full.backward);
    }
    {
        tensors x(1, 1, 16384, 64);
        const times causal = measure_one("B1  h1 T16384 d64 causal", x, band<true>{scale(64), 16384}, threads, std::max(1, repeats / 2));
        const times window = measure_one("B1  h1 T16384 d64 window 256", x, band<true>{scale(64), 256}, threads, repeats);
        std::printf("    causal / window: forward %.1f, backward %.1f\n", causal.forward / window.forward, causal.backward / window.backward);
    }
}

}  // namespace

int main(int arguments, char** values) {
    const int repeats = arguments > 1 ? std::max(1, std::atoi(values[1])) : 10;
    std::printf("%-28s %7s %12s %9s %13s %9s\n", "shape", "threads", "forward, ms", "of peak", "backward, ms", "of peak");
    const int most = thread_count();
    for (const int threads : {1, 2})
        if (threads <= most) measure_all(threads, repeats);
}
