/// softmax and log_softmax over an axis, and attention, which is one of them inside a dot.
#pragma once

#include <heed/expr/dot.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// exp(x - max) / sum exp(x - max), or its logarithm. Over nothing that is above -infinity: zeros, or -infinity.
template <bool Log, class T, class X, class Gone>
struct soft : computed<soft<Log, T, X, Gone>, T, typename X::items> {
    X x;
    explicit soft(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return soft<Log, T, decltype(f(x)), Gone>(f(x)); }
};

}  // namespace detail

/// The softmax over axis A: zeros where nothing of it is above -infinity.
template <axis_type A, node_type X>
auto softmax(X&& x) {
    using namespace detail;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (!lists::has<A, names_of<X>>) {
        (void)sizeof(error::softmax_axis_is_not_in_the_operand<A, names_of<X>>);
        return stand_in{};
    } else return soft<false, floating<element_of<X>>, captured<X>, axes<A>>(capture(std::forward<X>(x)));
}

/// x - logsumexp<A>(x)
template <axis_type A, node_type X>
auto log_softmax(X&& x) {
    using namespace detail;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (!lists::has<A, names_of<X>>) {
        (void)sizeof(error::log_softmax_axis_is_not_in_the_operand<A, names_of<X>>);
        return stand_in{};
    } else return soft<true, floating<element_of<X>>, captured<X>, axes<A>>(capture(std::forward<X>(x)));
}

/// sum over Key of softmax<Key>(scores) * values: the equation of attention by its name.
template <axis_type Key, node_type Scores, node_type Values>
auto attention(Scores&& scores, Values&& values) {
    return dot<Key>(softmax<Key>(std::forward<Scores>(scores)), std::forward<Values>(values));
}

}  // namespace heed::inline HEED_TARGET
