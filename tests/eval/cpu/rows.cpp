// Row programs by registers against plain loops in double: rows of every length, alone and beside others.
#include <catch2/catch.hpp>

#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace heed;

struct token : axis<> {};
struct model : axis<> {};
template <class T> using matrix = tensor<T, token, model>;
template <class T> using bias = tensor<T, model>;

template <class T> matrix<T> numbers(int rows, int length) {
    matrix<T> x(token{rows}, model{length});
    for (int i = 0; auto& e : x) e = static_cast<T>(std::sin(0.7 * i) + 0.1 * (i % 5)), ++i;
    return x;
}

auto normalised(const auto& x, const auto& gain) {
    auto centred = x - mean<model>(x);
    return centred * rsqrt(mean<model>(centred * centred) + 1e-5) * gain;
}

/// The same of one row by plain loops.
std::vector<double> normalised_row(const auto* x, const auto* gain, int length) {
    double mean = 0, variance = 0;
    for (int j = 0; j < length; ++j) mean += static_cast<double>(x[j]) / length;
    for (int j = 0; j < length; ++j) variance += (static_cast<double>(x[j]) - mean) * (static_cast<double>(x[j]) - mean) / length;
    std::vector<double> y;
    for (int j = 0; j < length; ++j) y.push_back((static_cast<double>(x[j]) - mean) / std::sqrt(variance + 1e-5) * static_cast<double>(gain[j]));
    return y;
}

template <class T> bool same_bits(const T* a, const T* b, std::ptrdiff_t n) { return std::memcmp(a, b, static_cast<std::size_t>(n) * sizeof(T)) == 0; }

}  // namespace

TEMPLATE_TEST_CASE("rows of any number and length are those of plain loops, in place too", "[rows]", float, double) {
    const double tolerance = sizeof(TestType) == 4 ? 1e-4 : 1e-12;
    for (int rows : {1, 2, 3, 4, 5, 37})
        for (int length : {1, 3, 16, 17, 33, 256, 301}) {
            INFO(rows << " x " << length);
            matrix<TestType> x = numbers<TestType>(rows, length);
            bias<TestType> gain(model{length});
            gain = 1.0 + 0.01 * position<model>();
            const matrix<TestType> y = eval(normalised(x, gain));
            for (int i = 0; i < rows; ++i) {
                const auto expected = normalised_row(&x(i, 0), gain.data(), length);
                for (int j = 0; j < length; ++j) REQUIRE(std::abs(static_cast<double>(y(i, j)) - expected[static_cast<std::size_t>(j)]) < tolerance * (1 + std::abs(expected[static_cast<std::size_t>(j)])));
            }
            x = normalised(x, gain);
            CHECK(same_bits(x.data(), y.data(), x.size()));
        }
}

TEMPLATE_TEST_CASE("a softmax in place has the bits of one beside it, and a row with NaN is NaN alone", "[rows]", float, double, bf16) {
    for (int rows : {1, 4, 7})
        for (int length : {1, 16, 33, 256}) {
            INFO(rows << " x " << length);
            matrix<TestType> x = numbers<TestType>(rows, length);
            x(rows / 2, length / 2) = static_cast<TestType>(std::numeric_limits<float>::quiet_NaN());
            const matrix<TestType> y = eval(softmax<model>(x));
            for (int i = 0; i < rows; ++i) {
                double sum = 0;
                for (int j = 0; j < length; ++j) sum += static_cast<double>(static_cast<float>(y(i, j)));
                CHECK((i == rows / 2 ? std::isnan(sum) : std::abs(sum - 1) < (sizeof(TestType) == 2 ? 1e-2 : 1e-5)));
            }
            x = softmax<model>(x);
            CHECK(same_bits(x.data(), y.data(), x.size()));
        }
}

TEST_CASE("elementwise results do not depend on how memory lies, read or written", "[rows]") {
    for (int length : {1, 15, 16, 255, 256, 700}) {
        INFO(length);
        const matrix<float> x = numbers<float>(5, length);
        tensor<float, model, token> apart = eval(x), written(model{length}, token{5});
        tensor<bool, model, token> chosen = eval(apart > 0.2f);
        const tensor<bf16, model, token> rounded = as<bf16>(x);
        const matrix<bf16> beside = as<bf16>(x);
        const matrix<float> together = where(x > 0.2f, x * 3.0f + position<model>(), as<float>(beside));
        matrix<float> y(token{5}, model{length});
        y = where(chosen, apart * 3.0f + position<model>(), as<float>(rounded));
        CHECK(same_bits(y.data(), together.data(), y.size()));
        written = where(x > 0.2f, apart * 3.0f + position<model>(), as<float>(rounded));
        y = written;
        CHECK(same_bits(y.data(), together.data(), y.size()));
    }
}

TEST_CASE("a number without axes stands beside the reductions of rows, wherever their elements lie", "[rows]") {
    tensor<float> two;
    two = 2.0f;
    tensor<float, model, token> across(model{5}, token{7});
    across = 1.0f;
    matrix<float> y(token{7}, model{5});
    y = across / (sum<model>(across) * two);
    for (float e : y) CHECK(e == Approx(0.1f));
    y = y / (sum<model>(y) * two);
    for (float e : y) CHECK(e == Approx(0.1f));
}

TEST_CASE("a row's bits do not depend on the rows beside it", "[rows]") {
    for (int rows : {5, 3000}) {       // in the caches and beyond them
        const matrix<float> x = numbers<float>(rows, 250);
        bias<float> gain(model{250});
        gain = 1.5f;
        const matrix<float> y = eval(normalised(x, gain)), weights = eval(softmax<model>(x));
        tensor<float, token> sums(token{rows});
        sums = sum<model>(x * x);
        for (int i = 0; i < rows; i += rows / 5) {
            matrix<float> alone(token{1}, model{250});
            std::copy(&x(i, 0), &x(i, 0) + 250, alone.data());
            CHECK(same_bits(eval(normalised(alone, gain)).data(), &y(i, 0), 250));
            CHECK(same_bits(eval(softmax<model>(alone)).data(), &weights(i, 0), 250));
            tensor<float, token> one(token{1});
            one = sum<model>(alone * alone);
            CHECK(one(0) == sums(i));
        }
    }
}

TEMPLATE_TEST_CASE("the greatest and the least of anything with NaN is NaN, wherever it stands", "[rows]", float, double) {
    constexpr auto nan = std::numeric_limits<TestType>::quiet_NaN();
    for (int place : {0, 1, 15, 16, 31, 40, 67}) {
        INFO("place " << place);
        matrix<TestType> x = numbers<TestType>(6, 68);
        x(2, place) = nan;
        const auto is_nan = [](const auto& y, auto... at) { return std::isnan(y(at...)); };
        for (const auto& y : {eval(max(x, TestType(1))), eval(max(TestType(1), x)), eval(min(x, TestType(1))), eval(min(TestType(1), x)), eval(relu(x))}) {
            CHECK(is_nan(y, 2, place));
            CHECK_FALSE(is_nan(y, 3, place));
        }
        for (const auto& y : {eval(max<model>(x)), eval(min<model>(x))}) {
            CHECK(is_nan(y, 2));
            CHECK_FALSE(is_nan(y, 3));
        }
        for (const auto& y : {eval(max<token>(x)), eval(min<token>(x))}) {
            CHECK(is_nan(y, place));
            CHECK_FALSE(is_nan(y, place == 0 ? 1 : 0));
        }
        for (const auto& y : {eval(max<token, model>(x)), eval(min<token, model>(x))}) CHECK(is_nan(y));
    }
}
