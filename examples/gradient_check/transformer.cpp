// A whole block, with its norms before and after, and a whole language model with its loss.
#include "checks.hpp"

#include <heed/eval/cpu/backend.hpp>
#include <heed/nn/decoder.hpp>

namespace gradients {

namespace {

struct batch      : axis<2>  {};
struct token      : axis<4>  {};
struct place      : axis<5>  {};
struct vocabulary : axis<7>  {};
struct model      : axis<6>  {};
struct head       : axis<2>  {};
struct depth      : axis<3>  {};
struct hidden     : axis<10> {};

template <nn::norm_place Norm>
void check_block(table& found, const std::string& what) {
    nn::transformer_block<double, token, model, head, depth, hidden, nn::gelu_by_tanh, Norm, nn::biases::learnt> block;
    input<tensor<double, batch, token, model>> x;
    tensor<double, batch, token, model> dy;
    fill(dy, 0);
    auto trace = nn::trace_for(block, x.value);
    const auto causal = position<attended<token>>() <= position<token>();
    check(found, what, [&] {
        const double loss = weigh(block.forward(x.value, causal, trace), dy);
        x.gradient += block.backward(dy, x.value, causal, trace);
        return loss;
    }, named("", block), named("x", x));
}

}  // namespace

void check_transformer(table& found) {
    check_block<nn::norm_place::before>(found, "block, norms before");
    check_block<nn::norm_place::after>(found, "block, norms after");

    nn::decoder<double, vocabulary, place, token, model, head, depth, hidden> decoder(2);
    const tensor<int, batch, token> ids{{1, 4, 4, 0}, {2, 2, 5, 3}}, next{{4, 4, 0, 6}, {2, 5, 3, -1}};      // the last is not counted
    auto trace = nn::trace_for(decoder, ids);
    check(found, "decoder and its loss", [&] {
        const auto& h = decoder.forward(ids, trace);
        const double loss = decoder.learn(h, next, trace).sum;
        decoder.backward(ids, trace);
        return loss;
    }, named("", decoder));
}

}  // namespace gradients
