// Rows added to a table at the places that ids name, on a GPU: as the host adds them, and in one order.
#include "simulator.hpp"

#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

using namespace heed;

namespace {

struct place : axis<> {};
struct row : axis<> {};
struct model : axis<> {};
struct batch : axis<> {};

/// A table of so many rows, so many ids by a rule, rows of a width.
template <class Id>
double difference(int rows, int places, int width, Id id_of) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> number(-1, 1);
    tensor<float, row, model> table(row{rows}, model{width});
    tensor<float, place, model> added(place{places}, model{width});
    tensor<int, place> ids(place{places});
    for (float& x : table) x = number(random);
    for (float& x : added) x = number(random);
    for (int i = 0; i < places; ++i) ids(i) = id_of(i, random);
    cuda::tensor<float, row, model> there = table;
    const cuda::tensor<float, place, model> added_there = added;
    const cuda::tensor<int, place> ids_there = ids;
    scatter_add<row>(table, ids, added);
    scatter_add<row>(there, ids_there, added_there);
    const tensor<float, row, model> back = there;
    double worst = 0;
    for (std::ptrdiff_t i = 0; i < table.size(); ++i) worst = std::max(worst, double(std::abs(table.data()[i] - back.data()[i])));
    return worst;
}

}  // namespace

TEST_CASE("a GPU adds rows where ids say") {
    CHECK(difference(11, 40, 5, [](int, auto& random) { return int(random() % 11); }) < 1e-5);
    CHECK(difference(3, 1, 1, [](int, auto&) { return 2; }) == 0);
    SECTION("runs within a chunk, over one border, over several") {
        CHECK(difference(50, 700, 3, [](int i, auto&) { return i / 100; }) < 1e-4);
        CHECK(difference(2, 1500, 3, [](int i, auto&) { return i < 1400; }) < 1e-3);
        CHECK(difference(9, 1024, 2, [](int, auto&) { return 4; }) < 1e-3);
        CHECK(difference(600, 513, 2, [](int i, auto&) { return 512 - i; }) == 0);
    }
}

TEST_CASE("a GPU adds rows by position, and by text") {
    tensor<float, ragged<batch, place>, model> packed(ragged<batch, place>{3, 0, 5}, model{4});
    for (std::ptrdiff_t i = 0; i < packed.size(); ++i) packed.data()[i] = float(i);
    tensor<float, row, model> table(row{6}, model{4});
    cuda::tensor<float, row, model> there(row{6}, model{4});
    const cuda::tensor<float, ragged<batch, place>, model> packed_there = packed;
    scatter_add<row>(table, position<place>(), packed);
    scatter_add<row>(there, position<place>(), packed_there);
    const tensor<float, row, model> back = there;
    CHECK(std::memcmp(back.data(), table.data(), sizeof(float) * 24) == 0);
}

TEST_CASE("an id outside the table adds nothing on a GPU, and is an error where the host next waits") {
    cuda::tensor<float, row, model> table(row{3}, model{2});
    const cuda::tensor<int, place> ids{1, 3, -1};
    const cuda::tensor<float, place, model> added{{1, 1}, {2, 2}, {4, 4}};
    scatter_add<row>(table, ids, added);
    tensor<float, row, model> back;
    CHECK_THROWS_WITH(back = table, "id 3 is outside axis row of size 3");
    back = table;
    CHECK(back(0, 0) == 0);
    CHECK(back(1, 1) == 1);
    CHECK(back(2, 0) == 0);
    tensor<float, place, model> looked_up;
    CHECK_THROWS_WITH((looked_up = gather<row>(table, ids)), "id 3 is outside axis row of size 3");
}
