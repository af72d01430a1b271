#include <feed/report.hpp>

#include "made_up_results.hpp"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

using Catch::Matchers::Contains;

namespace {

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder of this test's own, gone with it.
struct folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("heed-report-" + std::to_string(::getpid()));
    folder() { std::filesystem::create_directories(path); }
    ~folder() { std::filesystem::remove_all(path); }
};

/// Every element that is opened is closed in order: what a page must be for its SVG to show.
bool balanced(const std::string& html) {
    static const std::regex tag("<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*?)(/?)>");
    std::vector<std::string> open;
    std::string body = std::regex_replace(html.substr(0, html.find("<style>")) + html.substr(html.find("</style>") + 8), std::regex("<!DOCTYPE html>"), "");
    body = body.substr(0, body.find("<script>")) + "</body></html>";
    for (std::sregex_iterator it(body.begin(), body.end(), tag), end; it != end; ++it) {
        const std::string name = (*it)[2];
        if ((*it)[4] == "/" || name == "meta" || name == "br") continue;
        if ((*it)[1] != "/") open.push_back(name);
        else if (open.empty() || open.back() != name) return false;
        else open.pop_back();
    }
    return open.empty();
}

}  // namespace

TEST_CASE("The tables in the terminal name every model, number and bucket") {
    std::ostringstream out;
    const auto r = made_up::results();
    feed::print_tables(out, r);
    const std::string text = out.str();
    for (const char* part : {"mean of embeddings", "attention", "6,480,129", "4 min 12 s", "true probability", "true additive part", "NDCG@10", "129–256", "exponent of T",
                             "Use attention"})
        CHECK_THAT(text, Contains(part));
    CHECK_THAT(text, Contains(feed::wording::fixed(r.classifier.overall.auc.value, 4)));
    CHECK_THAT(text, Contains(feed::wording::change(r.gain.value, 4)));
    CHECK(text.find("nan") == std::string::npos);
}

TEST_CASE("Columns of a table in the terminal stand in line, whatever letters are in them") {
    std::ostringstream out;
    feed::print(out, feed::table{"caption", {{"name", "value"}, {"größe", "1–2"}, {"x", "12,345"}}});
    CHECK(out.str() == "\ncaption\n  name    value\n  ─────  ──────\n  größe     1–2\n  x      12,345\n");
}

TEST_CASE("metrics.json holds the numbers unrounded, and null for what was not measured") {
    const folder here;
    auto r = made_up::results();
    feed::write_metrics(here.path / "metrics.json", r);
    const auto j = nlohmann::json::parse(contents(here.path / "metrics.json"));
    CHECK(j["classifier"]["overall"]["auc"] == r.classifier.overall.auc.value);
    CHECK(j["baseline"]["overall"]["log_loss"] == r.baseline.overall.log_loss);
    CHECK(j["classifier"]["parameters"] == 6'908'417);
    CHECK(j["gain"]["interval_95"][0] == r.gain.confidence.low);
    CHECK(j["oracle"]["auc"] == r.truth->oracle.auc.value);
    CHECK(j["baseline"]["by_length"].size() == 6);
    CHECK(j["baseline"]["by_length"][5]["tokens"] == nlohmann::json::array({129, 256}));
    CHECK(j["classifier"]["latency"][2]["batch"] == 32);
    CHECK(j["attention"]["costs"].back()["reference_bytes"].is_null());
    CHECK(j["attention"]["exponents"]["reference_memory"].get<double>() == Approx(2));
    CHECK(j["recommendation"]["choice"] == "classifier");
    CHECK(j["settings"]["seed"] == "1");
    CHECK(std::distance(std::filesystem::directory_iterator(here.path), {}) == 1);
}

TEST_CASE("A post's bytes that are no UTF-8 do not keep metrics.json from being written") {
    const folder here;
    auto r = made_up::results();
    r.data = "broken \xff\xc3";
    CHECK_NOTHROW(feed::write_metrics(here.path / "metrics.json", r));
    CHECK(nlohmann::json::accept(contents(here.path / "metrics.json")));
}

TEST_CASE("A report that cannot be written says which file, and leaves nothing") {
    const auto r = made_up::results();
    CHECK_THROWS_AS(feed::write_page("/nonexistent/report.html", r), heed::file_error);
    CHECK_THROWS_WITH(feed::write_metrics("/nonexistent/metrics.json", r), Contains("/nonexistent/metrics.json"));
}

