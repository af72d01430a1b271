#include <catch2/catch.hpp>

#include <cstdint>
#include <thread>
#include <vector>

#include <heed/eval/cpu/gemm.hpp>
#include <heed/eval/cpu/workspace.hpp>

using namespace heed::cpu;

TEST_CASE("scratch memory nests, is aligned to 64 bytes, and does not overlap") {
    scratch<float> a(10);
    scratch<double> b(1000);
    {
        scratch<std::uint8_t> c(3);
        scratch<float> large(1 << 20);
        for (float& x : large) x = 3;
        for (std::uint8_t& x : c) x = 7;
        CHECK(reinterpret_cast<std::uintptr_t>(c.data()) % 64 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(large.data()) % 64 == 0);
        for (float& x : a) x = 1;
        for (double& x : b) x = 2;
        CHECK(c[0] == 7);
        CHECK(c[2] == 7);
        CHECK(large[0] == 3);
        CHECK(large[(1 << 20) - 1] == 3);
    }
    scratch<float> again(100);
    for (float& x : again) x = 4;
    CHECK(a[9] == 1);
    CHECK(b[999] == 2);
    CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
}

TEST_CASE("what was borrowed and returned is borrowed again, and a stack that has grown does not grow again") {
    std::thread([] {
        const auto step = [] {
            scratch<float> a(1000), b(300000), c(70000);
            a[0] = b[0] = c[0] = 1;
            return a.data();
        };
        step();
        const float* const first = step();
        const std::size_t size = workspace::of_this_thread().capacity();
        for (int i = 0; i < 10; ++i) CHECK(step() == first);
        CHECK(workspace::of_this_thread().capacity() == size);
    }).join();
}

TEST_CASE("each thread has its own scratch memory") {
    scratch<int> mine(100);
    for (int& x : mine) x = 1;
    std::thread([&] {
        scratch<int> theirs(100);
        CHECK(theirs.data() != mine.data());
        for (int& x : theirs) x = 2;
    }).join();
    CHECK(mine[50] == 1);
}

TEST_CASE("after one product of a size, further ones of it and below borrow no new memory") {
    const auto product = [](std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k) {
        std::vector<float> a(static_cast<std::size_t>(m * k), 1.0f), b(static_cast<std::size_t>(k * n), 1.0f), c(static_cast<std::size_t>(m * n));
        contraction<float> x;
        x.a = a.data();
        x.b = b.data();
        x.c = c.data();
        x.rows.add(m, 1, 0, n);  // a lies transposed, and so is packed too
        x.columns.add(n, 0, 1, 1);
        x.depth.add(k, m, n, 0);
        contract(x);
        return c[0];
    };
    CHECK(product(100, 90, 700) == 700);
    CHECK(product(100, 90, 700) == 700);
    const std::size_t size = workspace::of_this_thread().capacity();
    for (const std::ptrdiff_t k : {700, 1, 350, 699}) CHECK(product(100, 90, k) == static_cast<float>(k));
    CHECK(workspace::of_this_thread().capacity() == size);
}
