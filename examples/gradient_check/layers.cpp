// The layers of a Transformer, each alone: multi-head attention, the norm, the network at every position.
#include "checks.hpp"

#include <heed/eval/cpu/backend.hpp>
#include <heed/nn/attention.hpp>
#include <heed/nn/feed_forward.hpp>
#include <heed/nn/layer_norm.hpp>

namespace gradients {

namespace {

struct batch  : axis<2>  {};
struct token  : axis<4>  {};
struct model  : axis<6>  {};
struct head   : axis<2>  {};
struct depth  : axis<3>  {};
struct hidden : axis<10> {};
using key = attended<token>;
using positions = tensor<double, batch, token, model>;

/// A layer of the form forward(x, more ..., trace), backward(dy, x, more ..., trace): its parameters and dX.
void check_layer(table& found, const std::string& what, auto&& layer, const auto&... more) {
    input<positions> x;
    positions dy;
    fill(dy, 0);
    auto trace = nn::trace_for(layer, x.value);
    check(found, what, [&] {
        const double loss = weigh(layer.forward(x.value, more..., trace), dy);
        x.gradient += layer.backward(dy, x.value, more..., trace);
        return loss;
    }, named("", layer), named("x", x));
}

}  // namespace

void check_layers(table& found) {
    const tensor<int, batch> lengths{4, 2};
    using attention = nn::self_attention<double, token, model, head, depth, nn::biases::learnt>;
    check_layer(found, "multi-head attention, no mask", attention(), nn::everything{});
    check_layer(found, "multi-head attention, causal", attention(), position<key>() <= position<token>());
    check_layer(found, "multi-head attention, padding", attention(), position<key>() < lengths);
    check_layer(found, "layer norm", nn::layer_norm<double, model>());
    check_layer(found, "feed-forward, GELU by erf", nn::feed_forward<double, model, hidden>());
    check_layer(found, "feed-forward, GELU by tanh", nn::feed_forward<double, model, hidden, nn::gelu_by_tanh>());
}

}  // namespace gradients
