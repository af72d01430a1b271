#include <heed/tokenizers/byte_pair_trainer.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "golden.hpp"

using namespace heed::tokenizers;
using Catch::Matchers::Contains;

TEST_CASE("what is trained on the sample of posts is what Hugging Face trains on it, merge by merge") {
    byte_pair_trainer trainer({.size = 1500, .special = {"<|endoftext|>"}});
    for (const auto& text : golden::sample()) trainer.add(text);
    const std::string folder = HEED_SOURCE_DIR "/tests/golden/byte_pair/";
    const auto wanted = byte_pair::load(folder + "vocab.json", folder + "merges.txt"), trained = trainer.train();
    CHECK(trained.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.merges().size(); ++i) REQUIRE(trained.merges()[i] == wanted.merges()[i]);
    CHECK(trained == wanted);
}

TEST_CASE("the most frequent pair is merged first, as long as there is room and it is frequent enough") {
    byte_pair_trainer trainer({.size = 258, .min_frequency = 2});
    trainer.add("abc abc abd x");
    const auto tokens = trainer.train();
    CHECK(tokens.size() == 258);
    CHECK(tokens.piece(256) == "ab");                    // three times
    CHECK(tokens.encode("abd").size() == 2);
    byte_pair_trainer rare({.min_frequency = 4});
    rare.add("abc abc abd x");
    CHECK(rare.train().size() == 256);
    CHECK(byte_pair_trainer().train().size() == 256);       // of nothing: the bytes
}

TEST_CASE("options out of range are refused, in words") {
    CHECK_THROWS_WITH(byte_pair_trainer({.size = 256, .special = {"<s>"}}), "a vocabulary of 256 pieces has no room for the 256 bytes and 1 special pieces");
    CHECK_THROWS_WITH(byte_pair_trainer({.size = -1}), Contains("a vocabulary of -1 pieces"));
    CHECK_THROWS_WITH(byte_pair_trainer({.min_frequency = 0}), "the least frequency of a pair is 0; it must be 1 or more");
    CHECK_THROWS_WITH(byte_pair_trainer({.special = {"<s>", "<s>"}}), Contains("stands once: \"<s>\""));
    CHECK_THROWS_WITH(byte_pair_trainer({.special = {"x"}}), Contains("two bytes or more"));
}
