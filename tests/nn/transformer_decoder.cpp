#include <heed/nn/transformer_decoder.hpp>

#include <catch2/catch.hpp>

#include "layers.hpp"

using namespace layers;

namespace {

template <nn::norm_place Norm>
using decoder_of = nn::transformer_decoder<double, token, source, of_the_type::model, of_the_type::head, of_the_type::depth, of_the_type::hidden, nn::gelu_by_erf, Norm, nn::biases::learnt>;
using targets = tensor<double, batch, token, of_the_type::model>;
using sources = tensor<double, batch, source, of_the_type::model>;

/// A decoder and the two sequences that it reads, all of them to be checked.
template <class Decoder>
struct reading {
    Decoder decoder;
    as_parameter<targets> x{targets(batch{2}, token{3})};
    as_parameter<sources> memory{sources(batch{2}, source{4})};
    static void parts(auto& self, auto&& part) {
        part("decoder", self.decoder);
        part("x", self.x);
        part("memory", self.memory);
    }
};

template <class Decoder>
double worst_of(Decoder decoder, std::optional<nn::random_key> random = {}) {
    reading<Decoder> all{std::move(decoder)};
    unsigned seed = 20;
    nn::visit(all, [&](std::string_view, auto& parameter) { auto values = parameter.values(); fill(values, seed++); });
    auto trace = nn::trace_for(all.decoder, all.x.value, all.memory.value);
    auto dy = all.x.value;
    const tensor<int, batch> lengths{4, 2};
    const auto readable = position<source>() < lengths;
    return train::gradient_check(all, [&] {
        const double loss = weigh(all.decoder.forward(all.x.value, all.memory.value, Decoder::causal(), readable, trace, random), dy);
        all.x.accumulate(all.decoder.backward(dy, all.x.value, all.memory.value, Decoder::causal(), readable, trace, random));
        all.memory.accumulate(trace.dmemory);
        return loss;
    }, {.print = nullptr}).largest();
}

}  // namespace

TEST_CASE("the gradients of a decoder that reads a memory are its slopes, norms before and after, with dropout") {
    auto before = decoder_of<nn::norm_place::before>(2);
    CHECK(worst_of(before) < 1e-6);
    before.drop = nn::dropout(0.2);
    before.drop_weights = nn::dropout(0.3);
    CHECK(worst_of(before, nn::random_key{1, 2}) < 1e-6);
    CHECK(worst_of(decoder_of<nn::norm_place::after>(1)) < 1e-6);
}

TEST_CASE("what is hidden of the memory is not read") {
    decoder_of<nn::norm_place::before> decoder(1);
    nn::initialise(decoder, 1);
    targets x(batch{2}, token{3});
    sources memory(batch{2}, source{4});
    fill(x), fill(memory, 2);
    auto trace = nn::trace_for(decoder, x, memory);
    const tensor<int, batch> lengths{3, 4};
    const targets y = decoder.forward(x, memory, decoder.causal(), position<source>() < lengths, trace);
    for (int m = 0; m < 6; ++m) memory(0, 3, m) = 1000;
    const targets z = decoder.forward(x, memory, decoder.causal(), position<source>() < lengths, trace);
    for (int i = 0; i < y.size(); ++i) CHECK(y.data()[i] == Approx(z.data()[i]));
}
