/// Whole models: the feed encoder and its baseline, forward, in training and one batch after another.
///
///     encoder                                            every work with one thread and two: milliseconds and share of the peak (a minute)
///     encoder --work NAME [--threads N] [--repeats N]    one of them: its milliseconds, run by run
///     encoder --serve                                    a work a line, NAME THREADS REPEATS, and its milliseconds in a line:
///                                                        for a driver that runs programs in turn. "peak THREADS" is the
///                                                        multiply-add peak, "operations NAME" what a run has to compute
///     encoder --export FILE                              weights, batches, logits and losses, for the peers to compute alike
///
/// The share counts what must be computed: no padding, three times the forward pass for a training step. "latency" runs
/// through 1,000 batches of uneven posts, or as many as --repeats says, each once; its figure is the 95th percentile.
#include "encoder.hpp"
#include "measure.hpp"

#include <heed/files/safetensors.hpp>
#include <heed/metrics/latency.hpp>
#include <heed/train/adam.hpp>
#include <heed/train/checkpoint.hpp>

#include <charconv>
#include <cstdio>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string_view>

using namespace feed_encoder;

namespace {

enum class kind { forward, forward_bf16, training, baseline, latency };

struct work {
    const char* name;
    kind what;
    int posts;
    int length;         // of every post; 0: uneven
    int repeats;

    std::vector<int> lengths() const {
        return length > 0 ? std::vector<int>(static_cast<std::size_t>(posts), length) : uneven_lengths(static_cast<std::size_t>(posts));
    }
    double operations() const {
        if (what == kind::latency || what == kind::baseline) return 0;
        return useful_operations(lengths()) * (what == kind::training ? 3 : 1);
    }
};

constexpr int latency_batches = 1000;

constexpr work works[] = {
    {"forward-full", kind::forward, 32, 256, 7},
    {"forward-full-bf16", kind::forward_bf16, 32, 256, 7},
    {"forward-uneven", kind::forward, 32, 0, 20},
    {"forward-one-256", kind::forward, 1, 256, 60},
    {"forward-one-40", kind::forward, 1, 40, 200},
    {"training-full", kind::training, 64, 256, 5},
    {"training-uneven", kind::training, 64, 0, 10},
    {"baseline-uneven", kind::baseline, 64, 0, 100},
    {"latency-16", kind::latency, 16, 0, latency_batches},
    {"latency-32", kind::latency, 32, 0, latency_batches},
};

const work& work_called(std::string_view name) {
    for (const work& w : works)
        if (name == w.name) return w;
    std::string known;
    for (const work& w : works) known += std::string(" ") + w.name;
    throw value_error("There is no work " + std::string(name) + "; there are:" + known + ".");
}

template <class Model>
struct training {
    Model model;
    typename Model::trace trace;
    train::adamw<float> optimizer;

    training() { nn::initialise(model, 1); }

    double step(const batch& b) {
        nn::clear_gradients(model);
        const auto loss = model.learn(b, trace);
        optimizer.step(model, 1e-3, 1 / loss.count);
        return loss.mean();
    }
};

/// Weights, activations and batches are kept from run to run, as a server or a trainer keeps them.
class bench {
public:
    /// Milliseconds of so many runs, after one that is not counted; for latency, of each batch.
    std::vector<double> run(const work& w, int threads, int repeats) {
#if defined(_OPENMP)
        omp_set_num_threads(threads);
#endif
        if (w.what == kind::latency) return latencies(static_cast<std::size_t>(w.posts), static_cast<std::size_t>(repeats));
        const batch b(w.lengths());
        switch (w.what) {
            case kind::forward: nn::pack(trained().model); return timed(repeats, [&] { trained().model.forward(b, scratch_); });
            case kind::forward_bf16: nn::pack<bf16>(trained().model); return timed(repeats, [&] { trained().model.forward(b, scratch_); });
            case kind::training: return timed(repeats, [&] { trained().step(b); });
            default: return timed(repeats, [&] { trained_baseline().step(b); });
        }
    }

    /// Of batches of consecutive posts, each once.
    std::vector<double> latencies(std::size_t posts, std::size_t batches) {
        metrics::latency_recorder recorder(batches);
        std::vector<double> milliseconds;
        nn::pack(trained().model);
        for (std::size_t i = 0; i <= batches; ++i) {
            const batch b(uneven_lengths(posts, i % batches * posts));
            const double taken = 1e3 * measure::seconds([&] { trained().model.forward(b, scratch_); });
            if (i > 0) milliseconds.push_back(taken);
        }
        return milliseconds;
    }

    training<model>& trained() { return made(trained_); }
    training<baseline>& trained_baseline() { return made(trained_baseline_); }

private:
    static std::vector<double> timed(int repeats, const auto& f) {
        std::vector<double> milliseconds;
        f();
        for (int i = 0; i < repeats; ++i) milliseconds.push_back(1e3 * measure::seconds(f));
        return milliseconds;
    }
    template <class Made> static Made& made(std::unique_ptr<Made>& kept) { return kept ? *kept : *(kept = std::make_unique<Made>()); }

