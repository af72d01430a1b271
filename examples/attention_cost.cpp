// What attention costs as sequences grow: counted by explain, then measured, as one kernel and with its matrix in memory.
//
//     fused          out = dot<key>(softmax<key>(scores), v) in one statement: one kernel, tile by tile
//     materialised   the same three steps as three statements: the scores and the weights are tensors of T x T
//     plain loops    heed's reference, in double, of one head alone
//
// Self-attention of 4 heads of 32 numbers, float, on one thread. Each time is processor time, the least of several runs in
// turn; memory is how far the process's peak rose during the statement, each measured in a process of its own. The
// exponents p of cost ~ T^p are least squares on the logarithms, over all T and over the longer half.
#include <heed/heed.hpp>
#include <heed/eval/explain.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <limits>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct head  : heed::axis<4>  {};
struct query : heed::axis<>   {};
struct key   : heed::axis<>   {};
struct depth : heed::axis<32> {};

using namespace heed;

struct problem {
    tensor<float, query, head, depth> q, out;
    tensor<float, key, head, depth> k, v;
    tensor<float, head, query, key> scores, weights;

    explicit problem(int tokens) : q(query{tokens}), out(query{tokens}), k(key{tokens}), v(key{tokens}) {
        q = random_uniform(1, 0, place_in(q)) - 0.5;
        k = random_uniform(2, 0, place_in(k)) - 0.5;
        v = random_uniform(3, 0, place_in(v)) - 0.5;
    }
};

const float scale = 1 / std::sqrt(float(depth::extent));

void fused(problem& x) { x.out = dot<key>(softmax<key>(dot<depth>(x.q, x.k) * scale), x.v); }

void materialised(problem& x) {
    x.scores = dot<depth>(x.q, x.k) * scale;
    x.weights = softmax<key>(x.scores);
    x.out = dot<key>(x.weights, x.v);
}

void plain_loops(problem& x) {
    const auto q = x.q(head{0});
    const auto k = x.k(head{0}), v = x.v(head{0});
    tensor<float, query, depth> out = reference::eval(dot<key>(softmax<key>(dot<depth>(q, k) * scale), v));
}

/// Processor time, which does not count what other processes take; on one thread of an idle machine, the time that passes.
double seconds(const std::function<void()>& f) {
    const std::clock_t start = std::clock();
    f();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// The least times of several functions that are called in turn, until `enough` seconds have passed.
std::vector<double> fastest(double enough, const std::vector<std::function<void()>>& functions) {
    std::vector<double> best(functions.size(), std::numeric_limits<double>::infinity());
    double passed = 0;
    for (int round = 0; round < 3 || (passed < enough && round < 2000); ++round)
        for (std::size_t i = 0; i < functions.size(); ++i) {
            const double s = seconds(functions[i]);
            passed += s;
            if (round > 0) best[i] = std::min(best[i], s);
        }
    return best;
}

/// From here on; so that what is measured is the work, and not how threads wait for each other.
void one_thread() {
#if defined(_OPENMP)
    omp_set_num_threads(1);
#endif
}

/// What f returns, computed by a process of its own, so that its memory is its own as well.
std::vector<double> apart(std::size_t count, const std::function<std::vector<double>()>& f) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe failed");
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        one_thread();
        const std::vector<double> result = f();
        const bool whole = write(ends[1], result.data(), count * sizeof(double)) == static_cast<ssize_t>(count * sizeof(double));
        _exit(whole ? 0 : 1);
    }
    close(ends[1]);
    std::vector<double> result(count);
    const bool whole = read(ends[0], result.data(), count * sizeof(double)) == static_cast<ssize_t>(count * sizeof(double));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (!whole || status != 0) throw std::runtime_error("a measurement failed");
    return result;
}

double peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

/// How far the peak of a process's memory rises while it runs f once.
double memory_of(int tokens, void (*f)(problem&)) {
    return apart(1, [=] {
        problem small(16), x(tokens);
        f(small);                                   // scratch memory is there before
        const double before = peak_memory();
        f(x);
        return std::vector<double>{peak_memory() - before};
    })[0];
}

/// The exponent p of y ~ T^p: the slope of least squares of log y on log T.
double exponent(const std::vector<double>& t, const std::vector<double>& y, std::size_t from) {
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (std::size_t i = from; i < t.size(); ++i) {
        const double a = std::log(t[i]), b = std::log(y[i]);
        n += 1, sx += a, sy += b, sxx += a * a, sxy += a * b;
    }
    return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

void counted() {
    one_thread();
    problem x(1024);
    std::cout << "Counted by explain, T = 1024, " << head::extent << " heads of " << depth::extent << "\n\nfused:\n"
              << explain(dot<key>(softmax<key>(dot<depth>(x.q, x.k) * scale), x.v)) << "\n\nmaterialised, three statements:\n";
    std::cout << explain(dot<depth>(x.q, x.k) * scale) << "\n";
    x.scores = dot<depth>(x.q, x.k) * scale;
    std::cout << explain(softmax<key>(x.scores)) << "\n";
    x.weights = softmax<key>(x.scores);
    std::cout << explain(dot<key>(x.weights, x.v)) << "\n\n";
}

int main() {
    std::vector<double> tokens, time[3], memory[2];
    std::printf("Measured on one thread, float, %d heads of %d\n\n", int(head::extent), int(depth::extent));
    std::printf("            time in ms                                      memory in KiB\n");
    std::printf("    T       fused  materialised  plain loops (1 head)       fused  materialised    2 h T^2 floats\n");
    for (int t = 64; t <= 4096; t *= 2) {
        const auto s = apart(3, [=] {
            problem x(t);
            auto both = fastest(0.3, {[&] { fused(x); }, [&] { materialised(x); }});
            both.push_back(seconds([&] { plain_loops(x); }));
            return both;
        });
        const double m[2] = {memory_of(t, fused), memory_of(t, materialised)};
        tokens.push_back(t);
        for (int i = 0; i < 3; ++i) time[i].push_back(s[static_cast<std::size_t>(i)]);
        for (int i = 0; i < 2; ++i) memory[i].push_back(std::max(m[i], 1.0));
        std::printf("%5d %11.3f %13.3f %21.1f %11.0f %13.0f %17.0f\n", t, 1e3 * s[0], 1e3 * s[1], 1e3 * s[2], m[0] / 1024, m[1] / 1024,
                    2.0 * int(head::extent) * t * t * sizeof(float) / 1024);
    }
    std::printf("\nexponents of T         time: fused  materialised  plain loops      memory: materialised\n");
    for (std::size_t from : {std::size_t(0), tokens.size() / 2})
        std::printf("%-22s %11.2f %13.2f %12.2f %25.2f\n", from ? "T from 512" : "all T", exponent(tokens, time[0], from), exponent(tokens, time[1], from),
                    exponent(tokens, time[2], from), exponent(tokens, memory[1], from));
    std::printf("\n");
    std::fflush(stdout);
    counted();
}
