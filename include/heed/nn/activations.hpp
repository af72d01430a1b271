/// The types of activations, from the types of what they are computed from.
///
/// A layer does not fix whether its input is padded or ragged, nor in which order its axes lie. So the activations that a
/// backward pass needs are members of `layer::trace_of<X>`, and these aliases say what they are.
#pragma once

#include <heed/language.hpp>

#include <type_traits>

namespace heed::inline HEED_TARGET::nn {

namespace activations {

template <class T, class Items> struct tensor_over;
template <class T, class... I> struct tensor_over<T, axes<I...>> { using type = tensor<T, I...>; };

template <class X> using items = typename std::remove_cvref_t<X>::items;
template <class X> using number = std::remove_const_t<typename std::remove_cvref_t<X>::element_type>;

}  // namespace activations

/// A tensor of its own with the axes of X, in their order.
template <class X>
using like = typename activations::tensor_over<activations::number<X>, activations::items<X>>::type;

/// X after a sum over A.
template <class X, class... A>
using reduced = typename activations::tensor_over<activations::number<X>, lists::without<activations::items<X>, axes<A...>>>::type;

/// X after a projection from In to Out...
template <class X, class In, class... Out>
using projected = typename activations::tensor_over<activations::number<X>, lists::join<lists::without<activations::items<X>, axes<In>>, axes<Out...>>>::type;

/// The log-sum-exp of attention whose queries or output are X: without its Depth, in float where X is bf16.
template <class X, class Depth>
using log_sums = typename activations::tensor_over<heed::detail::log_sum_exp_of<activations::number<X>>, lists::without<activations::items<X>, axes<Depth>>>::type;

/// What ids of type Ids look up in a table of T: the axes of the ids, then those of a row.
template <class T, class Ids, class... A>
using looked_up = typename activations::tensor_over<T, lists::join<activations::items<Ids>, axes<A...>>>::type;

/// X with axis From called To.
template <class X, class From, class To>
using renamed = typename activations::tensor_over<activations::number<X>, lists::rename<activations::items<X>, From, To>>::type;

/// Gives `to` the sizes of `from`, a tensor of the same axes in the same order; what it held is lost.
template <class X>
void take_shape(X& to, const X& from) {
    const auto memory = from.memory();
    to.resize(memory.size, memory.offsets, memory.segments);
}

/// A trace for a layer's training step on such inputs: `auto trace = nn::trace_for(encoder, x)`. It owns every activation
/// that the layer's backward needs. Keep it from step to step: its memory grows to the largest batch, and then stays.
template <class Layer, class... X>
auto trace_for(const Layer&, const X&...) {
    return typename Layer::template trace_of<X...>();
}

}  // namespace heed::inline HEED_TARGET::nn
