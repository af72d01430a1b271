// What only a GPU can show: precision, streams, graphs, copies that nobody waits for, errors.
#include "agreement.hpp"

using namespace heed;
using cases::batch, cases::token, cases::model, cases::inner;

namespace {

struct problem {
    cases::product_operands<float> here{{4, 64, 64, 128}};
    cases::product_operands<cuda::on<float>> there{{4, 64, 64, 128}};
    tensor<float, batch, token, inner> expected;
    problem() { reference::assign(expected, gelu_tanh(dot<model>(here.x, here.to_inner) + here.bias)); }
    auto equation() const { return gelu_tanh(dot<model>(there.x, there.to_inner) + there.bias); }
};

}  // namespace

TEST_CASE("TF32 is chosen, and only then") {
    const problem p;
    tensor<float, batch, token, inner> exact = p.equation();
    CHECK(cases::worst(exact, p.expected) < 2e-6);
    {
        const cuda::use_precision rounded(cuda::precision::tf32);
        tensor<float, batch, token, inner> coarse = p.equation(), again = p.equation();
        CHECK(cases::worst(coarse, p.expected) < 2e-2);
        CHECK(cases::same_bits(coarse, again));
        CHECK(!cases::same_bits(coarse, exact));
    }
    tensor<float, batch, token, inner> after = p.equation();
    CHECK(cases::same_bits(after, exact));
}

TEST_CASE("bf16 and double are multiplied as they are") {
    const problem p;
    cuda::tensor<bf16, batch, token, model> x = as<bf16>(p.there.x);
    cuda::tensor<bf16, model, inner> w = as<bf16>(p.there.to_inner);
    cuda::tensor<bf16, inner> b = as<bf16>(p.there.bias);
    cuda::tensor<bf16, batch, token, inner> y = gelu_tanh(dot<model>(x, w) + b);
    cuda::tensor<float, batch, token, inner> as_float = as<float>(y);
    tensor<float, batch, token, inner> coarse = as_float;
    CHECK(cases::worst(coarse, p.expected) < 0.1);

    cases::operands<double> here({4, 64, 64, 128});
    cases::operands<cuda::on<double>> there({4, 64, 64, 128});
    tensor<double, batch, token, inner> fine = dot<model>(there.x, there.to_inner) + there.bias;
    CHECK(cases::worst(fine, reference::eval(dot<model>(here.x, here.to_inner) + here.bias)) < 1e-12);
}

TEST_CASE("a step is launched as a graph") {
    problem p;
    cuda::tensor<float, batch, token, inner> y;
    const cuda::graph step = cuda::capture([&] { y = p.equation(); });
    y = 0 * y;
    step.launch();
    tensor<float, batch, token, inner> computed = y;
    CHECK(cases::worst(computed, p.expected) < 2e-6);
    CHECK_THROWS_WITH(cuda::capture([&] { computed = p.equation(); }), Catch::Contains("cannot be a graph"));
    tensor<float, batch, token, inner> after = p.equation();            // what failed has left nothing behind
    CHECK(cases::worst(after, p.expected) < 2e-6);
}

TEST_CASE("copies that nobody waits for arrive before wait()") {
    const cuda::stream s;
    const cuda::use_stream use(s);
    cuda::host_memory<float> memory(4 * 64);
    view<float, batch, token> here(memory.data(), batch{4}, token{64});
    here = position<batch>() * 64 + position<token>();
    cuda::tensor<float, batch, token> there(batch{4}, token{64});
    cuda::copy_async(there, here);
    there = 2 * there;
    cuda::copy_async(here, there);
    s.wait();
    CHECK(here(3, 5) == 2 * (3 * 64 + 5));
    cuda::tensor<float, batch, token> other(batch{4}, token{63});
    CHECK_THROWS_AS(cuda::copy_async(other, here), shape_error);
}

TEST_CASE("an id outside its table is told where the host waits") {
    cases::operands<cuda::on<float>> there({2, 3, 5, 7});
    there.ids = 11 + 0 * there.ids;
    tensor<float, batch, token, model> rows;
    CHECK_THROWS_WITH((rows = gather<cases::row>(there.table, there.ids)), Catch::Contains("id 11 is outside axis"));
}
