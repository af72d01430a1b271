/// What all optimizers share: moments beside each parameter, one pass over memory, dense gradients and sparse ones.
///
/// A rule (sgd.hpp, adam.hpp) is only the arithmetic of one number. This header walks: over a dense parameter whole; of
/// a sparse one over the rows that were touched, each once, so that the moments of all other rows stand still.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <heed/error.hpp>
#include <heed/eval/evaluate.hpp>
#include <heed/eval/update_call.hpp>
#include <heed/nn/visit.hpp>
#include <heed/target.hpp>
#include <heed/train/numbers.hpp>

namespace heed::inline HEED_TARGET::train {

/// Which parameters are pulled towards zero, and how strongly. Biases and gains never are.
struct weight_decay {
    double weights = 0;
    double tables = 0;      ///< embeddings; of a sparse one only the rows that an update touches

    constexpr double of(nn::role kind) const noexcept {
        return kind == nn::role::weight ? weights : kind == nn::role::table ? tables : 0;
    }
};

/// The state of a rule for every parameter of one model, and the walk over them.
///
/// T is the element type of the model. A rule has `moments`, the names of the numbers that it keeps beside each value,
/// and `update<T>(step, rate, kind)`, which returns a function (value, gradient, moment...) for that step: the backend calls
/// it with registers of numbers, all but the gradient by reference. Moments start at zero, in the first step
/// in which a parameter is not frozen.
template <class T, class Rule>
class optimizer {
public:
    explicit optimizer(Rule rule = {}) : rule_(rule) { rule_.validate(); }

    const Rule& rule() const noexcept { return rule_; }
    /// How many updates were made; the global step of every bias correction, for rows that are rarely touched too.
    std::int64_t steps() const noexcept { return steps_; }

    /// One update: every parameter that is not frozen follows gradient_scale * its gradient. The gradients are left as
    /// they are; clear_gradients(model) begins the next. Allocates in the first step only.
    /// Throws value_error where the model is not the one of the steps before, or the rate is negative or not finite.
    template <class Model>
    void step(Model& model, double rate, double gradient_scale = 1) {
        if (!(rate >= 0 && std::isfinite(rate) && std::isfinite(gradient_scale)))
            throw value_error("An optimizer's step needs finite numbers, and a rate that is not negative; the rate is " +
                              std::to_string(rate) + ", the gradients' scale " + std::to_string(gradient_scale) + ".");
        meet_all(model);                // a wrong model throws before anything is written
        step_met(rate, static_cast<value_of<T>>(gradient_scale));
    }

    /// Calls f(parameter's name, moment's name, numbers<T>& moment, parameter) for everything that a checkpoint must
    /// keep beside the values and steps(). A moment that has not begun is empty.
    template <class Model>
    void visit_state(Model& model, auto&& f) {
        meet_all(model);
        std::size_t index = 0;
        nn::visit(model, [&](std::string_view name, auto& parameter) {
            for (std::size_t i = 0; i < kept; ++i) f(name, Rule::moments[i], slots_[index].moments[i], parameter);
            ++index;
        });
    }
    /// Goes on as after that many updates: for a checkpoint that was read.
    void resume_at(std::int64_t steps) {
        if (steps < 0) throw value_error("An optimizer cannot have made " + std::to_string(steps) + " steps.");
        steps_ = steps;
    }

private:
    static constexpr std::size_t kept = Rule::moments.size();

    /// What a parameter of whatever axes comes to here; the code below is compiled once, not for each of them.
    struct learnt {
        std::span<T> values;
        std::span<const T> gradients;
        std::span<const int> rows;
        const int* rows_there;
        std::size_t width;              // of a row; 0 where the gradient is dense
        nn::role kind;
        bool frozen;
    };
    struct slot {
        std::string name;
        std::size_t size;
        std::array<numbers<T>, kept> moments;
    };
    using call = heed::detail::update_call<T, static_cast<int>(kept), decltype(std::declval<const Rule&>().template update<T>(0, 0.0, nn::role::weight))>;

    template <class Model>
    void meet_all(Model& model) {
        const bool first = slots_.empty();
        met_.clear();
        nn::visit(model, [&](std::string_view name, auto& parameter) {
            learnt met{parameter.values(), parameter.gradients(), {}, nullptr, 0, parameter.kind, parameter.frozen};
            if constexpr (nn::sparse_parameter_like<std::remove_reference_t<decltype(parameter)>>) {
                met.rows = parameter.rows(), met.width = parameter.width();
                if constexpr (requires { parameter.rows_there(); }) met.rows_there = parameter.rows_there();
            }
            meet(name, met, first);
        });
        if (met_.size() != slots_.size())
            throw value_error("An optimizer belongs to one model. This one has " + std::to_string(met_.size()) + " parameters, and had " +
                              std::to_string(slots_.size()) + ".");
    }
    void meet(std::string_view name, const learnt& parameter, bool first) {
        const std::size_t index = met_.size(), size = parameter.values.size();
        if (first) slots_.push_back({std::string(name), size, {}});
        if (index == slots_.size() || slots_[index].name != name || slots_[index].size != size)
            throw value_error("An optimizer belongs to one model. Parameter " + std::to_string(index) + " is " + std::string(name) + " of " +
                              std::to_string(size) + " numbers, and was " +
                              (index == slots_.size() ? std::string("none") : slots_[index].name + " of " + std::to_string(slots_[index].size)) + ".");
        met_.push_back(parameter);
    }

    void step_met(double rate, value_of<T> scale) {
        ++steps_;
        calls_.clear();
        for (std::size_t i = 0; i < met_.size(); ++i) {
            const learnt& met = met_[i];
            if (met.frozen) continue;
            call each{.value = met.values.data(), .gradient = met.gradients.data(), .size = static_cast<heed::detail::index>(met.values.size()), .rows = met.rows.data(),
                      .row_count = static_cast<heed::detail::index>(met.rows.size()), .rows_there = met.rows_there, .width = static_cast<heed::detail::index>(met.width),
                      .rule = rule_.template update<T>(steps_, rate, met.kind)};
            for (std::size_t m = 0; m < kept; ++m) {
                auto& moment = slots_[i].moments[m];
                if (moment.empty()) moment.assign(slots_[i].size, T(0));
                each.moment[m] = moment.data();
            }
            calls_.push_back(each);
        }
        backend_of<space_of<T>>::update(std::span<const call>(calls_), scale);
    }


    Rule rule_;
    std::int64_t steps_ = 0;
    std::vector<slot> slots_;
    std::vector<learnt> met_;           // the parameters of the step that is being made
    std::vector<call> calls_;
};

}  // namespace heed::inline HEED_TARGET::train
