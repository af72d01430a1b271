#include <feed/svg.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <regex>
#include <string>
#include <vector>

using Catch::Matchers::Contains;
namespace svg = feed::svg;

namespace {

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

std::string chart_of(std::vector<svg::point> points, svg::axis x = {.label = "x"}, svg::axis y = {.label = "y"}) {
    svg::chart chart("title", "description", x, y);
    chart.add({"name", std::move(points), 0, svg::drawn::line_with_dots});
    return chart.figure();
}

}  // namespace

TEST_CASE("Escaped text opens no tag, leaves no quotation, and holds no control character") {
    CHECK(svg::escaped("<script>alert('&\"')</script>") == "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;");
    CHECK(svg::escaped(std::string("a\0b\x1b\n\x7f", 6)) == "a b   ");
    CHECK(svg::escaped("größe 一") == "größe 一");
}

TEST_CASE("Names and labels of a chart are escaped") {
    svg::chart chart("<b>", "\"d\"", {.label = "<x>"}, {.label = "<y>", .format = [](double) { return std::string("<t>"); }});
    chart.add({"<n>", {{0, 0}, {1, 1}}, 0, svg::drawn::dots});
    chart.limit(0.5, "<l>");
    chart.diagonal("<e>");
    const auto html = chart.figure();
    for (const char* raw : {"<b>", "<x>", "<y>", "<t>", "<n>", "<l>", "<e>"}) CHECK(html.find(raw) == std::string::npos);
    CHECK_THAT(html, Contains("&lt;n&gt;"));
}

TEST_CASE("Every coordinate of a chart is a number within the picture, whatever the data") {
    const double infinity = INFINITY, nan = std::nan("");
    const std::vector<std::vector<svg::point>> sets{{{0, 0}}, {{1, 5}, {2, 5}}, {{-3, 1e-12}, {1e9, 2e12}}, {{nan, 1}, {1, nan}, {infinity, 2}, {2, -infinity}, {3, 4}},
                                                    {{0, -1}, {1, 0}, {2, 10}}, {{5, 1, nan, nan}, {6, 2, 0.5, 3}}};
    const std::regex number("(-?[0-9.]+(e[-+]?[0-9]+)?)");
    for (const auto& points : sets)
        for (bool x_log : {false, true})
            for (bool y_log : {false, true}) {
                const auto html = chart_of(points, {.label = "x", .logarithmic = x_log}, {.label = "y", .logarithmic = y_log});
                CHECK(html.find("nan") == std::string::npos);
                CHECK(html.find("inf") == std::string::npos);
                for (const char* attribute : {" x=\"", " y=\"", " cx=\"", " cy=\"", "\" d=\"M"})
                    for (std::size_t at = html.find(attribute); at != std::string::npos; at = html.find(attribute, at + 1)) {
                        const double value = std::stod(html.substr(at + std::string(attribute).size()));
                        CHECK(value >= 0);
                        CHECK(value <= 640);
                    }
            }
}

TEST_CASE("A chart of nothing says so instead of drawing an empty frame") {
    for (const auto& html : {chart_of({}), chart_of({{std::nan(""), 1}}), chart_of({{1, -1}}, {.label = "x"}, {.label = "y", .logarithmic = true})}) {
        CHECK_THAT(html, Contains("Not measured"));
        CHECK(html.find("<svg") == std::string::npos);
    }
}

TEST_CASE("Points that cannot be drawn part the line") {
    const auto whole = chart_of({{0, 1}, {1, 2}, {2, 3}}), parted = chart_of({{0, 1}, {1, std::nan("")}, {2, 3}});
    const std::regex line("class=\"line c0\" d=\"([^\"]*)\"");
    std::smatch a, b;
    const auto drawn = [&](const std::string& html) { return html.substr(html.find("class=\"chart\"")); };
    const std::string first = drawn(whole), second = drawn(parted);
    REQUIRE(std::regex_search(first, a, line));
    REQUIRE(std::regex_search(second, b, line));
    CHECK(times(a[1], "M") == 1);
    CHECK(times(a[1], "L") == 2);
    CHECK(times(b[1], "M") == 2);
    CHECK(times(b[1], "L") == 0);
}

TEST_CASE("Ticks are round numbers that enclose the data, with the decimals that they need") {
    const svg::axis plain{.label = ""};
    const svg::detail::scale scale(plain, 0.413, 0.5871, 0, 100);
    CHECK(scale.low() <= 0.413);
    CHECK(scale.high() >= 0.5871);
    CHECK(scale.label(scale.ticks().front()) == "0.40");
    CHECK(scale.label(scale.ticks().back()) == "0.60");
    CHECK(scale.ticks().size() >= 4);
    CHECK(scale.ticks().size() <= 8);
    const svg::detail::scale thousands(plain, 0, 12000, 0, 100);
    CHECK(thousands.label(thousands.ticks().back()) == "12,500");
    const svg::axis logarithmic{.label = "", .logarithmic = true};
    const svg::detail::scale decades(logarithmic, 0.02, 1500, 0, 100);
    REQUIRE(decades.ticks().size() == 5);
    CHECK(decades.label(decades.ticks().front()) == "0.1");
    CHECK(decades.label(decades.ticks().back()) == "1,000");
}

TEST_CASE("Labels on the axis do not touch") {
    std::vector<std::string> names;
    for (int i = 0; i < 60; ++i) names.push_back("bucket " + std::to_string(i));
    const auto html = chart_of({{0, 1}, {59, 2}}, {.label = "x", .categories = names});
    CHECK(times(html, ">bucket ") < 15);
    CHECK(times(html, ">bucket ") > 5);
}

TEST_CASE("A chart has a title and a description for those who do not see it, and a legend") {
    const auto html = chart_of({{0, 1}, {1, 2}});
    CHECK_THAT(html, Contains("role=\"img\"><title>title</title><desc>description</desc>"));
    CHECK_THAT(html, Contains("<figcaption>title</figcaption>"));
    CHECK_THAT(html, Contains("name</li>"));
    CHECK_THAT(html, Contains("<title>name: 1.00, 2</title>"));
}
