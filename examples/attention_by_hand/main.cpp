// Attention by hand: every equation, every shape, every number of it, and a quiz.
//
//     ./dev run attention_by_hand                  all of it, but for heads: equations, steps, quiz
//     ./dev run attention_by_hand equations        forward and backward against finite differences and heed's layer
//     ./dev run attention_by_hand steps            shapes and cost of each step, what a mask does, edge cases
//     ./dev run attention_by_hand quiz             five questions, answered by running them
//     ./dev run attention_by_hand heads            what the number of heads does at the same width, by training
//     ./dev run attention_by_hand --input FILE     attention of given matrices, to six decimals (format: matrices.hpp)
//
// Exit status 0 where all that is claimed was found to be so, 1 where not, 2 for a file that cannot be read.
#include <attention_by_hand/parts.hpp>

#include <heed/error.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>

int main(int count, char** arguments) {
    CLI::App options("Attention by hand: equations, steps, a quiz; or the attention of given matrices.", "attention_by_hand");
    std::string part, input;
    options.add_option("part", part, "equations, steps, quiz or heads; all but heads if left out")->check(CLI::IsMember({"equations", "steps", "quiz", "heads"}));
    options.add_option("--input", input, "a file of matrices, or - for standard input")->excludes(options.get_option("part"));
    CLI11_PARSE(options, count, arguments);
    try {
        if (!input.empty()) {
            by_hand::attend_to_file(input);
            return 0;
        }
        bool holds = true;
        if (part.empty() || part == "equations") holds &= by_hand::show_equations();
        if (part.empty() || part == "steps") holds &= by_hand::show_steps();
        if (part.empty() || part == "quiz") holds &= by_hand::show_quiz();
        if (part == "heads") holds &= by_hand::show_heads();
        return holds ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "attention_by_hand: %s\n", error.what());
        return 2;
    }
}
