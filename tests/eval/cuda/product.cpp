// Contractions become products that a BLAS runs; here one that takes their plan literally runs them.
#include "agreement.hpp"
#include "product_cases.hpp"

#include <map>

using simulated::device;

TEMPLATE_TEST_CASE("a GPU computes what the reference computes: contractions", "", float, double) {
    simulated_agreement<TestType> check;
    cases::contractions(check);
}
TEST_CASE("a GPU computes what the reference computes: epilogues") {
    simulated_agreement<float, cases::product_operands> check;
    cases::epilogues(check);
    cases::finished_products(check);
    cases::unfinished_products(check);
    cases::awkward_products(check);
}

namespace {

/// What each case of the table runs as, by name: launches of kernels, products, and those that finish their sums.
struct counted {
    long kernels, products, finished, batched;
    bool operator==(const counted&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const counted& c) {
        return out << c.kernels << " kernels, " << c.products << " products, " << c.finished << " finished, " << c.batched << " batched";
    }
};
struct counting {
    cases::product_operands<heed::cuda::on<float>> there{{3, 17, 33, 18}};
    std::map<std::string, counted> found;
    template <class Expression>
    void operator()(const char* name, Expression expression) {
        device::launches = device::products = device::finished = device::batched = 0;
        heed::tensor result = expression(there);
        found[name] = {device::launches, device::products, device::finished, device::batched};
    }
};

}  // namespace

TEST_CASE("what is a product runs as one") {
    counting count;
    cases::contractions(count);
    cases::epilogues(count);
    cases::finished_products(count);
    cases::unfinished_products(count);
    cases::awkward_products(count);
    // Kernels, products, of these finished by the library and in batches.
    const std::map<std::string, counted> expected{
        {"projection", {0, 1, 0, 0}},
        {"projection, weight turned", {0, 1, 0, 0}},
        {"projection, x turned", {0, 1, 0, 0}},
        {"weight first", {0, 1, 0, 0}},
        {"split into heads", {0, 1, 0, 0}},
        {"heads summed", {0, 2, 0, 0}},
        {"gradient of a weight", {0, 1, 0, 0}},
        {"gradient as a sum of a product", {0, 1, 0, 0}},
        {"batched", {0, 1, 0, 1}},
        {"a batch in the middle", {0, 1, 0, 1}},
        {"products of rows", {0, 1, 0, 1}},
        {"operands that are expressions", {2, 1, 0, 0}},
        // What is no product: a row program.
        {"a number", {2, 0, 0, 0}},
        {"a number for each row", {1, 0, 0, 0}},
        {"nothing summed by the second alone", {1, 0, 0, 0}},
        {"a product of integers", {1, 0, 0, 0}},
        {"masks choose what is added", {1, 0, 0, 0}},
        // What the library does to the sums by itself.
        {"bias", {0, 1, 1, 0}},
        {"bias, weight turned", {0, 1, 1, 0}},
        {"bias and GELU by tanh", {0, 1, 1, 0}},
        {"bias of heads", {0, 1, 1, 0}},
        {"bias of a ragged batch", {0, 1, 1, 0}},
        {"bias and residual", {0, 1, 1, 0}},
        {"residual", {0, 1, 1, 0}},
        {"residual by text", {0, 2, 1, 0}},
        {"scaled scores", {0, 1, 1, 1}},
        {"scaled, then a bias", {0, 1, 1, 0}},
        {"gradient before GELU by tanh", {0, 1, 1, 0}},
        {"the sum of two products", {0, 2, 0, 0}},
        // What it does not: one kernel more, in place.
        {"bias and activation", {1, 1, 0, 0}},
        {"activation, bias and residual", {1, 1, 0, 0}},
        {"scale by row and column", {1, 1, 0, 0}},
        {"masked", {1, 1, 0, 0}},
        {"position in an epilogue", {1, 1, 0, 0}},
        {"batched with a residual", {1, 1, 0, 1}},
        {"three products and a bias", {1, 3, 1, 0}},
        {"the difference of two products", {1, 2, 0, 0}},
        {"heads with a bias that has no head", {1, 1, 0, 0}},
        {"bias along the rows", {1, 1, 0, 0}},
        {"residual by text and row", {1, 1, 0, 0}},
        {"bias scaled with the sum", {1, 1, 0, 0}},
        {"residual after GELU", {1, 1, 0, 0}},
        // Three batches, one launch each; a summed axis that adds up; operands that are copied.
        {"scores of heads", {0, 3, 0, 3}},
        {"summed axes in another order", {0, 3, 0, 0}},
        {"the batch lies innermost", {2, 1, 0, 1}},
    };
    for (const auto& [name, found] : count.found) {
        INFO(name);
        REQUIRE(expected.count(name) == 1);
        CHECK(found == expected.at(name));
    }
    CHECK(count.found.size() == expected.size());
}

