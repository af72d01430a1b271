#include <heed/nn/visit.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "../train/plain_parameters.hpp"

namespace nn = heed::nn;

namespace {
plain_model two_blocks() {
    return {.words = {.columns = 2, .numbers = {1, 2, 3, 4, 5, 6}},
            .block = {{.weight = {.numbers = {1, 2}}}, {.weight = {.numbers = {3, 4, 5}}}}};
}
}  // namespace

TEST_CASE("a visit names every parameter by the parts that lead to it, in the order of the listing") {
    plain_model model = two_blocks();
    std::vector<std::string> names;
    nn::visit(model, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"words", "block0.weight", "block0.bias", "block1.weight", "block1.bias"});
}

TEST_CASE("a model that is const shows its parameters as const, by the same listing") {
    const plain_model model = two_blocks();
    int visited = 0;
    nn::visit(model, [&](std::string_view, auto& parameter) {
        static_assert(std::is_const_v<std::remove_reference_t<decltype(parameter)>>);
        ++visited;
    });
    CHECK(visited == 5);
    CHECK(nn::parameter_count(model) == 6 + 2 + 1 + 3 + 1);
}

TEST_CASE("clearing gradients sets dense ones to zero and lets sparse ones forget their rows") {
    plain_model model = two_blocks();
    model.block[1].weight.slopes = {1, 2, 3};
    model.words.touched = {2};
    model.words.slopes = {7, 8};
    nn::clear_gradients(model);
    CHECK(model.block[1].weight.slopes == std::vector<double>{0, 0, 0});
    CHECK(model.words.touched.empty());
}

namespace {
struct verbose {
    plain_parameter weight;
    static void parts(auto& self, auto&& part) { part(std::string(300, 'x'), self.weight); }
};
}  // namespace

TEST_CASE("a name that is too long is an error in words") {
    verbose model{{.numbers = {1}}};
    CHECK_THROWS_WITH(nn::visit(model, [](std::string_view, auto&) {}), Catch::Contains("longer than 240 letters"));
}
