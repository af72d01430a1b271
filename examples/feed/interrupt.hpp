/// Ctrl-C: the signal only raises a flag; who works asks for it where everything can be saved.
#pragma once

#include <csignal>
#include <stdexcept>

namespace feed {

/// The program was asked to stop, and stopped in order.
struct interrupted : std::runtime_error { using std::runtime_error::runtime_error; };

namespace detail {
inline volatile std::sig_atomic_t interrupt_flag = 0;       // a signal handler can reach nothing else
}

inline bool interrupt_requested() { return detail::interrupt_flag != 0; }

inline void stop_if_interrupted() {
    if (interrupt_requested()) throw interrupted("interrupted");
}

/// From here on SIGINT and SIGTERM raise the flag; a second one ends the program at once.
inline void catch_interrupts() {
    const auto raise_flag = [](int signal) {
        detail::interrupt_flag = 1;
        std::signal(signal, SIG_DFL);
    };
    std::signal(SIGINT, raise_flag);
    std::signal(SIGTERM, raise_flag);
}

}  // namespace feed
