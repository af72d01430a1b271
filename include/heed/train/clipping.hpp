/// Clipping by the global norm: all gradients of a model are one vector, and it is never longer than the limit.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <heed/error.hpp>
#include <heed/eval/evaluate.hpp>
#include <heed/eval/update_call.hpp>
#include <heed/nn/visit.hpp>
#include <heed/target.hpp>

namespace heed::inline HEED_TARGET::train {

/// The gradients of a model, so that a backend measures all of them at once. Allocates in the first step only.
class gradient_list {
public:
    template <class P>
    void add(const P& parameter) {
        using T = std::remove_cvref_t<decltype(parameter.gradients()[0])>;
        auto& all = of<T>();
        if (!measure_) all.clear(), measure_ = measure<T>;
        if (measure_ != measure<T>) throw value_error("global_norm: the gradients of a model are of one element type.");
        const auto numbers = parameter.gradients();
        heed::detail::gradient_numbers<T> each{numbers.data(), static_cast<heed::detail::index>(numbers.size())};
        if constexpr (requires { parameter.rows_there(); }) each.rows_there = parameter.rows_there(), each.width = static_cast<heed::detail::index>(parameter.width());
        all.push_back(each);
    }
    std::span<const double> sums_of_squares() const {
        thread_local std::vector<double> sums;
        if (!measure_) return {};
        measure_(sums);
        return sums;
    }

private:
    template <class T> static std::vector<heed::detail::gradient_numbers<T>>& of() {
        thread_local std::vector<heed::detail::gradient_numbers<T>> all;
        return all;
    }
    template <class T> static void measure(std::vector<double>& sums) {
        sums.resize(of<T>().size());
        backend_of<space_of<T>>::sums_of_squares(std::span<const heed::detail::gradient_numbers<T>>(of<T>()), sums.data());
    }
    void (*measure_)(std::vector<double>&) = nullptr;
};

/// The Euclidean norm of scale times all gradients that are to be followed. In a sparse gradient each row occurs once,
/// however often it was looked up, so that it counts with its sum. Throws value_error where it is not finite, and names
/// the first parameter at fault.
template <class Model>
double global_norm(const Model& model, double scale = 1) {
    gradient_list list;
    nn::visit(model, [&](std::string_view, const auto& parameter) { if (!parameter.frozen) list.add(parameter); });
    const std::span<const double> sums = list.sums_of_squares();
    double squares = 0;
    std::size_t at = 0;
    nn::visit(model, [&](std::string_view name, const auto& parameter) {
        if (parameter.frozen) return;
        const double of_this = sums[at++];
        if (!std::isfinite(of_this))
            throw value_error("The gradient of " + std::string(name) + " is not finite: its sum of squares is " +
                              std::to_string(of_this) + ".");
        squares += of_this;
    });
    return std::abs(scale) * std::sqrt(squares);
}

/// What clipping found, and what the gradients are to be multiplied with.
struct clipped {
    double norm;     ///< of scale * gradient, before clipping
    double scale;    ///< hand it to the optimizer's step, which applies it on the way: the gradients are not written
};

/// The scale that leaves scale * gradient as it is where its global norm is within the limit, and else shortens it to
/// the limit. Throws value_error where the norm is not finite or the limit not positive.
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
template <class Model>
clipped clip_by_global_norm(const Model& model, double limit, double scale = 1) {
    if (!(limit > 0)) throw value_error("clip_by_global_norm: the limit must be positive, and is " + std::to_string(limit) + ".");
    const double norm = global_norm(model, scale);
    return {norm, norm > limit ? scale * (limit / norm) : scale};
}

}  // namespace heed::inline HEED_TARGET::train
