// Tensors on a GPU and on the host: what is copied, what is computed where, what is refused.
#include "simulator.hpp"

#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <type_traits>

using namespace heed;

namespace {
struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<3> {};
struct row : axis<> {};
using texts = ragged<batch, token>;
template <class X> using element_of = typename X::value_type;
}  // namespace

TEST_CASE("an assignment between spaces is a copy") {
    const tensor<float, batch, model> here{{1, 2, 3}, {4, 5, 6}};
    const cuda::tensor<float, batch, model> there = here;
    SECTION("of a whole tensor, and back") {
        const tensor<float, batch, model> back = there;
        CHECK(back(1, 2) == 6);
    }
    SECTION("in another order of memory") {
        const tensor<float, model, batch> turned = there;
        CHECK(turned(model{2}, batch{0}) == 3);
        const cuda::tensor<float, model, batch> turned_there = here;
        const tensor<float, batch, model> back = turned_there;
        CHECK(back(1, 0) == 4);
    }
    SECTION("of an expression, computed where its tensors are") {
        const long before = simulated::device::launches;
        const tensor<float, batch, model> twice = 2 * there;
        CHECK(simulated::device::launches == before + 1);
        CHECK(twice(1, 1) == 10);
        const cuda::tensor<float, batch, model> of_host = here + here;
        CHECK(simulated::device::launches == before + 1);
        CHECK(float(sum<batch, model>(of_host)) == 42);
    }
    SECTION("to a part of a tensor") {
        tensor<float, row, batch, model> several(row{2}, batch{2});
        several(row{1}) = there;
        CHECK(several(1, 1, 2) == 6);
        CHECK(several(0, 1, 2) == 0);
        cuda::tensor<float, row, batch, model> several_there(row{2}, batch{2});
        several_there(row{0}) += here;
        CHECK(float(sum<row, batch, model>(several_there)) == 21);
    }
    SECTION("with its sequences") {
        tensor<float, texts> packed(texts{2, 0, 1});
        packed.data()[2] = 7;
        const cuda::tensor<float, texts> packed_there = packed;
        const tensor<float, batch> sums = sum<token>(packed_there);
        CHECK(sums(2) == 7);
        const tensor<float, texts> back = packed_there;
        CHECK(back.offsets() == packed.offsets());
    }
}

TEST_CASE("the element of a result lives where its operands do") {
    const cuda::tensor<float, batch, model> x(batch{2});
    const cuda::tensor<int, batch> ids(batch{2});
    tensor mask = x > 0;
    tensor count = sum<model>(x > 0);
    tensor power = exp(ids);
    tensor chosen = where(x > 0, 1, 0);
    STATIC_REQUIRE(std::is_same_v<element_of<decltype(mask)>, cuda::on<bool>>);
    STATIC_REQUIRE(std::is_same_v<element_of<decltype(count)>, cuda::on<int>>);
    STATIC_REQUIRE(std::is_same_v<element_of<decltype(power)>, cuda::on<float>>);
    STATIC_REQUIRE(std::is_same_v<element_of<decltype(chosen)>, cuda::on<int>>);
}

TEST_CASE("a tensor on a GPU is made of a list, of zeros, and cleared") {
    cuda::tensor<float, batch, model> x{{1, 2, 3}};
    CHECK(float(sum<batch, model>(x)) == 6);
    x.clear();
    CHECK(float(sum<batch, model>(abs(x))) == 0);
    x = broadcast<batch>(position<model>());
    CHECK(float(max<batch, model>(x)) == 2);
    x = cuda::tensor<float, batch, model>{{1, 1, 1}, {2, 2, 2}};
    CHECK(float(mean<batch, model>(x)) == 1.5f);
}

TEST_CASE("bf16 on a GPU is computed in float") {
    const tensor<float, batch, model> here{{1, 2, 3}};
    cuda::tensor<bf16, batch, model> halves = as<bf16>(here);
    const tensor<float, batch, model> back = as<float>(halves * halves);
    CHECK(back(0, 2) == 9);
}

TEST_CASE("a tensor of another device is refused, read or written, before anything is written") {
    cuda::tensor<float, batch, model> x{{1, 2, 3}}, y{{4, 5, 6}};
    const long before = simulated::device::launches;
    for (const void* of_another : {x.memory().data, y.memory().data}) {
        simulated::device::of_another_device = of_another;
        CHECK_THROWS_WITH(y = 2 * x, "a statement on device 0 meets a tensor of device 1; copy it through the host, or run the statement with device 1 current");
    }
    simulated::device::of_another_device = nullptr;
    CHECK(simulated::device::launches == before);
    CHECK(float(max<batch, model>(y)) == 6);
}

TEST_CASE("what a GPU cannot count is refused before anything is written") {
    cuda::on<float> one;
    const cuda::view<float, batch, token> large(&one, batch{1 << 16}, token{(1 << 15) + 1});
    cuda::view<float, batch, token> target = large;
    CHECK_THROWS_WITH(target = 2 * large, "a statement of 2147549184 elements; a kernel counts up to 2^31");
    cuda::tensor<float, row, model> empty(row{0});
    const cuda::tensor<int, batch> ids{1};
    cuda::tensor<float, batch, model> rows;
    CHECK_THROWS_WITH((rows = gather<row>(empty, ids)), "axis row has size 0: no id is a row of it");
}
