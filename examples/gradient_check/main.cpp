// Are the gradients that were derived by hand the slopes of their losses? Central differences in double for everything that a
// language model is made of. Printed for each tensor: its shape, the numbers of it that were moved, the largest difference
// between gradient and slope in units of the largest of either, and the largest step.
//
//     ./dev run gradient_check                        exit status 0 where every error is at most 1e-6, else 1
//     ./dev run gradient_check --break scale          a backward of attention that forgets 1 / sqrt(d)
//     ./dev run gradient_check --break transpose      or takes ds for its transpose
//     ./dev run gradient_check --break mask           or computes the weights again without the mask: all three must be found
//
// Then logits of +-10,000 in float, naive and stable side by side.
#include "checks.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <map>
#include <string>

int main(int count, char** arguments) {
    using gradients::mistake;
    const std::map<std::string, mistake> mistakes{{"scale", mistake::scale}, {"transpose", mistake::transpose}, {"mask", mistake::mask}};
    CLI::App options("Compares every gradient of attention and of a Transformer with finite differences.", "gradient_check");
    std::string which;
    options.add_option("--break", which, "make a mistake in a backward, which must be found: scale, transpose or mask")->check(CLI::IsMember(mistakes));
    CLI11_PARSE(options, count, arguments);

    const double most = 1e-6;
    gradients::table found;
    gradients::check_attention(found, which.empty() ? mistake::none : mistakes.at(which));
    gradients::check_layers(found);
    gradients::check_transformer(found);
    fmt::print("{}\n", found.table());
    fmt::print("Keys have no bias: it would add the same to all scores of a row, and its gradient would be zero.\n"
               "(A random vector added to all keys moves the output of attention by {:.0e}.)\n\n", gradients::effect_of_a_bias_of_the_keys());
    const bool stable = gradients::show_stability();

    fmt::print("\n");
    int wrong = 0;
    for (const auto& tensor : found.parameters)
        if (!(tensor.largest <= most)) {
            fmt::print("WRONG: {}, relative error {:.1e}\n", tensor.name, tensor.largest);
            ++wrong;
        }
    fmt::print("largest relative error {:.1e}, allowed {:.0e}: {} of {} gradients are wrong\n", found.largest(), most, wrong, found.parameters.size());
    return wrong == 0 && stable ? 0 : 1;
}
