/// How a measured cost grows with the length: y ~ c T^p, and where it meets a limit.
#pragma once

#include <feed/results.hpp>

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace feed {

struct power_law {
    double factor = not_measured, exponent = not_measured;
    double operator()(double tokens) const { return factor * std::pow(tokens, exponent); }
};

/// One measured cost against T.
struct cost_point { double tokens = 0, cost = 0; };

/// What was measured of one member of `attention_cost`, without the T where it was not, or was nothing.
inline std::vector<cost_point> measured(const attention_scaling& scaling, double attention_cost::*cost) {
    std::vector<cost_point> points;
    for (const auto& row : scaling.costs)
        if (row.*cost > 0 && std::isfinite(row.*cost)) points.push_back({static_cast<double>(row.tokens), row.*cost});
    return points;
}

/// Least squares of log cost on log T: the exponent is the slope. NaN with fewer than two different T.
inline power_law fit(const std::vector<cost_point>& points) {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (const auto& [tokens, cost] : points) {
        const double u = std::log(tokens), v = std::log(cost);
        n += 1, x += u, y += v, xx += u * u, xy += u * v;
    }
    const double spread = n * xx - x * x;
    if (!(spread > 1e-12)) return {};
    const double exponent = (n * xy - x * y) / spread;
    return {std::exp((y - exponent * x) / n), exponent};
}

/// The upper half of the lengths, where fixed costs have worn off.
inline power_law fit_long(const std::vector<cost_point>& points) {
    const std::size_t half = points.size() / 2;
    return points.size() < 4 ? fit(points) : fit({points.begin() + static_cast<std::ptrdiff_t>(half), points.end()});
}

struct crossing {
    double tokens = 0;
    bool extrapolated = false;                   // beyond the longest T that was measured
};

/// The T from which the cost stays above `limit`: between two measurements on the straight line of their logarithms,
/// beyond them by the law of the long ones. Nothing where every length exceeds it, or no law can be fitted.
inline std::optional<crossing> where_it_exceeds(const std::vector<cost_point>& points, double limit) {
    if (points.empty()) return std::nullopt;
    if (points.back().cost <= limit) {
        const power_law law = fit_long(points);
        if (!(law.exponent > 0.1)) return std::nullopt;
        return crossing{points.back().tokens * std::pow(limit / points.back().cost, 1 / law.exponent), true};
    }
    for (std::size_t i = points.size() - 1; i > 0; --i)
        if (points[i - 1].cost <= limit) {
            const auto& [t0, c0] = points[i - 1];
            const auto& [t1, c1] = points[i];
            return crossing{t0 * std::pow(t1 / t0, std::log(limit / c0) / std::log(c1 / c0)), false};
        }
    return std::nullopt;
}

}  // namespace feed
