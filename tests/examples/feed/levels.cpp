#include <feed/levels.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

#include "../../files/folder.hpp"

namespace {

feed::columns two_kinds() {
    feed::columns all;
    for (auto& field : all) field.name = "number";
    all[0] = {"language", 3};
    return all;
}

/// Column 1 holds the values, all others nothing.
std::vector<float> cells_of(const std::vector<float>& values) {
    std::vector<float> cells;
    for (const float value : values)
        for (std::size_t c = 0; c < feed::metadata_columns; ++c) cells.push_back(c == 1 ? value : feed::missing);
    return cells;
}

}  // namespace

TEST_CASE("a number falls into one of 64 bins of equal mass, and an empty cell beyond them") {
    std::vector<float> values;
    for (int i = 0; i < 6400; ++i) values.push_back(std::exp(static_cast<float>((i * 37) % 6400) / 1000));
    const feed::field_levels levels(two_kinds(), cells_of(values));
    CHECK(levels.count(1) == 65);
    std::vector<int> mass(65);
    for (const float value : values) ++mass[static_cast<std::size_t>(levels.level(1, value))];
    for (int bin = 0; bin < 64; ++bin) CHECK(mass[static_cast<std::size_t>(bin)] == 100);
    CHECK(levels.level(1, feed::missing) == 64);
    CHECK(levels.level(1, -1e30F) == 0);
    CHECK(levels.level(1, 1e30F) == 63);
}

TEST_CASE("few distinct values have a bin each, however unequal their mass") {
    std::vector<float> values(1000, 0.0F);
    for (int i = 0; i < 40; ++i) values.push_back(static_cast<float>(i % 2 + 1));
    const feed::field_levels levels(two_kinds(), cells_of(values));
    CHECK(levels.level(1, 0) == 0);
    CHECK(levels.level(1, 1) > 0);
    CHECK(levels.level(1, 2) >= levels.level(1, 1));
    CHECK(levels.level(1, feed::missing) == levels.count(1) - 1);
}

TEST_CASE("a category is its own level, and one that training did not know counts as missing") {
    const feed::field_levels levels(two_kinds(), {});
    CHECK(levels.count(0) == 4);
    CHECK(levels.level(0, 0) == 0);
    CHECK(levels.level(0, 2) == 2);
    CHECK(levels.level(0, 3) == 3);
    CHECK(levels.level(0, -1) == 3);
    CHECK(levels.level(0, feed::missing) == 3);
}

TEST_CASE("a column without a value has one bin and 'missing'") {
    const feed::field_levels levels(two_kinds(), {});
    CHECK(levels.count(5) == 2);
    CHECK(levels.level(5, 17) == 0);
    CHECK(levels.level(5, feed::missing) == 1);
}

TEST_CASE("levels come back from the settings as they were") {
    const test::temporary_folder folder;
    const feed::field_levels made(two_kinds(), cells_of({0.1F, 0.2F, 0.30000001F, 1e-20F, 7}));
    made.describe().save(folder.path() / "settings.json");
    const feed::field_levels read(heed::files::settings::load(folder.path() / "settings.json"));
    CHECK(read.counts() == made.counts());
    CHECK(read.fields()[0].name == "language");
    for (const float x : {0.0F, 0.1F, 0.15F, 0.2F, 0.30000001F, 0.5F, 7.0F, 8.0F}) CHECK(read.level(1, x) == made.level(1, x));
}

TEST_CASE("settings that were edited into nonsense are refused in words") {
    const test::temporary_folder folder;
    auto all = feed::field_levels(two_kinds(), {}).describe();
    heed::files::settings broken;
    broken.set("name", std::string("number"));
    broken.set("kinds", 0);
    broken.set("edges", std::vector<float>{2, 1});
    all.set("column4", broken);
    CHECK_THAT(test::file_error_of([&] { feed::field_levels read(all); }), Catch::Contains("\"number\"") && Catch::Contains("edges must rise"));
}
