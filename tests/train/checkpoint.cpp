#include <heed/train/checkpoint.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <heed/train/adam.hpp>
#include <heed/train/sgd.hpp>

#include "plain_parameters.hpp"

namespace train = heed::train;

namespace {

struct scratch_folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("heed_checkpoint_" + std::to_string(::getpid()));
    scratch_folder() { std::filesystem::create_directories(path); }
    ~scratch_folder() { std::filesystem::remove_all(path); }
    std::filesystem::path operator/(const char* name) const { return path / name; }
};

plain_model small_model() {
    return {.words = {.columns = 2, .numbers = {1, 2, 3, 4, 5, 6}}, .block = {{.weight = {.numbers = {1.5, -2}}}}};
}

/// Gradients that are a function of the step.
void update(plain_model& model, auto& optimizer) {
    const auto t = static_cast<double>(optimizer.steps());
    heed::nn::clear_gradients(model);
    model.block[0].weight.slopes = {std::sin(t), std::cos(3 * t)};
    model.block[0].bias.slopes = {1 / (1 + t)};
    model.words.touched = {static_cast<int>(t) % 3};
    model.words.slopes = {0.1 * t, 0.3};
    optimizer.step(model, 0.01);
}

bool same_bits(const plain_model& a, const plain_model& b) {
    return a.words.numbers == b.words.numbers && a.block[0].weight.numbers == b.block[0].weight.numbers &&
           a.block[0].bias.numbers == b.block[0].bias.numbers;
}

}  // namespace

TEST_CASE("a training that goes on from its checkpoint ends in the bits of one that never stopped") {
    const scratch_folder folder;
    auto whole = small_model(), broken = small_model();
    train::adamw<double> of_whole, of_broken;
    for (int t = 0; t < 9; ++t) update(whole, of_whole);

    for (int t = 0; t < 4; ++t) update(broken, of_broken);
    train::save_checkpoint(folder / "run.safetensors", broken, of_broken, {{"place", "17"}});

    auto resumed = small_model();
    train::adamw<double> of_resumed;
    const auto notes = train::load_checkpoint(folder / "run.safetensors", resumed, of_resumed);
    CHECK(notes == train::notes{{"place", "17"}});
    CHECK(of_resumed.steps() == 4);
    CHECK(same_bits(resumed, broken));
    for (int t = 4; t < 9; ++t) update(resumed, of_resumed);
    CHECK(same_bits(resumed, whole));
}

TEST_CASE("a checkpoint of the very beginning begins again") {
    const scratch_folder folder;
    auto fresh = small_model(), resumed = small_model();
    train::sgd<double> of_fresh({.momentum = 0.9}), of_resumed({.momentum = 0.9});
    train::save_checkpoint(folder / "run.safetensors", fresh, of_fresh);
    update(resumed, of_resumed);
    train::load_checkpoint(folder / "run.safetensors", resumed, of_resumed);
    update(fresh, of_fresh), update(resumed, of_resumed);
    CHECK(same_bits(fresh, resumed));
}

TEST_CASE("a model is read from its own file and from a checkpoint alike") {
    const scratch_folder folder;
    auto model = small_model();
    train::adam<double> optimizer;
    update(model, optimizer);
    train::save_model(folder / "model.safetensors", model, {{"labels", "2"}});
    train::save_checkpoint(folder / "run.safetensors", model, optimizer);
    for (const char* name : {"model.safetensors", "run.safetensors"}) {
        auto loaded = small_model();
        const auto notes = train::load_model(folder / name, loaded);
        CHECK(same_bits(loaded, model));
        CHECK(notes.size() == (name[0] == 'm' ? 1 : 0));
    }
}

TEST_CASE("a file of another model is refused in words, and nothing is changed") {
    const scratch_folder folder;
    auto model = small_model();
    train::adam<double> optimizer;
    update(model, optimizer);
    train::save_checkpoint(folder / "run.safetensors", model, optimizer);

    auto wider = small_model();
    wider.block[0].weight = {.numbers = {7, 8, 9}};
    const auto untouched = wider;
    CHECK_THROWS_WITH(train::load_model(folder / "run.safetensors", wider), Catch::Contains("block0.weight"));
    CHECK(same_bits(wider, untouched));

    auto deeper = small_model();
    deeper.block.push_back(deeper.block[0]);
    CHECK_THROWS_WITH(train::load_model(folder / "run.safetensors", deeper), Catch::Contains("block1.weight"));

    auto shallower = small_model();
    shallower.block.clear();
    CHECK_THROWS_WITH(train::load_model(folder / "run.safetensors", shallower), Catch::Contains("holds 3 parameters"));

    train::sgd<double> other;
    auto same = small_model();
    const auto before = same;
    CHECK_THROWS_WITH(train::load_checkpoint(folder / "run.safetensors", same, other), Catch::Contains("know 3"));
    CHECK(same_bits(same, before));
    CHECK(other.steps() == 0);
}

TEST_CASE("what is no checkpoint is refused: a model's file, a damaged one, one that is not there") {
    const scratch_folder folder;
    auto model = small_model();
    train::adam<double> optimizer;
    train::save_model(folder / "model.safetensors", model);
    CHECK_THROWS_WITH(train::load_checkpoint(folder / "model.safetensors", model, optimizer), Catch::Contains("is no checkpoint"));
    train::save_model(folder / "odd.safetensors", model, {{"heed.steps", "12x"}});
    CHECK_THROWS_WITH(train::load_checkpoint(folder / "odd.safetensors", model, optimizer), Catch::Contains("'12x'"));
    CHECK_THROWS_AS(train::load_model(folder / "none.safetensors", model), heed::file_error);

    std::filesystem::resize_file(folder / "model.safetensors", std::filesystem::file_size(folder / "model.safetensors") - 3);
    CHECK_THROWS_AS(train::load_model(folder / "model.safetensors", model), heed::file_error);
}