    std::unique_ptr<training<model>> trained_;
    std::unique_ptr<training<baseline>> trained_baseline_;
    model::scratch scratch_;
};

/// The figure of a work: the median, or the 95th percentile of a latency.
double figure(const work& w, const std::vector<double>& milliseconds) {
    return w.what == kind::latency ? metrics::percentile(milliseconds, 95) : measure::median(milliseconds);
}

void report_all() {
    std::printf("%-16s %7s %7s %12s %8s\n", "work", "tokens", "threads", "milliseconds", "of peak");
    const int most = cpu::thread_count();
    bench all;
    for (const int threads : {1, 2}) {
        if (threads > most) break;
        for (const work& w : works) {
            if (w.what == kind::latency && threads < std::min(2, most)) continue;
            const double peak = measure::fma_peak<float>(threads);
            const double milliseconds = figure(w, all.run(w, threads, w.repeats));
            int tokens = 0;
            for (const int length : w.lengths()) tokens += length;
            std::printf("%-16s %7s %7d %12.3f", w.name, w.what == kind::latency ? "drawn" : std::to_string(tokens).c_str(), threads, milliseconds);
            if (w.operations() > 0) std::printf(" %8.2f", w.operations() / milliseconds / 1e-3 / peak);
            std::printf("\n");
            std::fflush(stdout);
        }
    }
    // P95 grows with the batch: double it until the budget is spent, then halve the interval.
    constexpr double budget = 20;
    const auto within = [&](std::size_t posts) { return metrics::percentile(all.latencies(posts, 100), 95) <= budget; };
    std::size_t fits = 1, too_many = 2;
    for (; within(too_many); too_many *= 2) fits = too_many;
    while (too_many - fits > 1) ((within((fits + too_many) / 2)) ? fits : too_many) = (fits + too_many) / 2;
    std::printf("the largest batch of uneven posts with a 95th percentile of at most %g ms, %d threads: %zu\n", budget, std::min(2, most), fits);
}

/// Each batch with the logits that the untrained model makes of it, or with the losses of the first three steps.
void export_all(const std::string& file) {
    std::deque<std::vector<float>> numbers;
    std::deque<batch> batches;
    std::deque<std::vector<int>> lengths;
    const model start = [] { model m; nn::initialise(m, 1); return m; }();
    const baseline start_of_baseline = [] { baseline m; nn::initialise(m, 1); return m; }();
    auto tensors = train::checkpoints::tensors_of(start);
    for (auto& t : train::checkpoints::tensors_of(start_of_baseline)) {
        t.name = "baseline." + t.name;
        tensors.push_back(t);
    }
    const auto store = [&]<class T>(const std::string& name, std::vector<std::int64_t> shape, std::span<const T> values) {
        tensors.push_back(files::stored<T>(name, shape, values));
    };
    for (const work& w : works) {
        if (w.what == kind::latency || w.what == kind::forward_bf16) continue;
        const std::string name = std::string(w.name) + ".";
        const auto& l = lengths.emplace_back(w.lengths());
        const batch& b = batches.emplace_back(l);
        const auto posts = static_cast<std::int64_t>(l.size());
        store(name + "lengths", {posts}, std::span<const int>(l));
        store(name + "tokens", {b.tokens.size()}, std::span<const int>(b.tokens.data(), static_cast<std::size_t>(b.tokens.size())));
        store(name + "numbers", {posts, extra::extent}, std::span<const float>(b.numbers.data(), static_cast<std::size_t>(b.numbers.size())));
        store(name + "labels", {posts}, std::span<const float>(b.labels.data(), static_cast<std::size_t>(b.labels.size())));
        auto& result = numbers.emplace_back();
        if (w.what == kind::forward) {
            model::scratch scratch;
            const auto& z = start.forward(b, scratch);
            result.assign(z.begin(), z.end());
        } else {
            const auto learn = [&](auto&& fresh) { for (int i = 0; i < 3; ++i) result.push_back(static_cast<float>(fresh->step(b))); };
            if (w.what == kind::training) learn(std::make_unique<training<model>>());
            else learn(std::make_unique<training<baseline>>());
        }
        store(name + (w.what == kind::forward ? "logits" : "losses"), {static_cast<std::int64_t>(result.size())}, std::span<const float>(result));
    }
    auto& drawn = lengths.emplace_back(uneven_lengths(32 * latency_batches));
    store("latency.lengths", {static_cast<std::int64_t>(drawn.size())}, std::span<const int>(drawn));
    files::save_safetensors(file, tensors);
}

void print_runs(const std::vector<double>& milliseconds) {
    for (const double m : milliseconds) std::printf("%.4f ", m);
    std::printf("\n");
}

int positive(std::string_view what, std::string_view text) {
    int value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size() || value < 1) throw value_error(std::string(what) + " needs a whole number of at least 1, not " + std::string(text) + ".");
    return value;
}

/// Answers line by line, until there are no more.
void serve() {
    bench all;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string name, second, third;
        words >> name >> second >> third;
        if (name == "peak") std::printf("%.0f\n", measure::fma_peak<float>(positive("The number of threads", second)));
        else if (name == "operations") std::printf("%.0f\n", work_called(second).operations());
        else print_runs(all.run(work_called(name), positive("The number of threads", second), positive("The number of repeats", third)));
        std::fflush(stdout);
    }
}

void run(std::span<char* const> arguments) {
    if (arguments.empty()) return report_all();
    std::string_view name, file;
    int threads = std::min(2, cpu::thread_count()), repeats = 0;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view option = arguments[i];
        if (option == "--serve") return serve();
        if (option != "--work" && option != "--threads" && option != "--repeats" && option != "--export") throw value_error("There is no option " + std::string(option) + ".");
        if (i + 1 == arguments.size()) throw value_error(std::string(option) + " needs a value.");
        const std::string_view value = arguments[++i];
        if (option == "--work") name = value;
        else if (option == "--export") file = value;
        else (option == "--threads" ? threads : repeats) = positive(option, value);
    }
    if (!file.empty()) return export_all(std::string(file));
    const work& w = work_called(name);
    print_runs(bench().run(w, threads, repeats > 0 ? repeats : w.repeats));
}

}  // namespace

int main(int count, char** values) {
    try {
        run(std::span<char* const>(values + 1, static_cast<std::size_t>(count - 1)));
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "encoder: %s\n", problem.what());
        return 1;
    }
}
