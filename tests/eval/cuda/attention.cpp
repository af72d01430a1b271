// Attention on tiles, run on the host thread by thread, forward and backward: sizes, masks that are a function of place.
#include "attention_cases.hpp"

using namespace attention_cases;

TEST_CASE("attention on tiles: scaled products of every size") {
    for (const sizes& n : all_sizes) check(values(n), [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f; });
}
TEST_CASE("attention on tiles: causal, of every size, with dropout and without") {
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) / -2.5f, -infinity); };
    for (const sizes& n : all_sizes) check(values(n), causal);
    check(values({2, 65, 70, 2, 32, 32}), causal, {0.3, 5, 6});
}
TEST_CASE("attention on tiles: a window, rows that see nothing") {
    const auto window = [](const auto& o) { return where(abs(position<query>() - position<key>()) < 9 && position<query>() != 3, dot<depth>(o.q, o.k) * 0.4f, -infinity); };
    for (const sizes& n : {sizes{1, 150, 150, 1, 32, 32}, sizes{1, 40, 20, 2, 16, 8}}) check(values(n), window);
}
