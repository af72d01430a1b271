/// Every parameter of a model, by name: what optimizers, checkpoints, counting and printing are made of.
///
/// A layer lists its parts once, for const and mutable visitors alike, in a static function:
///
///     static void parts(auto& self, auto&& part) {
///         part("weight", self.weight);        // a parameter, a layer with parts of its own, or a range of layers
///         part("bias", self.bias);
///     }
///
/// and `nn::visit(model, f)` calls f("encoder.block0.attention.wq", parameter) for each parameter beneath.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>

#include <heed/error.hpp>
#include <heed/target.hpp>

namespace heed::inline HEED_TARGET::nn {

/// What initialisation and weight decay need to know of a parameter.
enum class role {
    weight,     ///< a matrix of a projection: decays
    bias,       ///< added: does not decay
    gain,       ///< multiplied onto a normalised value: does not decay
    table,      ///< rows that are looked up: does not decay, unless one asks for it
};

/// A named array of numbers with a gradient beside it, as the trainers see it: values and gradients as spans.
template <class P>
concept parameter_like = requires(P& p) {
    p.values();
    p.gradients();
    { p.kind } -> std::convertible_to<role>;
};

/// A parameter whose gradient holds only the rows that were touched: rows()[i] is the row of the i-th piece of gradients().
template <class P>
concept sparse_parameter_like = parameter_like<P> && requires(P& p) {
    p.rows();
    p.width();
};

namespace visiting {

/// The dotted name of where a visit stands. It is kept in place, so that a visit in every training step allocates nothing.
class path {
public:
    std::string_view text() const noexcept { return {letters_.data(), length_}; }
    std::size_t length() const noexcept { return length_; }
    void shorten(std::size_t length) noexcept { length_ = length; }

    /// Appends ".name", or "name" at the beginning.
    void descend(std::string_view name) {
        if (length_ > 0 && !name.empty()) append(".");
        append(name);
    }
    /// Appends the number of an element: "block" becomes "block7".
    void count(std::size_t index) {
        std::array<char, 24> digits{};
        const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), index);
        append({digits.data(), static_cast<std::size_t>(written.ptr - digits.data())});
    }

private:
    void append(std::string_view piece) {
        if (length_ + piece.size() > letters_.size())
            throw value_error("visit: a parameter's name is longer than " + std::to_string(letters_.size()) + " letters: " +
                              std::string(text()) + std::string(piece));
        piece.copy(letters_.data() + length_, piece.size());
        length_ += piece.size();
    }

    std::array<char, 240> letters_{};
    std::size_t length_ = 0;
};

template <class Part>
void descend(path& where, std::string_view name, Part& part, auto& f) {
    const std::size_t above = where.length();
    where.descend(name);
    if constexpr (parameter_like<Part>) {
        f(where.text(), part);
    } else if constexpr (std::ranges::range<Part>) {
        const std::size_t before = where.length();
        std::size_t index = 0;
        for (auto& element : part) {
            where.count(index++);
            descend(where, "", element, f);
            where.shorten(before);
        }
    } else {
        Part::parts(part, [&](std::string_view inner, auto& below) { descend(where, inner, below, f); });
    }
    where.shorten(above);
}

}  // namespace visiting

/// Calls f(name, parameter) for every parameter of the model, in the order in which its parts are listed; name is a
/// std::string_view that lives as long as the call. The model is a parameter, a layer with `parts`, or a range of them.
template <class Model>
void visit(Model& model, auto&& f) {
    visiting::path where;
    visiting::descend(where, "", model, f);
}

/// How many numbers there are to learn.
template <class Model>
std::size_t parameter_count(const Model& model) {
    std::size_t count = 0;
    visit(model, [&](std::string_view, const auto& parameter) { count += parameter.values().size(); });
    return count;
}

/// Sets every gradient to zero; a sparse one forgets its rows.
template <class Model>
void clear_gradients(Model& model) {
    visit(model, [](std::string_view, auto& parameter) { parameter.clear_gradient(); });
}

}  // namespace heed::inline HEED_TARGET::nn
