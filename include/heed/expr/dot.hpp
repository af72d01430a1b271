/// dot: the sum over named axes of a product. Matmul, projection, outer product, batched product, split and merge of heads.
#pragma once

#include <heed/expr/reduce.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

template <class T, class X, class Y, class Gone>
struct contraction : computed<contraction<T, X, Y, Gone>, T,
                              lists::extend<lists::without<typename X::items, Gone>, lists::without<typename Y::items, Gone>>> {
    X x;
    Y y;
    contraction(X left, Y right) : x(std::move(left)), y(std::move(right)) {}
    using operands = axes<X, Y>;
    void each(auto&& f) const { f(x), f(y); }
    auto map(const auto& f) const { return contraction<T, decltype(f(x)), decltype(f(y)), Gone>(f(x), f(y)); }
};

}  // namespace detail

/// The sum over A... of x * y. Axes that both have and that are not summed stay, as in einsum. Result: what is left of x,
/// then what y adds.
template <axis_type... A, operand X, operand Y>
auto dot(X&& x, Y&& y) {
    using namespace detail;
    if constexpr (absorbs<X, Y>) return stand_in{};
    else {
        using in_x = first_missing<names_of<X>, A...>;
        using in_y = first_missing<names_of<Y>, A...>;
        if constexpr (in_x::size > 0) {
            (void)sizeof(error::dot_axis_is_not_in_the_first_operand<lists::at<in_x, 0>, names_of<X>, names_of<Y>>);
            return stand_in{};
        } else if constexpr (in_y::size > 0) {
            (void)sizeof(error::dot_axis_is_not_in_the_second_operand<lists::at<in_y, 0>, names_of<Y>, names_of<X>>);
            return stand_in{};
        } else if constexpr (spaces_differ<X, Y>) {
            (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<X>, element_of<Y>>);
            return stand_in{};
        } else if constexpr (!mixes<element_of<X>, element_of<Y>>) {
            (void)sizeof(error::element_types_do_not_mix_without_as<element_of<X>, element_of<Y>>);
            return stand_in{};
        } else if constexpr (leaves_sequences_alone<items_of<X>, axes<A...>>::value || leaves_sequences_alone<items_of<Y>, axes<A...>>::value) {
            (void)sizeof(error::batch_of_a_ragged_pair_cannot_go_before_its_sequences<axes<A...>, items_of<X>>);
            return stand_in{};
        } else
            return contraction<promote<element_of<X>, element_of<Y>>, captured<X>, captured<Y>, axes<A...>>(
                capture(std::forward<X>(x)), capture(std::forward<Y>(y)));
    }
}

}  // namespace heed::inline HEED_TARGET
