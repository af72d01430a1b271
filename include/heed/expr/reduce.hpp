/// Reductions over named axes: sum, mean, max, min, logsumexp.
#pragma once

#include <heed/expr/elementwise.hpp>

namespace heed::inline HEED_TARGET {

namespace operations {

// Reductions: where they begin, how two partial results combine, and what the whole becomes for n elements.
struct sum {
    static constexpr const char* name = "sum";
    static constexpr double identity = 0;
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V x, V y) { return x + y; }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double) { return x; }
};
struct mean {
    static constexpr const char* name = "mean";
    static constexpr double identity = 0;
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V x, V y) { return x + y; }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double n) { return n > 0 ? x * V(1 / n) : x; }      // a mean over nothing is 0
};
struct highest {
    static constexpr const char* name = "max";
    static constexpr double identity = negative_infinity();
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V x, V y) { return max_or_nan(x, y); }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double) { return x; }
};
/// The greatest but for NaN: the shift of exponentials, whose sum is NaN where one of them is.
struct highest_number {
    static constexpr const char* name = "max";
    static constexpr double identity = negative_infinity();
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V x, V y) { return max(y, x); }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double) { return x; }
};
struct lowest {
    static constexpr const char* name = "min";
    static constexpr double identity = infinity;
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V x, V y) { return min_or_nan(x, y); }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double) { return x; }
};

/// What a row needs once: a number made of its reductions.
struct once {
    static constexpr const char* name = "once";
    static constexpr double identity = 0;
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V combine(V, V y) { return y; }
    template <class V> [[gnu::always_inline]] HEED_HOST_DEVICE static V finish(V x, double) { return x; }
};

}  // namespace operations

namespace detail {

template <class Op, class T, class X, class Gone>
struct reduction : computed<reduction<Op, T, X, Gone>, T, lists::without<typename X::items, Gone>> {
    X x;
    explicit reduction(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return reduction<Op, T, decltype(f(x)), Gone>(f(x)); }
};

/// log sum exp
template <class T, class X, class Gone>
struct log_sum : computed<log_sum<T, X, Gone>, T, lists::without<typename X::items, Gone>> {
    X x;
    explicit log_sum(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return log_sum<T, decltype(f(x)), Gone>(f(x)); }
};

/// A ragged pair cannot lose its outer axis and keep its inner one.
template <class Items, class Gone> struct leaves_sequences_alone { static constexpr bool value = false; };
template <class Outer, class Inner, class... Rest, class Gone> struct leaves_sequences_alone<axes<ragged<Outer, Inner>, Rest...>, Gone> {
    static constexpr bool value = lists::has<Outer, Gone> && !lists::has<Inner, Gone>;
};
template <class A, class... Rest, class Gone> struct leaves_sequences_alone<axes<A, Rest...>, Gone> : leaves_sequences_alone<axes<Rest...>, Gone> {};

/// The first of A... that is not among Names, as a list; empty where all are there.
template <class Names, class... A> using first_missing = lists::minus<axes<A...>, Names>;

}  // namespace detail

#define HEED_REDUCTION(NAME, NODE, RESULT)                                                                     \
    template <axis_type... A, node_type X>                                                                     \
        requires(sizeof...(A) > 0)                                                                             \
    auto NAME(X&& x) {                                                                                         \
        using namespace detail;                                                                                \
        using names = names_of<X>;                                                                             \
        using missing = first_missing<names, A...>;                                                            \
        if constexpr (absorbs<X>) return stand_in{};                                                           \
        else if constexpr (missing::size > 0) {                                                                \
            (void)sizeof(error::NAME##_axis_is_not_in_the_operand<lists::at<missing, 0>, names>);              \
            return stand_in{};                                                                                 \
        } else if constexpr (leaves_sequences_alone<items_of<X>, axes<A...>>::value) {                         \
            (void)sizeof(error::batch_of_a_ragged_pair_cannot_go_before_its_sequences<axes<A...>, items_of<X>>); \
            return stand_in{};                                                                                 \
        } else {                                                                                               \
            using T = element_of<X>;                                                                           \
            return NODE<RESULT, captured<X>, axes<A...>>(capture(std::forward<X>(x)));                         \
        }                                                                                                      \
    }

namespace detail {
template <class T, class X, class Gone> using sum_node = reduction<operations::sum, T, X, Gone>;
template <class T, class X, class Gone> using mean_node = reduction<operations::mean, T, X, Gone>;
template <class T, class X, class Gone> using max_node = reduction<operations::highest, T, X, Gone>;
template <class T, class X, class Gone> using min_node = reduction<operations::lowest, T, X, Gone>;
}  // namespace detail

HEED_REDUCTION(sum, sum_node, number_of<T>)
HEED_REDUCTION(mean, mean_node, floating<T>)
HEED_REDUCTION(max, max_node, number_of<T>)
HEED_REDUCTION(min, min_node, number_of<T>)
HEED_REDUCTION(logsumexp, log_sum, floating<T>)
#undef HEED_REDUCTION

namespace detail {
template <class X, class... Gone>
auto sum_over(X&& x, axes<Gone...>) {
    if constexpr (sizeof...(Gone) == 0) return capture(std::forward<X>(x));
    else return sum<Gone...>(std::forward<X>(x));
}
}  // namespace detail

/// The sum over every axis that the list lacks: what a parameter's gradient collects.
template <class List, node_type X>
auto sum_to(X&& x) {
    if constexpr (detail::absorbs<X>) return stand_in{};
    else return detail::sum_over(std::forward<X>(x), lists::minus<detail::names_of<X>, List>{});
}

}  // namespace heed::inline HEED_TARGET
