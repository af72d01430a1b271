/// heed's products of matrices beside oneDNN's and Eigen's, called in turn in one run on the same threads.
///
///     gemm_peers [repeats]     one line a product: fractions of the multiply-add peak, and heed's speed over oneDNN's
///
/// "ready": the right-hand side lies as the kernel likes it (oneDNN: format_tag any and a reorder before). "plain": it lies
/// as the user has it, and whatever packing it takes is in every call. oneDNN's best of both is the one compared where heed
/// has no ready form.

#include <cstdio>
#include <cstdlib>

#include <Eigen/Core>
#include <oneapi/dnnl/dnnl.hpp>

#include "../measure.hpp"
#include "../products.hpp"

namespace {

using measure::layout;

/// One product by oneDNN's matmul, over the matrices of `o`.
class onednn_product {
public:
    onednn_product(const measure::product& p, measure::operands<float>& o, bool ready) {
        using namespace dnnl;
        using dims = memory::dims;
        const auto [m, n, k, batch, lies] = p;
        const dims a{batch, m, k}, b{batch, k, n}, c{batch, m, n};
        const auto f = memory::data_type::f32;
        const memory::desc a_lies(a, f, lies == layout::gradient ? dims{m * k, 1, m} : dims{m * k, k, 1});
        const memory::desc b_lies(b, f, lies == layout::transposed ? dims{k * n, 1, k} : dims{k * n, n, 1});
        const memory::desc c_lies(c, f, dims{m * n, n, 1});
        const auto flat = [&](const memory::desc& d, const dims& s) { return batch == 1 ? d.reshape({s[1], s[2]}) : d; };
        const dims b_size = batch == 1 ? dims{k, n} : b;
        const memory::desc b_as_liked(b_size, f, memory::format_tag::any);
        const memory::desc a2 = flat(a_lies, a), b2 = ready ? b_as_liked : flat(b_lies, b), c2 = flat(c_lies, c);
#if DNNL_VERSION_MAJOR >= 3
        const matmul::primitive_desc how(engine_, a2, b2, c2);
#else
        const matmul::primitive_desc how({a2, b2, c2}, engine_);
#endif
        run_ = matmul(how);
        memory b_given(flat(b_lies, b), engine_, o.b.data()), b_used = b_given;
        if (how.weights_desc() != b_given.get_desc()) {
            b_used = memory(how.weights_desc(), engine_);
            reorder(b_given, b_used).execute(stream_, b_given, b_used);
            stream_.wait();
        }
        c_.resize(o.c.size());
        memories_ = {{DNNL_ARG_SRC, memory(a2, engine_, o.a.data())}, {DNNL_ARG_WEIGHTS, b_used}, {DNNL_ARG_DST, memory(c2, engine_, c_.data())}};
    }

    void operator()() {
        run_.execute(stream_, memories_);
        stream_.wait();
    }
    const std::vector<float>& result() const { return c_; }

private:
    dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream_{engine_};
    dnnl::matmul run_;
    std::unordered_map<int, dnnl::memory> memories_;
    std::vector<float> c_;
};

void eigen_product(const measure::product& p, const measure::operands<float>& o, std::vector<float>& c) {
    using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using map = Eigen::Map<const matrix>;
    const auto [m, n, k, batch, lies] = p;
    for (std::ptrdiff_t i = 0; i < batch; ++i) {
        const float *const a = o.a.data() + i * m * k, *const b = o.b.data() + i * k * n;
        Eigen::Map<matrix> to(c.data() + i * m * n, m, n);
        if (lies == layout::gradient) to.noalias() = map(a, k, m).transpose() * map(b, k, n);
        else if (lies == layout::transposed) to.noalias() = map(a, m, k) * map(b, n, k).transpose();
        else to.noalias() = map(a, m, k) * map(b, k, n);
    }
}

void must_agree(const std::vector<float>& x, const std::vector<float>& y, const char* who) {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (!(std::abs(x[i] - y[i]) <= 1e-2f)) {
            std::fprintf(stderr, "gemm_peers: c[%zu] is %g by heed and %g by %s\n", i, static_cast<double>(x[i]), static_cast<double>(y[i]), who);
            std::exit(1);
        }
}

struct result { double heed_ready, heed_plain, over_ready, over_plain; };

result measure_product(const measure::product& p, int threads, int repeats) {
    measure::operands<float> o(p);
    onednn_product ready(p, o, true), plain(p, o, false);
    std::vector<float> c(o.c.size());
    const auto packed = o.packed();
    const double peak = measure::fma_peak<float>(threads);
    const std::vector<double> t = measure::interleaved(
        measure::repeats_of(p, repeats), [&] { several(p, [&] { contract(packed); }); }, [&] { several(p, [&] { ready(); }); }, [&] { several(p, [&] { contract(o.x); }); },
        [&] { several(p, [&] { plain(); }); }, [&] { several(p, [&] { eigen_product(p, o, c); }); });
    must_agree(o.c, ready.result(), "oneDNN");
    must_agree(o.c, plain.result(), "oneDNN");
    must_agree(o.c, c, "Eigen");
    const auto of_peak = [&](double seconds) { return p.operations() / measure::seconds_per_call(p, seconds) / peak; };
    std::printf("%3td x %5td x %4td x %5td %8d %9.2f %7.2f %10.2f %8.2f %7.2f %12.2f %8.2f\n", p.batch, p.rows, p.columns, p.depth, threads, of_peak(t[0]), of_peak(t[2]), of_peak(t[1]),
                of_peak(t[3]), of_peak(t[4]), t[1] / t[0], t[3] / t[2]);
    std::fflush(stdout);
    return {of_peak(t[0]), of_peak(t[2]), t[1] / t[0], t[3] / t[2]};
}

}  // namespace

int main(int arguments, char** values) {
    const int repeats = arguments > 1 ? std::max(1, std::atoi(values[1])) : 5;
    const dnnl_version_t& v = *dnnl::version();
    std::printf("oneDNN %d.%d.%d, Eigen %d.%d.%d; peak of one thread %.0f GFLOP/s\n", v.major, v.minor, v.patch, EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION,
                measure::fma_peak<float>(1) / 1e9);
    const int most = heed::cpu::thread_count();
    for (int threads = 1; threads <= std::min(2, most); ++threads) {
        omp_set_num_threads(threads);
        for (const measure::family& f : measure::families()) {
            std::printf("\n%s\nbatch, rows x cols x depth  threads     heed   plain     oneDNN    plain   Eigen  heed/oneDNN    plain\n", f.name);
            std::vector<double> ready, plain, over_ready, over_plain;
            for (const measure::product& p : f.products) {
                const result r = measure_product(p, threads, repeats);
                ready.push_back(r.heed_ready);
                plain.push_back(r.heed_plain);
                over_ready.push_back(r.over_ready);
                over_plain.push_back(r.over_plain);
            }
            std::printf("median, least of the ratios %7d %9.2f %7.2f %42.2f %8.2f\n", threads, measure::median(ready), measure::median(plain),
                        *std::min_element(over_ready.begin(), over_ready.end()), *std::min_element(over_plain.begin(), over_plain.end()));
        }
    }
}
