/// The numbers of a model as the host sees them, and the same model in another space.
#pragma once

#include <heed/error.hpp>
#include <heed/nn/visit.hpp>
#include <heed/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// f(numbers) writes all of them, on the host; where they lie elsewhere, they are copied there.
template <class T>
void write_numbers(std::span<T> numbers, auto&& f) {
    if constexpr (is_on_host<T>) f(numbers);
    else {
        std::vector<value_of<T>> here(numbers.size());
        f(std::span(here));
        if (!here.empty()) heed::detail::memory_of<space_of<T>>::from_host(numbers.data(), here.data(), numbers.size_bytes());
    }
}

/// f(numbers) reads them, on the host.
template <class T>
void read_numbers(std::span<const T> numbers, auto&& f) {
    if constexpr (is_on_host<T>) f(numbers);
    else {
        std::vector<value_of<T>> here(numbers.size());
        if (!here.empty()) heed::detail::memory_of<space_of<T>>::to_host(here.data(), numbers.data(), numbers.size_bytes());
        f(std::span<const value_of<T>>(here));
    }
}

/// The values of a model's parameters to another model of the same parts, wherever each lives, as what it holds: a model that
/// was loaded on the host to a GPU, one that was trained there back, one of float rounded to bf16. Throws value_error where the parts differ; some of `to` may then
/// have its values already.
template <class From, class To>
void copy_values(const From& from, To& to) {
    std::size_t count = 0;
    visit(from, [&](std::string_view, const auto&) { ++count; });
    std::size_t met = 0;
    visit(to, [&](std::string_view name, auto& target) {
        std::size_t at = 0;
        visit(from, [&](std::string_view from_name, const auto& source) {
            if (at++ != met) return;
            const auto values = source.values();
            auto targets = target.values();
            if (from_name != name || values.size() != targets.size())
                throw value_error("copy_values: parameter " + std::to_string(met) + " is " + std::string(from_name) + " of " + std::to_string(values.size()) +
                                  " numbers in one model, and " + std::string(name) + " of " + std::to_string(targets.size()) + " in the other.");
            read_numbers(std::span(values), [&](auto numbers) {
                using number = std::remove_cvref_t<decltype(targets[0])>;
                write_numbers(targets, [&](auto written) { std::ranges::transform(numbers, written.begin(), [](auto x) { return static_cast<value_of<number>>(x); }); });
            });
        });
        ++met;
    });
    if (met != count) throw value_error("copy_values: one model has " + std::to_string(count) + " parameters, the other " + std::to_string(met) + ".");
}

}  // namespace heed::inline HEED_TARGET::nn
