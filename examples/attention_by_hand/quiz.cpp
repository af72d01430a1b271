// Five questions about self-attention, answered by running them.
#include <attention_by_hand/parts.hpp>

#include <heed/heed.hpp>
#include <heed/nn/attention.hpp>
#include <heed/random.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <type_traits>

namespace by_hand {

namespace {

using namespace heed;

/// The sizes of a tensor: "4 x 10 x 64".
std::string shape_of(const auto& x) {
    const auto memory = x.memory();
    std::string text;
    for (int i = 0; i < std::remove_cvref_t<decltype(x)>::rank; ++i) text += (i > 0 ? " x " : "") + std::to_string(memory.size[i]);
    return text;
}

bool show_value() {
    struct query : axis<1> {};
    struct key   : axis<2> {};
    struct depth : axis<3> {};
    struct value : axis<2> {};
    const tensor<float, query, depth> q{{1, 0, 0}};
    const tensor<float, key, depth> k{{1, 0, 0}, {0, 1, 0}};
    const tensor<float, key, value> v{{1, 2}, {3, 4}};
    const tensor<float, query, value> out = dot<key>(softmax<key>(dot<depth>(q, k) / std::sqrt(3.0f)), v);

    std::printf("\n1  What is the output of scaled dot-product attention for the query (1, 0, 0), the keys (1, 0, 0) and (0, 1, 0),\n"
                "   and the values (1, 2) and (3, 4)?\n\n%.4f %.4f\n\n"
                "   The quiz says 1.718 2.718. Where could that come from?\n\n"
                "   score    weights          output\n", out(0, 0), out(0, 1));
    // The second score is 0, so that the first weight is e^s / (e^s + 1), and the output 1 + 2 (1 - w), 2 + 2 (1 - w).
    const auto line = [](const char* score, double w, const char* what) {
        std::printf("   %-8s %.4f %.4f    %.4f %.4f    %s\n", score, w, 1 - w, 3 - 2 * w, 4 - 2 * w, what);
        return 3 - 2 * w;
    };
    const auto weight = [](double s) { return std::exp(s) / (std::exp(s) + 1); };
    const double exact = line("0.57735", weight(1 / std::sqrt(3.0)), "1 / sqrt(3)");
    const double rounded = line("0.58", weight(0.58), "the score rounded to two decimals: 1.718 2.718");
    line("0.578", weight(1 / 1.73), "sqrt(3) rounded to two decimals: 1.719 2.719");
    line("", 0.64, "the weights rounded to two decimals");
    line("", 1, "\"the weight for the first key is near 1\", as the quiz explains it");
    std::printf("   So to three decimals it is 1.719 2.719, and rounding the score gives the quiz's numbers. (These are e - 1 and e to\n"
                "   three decimals, too: %.4f %.4f. That is a coincidence; the equation has no e - 1.) Nor is the weight near 1: it\n"
                "   is %.2f, since one key scores no more than 0.58 above the other.\n", std::exp(1.0) - 1, std::exp(1.0), weight(1 / std::sqrt(3.0)));
    return std::abs(out(0, 0) - exact) < 1e-6 && std::abs(out(0, 1) - exact - 1) < 1e-6 && std::round(1000 * rounded) == 1718;
}

bool show_shape() {
    bool by_type = false;
    std::printf("\n2  Which shape has the output for an input (4, 10, 64) and 8 heads?\n\n");
    {
        struct batch : axis<4>  {};
        struct token : axis<10> {};
        struct model : axis<64> {};
        struct head  : axis<8>  {};
        struct depth : axis<8>  {};
        const nn::self_attention<float, token, model, head, depth> layer;
        const tensor<float, batch, token, model> x;
        by_type = std::is_same_v<decltype(layer.forward(x, nn::everything{})), tensor<float, batch, token, model>>;
        std::printf("   by its type, before anything runs: %s\n", by_type ? "{batch 4, token 10, model 64}" : "ANOTHER");
    }
    struct batch : axis<> {};
    struct token : axis<> {};
    struct model : axis<> {};
    struct head  : axis<> {};
    struct depth : axis<> {};
    const nn::self_attention<float, token, model, head, depth> layer(model{64}, head{8}, depth{8});
    const auto y = layer.forward(tensor<float, batch, token, model>(batch{4}, token{10}, model{64}), nn::everything{});
    std::printf("   by running it with sizes of the run: %s\n"
                "   Each head has 64 / 8 = 8 numbers of a position; side by side they are 64 again.\n", shape_of(y).c_str());
    return by_type && shape_of(y) == "4 x 10 x 64";
}

void show_debugging() {
    struct batch : axis<2>  {};
    struct query : axis<5>  {};
    struct key   : axis<5>  {};
    struct depth : axis<16> {};
    const tensor<float, batch, query, depth> q;
    const tensor<float, batch, key, depth> k, v;
    const tensor<float, batch, query, depth> out = dot<key>(softmax<key>(dot<depth>(q, k) / std::sqrt(16.0f)), v);
    std::printf("\n4  query, key and value are (2, 5, 16). What happens in matmul(query, key)?\n\n"
                "   It multiplies rows of 16 with columns of 5, which is an error when it runs; the key's transpose is missing. With named\n"
                "   axes there is nothing to transpose: dot<depth>(q, k) sums over what it says, and the output is %s. To sum over the\n"
                "   key's rows, as matmul does, is dot<key>(q, k), which does not compile. The program is\n"
                "   tests/rejected/attention_without_the_transpose.cpp; docs/transformer.md has what the compiler says.\n", shape_of(out).c_str());
}

bool show_scale() {
    struct key   : axis<6>   {};
    struct depth : axis<256> {};
    tensor<double, depth> q;
    tensor<double, key, depth> k;
    tensor<double, key> dp;
    random_stream random(4);
    for (double& number : q) number = random.normal();
    for (double& number : k) number = random.normal();
    for (double& number : dp) number = random.normal();
    std::printf("\n5  Why are scores divided by the square root of the dimension? One query, six keys, d = 256, all numbers normal:\n\n");
    const auto show = [&](const char* what, double scale) {
        const tensor<double, key> s = dot<depth>(q, k) * scale, p = softmax<key>(s), ds = p * (dp - sum<key>(p * dp));
        const auto line = [](const char* name, const tensor<double, key>& row) {
            std::printf("   %-12s", name);
            for (double number : row) std::printf(" %9.2g", number);
            std::printf("\n");
        };
        std::printf("   %s\n", what);
        line("  scores", s), line("  weights", p), line("  gradient ds", ds);
        const double squares = sum<key>(ds * ds);
        return std::sqrt(squares);
    };
    const double plain = show("without", 1), scaled = show("with 1 / sqrt(256)", 1.0 / 16);
    std::printf("   Scores of variance 256 pick one key, and the gradient is %.1g; scores of variance 1 weigh all keys, and it is %.1g.\n"
                "   (./dev run why_scale measures it over many queries and all d from 4 to 1024.)\n", plain, scaled);
    return plain < scaled / 10;
}

}  // namespace

bool show_quiz() {
    bool holds = show_value();
    holds &= show_shape();
    std::printf("\n3  What does a greater number of heads do at the same width?\n\n"
                "   More of them can look at different things at once, and each has less to tell them apart by. ./dev run attention_by_hand\n"
                "   heads trains with each number of heads, half a minute long, and prints quality, time and variance.\n");
    show_debugging();
    holds &= show_scale();
    return holds;
}

}  // namespace by_hand
