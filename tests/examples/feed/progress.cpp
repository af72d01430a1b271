#include <feed/progress.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

using Catch::Matchers::Contains;
using namespace std::chrono_literals;
using feed::progress;

namespace {

/// Letters between carriage returns, without the escape sequences.
std::size_t longest_line(std::string text) {
    for (const std::string sequence : {"\x1b[K", progress::hide_cursor, progress::show_cursor})
        for (auto at = text.find(sequence); at != std::string::npos; at = text.find(sequence)) text.erase(at, sequence.size());
    std::size_t longest = 0, here = 0;
    for (const char c : text) {
        if (c == '\r' || c == '\n') here = 0;
        else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) longest = std::max(longest, ++here);
    }
    return longest;
}

}  // namespace

TEST_CASE("On a terminal the bar is drawn over itself with loss, speed and time left") {
    std::ostringstream out;
    const auto start = progress::clock::now();
    {
        progress bar(out, 100, "classifier", 10000, start);
        bar.update(2500, 0.45124, start + 2s);
        CHECK_THAT(out.str(), Contains(progress::hide_cursor));
        CHECK_THAT(out.str(), Contains("\rclassifier █"));
        CHECK_THAT(out.str(), Contains(" 25 %  loss 0.4512  1,250 examples/s  6 s left"));
        CHECK(out.str().find('\n') == std::string::npos);
        bar.update(10000, 0.44, start + 8s);
        bar.finish(start + 8s);
    }
    CHECK_THAT(out.str(), Contains("classifier: 10,000 examples in 8.0 s, 1,250 a second, loss 0.4400\n"));
    CHECK(out.str().find(progress::show_cursor) == out.str().rfind(progress::show_cursor));
    CHECK(out.str().ends_with(progress::show_cursor));
}

TEST_CASE("What an earlier run did counts as done, and not as this run's speed") {
    std::ostringstream out;
    const auto start = progress::clock::now();
    progress bar(out, 100, "classifier", 10000, start);
    bar.goes_on_from(4000);
    bar.update(5000, 0.45, start + 2s);
    CHECK_THAT(out.str(), Contains(" 50 %  loss 0.4500  500 examples/s  10 s left"));
    bar.finish(start + 2s);
    CHECK_THAT(out.str(), Contains("classifier: 1,000 examples in 2.0 s, 500 a second, loss 0.4500\n"));
}

TEST_CASE("The bar fits the terminal, however narrow") {
    for (int width : {1, 10, 20, 40, 60, 80, 200}) {
        std::ostringstream out;
        const auto start = progress::clock::now();
        progress bar(out, width, "classifier", 1000000, start);
        for (int i = 0; i <= 10; ++i) bar.update(std::size_t(i) * 100000, 0.5, start + i * 10s);
        CHECK(longest_line(out.str()) < std::size_t(std::max(width, 2)));
    }
}

TEST_CASE("The bar is drawn ten times a second at most, and elsewhere a line comes every five seconds") {
    const auto start = progress::clock::now();
    std::ostringstream drawn, plain;
    progress bar(drawn, 80, "baseline", 1000, start), lines(plain, 0, "baseline", 1000, start);
    for (int i = 1; i <= 1000; ++i) {
        bar.update(std::size_t(i), 0.5, start + i * 12ms);
        lines.update(std::size_t(i), 0.5, start + i * 12ms);
    }
    const auto text = drawn.str(), log = plain.str();
    CHECK(std::count(text.begin(), text.end(), '\r') <= 120);
    CHECK(std::count(text.begin(), text.end(), '\r') >= 100);
    CHECK(std::count(log.begin(), log.end(), '\n') == 2);
}

TEST_CASE("Where the output is no terminal there is no carriage return and no escape sequence") {
    std::ostringstream out;
    const auto start = progress::clock::now();
    {
        progress lines(out, 0, "baseline", 1000, start);
        lines.update(100, 0.6, start + 6s);
        lines.update(900, std::nan(""), start + 12s);
        lines.finish(start + 13s);
    }
    CHECK(out.str().find('\r') == std::string::npos);
    CHECK(out.str().find('\x1b') == std::string::npos);
    CHECK_THAT(out.str(), Contains("baseline:  10 %  loss 0.6000  17 examples/s  54 s left\n"));
    CHECK_THAT(out.str(), Contains("baseline:  90 %  75 examples/s  2 s left\n"));
}

TEST_CASE("An exception gives the cursor back") {
    std::ostringstream out;
    try {
        progress bar(out, 80, "classifier", 10);
        bar.update(1, 0.5);
        throw std::runtime_error("stopped");
    } catch (const std::runtime_error&) {
    }
    CHECK(out.str().ends_with(progress::show_cursor));
}

TEST_CASE("Work of unknown size counts, without a share or an end") {
    std::ostringstream out;
    const auto start = progress::clock::now();
    progress bar(out, 0, "scoring", 0, start);
    bar.update(12345, std::nan(""), start + 5s);
    CHECK(out.str() == "scoring: 12,345 examples  2,469 examples/s\n");
}
