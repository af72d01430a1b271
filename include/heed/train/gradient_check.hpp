/// Whether the gradients that a model computes are the slopes of its loss: central differences, number by number.
#pragma once

#include <heed/nn/visit.hpp>
#include <heed/target.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace heed::inline HEED_TARGET::train {

/// What was found for one parameter.
struct gradient_error {
    std::string name;
    std::vector<std::int64_t> shape;
    std::size_t tried = 0;      ///< numbers that were moved
    double largest = 0;         ///< max |analytic - numeric| / max(max |analytic|, max |numeric|, 1e-8)
    double step = 0;            ///< the largest step taken
};

/// The findings for a model, and their table.
struct gradient_report {
    std::vector<gradient_error> parameters;

    /// The largest error of all; NaN where one is.
    double largest() const {
        double worst = 0;
        for (const auto& parameter : parameters)
            if (std::isnan(parameter.largest)) return parameter.largest;
            else worst = std::max(worst, parameter.largest);
        return worst;
    }

    std::string table() const {
        std::size_t widest = 9;
        for (const auto& parameter : parameters) widest = std::max(widest, parameter.name.size());
        char line[512];
        const auto print = [&](const char* name, const char* shape, const char* tried, const char* error, const char* step) {
            const int written = std::snprintf(line, sizeof line, "%-*s  %-16s %9s  %14s  %8s\n", static_cast<int>(widest), name, shape, tried, error, step);
            return std::string(line, static_cast<std::size_t>(std::clamp(written, 0, static_cast<int>(sizeof line) - 1)));
        };
        std::string text = print("parameter", "shape", "numbers", "relative error", "step");
        for (const auto& parameter : parameters) {
            std::string shape = "{";
            for (const auto size : parameter.shape) shape += (shape.size() > 1 ? ", " : "") + std::to_string(size);
            char error[32], step[32];
            std::snprintf(error, sizeof error, "%.2e", parameter.largest);
            std::snprintf(step, sizeof step, "%.0e", parameter.step);
            text += print(parameter.name.c_str(), (shape + "}").c_str(), std::to_string(parameter.tried).c_str(), error, step);
        }
        return text;
    }
};

/// How much of a model is tried.
struct gradient_check_settings {
    std::size_t most = 200;             ///< numbers of each parameter, spread evenly over it
    std::FILE* print = stdout;          ///< where the table goes; nullptr for nowhere
};

/// Compares the gradients with central differences of the loss,
///
///     numeric = (loss(x + h) - loss(x - h)) / 2h,   h = 1e-5 max(1, |x|)
///
/// for every parameter of the model, and prints the table. `loss()` runs the model on a fixed batch, forward and backward,
/// and returns the loss whose gradients the model has then accumulated; it must be the same function every time (dropout
/// with a fixed seed and step is). Models in double: rounding leaves some 1e-8 there, and nothing in float. Values are
/// restored, gradients cleared. Errors above 1e-6 are mistakes, or kinks (a rectifier near zero).
template <class Model, class Loss>
gradient_report gradient_check(Model& model, Loss&& loss, gradient_check_settings settings = {}) {
    std::vector<std::vector<double>> analytic;
    nn::clear_gradients(model);
    loss();
    nn::visit(model, [&](std::string_view, auto& parameter) {
        static_assert(std::is_same_v<std::remove_cvref_t<decltype(parameter.values()[0])>, double>,
                      "heed: differences of a float model are mostly rounding; check it in double");
        auto& all = analytic.emplace_back(parameter.values().size());
        if constexpr (nn::sparse_parameter_like<std::remove_reference_t<decltype(parameter)>>) {
            const auto rows = parameter.rows();
            for (std::size_t i = 0; i < rows.size(); ++i)
                for (std::size_t j = 0; j < parameter.width(); ++j)
                    all[static_cast<std::size_t>(rows[i]) * parameter.width() + j] = parameter.gradients()[i * parameter.width() + j];
        } else std::copy(parameter.gradients().begin(), parameter.gradients().end(), all.begin());
    });

    gradient_report report;
    nn::visit(model, [&](std::string_view name, auto& parameter) {
        const auto& slopes = analytic[report.parameters.size()];
        gradient_error found{std::string(name), parameter.shape()};
        double scale = 1e-8, difference = 0;
        const std::size_t stride = std::max<std::size_t>(1, slopes.size() / std::max<std::size_t>(1, settings.most));
        for (std::size_t i = 0; i < slopes.size(); i += stride, ++found.tried) {
            double& value = parameter.values()[i];
            const double kept = value, step = 1e-5 * std::max(1.0, std::abs(kept));
            value = kept + step;
            const double above = loss();
            value = kept - step;
            const double below = loss();
            value = kept;
            const double numeric = (above - below) / (2 * step);
            scale = std::max({scale, std::abs(numeric), std::abs(slopes[i])});
            const double off = std::abs(numeric - slopes[i]);
            difference = std::isnan(off) ? off : std::max(difference, off);
            if (std::isnan(difference)) break;
            found.step = std::max(found.step, step);
        }
        found.largest = difference / scale;
        report.parameters.push_back(std::move(found));
    });
    nn::clear_gradients(model);
    if (settings.print != nullptr) std::fputs(report.table().c_str(), settings.print);
    return report;
}

}  // namespace heed::inline HEED_TARGET::train