TEST_CASE("The page stands alone: it names no other file or address, and forbids itself to load any") {
    const std::string html = feed::page(made_up::results());
    CHECK_THAT(html, Contains("default-src 'none'"));
    for (const char* reference : {"http://", "https://", " src=", "href=", "url(", "@import", "fetch(", "<link", "<img", "<iframe"}) CHECK(html.find(reference) == std::string::npos);
    CHECK(balanced(html));
    CHECK(times(html, "<svg class=\"chart\"") == 10);
    CHECK(times(html, "<svg class=\"heat-map\"") == 5);
    CHECK(html.find("nan") == std::string::npos);
    CHECK_THAT(html, Contains("prefers-color-scheme: dark"));
}

TEST_CASE("No text of a post runs or breaks the page, wherever it stands") {
    const std::string attack = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;";
    auto r = made_up::results();
    r.data = r.machine = r.baseline.name = r.classifier.name = attack;
    r.run = {{attack, attack}};
    r.classifier.chosen = {{attack, attack}};
    r.map->title = attack;
    for (auto& token : r.map->tokens) token = attack;
    r.map->tokens[1] = "</title></svg></script><script>alert(3)</script>";
    const std::string html = feed::page(r);
    CHECK(times(html, "<script") == 1);
    CHECK(times(html, "</script") == 1);
    CHECK(html.find("<img") == std::string::npos);
    CHECK(balanced(html));
    CHECK_THAT(html, Contains("&lt;script&gt;alert"));
}

TEST_CASE("A long post is shown by its first 64 tokens, a long token by its first letters") {
    feed::attention_map map{"a post", {}, 2, {}};
    for (int i = 0; i < 90; ++i) map.tokens.push_back("größergrößergrößergrößer" + std::to_string(i));
    map.weights.assign(2 * 90 * 90, 1.0f / 90);
    const std::string html = feed::attention_figure(map);
    CHECK_THAT(html, Contains("The first 64 of 90 tokens are shown"));
    CHECK(times(html, "class=\"token\"") == 3 * 2 * 64);
    CHECK_THAT(html, Contains(">größergrößerg…</text>"));
}

TEST_CASE("An attention map whose weights do not fit its tokens is refused") {
    feed::attention_map map{"a post", {"a", "b"}, 2, {0.5f, 0.5f, 1.0f}};
    CHECK_THROWS_WITH(feed::attention_figure(map), Contains("2 heads over 2 tokens have 8 weights, and there are 3"));
    map.heads = 1;
    map.weights = {NAN, INFINITY, -1.0f, 0.25f};
    const std::string html = feed::attention_figure(map);
    CHECK_THAT(html, Contains("data-permille=\"0 0 0 250 \""));
    CHECK(html.find("nan") == std::string::npos);
}

TEST_CASE("A run that measured next to nothing still has a page, tables and metrics") {
    const feed::results nothing;
    std::ostringstream out;
    CHECK_NOTHROW(feed::print_tables(out, nothing));
    const std::string html = feed::page(nothing);
    CHECK(balanced(html));
    CHECK(times(html, "Not measured in this run.") == 11);
    CHECK(html.find("nan") == std::string::npos);
    CHECK(feed::metrics_json(nothing)["baseline"]["overall"]["auc"].is_null());
}

TEST_CASE("Numbers read as people write them") {
    using namespace feed::wording;
    CHECK(count(std::size_t{1234567}) == "1,234,567");
    CHECK(count(-1234.0) == "-1,234");
    CHECK(count(std::size_t{123}) == "123");
    CHECK(three_digits(0.0012345) == "0.00123");
    CHECK(three_digits(54.72) == "54.7");
    CHECK(three_digits(2496.4) == "2,496");
    CHECK(two_digits(2496.4) == "2,500");
    CHECK(two_digits(3.14159) == "3.14");
    CHECK(bytes(512) == "512 B");
    CHECK(bytes(1536) == "1.5 KiB");
    CHECK(bytes(64.0 * 1024 * 1024) == "64 MiB");
    CHECK(seconds(41.71) == "41.7 s");
    CHECK(seconds(251.2) == "4 min 12 s");
    CHECK(seconds(7500) == "2 h 05 min");
    CHECK(fixed(feed::not_measured, 3) == "–");
    CHECK(percent(0.905) == "90.5 %");
}
