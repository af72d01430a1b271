/// How the time and the memory of an encoder grow: two pre-norm blocks of any width and number of heads, over any lengths.
///
///     scaling WORK WIDTH HEADS THREADS LENGTHS        WORK: forward or training (with backward, without an optimizer)
///                                                     LENGTHS: of the sequences, 256,40,7 or 32*256
///
/// prints milliseconds (a median) and bytes: what the process held at most beyond what it held with its weights and input.
#include "measure.hpp"

#include <heed/heed.hpp>
#include <heed/nn/transformer.hpp>
#include <heed/random.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace heed;

namespace {

struct text   : axis<> {};
struct token  : axis<> {};
struct width  : axis<> {};
struct head   : axis<> {};
struct depth  : axis<> {};
struct hidden : axis<> {};
using vectors = tensor<float, ragged<text, token>, width>;
using encoder_type = nn::transformer_encoder<float, token, width, head, depth, hidden, nn::gelu_by_tanh, nn::norm_place::before, nn::biases::learnt>;

int positive(std::string_view text) {
    int value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size() || value < 1)
        throw value_error("A whole number of at least 1 is needed, not " + std::string(text) + ".");
    return value;
}

/// "3*256,40": 256 256 256 40.
std::vector<int> lengths_of(std::string_view text) {
    std::vector<int> lengths;
    for (;;) {
        const auto comma = text.find(',');
        const auto part = text.substr(0, comma);
        const auto star = part.find('*');
        const int times = star == part.npos ? 1 : positive(part.substr(0, star));
        lengths.insert(lengths.end(), static_cast<std::size_t>(times), positive(star == part.npos ? part : part.substr(star + 1)));
        if (comma == text.npos) return lengths;
        text.remove_prefix(comma + 1);
    }
}

/// A line of /proc/self/status, in bytes: VmRSS is what the process holds, VmHWM the most that it held.
double held(std::string_view name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name)) return 1024 * std::stod(line.substr(name.size() + 1));
    throw value_error("This system does not say how much memory a process holds.");
}

/// The median of as many runs as half a second has room for; of one that takes longer, its only one.
double median_milliseconds(const auto& f) {
    std::vector<double> taken{measure::seconds(f)};
    for (double sum = taken[0]; sum < 0.5; sum += taken.back()) taken.push_back(measure::seconds(f));
    if (taken.size() > 1) taken.erase(taken.begin());       // which found its memory fresh
    return 1e3 * measure::median(taken);
}

void run(std::span<char* const> arguments) {
    if (arguments.size() != 5) throw value_error("usage: scaling WORK WIDTH HEADS THREADS LENGTHS");
    const std::string_view work = arguments[0];
    if (work != "forward" && work != "training") throw value_error("There is no work " + std::string(work) + "; there are forward and training.");
    const int d = positive(arguments[1]), heads = positive(arguments[2]);
    if (d % heads != 0) throw value_error(std::to_string(heads) + " heads do not share a width of " + std::to_string(d) + ".");
#if defined(_OPENMP)
    omp_set_num_threads(positive(arguments[3]));
#endif
    encoder_type encoder(2, width{d}, head{heads}, depth{d / heads}, hidden{4 * d});
    nn::initialise(encoder, 1);
    vectors x(ragged<text, token>(lengths_of(arguments[4])), width{d});
    random_stream random(1);
    for (float& number : x) number = static_cast<float>(random.normal());

    const double before = held("VmRSS:");
    double milliseconds = 0;
    if (work == "forward") {
        encoder_type::scratch_of<vectors> kept;
        milliseconds = median_milliseconds([&] { encoder.forward(x, nn::everything{}, kept); });
    } else {
        encoder_type::trace_of<vectors> kept;
        milliseconds = median_milliseconds([&] {
            nn::clear_gradients(encoder);
            encoder.backward(encoder.forward(x, nn::everything{}, kept), x, nn::everything{}, kept);
        });
    }
    std::printf("%.5g %.0f\n", milliseconds, held("VmHWM:") - before);
}

}  // namespace

int main(int count, char** values) {
    try {
        run(std::span<char* const>(values + 1, static_cast<std::size_t>(count - 1)));
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "scaling: %s\n", problem.what());
        return 1;
    }
}
