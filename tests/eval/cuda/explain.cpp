// explain() of expressions on a GPU tells what it would run there.
#include "simulator.hpp"

#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <sstream>

using namespace heed;

namespace {
struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<64> {};
struct hidden : axis<128> {};
std::string text_of(const auto& e) {
    std::ostringstream out;
    out << explain(e);
    return out.str();
}
}  // namespace

TEST_CASE("explain names the kernels of a GPU") {
    const cuda::tensor<float, batch, token, model> x(batch{4}, token{32});
    const cuda::tensor<float, model, hidden> w;
    const cuda::tensor<float, hidden> bias;
    CHECK(text_of(x + 1).find("elementwise  8192 elements") == 0);
    CHECK(text_of(x + 1).find("a simulated GPU") != std::string::npos);
    CHECK(text_of(dot<model>(x, w)).find("128 x 128 x 64, by the device's library") != std::string::npos);
    CHECK(explain(dot<model>(x, w) + bias).kernels() == 1);
    CHECK(text_of(dot<model>(x, w) + bias).find("finished by the library") != std::string::npos);
    const plan separate = explain(gelu(dot<model>(x, w) + bias));
    CHECK(separate.count(plan_step::kernel::contraction) == 1);
    CHECK(separate.count(plan_step::kernel::elementwise) == 1);
    CHECK(text_of(dot<token>(x, x)).find("one thread an output") == std::string::npos);
}
