/// `feed score`: posts in, one probability a line out, as they come.
#pragma once

#include <feed/batches.hpp>
#include <feed/model_folder.hpp>
#include <feed/real.hpp>

#include <heed/error.hpp>

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace feed {

namespace detail {

/// What one thread reads and another scores. The reader stops while more than `most` posts wait.
class waiting_posts {
public:
    void put(post p) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return posts_.size() < most || abandoned_; });
        posts_.push_back(std::move(p));
        arrived_.notify_one();
    }
    void finish(std::exception_ptr why) {
        const std::lock_guard lock(mutex_);
        finished_ = true, error_ = std::move(why);
        arrived_.notify_one();
    }
    void abandon() {
        const std::lock_guard lock(mutex_);
        abandoned_ = true;
        room_.notify_one();
    }
    bool abandoned() {
        const std::lock_guard lock(mutex_);
        return abandoned_;
    }

    /// All that wait, up to so many tokens; waits for the first. False at the end; then what ended the reading is thrown.
    bool take(std::vector<post>& into, std::size_t tokens) {
        into.clear();
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [&] { return !posts_.empty() || finished_; });
        for (std::size_t taken = 0; !posts_.empty() && taken < tokens; posts_.pop_front()) {
            taken += posts_.front().tokens.size();
            into.push_back(std::move(posts_.front()));
        }
        room_.notify_one();
        if (into.empty() && error_) std::rethrow_exception(error_);
        return !into.empty();
    }

private:
    static constexpr std::size_t most = 4096;
    std::mutex mutex_;
    std::condition_variable room_, arrived_;
    std::deque<post> posts_;
    bool finished_ = false, abandoned_ = false;
    std::exception_ptr error_;
};

}  // namespace detail

/// Writes P(label = 1) of every post, a line each, in their order. A post is scored as soon as it is read, together with
/// those that came while the ones before it were scored, and the lines are flushed then: a program at the other end of a
/// pipe may wait for each answer. Posts before a bad line are scored before its error is thrown.
inline heed::files::skipped_lines score(learner& model, const reading_rules& rules, heed::files::byte_source source, bool skip_bad, std::ostream& out) {
    detail::waiting_posts waiting;
    post_reader reader(std::move(source), rules.fields.fields(), rules.read_text(), post_reader::labels::optional, skip_bad);
    std::thread reading([&] {
        try {
            for (post p; !waiting.abandoned() && reader.next(p); p = post()) waiting.put(std::move(p));
            waiting.finish({});
        } catch (...) {
            waiting.finish(std::current_exception());
        }
    });
    struct joined {
        detail::waiting_posts& posts;
        std::thread& thread;
        ~joined() {
            posts.abandon();
            thread.join();
        }
    };
    {
        const joined at_the_end{waiting, reading};
        std::vector<post> posts;
        std::vector<double> logits;
        std::string lines;
        batch b;
        while (waiting.take(posts, 8192)) {
            b.clear(), logits.clear(), lines.clear();
            for (const post& p : posts) b.add(p, rules.fields);
            model.logits(b, logits);
            for (const double z : logits) lines += fmt::format("{:.6f}\n", 1 / (1 + std::exp(-z)));
            out << lines << std::flush;
            if (!out) throw heed::file_error("The probabilities cannot be written: the output is closed or full.");
        }
    }
    return reader.records().skipped();
}

}  // namespace feed
