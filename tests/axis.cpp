#include <heed/axis.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace heed;

namespace somewhere {
struct batch : axis<> {};
struct token : axis<> {};
struct key : axis<> {};
struct model : axis<8> {};
using texts = ragged<batch, token>;
}  // namespace somewhere
using namespace somewhere;

TEST_CASE("an axis is a size and a position, its extent a part of the type where it is given there") {
    CHECK(batch{32}.value == 32);
    CHECK(model::extent == 8);
    CHECK(batch::extent == run_time);
    CHECK(prime<model>::extent == 8);
    CHECK(texts(std::vector<int>{3, 0}).lengths == std::vector<std::ptrdiff_t>{3, 0});
}

TEST_CASE("an axis is called as the program spells it, without namespaces") {
    struct local : axis<> {};
    CHECK(axis_name<batch>() == "batch");
    CHECK(axis_name<model>() == "model");
    CHECK(axis_name<local>() == "local");
    CHECK(axis_name<prime<model>>().substr(0, 6) == "prime<");
}

TEST_CASE("lists of axes answer while the program compiles") {
    using list = axes<batch, token, model>;
    STATIC_REQUIRE(lists::has<token, list>);
    STATIC_REQUIRE(!lists::has<key, list>);
    STATIC_REQUIRE(lists::place<model, list> == 2);
    STATIC_REQUIRE(std::is_same_v<lists::minus<list, axes<token>>, axes<batch, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::common<list, axes<model, key, batch>>, axes<batch, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::unite<list, axes<model, key>>, axes<batch, token, model, key>>);
    STATIC_REQUIRE(lists::same<list, axes<model, batch, token>>);
    STATIC_REQUIRE(!lists::same<list, axes<model, batch>>);
    STATIC_REQUIRE(std::is_same_v<lists::rename<list, token, key>, axes<batch, key, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::replace<list, model, axes<key, prime<model>>>, axes<batch, token, key, prime<model>>>);
}

TEST_CASE("a ragged item has two names, loses them from within, and takes the place of its batch") {
    using items = axes<texts, model>;
    STATIC_REQUIRE(std::is_same_v<lists::names<items>, axes<batch, token, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::without<items, axes<token>>, axes<batch, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::without<items, axes<batch, token>>, axes<model>>);
    STATIC_REQUIRE(std::is_same_v<lists::rename<items, token, key>, axes<ragged<batch, key>, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::extend<items, axes<batch, key>>, axes<texts, model, key>>);
    STATIC_REQUIRE(std::is_same_v<lists::extend<axes<batch, model, key>, items>, axes<texts, model, key>>);
    STATIC_REQUIRE(std::is_same_v<lists::extend<axes<token, batch>, items>, axes<texts, model>>);
    STATIC_REQUIRE(std::is_same_v<lists::extend<axes<model, token>, items>, axes<model, texts>>);
    STATIC_REQUIRE(lists::ragged_place<items> == 0);
    STATIC_REQUIRE(lists::ragged_place<axes<batch, model>> == -1);
}