namespace {
using namespace cases;
template <class T> using there = cuda::on<T>;
}  // namespace

TEST_CASE("a product adds to what is there, and a result is written in any order") {
    product_operands<float> here({3, 17, 33, 18});
    product_operands<there<float>> device_side({3, 17, 33, 18});
    device::products = device::launches = 0;
    device_side.hidden += dot<model>(device_side.x, device_side.to_inner);
    CHECK(device::products == 1);
    CHECK(device::launches == 0);
    const auto expected = reference::eval(here.hidden + dot<model>(here.x, here.to_inner));
    tensor<float, batch, token, inner> sum = device_side.hidden;
    CHECK(worst(sum, expected) < 1e-5);

    // Where no axis of a matrix is the inner one, the result goes through a copy, added to what is there.
    cuda::tensor<float, token, inner, batch> turned(token{17}, inner{18}, batch{3});
    turned = broadcast<token, inner, batch>(1.0f);
    turned += dot<model>(device_side.batch_last, device_side.to_inner_batch_last);
    tensor<float, token, inner, batch> all = turned, wanted;
    reference::assign(wanted, 1 + dot<model>(here.batch_last, here.to_inner_batch_last));
    CHECK(worst(all, wanted) < 1e-5);
}

TEST_CASE("bf16 is multiplied as it lies and summed in more") {
    const sizes n{3, 17, 33, 18};
    product_operands<float> here(n);
    product_operands<there<float>> device_side(n);
    cuda::tensor<bf16, batch, token, model> x = as<bf16>(device_side.x);
    cuda::tensor<bf16, model, inner> w = as<bf16>(device_side.to_inner);
    cuda::tensor<bf16, inner> b = as<bf16>(device_side.bias);
    tensor<bf16, batch, token, model> rounded_x = as<bf16>(here.x);
    tensor<bf16, model, inner> rounded_w = as<bf16>(here.to_inner);
    tensor<bf16, inner> rounded_b = as<bf16>(here.bias);
    here.x = as<float>(rounded_x), here.to_inner = as<float>(rounded_w), here.bias = as<float>(rounded_b);
    device::products = device::launches = device::finished = 0;
    cuda::tensor<bf16, batch, token, inner> y = gelu_tanh(dot<model>(x, w) + b);
    CHECK(device::products == 1);
    CHECK(device::finished == 1);
    CHECK(device::launches == 0);
    cuda::tensor<float, batch, token, inner> as_float = as<float>(y);
    tensor<float, batch, token, inner> computed = as_float;
    CHECK(worst(computed, reference::eval(gelu_tanh(dot<model>(here.x, here.to_inner) + here.bias))) < 0.005);

    // Into float, where a row program goes on: nothing is rounded between.
    device::products = device::launches = 0;
    cuda::tensor<float, batch, token> logs = as<float>(logsumexp<inner>(dot<model>(x, w)));
    CHECK(device::products == 1);
    tensor<float, batch, token> computed_logs = logs;
    CHECK(worst(computed_logs, reference::eval(logsumexp<inner>(dot<model>(here.x, here.to_inner)))) < 1e-5);
}

TEST_CASE("views are multiplied where they lie") {
    product_operands<float> here({4, 9, 12, 10});
    product_operands<there<float>> device_side({4, 9, 12, 10});
    device::products = device::launches = 0;
    cuda::tensor<float, token, inner> y = dot<model>(device_side.x(batch{2}), device_side.to_inner);
    CHECK(device::products == 1);
    CHECK(device::launches == 0);
    tensor<float, token, inner> computed = y;
    CHECK(worst(computed, reference::eval(dot<model>(here.x(batch{2}), here.to_inner))) < 1e-5);
}
