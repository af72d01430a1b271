#include <heed/eval/interval.hpp>

#include <catch2/catch.hpp>

using namespace heed;
using namespace heed::lowered;
using intervals::interval;

namespace {

using row = place<0>;
using column = place<1>;
template <class L, class R> auto minus(L l, R r) { return binary<operations::subtract, kind::integer, L, R>{l, r}; }
template <class Op, class L, class R> auto compare(L l, R r) { return binary<Op, kind::mask, L, R>{l, r}; }
auto number(int n) { return constant<kind::integer>{double(n)}; }

/// Rows a to b and columns c to d, all inclusive.
intervals::rectangle over_places(double a, double b, double c, double d) {
    intervals::rectangle r;
    r.open = 3;
    r.range[0] = {a, b};
    r.range[1] = {c, d};
    return r;
}
enum verdict { none, some, all };
verdict judge(const interval& m) { return m.high <= 0 ? none : m.low > 0 ? all : some; }

/// What is true of a mask, place by place.
template <class Mask>
verdict by_place(Mask mask, int a, int b, int c, int d) {
    bool any = false, every = true;
    for (int i = a; i <= b; ++i)
        for (int j = c; j <= d; ++j) {
            const std::ptrdiff_t at[most_slots] = {i, j};
            mask.template seek<no_lane>(at, 0);
            const bool seen = mask.template get<numbers<no_lane>>(spot{});
            any |= seen;
            every &= seen;
        }
    return !any ? none : every ? all : some;
}

/// A verdict of none or all is always true; `some` may be too careful.
template <class Mask>
int careful(const Mask& mask, bool& sound) {
    int too_careful = 0;
    for (int a = 0; a < 12; a += 2)
        for (int c = 0; c < 12; c += 3) {
            const verdict told = judge(intervals::over(mask, over_places(a, a + 2, c, c + 2))), truth = by_place(mask, a, a + 2, c, c + 2);
            if (told != some && told != truth) sound = false;
            too_careful += told == some && truth != some;
        }
    return too_careful;
}

}  // namespace

TEST_CASE("a mask over a rectangle is ruled out, let through, or neither, and never wrongly") {
    bool sound = true;
    CHECK(careful(compare<operations::less_equal>(column{}, row{}), sound) == 0);
    auto distance = minus(row{}, column{});
    auto window = binary<operations::both, kind::mask, decltype(compare<operations::greater_equal>(distance, number(0))), decltype(compare<operations::less>(distance, number(4)))>{
        compare<operations::greater_equal>(distance, number(0)), compare<operations::less>(distance, number(4))};
    CHECK(careful(window, sound) <= 4);
    using block_row = binary<operations::divide, kind::integer, row, constant<kind::integer>>;
    using block_column = binary<operations::divide, kind::integer, column, constant<kind::integer>>;
    CHECK(careful(compare<operations::equal>(block_row{{}, number(4)}, block_column{{}, number(4)}), sound) == 0);
    careful(compare<operations::not_equal>(row{}, column{}), sound);
    careful(unary<operations::opposite, kind::mask, decltype(window)>{window}, sound);
    using product = binary<operations::multiply, kind::integer, row, decltype(distance)>;
    careful(compare<operations::greater>(product{{}, distance}, number(6)), sound);
    using far = unary<operations::absolute, kind::integer, decltype(distance)>;
    careful(compare<operations::less>(far{distance}, number(3)), sound);
    using least = binary<operations::minimum, kind::integer, row, column>;
    careful(compare<operations::greater>(least{}, number(5)), sound);
    CHECK(sound);
}

TEST_CASE("causal tiles below the diagonal pass whole, those above it not at all") {
    const auto causal = compare<operations::less_equal>(column{}, row{});
    CHECK(judge(intervals::over(causal, over_places(64, 127, 0, 63))) == all);
    CHECK(judge(intervals::over(causal, over_places(0, 63, 64, 127))) == none);
    CHECK(judge(intervals::over(causal, over_places(0, 63, 0, 63))) == some);
}

TEST_CASE("what memory holds is not known where it varies, and exactly where it does not") {
    const int limit[] = {5, 100};
    leaf<std::int32_t, 1> lengths;
    lengths.base = limit;
    lengths.stride[0] = 1;
    const std::ptrdiff_t at[most_slots] = {1, 0};
    auto mask = compare<operations::less>(column{}, lengths);
    mask.seek<no_lane>(at, 0);
    intervals::rectangle r;
    r.open = 2;                                   // the column alone varies
    r.range[1] = {0, 63};
    CHECK(judge(intervals::over(mask, r)) == all);
    r.range[1] = {128, 191};
    CHECK(judge(intervals::over(mask, r)) == none);
    r.open = 3;
    r.range[0] = {0, 1};
    CHECK(judge(intervals::over(mask, r)) == some);
}
