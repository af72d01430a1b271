/// Numbers as people read them.
#pragma once

#include <feed/results.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>

namespace feed::wording {

/// A number with so many decimals; a dash where it was not measured.
inline std::string fixed(double x, int decimals) { return std::isnan(x) ? "–" : fmt::format("{:.{}f}", x, decimals); }

/// The same with its sign.
inline std::string change(double x, int decimals) { return std::isnan(x) ? "–" : fmt::format("{:+.{}f}", x, decimals); }

inline std::string percent(double share, int decimals = 1) { return std::isnan(share) ? "–" : fmt::format("{:.{}f} %", 100 * share, decimals); }

/// 1,234,567.
inline std::string count(double x) {
    if (!std::isfinite(x)) return "–";
    std::string digits = fmt::format("{:.0f}", x);
    for (std::ptrdiff_t i = std::ssize(digits) - 3; i > (x < 0 ? 1 : 0); i -= 3) digits.insert(static_cast<std::size_t>(i), 1, ',');
    return digits;
}
inline std::string count(std::size_t x) { return count(static_cast<double>(x)); }

/// Three significant digits, without an exponent: 0.00123, 1.23, 1,230.
inline std::string three_digits(double x) {
    if (!std::isfinite(x)) return "–";
    if (x == 0) return "0";
    const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(x))));
    if (magnitude >= 3) return count(x);
    return fmt::format("{:.{}f}", x, std::max(0, 2 - magnitude));
}

/// For what is known roughly: 2,500 for 2,496.
inline std::string two_digits(double x) {
    if (!(x >= 10) || !std::isfinite(x)) return three_digits(x);
    const double unit = std::pow(10, std::floor(std::log10(x)) - 1);
    return count(std::round(x / unit) * unit);
}

inline std::string milliseconds(double x) { return std::isnan(x) ? "–" : three_digits(x) + " ms"; }

/// 512 B, 1.5 KiB, 24 MiB.
inline std::string bytes(double x) {
    if (!std::isfinite(x)) return "–";
    const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (x >= 1024 && unit < 4) x /= 1024, ++unit;
    return fmt::format("{:.4g} {}", x < 1000 ? std::round(x * 10) / 10 : std::round(x), units[unit]);
}

/// 42 s, 4 min 11 s, 2 h 05 min: rounded up, as of what is left.
inline std::string whole_seconds(double x) {
    if (!std::isfinite(x)) return "–";
    const double s = std::ceil(x);
    if (s < 60) return fmt::format("{:.0f} s", s);
    if (s < 3600) return fmt::format("{:.0f} min {:02.0f} s", std::floor(s / 60), std::fmod(s, 60));
    return fmt::format("{:.0f} h {:02.0f} min", std::floor(s / 3600), std::floor(std::fmod(s, 3600) / 60));
}
inline std::string seconds(double x) { return std::isfinite(x) && x < 60 ? fmt::format("{:.1f} s", x) : whole_seconds(x); }

inline std::string range(length_bucket bucket) { return fmt::format("{}–{}", bucket.shortest, bucket.longest); }
inline std::string range(heed::metrics::interval i, int decimals) { return fixed(i.low, decimals) + " to " + fixed(i.high, decimals); }
inline std::string change_range(heed::metrics::interval i, int decimals) { return change(i.low, decimals) + " to " + change(i.high, decimals); }

}  // namespace feed::wording
