#include <feed/search.hpp>
#include <feed/trainer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../files/folder.hpp"
#include "made_up_posts.hpp"

namespace {

feed::training_plan small_plan(const std::filesystem::path& checkpoint = {}) {
    return {.name = "classifier", .rate = 1e-3, .order = {.seed = 4, .passes = 1.5, .tokens = 256, .word_dropout = 0.1}, .dropout = 0.1, .points = 3, .checkpoint = checkpoint,
            .seconds_between_checkpoints = 0};
}

constexpr std::size_t few = 120;

std::unique_ptr<feed::learner> new_model(feed::model_kind kind = feed::model_kind::classifier) { return feed::make_learner(kind, {made_up::vocabulary, made_up::levels().counts(), 1}); }

feed::training_record run(feed::learner& model, const feed::training_plan& plan) {
    return feed::train(model, made_up::posts(few), made_up::levels(), plan, made_up::posts(20, 1000), false);
}

std::string bytes_of(const feed::learner& model) {
    const test::temporary_folder folder;
    model.save_model(folder.path() / "model", {});
    return test::content(folder.path() / "model");
}

/// Ends with the flag of Ctrl-C as it was before.
struct pressed_interrupt {
    pressed_interrupt() { feed::detail::interrupt_flag = 1; }
    ~pressed_interrupt() { feed::detail::interrupt_flag = 0; }
};

}  // namespace

TEST_CASE("a training that was killed at any moment ends in the bits of one that was not") {
    const test::temporary_folder folder;
    const auto checkpoint = folder.path() / "checkpoint";
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        feed::use_threads(1);               // no team of threads in a forked process
        run(*new_model(), small_plan(checkpoint));
        ::pause();                          // never past the kill
        ::_exit(1);
    }
    for (int i = 0; i < 3000 && !std::filesystem::exists(checkpoint); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(std::filesystem::exists(checkpoint));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));

    const auto resumed = new_model(), whole = new_model();
    const auto of_resumed = run(*resumed, small_plan(checkpoint));
    const auto of_whole = run(*whole, small_plan());
    CHECK(resumed->steps() == whole->steps());
    CHECK(bytes_of(*resumed) == bytes_of(*whole));
    REQUIRE(of_resumed.curve.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(of_resumed.curve[i].step == of_whole.curve[i].step);
        CHECK(of_resumed.curve[i].train_loss == of_whole.curve[i].train_loss);
        CHECK(of_resumed.curve[i].held_out_log_loss == of_whole.curve[i].held_out_log_loss);
    }
}

TEST_CASE("Ctrl-C saves what was learnt, and says where") {
    const test::temporary_folder folder;
    const auto checkpoint = folder.path() / "checkpoint";
    {
        const pressed_interrupt now;
        const auto model = new_model();
        try {
            run(*model, small_plan(checkpoint));
            FAIL("it was not stopped");
        } catch (const feed::interrupted& stopped) {
            CHECK_THAT(stopped.what(), Catch::Contains(checkpoint.string()) && Catch::Contains("--resume"));
        }
    }
    const auto resumed = new_model(), whole = new_model();
    run(*resumed, small_plan(checkpoint));
    run(*whole, small_plan());
    CHECK(bytes_of(*resumed) == bytes_of(*whole));
}

TEST_CASE("a checkpoint of another training is refused, and so is a damaged one") {
    const test::temporary_folder folder;
    const auto checkpoint = folder.path() / "checkpoint";
    run(*new_model(), small_plan(checkpoint));
    auto other = small_plan(checkpoint);
    other.rate = 2e-3;
    CHECK_THAT(test::file_error_of([&] { run(*new_model(), other); }), Catch::Contains("another training") && Catch::Contains("0.002"));

    auto bytes = test::content(checkpoint);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    const auto damaged = folder.file("damaged", bytes);
    CHECK_THAT(test::file_error_of([&] { run(*new_model(), small_plan(damaged)); }), Catch::Contains("damaged"));
    const auto cut = folder.file("cut", bytes.substr(0, 1000));
    CHECK_THAT(test::file_error_of([&] { run(*new_model(), small_plan(cut)); }), Catch::Contains("cut"));
}

TEST_CASE("where the disk is full, the checkpoint that was saved before stays, and the error says why") {
    const test::temporary_folder folder;
    const auto checkpoint = folder.path() / "checkpoint";
    run(*new_model(), small_plan(checkpoint));
    const auto before = test::content(checkpoint);

    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit small{4096, old.rlim_max};
    std::signal(SIGXFSZ, SIG_IGN);          // a write beyond the limit is then an error, as on a full disk
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto model = new_model();
    const std::string said = test::file_error_of([&] { model->save_checkpoint(checkpoint, {}); });
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, SIG_DFL);
    CHECK_THAT(said, Catch::Contains(checkpoint.string()) && Catch::Contains("cannot be written"));
    CHECK(test::content(checkpoint) == before);
    CHECK(folder.count() == 1);
}

TEST_CASE("the result does not depend on the number of threads") {
    const auto one = new_model(), two = new_model();
    feed::use_threads(1);
    run(*one, small_plan());
    feed::use_threads(2);
    run(*two, small_plan());
    CHECK(bytes_of(*one) == bytes_of(*two));
}

TEST_CASE("both models learn, and the curve has the points that were asked for") {
    for (const auto kind : {feed::model_kind::baseline, feed::model_kind::classifier}) {
        const auto model = new_model(kind);
        auto plan = small_plan();
        plan.rate = 4e-3;
        plan.order.passes = 3;
        plan.order.word_dropout = 0;
        plan.points = 4;
        const auto record = feed::train(*model, made_up::posts(400), made_up::levels(), plan, made_up::posts(100, 1000), false);
        REQUIRE(record.curve.size() == 4);
        CHECK(record.curve.back().train_loss < 0.9 * record.curve.front().train_loss);
        CHECK(record.curve.back().held_out_auc > 0.6);
        CHECK(record.seconds > 0);
    }
}

TEST_CASE("the search takes the rate that fits held-out posts best, and tells what it tried") {
    feed::training_plan plan{.name = "baseline", .order = {.seed = 1, .tokens = 256}};
    feed::settings tried;
    feed::choose(plan, feed::model_kind::baseline, {made_up::vocabulary, made_up::levels().counts(), 1}, made_up::posts(2000), made_up::levels(), made_up::posts(300, 5000),
                 {{1, 4e-3, 1e-9}, {1, 2}, 0.8, 100}, tried, false);
    CHECK(plan.rate == 4e-3);
    CHECK((plan.order.passes == 1 || plan.order.passes == 2));
    CHECK(tried.size() == 5);
    CHECK_THAT(tried[0].first, Catch::Contains("1,600 posts"));
}
