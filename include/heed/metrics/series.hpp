/// What the metrics take, and the checks that all of them make before they count anything.
#pragma once

#include <heed/error.hpp>

#include <cmath>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>

namespace heed::metrics {

/// Numbers one after another: a vector, span or array of float, double or integers.
template <class T>
concept series = std::ranges::random_access_range<const T> && std::ranges::sized_range<const T> &&
                 std::is_arithmetic_v<std::ranges::range_value_t<T>>;

/// The ends of a 95 % confidence interval.
struct interval {
    double low = 0, high = 0;
    bool contains(double x) const { return low <= x && x <= high; }
};

/// The 97.5th percentile of the standard normal distribution: half the width of a 95 % interval in standard errors.
inline constexpr double normal_975 = 1.959963984540054;

namespace detail {

[[noreturn]] inline void refuse(std::string_view metric, const std::string& why) {
    throw value_error(std::string(metric) + ": " + why + ".");
}

inline std::size_t size(const series auto& values) { return static_cast<std::size_t>(std::ranges::size(values)); }
inline double at(const series auto& values, std::size_t i) {
    return static_cast<double>(std::ranges::begin(values)[static_cast<std::ptrdiff_t>(i)]);
}

/// Refuses labels that are no 0 or 1, and lists of unequal length or of none. Returns the number of ones.
inline std::size_t check_labels(std::string_view metric, const series auto& predictions, const series auto& labels) {
    if (size(predictions) != size(labels))
        refuse(metric, "there are " + std::to_string(size(predictions)) + " predictions for " + std::to_string(size(labels)) + " labels");
    if (size(labels) == 0) refuse(metric, "there are no examples");
    std::size_t ones = 0;
    for (std::size_t i = 0; i < size(labels); ++i) {
        const double label = at(labels, i);
        if (label != 0 && label != 1) refuse(metric, "label " + std::to_string(i) + " is " + std::to_string(label) + ", and labels are 0 or 1");
        ones += label == 1;
    }
    return ones;
}

inline void check_numbers(std::string_view metric, const series auto& scores) {
    for (std::size_t i = 0; i < size(scores); ++i)
        if (std::isnan(at(scores, i))) refuse(metric, "score " + std::to_string(i) + " is NaN");
}

inline void check_probabilities(std::string_view metric, const series auto& probabilities) {
    for (std::size_t i = 0; i < size(probabilities); ++i) {
        const double p = at(probabilities, i);
        if (!(p >= 0 && p <= 1)) refuse(metric, "probability " + std::to_string(i) + " is " + std::to_string(p) + ", which is not between 0 and 1");
    }
}

/// Refuses examples of a single class, where a comparison of the two means nothing.
inline void check_both_classes(std::string_view metric, std::size_t positives, std::size_t examples) {
    if (positives == 0 || positives == examples)
        refuse(metric, "all " + std::to_string(examples) + " labels are " + (positives == 0 ? "0" : "1") + ", and it compares two classes");
}

}  // namespace detail
}  // namespace heed::metrics
