// How threads of a GPU count: the same places as the host's loops.
#include <heed/eval/cuda/elementwise.hpp>
#include <heed/eval/cuda/places.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace heed;
using lowered::cursor, lowered::loops;

namespace {

bool same_place(const cursor& a, const cursor& b, int slots) {
    bool same = a.row == b.row;
    for (int s = 0; s < slots; ++s) same = same && a.at[s] == b.at[s];
    return same;
}
/// Every number of slots [First, Last) is the same place for threads as for loops.
template <int First, int Last>
bool counts_alike(const loops& l) {
    bool alike = true;
    for (std::ptrdiff_t n = 0, all = lowered::count_places(l, First, Last); n < all; ++n) {
        cursor of_loops, of_threads;
        lowered::find_place(l, First, Last, n, of_loops);
        cuda::find_place<First, Last>(l, static_cast<cuda::number>(n), of_threads);
        alike = alike && same_place(of_loops, of_threads, l.slots);
    }
    return alike;
}

}  // namespace

TEST_CASE("threads count through loops as the host does") {
    loops l;
    l.slots = 4;
    l.size[0] = 3, l.size[1] = 1, l.size[2] = 5, l.size[3] = 2;
    CHECK(counts_alike<0, 4>(l));
    CHECK(counts_alike<1, 3>(l));
    CHECK(cuda::count_from<0, 4>(l, {}) == 30);
}

TEST_CASE("threads count through the sequences of a ragged pair") {
    const std::vector<std::ptrdiff_t> offsets{0, 3, 3, 4, 9};
    loops l;
    l.slots = 3;
    l.size[0] = 4, l.size[2] = 2;
    l.segment = 0, l.within = 1, l.offsets = offsets.data();
    CHECK(counts_alike<0, 3>(l));
    CHECK(cuda::count_from<0, 3>(l, {}) == 18);
    SECTION("within one sequence") {
        cursor c;
        c.at[0] = 3;
        CHECK(cuda::count_from<1, 3>(l, c) == 10);
        cuda::find_place<1, 3>(l, 7, c);
        CHECK(c.at[1] == 3);
        CHECK(c.at[2] == 1);
    }
    SECTION("the sequence of a row") {
        CHECK(cuda::sequence_of(offsets.data(), 4, 0) == 0);
        CHECK(cuda::sequence_of(offsets.data(), 4, 3) == 2);
        CHECK(cuda::sequence_of(offsets.data(), 4, 8) == 3);
    }
}

TEST_CASE("neighbours are read together where memory lies so") {
    alignas(16) static float memory[64];
    const std::ptrdiff_t dense[lowered::most_slots] = {8, 1}, odd[lowered::most_slots] = {9, 1}, apart[lowered::most_slots] = {8, 2};
    CHECK(cuda::in_groups(memory, sizeof(float), 3, dense, 0, 1, 4));
    CHECK_FALSE(cuda::in_groups(memory + 1, sizeof(float), 3, dense, 0, 1, 4));
    CHECK_FALSE(cuda::in_groups(memory, sizeof(float), 3, odd, 0, 1, 4));
    CHECK_FALSE(cuda::in_groups(memory, sizeof(float), 3, apart, 0, 1, 4));
    CHECK(cuda::in_groups(memory, sizeof(float), 2, odd, 0, 1, 4));
    CHECK_FALSE(cuda::in_groups(memory, sizeof(float), 3, dense, 6, 1, 4));
}
