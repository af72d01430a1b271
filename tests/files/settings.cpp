#include <heed/files/settings.hpp>

#include "folder.hpp"

#include <cmath>

using namespace heed;
using files::settings;
using test::file_error_of;

TEST_CASE("settings come back as they were saved, in the order in which they were set") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "settings.json";
    settings model, made;
    model.set("layers", 2);
    model.set("dropout", 0.1f);
    made.set("name", "feed é \"quoted\"\n");
    made.set("seed", std::numeric_limits<std::uint64_t>::max());
    made.set("offset", std::numeric_limits<std::int64_t>::min());
    made.set("learning_rate", 1.0 / 3);
    made.set("causal", false);
    made.set("sizes", std::vector<int>{1, -2, 3});
    made.set("model", model);
    made.set("empty", std::vector<std::string>{});
    made.set("seed again", 1);
    made.set("learning_rate", 2.0 / 3);  // replaces, in its place
    made.save(path);

    const settings read = settings::load(path);
    CHECK(read.require<std::string>("name") == "feed é \"quoted\"\n");
    CHECK(read.require<std::uint64_t>("seed") == std::numeric_limits<std::uint64_t>::max());
    CHECK(read.require<std::int64_t>("offset") == std::numeric_limits<std::int64_t>::min());
    CHECK(read.require<double>("learning_rate") == 2.0 / 3);
    CHECK(read.require<double>("seed again") == 1.0);  // a whole number is a number
    CHECK_FALSE(read.require<bool>("causal"));
    CHECK(read.require<std::vector<int>>("sizes") == std::vector<int>{1, -2, 3});
    CHECK(read.require<std::vector<std::string>>("empty").empty());
    CHECK(read.group("model").require<int>("layers") == 2);
    CHECK(read.group("model").require<float>("dropout") == 0.1f);
    CHECK(read.has("causal"));
    CHECK(read.value_or("causal", true) == false);
    CHECK(read.value_or("missing", 7) == 7);

    read.save(folder.path() / "again.json");
    CHECK(test::content(folder.path() / "again.json") == test::content(path));
    CHECK(test::content(path).starts_with("{\n    \"name\": \"feed"));
}

TEST_CASE("a setting that is missing or of another kind is an error that names file, setting and value") {
    const test::temporary_folder folder;
    const auto path = folder.file("settings.json", R"({"layers": 2.5, "seed": -1, "width": 300, "rate": "0.1", "on": 1, "sizes": [1, "two"],
        "model": {"heads": "four"}, "huge": 1e300, "whole": 18446744073709551615, "nothing": null, "long": ")" + std::string(100, 'x') + "\"}");
    const settings read = settings::load(path);
    const auto error = [&]<class T>(std::string_view name, T) {
        const std::string text = file_error_of([&] { read.require<T>(name); });
        REQUIRE(text.starts_with(path.string() + ": "));
        return text.substr(path.string().size() + 2);
    };
    CHECK(error("heads", 0) == "has no setting \"heads\"");
    CHECK(error("layers", 0) == "setting \"layers\" is 2.5, and a whole number from -2147483648 to 2147483647 is wanted");
    CHECK(error("seed", 0u) == "setting \"seed\" is -1, and a whole number from 0 to 4294967295 is wanted");
    CHECK(error("width", std::uint8_t{}) == "setting \"width\" is 300, and a whole number from 0 to 255 is wanted");
    CHECK(error("whole", std::int64_t{}).starts_with("setting \"whole\" is 18446744073709551615, and a whole number from -"));
    CHECK(error("rate", 0.0) == "setting \"rate\" is \"0.1\", and a number is wanted");
    CHECK(error("huge", 0.0f) == "setting \"huge\" is 1e+300, and a number is wanted");
    CHECK(error("on", true) == "setting \"on\" is 1, and true or false is wanted");
    CHECK(error("nothing", std::string()) == "setting \"nothing\" is null, and a string is wanted");
    CHECK(error("long", 0.0) == "setting \"long\" is \"" + std::string(59, 'x') + "..., and a number is wanted");
    CHECK(error("sizes", std::vector<int>()).ends_with("is [1,\"two\"], and a list of which each item is a whole number from -2147483648 to 2147483647 is wanted"));
    CHECK(error("sizes", 0).starts_with("setting \"sizes\" is [1,\"two\"], and a whole number"));
    CHECK(file_error_of([&] { read.group("model").require<int>("heads"); }).starts_with(path.string() + ": setting \"model.heads\" is \"four\""));
    CHECK(file_error_of([&] { read.group("seed"); }) == path.string() + ": setting \"seed\" is -1, and a group of settings is wanted");
    CHECK(file_error_of([&] { read.value_or("layers", 1); }).find("\"layers\" is 2.5") != std::string::npos);
    CHECK(file_error_of([] { settings().require<int>("layers"); }) == "the settings: has no setting \"layers\"");
}

TEST_CASE("a file that holds no settings is an error, and the place in it is named") {
    const test::temporary_folder folder;
    const auto error = [&](std::string_view text) {
        const auto path = folder.file("settings.json", text);
        const std::string found = file_error_of([&] { settings::load(path); });
        REQUIRE(found.starts_with(path.string() + ": "));
        return found.substr(path.string().size() + 2);
    };
    CHECK(error("{\"a\": 1,\n \"b\" 2}").starts_with("is no JSON: parse error at line 2, column 6"));
    CHECK(error("").starts_with("is no JSON: parse error at line 1, column 1"));
    CHECK(error("{} {}").starts_with("is no JSON"));
    CHECK(error("{\"a\": \"\xff\"}").starts_with("is no JSON"));
    CHECK(error("[1]") == "is no file of settings: it should hold one JSON object");
    CHECK(file_error_of([] { settings::load("/no/such"); }) == "/no/such: cannot be read: No such file or directory");
    CHECK(file_error_of([&] { settings::load(folder.path()); }) == folder.path().string() + ": is a folder, not a file of settings");
}

TEST_CASE("what JSON cannot hold is refused when it is set, and a full disk when it is saved") {
    settings made;
    CHECK_THROWS_WITH(made.set("rate", std::nan("")), "setting \"rate\": JSON cannot hold such a value");
    CHECK_THROWS_AS(made.set("rates", std::vector<double>{1, INFINITY}), value_error);
    CHECK_THROWS_AS(made.set("name", "\xff"), value_error);
    CHECK_FALSE(made.has("rate"));
    CHECK(file_error_of([&] { made.save("/dev/full"); }) == "/dev/full: cannot be written: No space left on device");
}
