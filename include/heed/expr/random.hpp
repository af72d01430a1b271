/// Random numbers as expressions: a function of seed, step and place, so that nothing of them need be kept.
#pragma once

#include <heed/expr/elementwise.hpp>

#include <cstdint>

namespace heed::inline HEED_TARGET {

namespace detail {

/// How many elements lie before each place in an operand's dense memory.
template <class Holder, class Items>
struct place_in_node : computed<place_in_node<Holder, Items>, std::int32_t, Items> {
    Holder holder;
    explicit place_in_node(Holder h) : holder(std::move(h)) {}
    template <class R> auto rewritten(const R& r) const {
        auto as_read = r.at_leaf(leaf<Holder, std::int32_t, Items>(holder));
        return place_in_node<decltype(as_read.holder), typename decltype(as_read)::items>(std::move(as_read.holder));
    }
    template <class Statement> void take_gathered(Statement& s) const { s.take_memory(holder.memory(), Items{}); }
};

template <class X>
struct uniform_node : computed<uniform_node<X>, weak, typename X::items> {
    X x;
    std::uint64_t seed, step;
    uniform_node(X place, std::uint64_t with_seed, std::uint64_t at_step) : x(std::move(place)), seed(with_seed), step(at_step) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return uniform_node<decltype(f(x))>(f(x), seed, step); }
};

}  // namespace detail

/// For each element of a tensor, how many lie before it in memory: the place that tells its random numbers from others'.
template <node_type X>
    requires requires(const X& x) { x.memory(); }
auto place_in(const X& x) {
    auto held = detail::capture(x);
    return detail::place_in_node<decltype(held.holder), typename X::items>(held.holder);
}

/// A number in [0, 1) for each place: the draw of that number of random_stream(seed, step), 24 bits of Philox4x32-10.
template <node_type Place>
auto random_uniform(std::uint64_t seed, std::uint64_t step, Place&& place) {
    if constexpr (detail::absorbs<Place>) return stand_in{};
    else return detail::uniform_node<detail::captured<Place>>(detail::capture(std::forward<Place>(place)), seed, step);
}

}  // namespace heed::inline HEED_TARGET
