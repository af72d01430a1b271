// The one main() of all test programs; compiled once, since this is the slow half of Catch2.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
