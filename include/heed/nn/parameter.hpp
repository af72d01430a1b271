/// What a layer learns: a value, and the gradient that is collected for it.
#pragma once

#include <heed/nn/initial.hpp>
#include <heed/nn/visit.hpp>
#include <heed/language.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

namespace sizes {

/// Whether a size given for axis `Given` is that of axis A: of the same name, or of what A is a second name of.
template <class A, class Given> inline constexpr bool speaks_of = std::is_same_v<A, Given>;
template <class A, class Given> inline constexpr bool speaks_of<prime<A>, Given> = speaks_of<A, Given> || std::is_same_v<prime<A>, Given>;
template <class A, class Given> inline constexpr bool speaks_of<attended<A>, Given> = speaks_of<A, Given> || std::is_same_v<attended<A>, Given>;

/// A size of the run for item A, among sizes of which A may use one.
template <class A, class First, class... Rest>
A of(const First& first, const Rest&... rest) {
    if constexpr (std::is_same_v<A, First>) return first;
    else if constexpr (speaks_of<A, First>) return A(first.value);
    else {
        static_assert(sizeof...(Rest) > 0, "heed: the size of an axis that only the run knows is missing; hand it to the layer's constructor");
        return of<A>(rest...);
    }
}

template <class A> struct of_the_run { using type = lists::only_if<A::extent == run_time, A>; };
template <class Outer, class Inner> struct of_the_run<ragged<Outer, Inner>> { using type = axes<ragged<Outer, Inner>>; };

using lists::operator+;
template <class... A> using unknown = decltype((axes<>{} + ... + typename of_the_run<A>::type{}));

template <class Tensor, class... Unknown>
Tensor tensor_of(axes<Unknown...>, const auto&... given) {
    if constexpr (sizeof...(Unknown) == 0) return Tensor();
    else return Tensor(of<Unknown>(given...)...);
}

}  // namespace sizes

/// A tensor of T over A..., made from whatever sizes there are: those of other axes are ignored. So a layer hands all of
/// its sizes to each of its parameters.
template <class T, class... A>
tensor<T, A...> tensor_with(const auto&... given) {
    if constexpr (sizeof...(given) == 0) return tensor<T, A...>();
    else return sizes::tensor_of<tensor<T, A...>>(sizes::unknown<A...>{}, given...);
}

/// A tensor that is learnt, and its gradient.
///
/// `nn::parameter<T, Model, Hidden> weight;` or, with sizes of the run, `weight(Model{256}, Hidden{1024})`.
/// Gradients accumulate until clear_gradient(); those of activations are assigned. Both start as zeros.
///
/// In an equation, `weight` is its value, of which the backend may hold a packed copy; see pack().
template <class T, class... A>
struct parameter : expression<T, axes<A...>> {
    tensor<T, A...> value, gradient;
    role kind = role::weight;
    initial start = constant(0);
    bool frozen = false;        ///< an optimizer leaves it as it is
    int summed = 1;             ///< how many axes, from the first on, a product with it sums

    parameter() : parameter(role::weight, constant(0)) {}
    explicit parameter(role what, initial from, const auto&... given)
        : value(tensor_with<T, A...>(given...)), gradient(value), kind(what), start(from) {}
    template <class Size, class... More>
        requires(!std::is_same_v<Size, role> && !std::is_same_v<Size, parameter>)
    explicit parameter(const Size& size, const More&... more) : parameter(role::weight, constant(0), size, more...) {}

    /// gradient += the sum of the terms over every axis that the parameter lacks. For a projection y = dot<In>(x, W),
    /// dW is the sum over all positions of x dy: `weight.accumulate(x * dy)`, which runs as one contraction.
    void accumulate(const auto& terms) { gradient += sum_to<lists::names<axes<A...>>>(terms); }
    void clear_gradient() { gradient.clear(); }

    /// Packs the value for products with it, which then need not pack it in every call. What writes through values(), as
    /// optimizers and checkpoints do, forgets the pack; who writes to `value` packs again.
    template <class As = T> void pack() {
        if (kind == role::weight) packs.template pack<As>(std::as_const(value).memory(), summed);
    }
    auto as_operand() const {
        using held = heed::detail::by_reference_with_packs<tensor<T, A...>, pack_type>;
        return heed::detail::leaf<held, T, axes<A...>>(held{&value, packs.empty() ? nullptr : &packs});
    }

    std::span<T> values() {
        packs.clear();
        return {value.data(), static_cast<std::size_t>(value.size())};
    }
    std::span<const T> values() const { return {value.data(), static_cast<std::size_t>(value.size())}; }
    std::span<T> gradients() { return {gradient.data(), static_cast<std::size_t>(gradient.size())}; }
    std::span<const T> gradients() const { return {gradient.data(), static_cast<std::size_t>(gradient.size())}; }
    /// The sizes in memory; of a ragged pair, its rows.
    std::vector<std::int64_t> shape() const {
        const auto memory = value.memory();
        return {memory.size, memory.size + decltype(value)::rank};
    }

private:
    using pack_type = typename backend_of<space_of<T>>::template packs<T>;
    pack_type packs;
};

/// Packs every weight of the model: before one is served, so that no product packs it again. Training gains nothing, since
/// an update forgets the packs. `nn::pack<bf16>(model)` rounds the weights: products with them are of bf16, summed in float,
/// where the machine does these faster than those of float.
template <class... As, class Model>
void pack(Model& model) {
    visit(model, [](std::string_view, auto& parameter) {
        if constexpr (requires { parameter.template pack<As...>(); }) parameter.template pack<As...>();
    });
}

/// What stands in a layer in place of a parameter that it was built without: it adds nothing and learns nothing.
struct absent_parameter {
    explicit absent_parameter(const auto&...) {}
    void accumulate(const auto&) {}
    static void parts(auto&, auto&&) {}
};

/// A product with its bias, where it has one.
template <class T, class... A> auto plus(const auto& product, const parameter<T, A...>& bias) { return product + bias.value; }
auto plus(const auto& product, const absent_parameter&) { return product; }

/// Whether projections add a learnt vector.
enum class biases { none, learnt };
template <biases Choice, class T, class... A> using bias_of = std::conditional_t<Choice == biases::learnt, parameter<T, A...>, absent_parameter>;

}  // namespace heed::inline HEED_TARGET::nn
