/// How far the training is: a bar that is drawn over itself on a terminal, a plain line every few seconds elsewhere.
#pragma once

#include <feed/wording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace feed {

/// The columns of the terminal that the file descriptor writes to; 0 where it is none, or one that cannot draw over itself.
inline int terminal_width(int descriptor) {
    if (!::isatty(descriptor)) return 0;
    const char* kind = std::getenv("TERM");
    if (!kind || std::string(kind) == "dumb") return 0;
    ::winsize size{};
    return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Shows one phase of work, from its construction to its end.
///
///     progress bar(std::cerr, terminal_width(STDERR_FILENO), "classifier", examples);
///     for (...) bar.update(examples_seen, smoothed_loss);
///     bar.finish();
///
/// On a terminal the cursor is hidden while the bar is drawn; it comes back in finish() and in the destructor, so an
/// exception leaves the terminal as it was. A signal handler that ends the program at once writes `show_cursor` itself.
class progress {
public:
    using clock = std::chrono::steady_clock;
    static constexpr const char* hide_cursor = "\x1b[?25l";
    static constexpr const char* show_cursor = "\x1b[?25h";

    /// `width` as from terminal_width: 0 writes plain lines. `total` in units, which have a name; 0 where it is not known.
    progress(std::ostream& out, int width, std::string name, std::size_t total, clock::time_point now = clock::now(), std::string unit = "examples")
        : out_(out), width_(width), name_(std::move(name)), unit_(std::move(unit)), total_(total), start_(now), shown_(now - std::chrono::hours(1)) {
        if (width_ > 0) out_ << hide_cursor;
        else shown_ = now;                                           // the first plain line comes after one interval
    }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    ~progress() { restore(); }

    /// So much was done by a run that this one goes on from: a part of the total, not of the speed.
    void goes_on_from(std::size_t done) { before_ = done_ = done; }

    /// `done` units of the total, and the loss of late; NaN where there is none. Draws ten times a second on a
    /// terminal, every five seconds elsewhere, so that it may be called at every step.
    void update(std::size_t done, double loss, clock::time_point now = clock::now()) {
        done_ = done, loss_ = loss;
        if (now - shown_ < (width_ > 0 ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000))) return;
        shown_ = now;
        if (width_ > 0) out_ << "\r" << bar(now) << "\x1b[K" << std::flush;
        else out_ << line(now) << "\n" << std::flush;
    }

    /// A line that stays, above the bar.
    void say(const std::string& text) {
        if (width_ > 0) out_ << "\r\x1b[K";
        out_ << text << "\n" << std::flush;
    }

    /// The last state, as a line that stays.
    void finish(clock::time_point now = clock::now()) {
        if (finished_) return;
        if (width_ > 0) out_ << "\r\x1b[K";
        const double seconds = elapsed(now);
        out_ << fmt::format("{}: {} {} in {}{}{}", name_, wording::count(done_ - before_), unit_, wording::seconds(seconds),
                            seconds > 0 ? fmt::format(", {} a second", wording::count(std::round(speed(now)))) : "",
                            std::isnan(loss_) ? "" : fmt::format(", loss {:.4f}", loss_))
             << "\n";
        restore();
    }

private:
    double elapsed(clock::time_point now) const { return std::chrono::duration<double>(now - start_).count(); }
    /// Units a second; 0 before there is any time.
    double speed(clock::time_point now) const { return elapsed(now) > 0 ? static_cast<double>(done_ - before_) / elapsed(now) : 0; }

    /// classifier  42 %  loss 0.4512  3,512 examples/s  1 min 20 s left
    std::string numbers(clock::time_point now) const {
        std::string text;
        const double speed = this->speed(now);
        if (total_ > 0) text += fmt::format("{:3.0f} %", 100 * std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)));
        else text += wording::count(done_) + " " + unit_;
        if (!std::isnan(loss_)) text += fmt::format("  loss {:.4f}", loss_);
        if (speed > 0) text += fmt::format("  {} {}/s", wording::count(std::round(speed)), unit_);
        if (speed > 0 && total_ > done_) text += fmt::format("  {} left", wording::whole_seconds(static_cast<double>(total_ - done_) / speed));
        return text;
    }

    std::string line(clock::time_point now) const { return name_ + ": " + numbers(now); }

    /// Name, bar and numbers within the width; the bar is what gives way, then the end of the text.
    std::string bar(clock::time_point now) const {
        const std::string text = numbers(now);
        const int room = width_ - 1 - static_cast<int>(name_.size() + text.size()) - 4;      // the last column stays free: some terminals wrap there
        std::string drawn = name_ + " ";
        if (total_ > 0 && room >= 5) {
            const int length = std::min(room, 40), eighths = static_cast<int>(8.0 * length * std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)));
            static constexpr const char* part[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
            for (int i = 0; i < eighths / 8; ++i) drawn += "█";
            drawn += part[eighths % 8];
            drawn.append(static_cast<std::size_t>(length - (eighths + 7) / 8), ' ');
            return drawn + " " + text;
        }
        return (drawn + text).substr(0, static_cast<std::size_t>(std::max(0, width_ - 1)));
    }

    void restore() noexcept {
        if (std::exchange(finished_, true) || width_ == 0) return;
        try {
            out_ << show_cursor << std::flush;
        } catch (...) {                                              // a stream that throws must not end the program from here
        }
    }

    std::ostream& out_;
    int width_;
    std::string name_, unit_;
    std::size_t total_, done_ = 0, before_ = 0;
    double loss_ = not_measured;
    clock::time_point start_, shown_;
    bool finished_ = false;
};

}  // namespace feed
