/// Cross-entropy over a large vocabulary, fused with the projection onto it: no matrix of tokens x classes is ever held.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/loss.hpp>
#include <heed/nn/parameter.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

namespace heed::inline HEED_TARGET::nn {

/// The positions of a batch, those of all its sequences one after another.
struct scored : axis<> {};

/// With a row of the output table W {Class, Model} for each class, and h {.., Model}, of which Model is the last in memory:
///
///     z = h W^T            loss = the cross-entropy of z with the labels {..}, summed over what is counted
///
///     dz as categorical_cross_entropy has it            dh = dz W            dW += dz^T h
///
/// A block of positions at a time: its logits, loss and three products, before the next. Of a small vocabulary a block is
/// 1 MB, which stays in cache between its products; of 50,000 classes it is 26 MB, where 4,096 tokens would take 0.8 GB.
/// Since a loss is the last thing that a model computes, its gradient is known as soon as it is: there is no second pass.
template <class Class, class Model>
struct projected_cross_entropy {
    categorical_cross_entropy<Class> each;

    explicit projected_cross_entropy(double smoothing = 0) : each(smoothing) {}

    template <class H>
    struct trace_of {
        tensor<activations::number<H>, scored, Class> logits, dlogits;
        like<H> dh;
    };

    /// The loss alone.
    summed_loss forward(const auto& h, const auto& table, const auto& labels, auto& trace) const {
        return in_blocks(h, table, labels, [&](const auto& rows, const auto& of_rows, auto) {
            trace.logits = dot<Model>(rows, table.value);
            return each.forward(trace.logits, of_rows);
        });
    }
    /// And the gradients of the sum: h's in trace.dh, the table's accumulated.
    summed_loss learn(const auto& h, auto& table, const auto& labels, auto& trace) const {
        take_shape(trace.dh, h);
        return in_blocks(h, table, labels, [&](const auto& rows, const auto& of_rows, auto first) {
            trace.logits = dot<Model>(rows, table.value);
            const summed_loss loss = each.forward(trace.logits, of_rows, trace.dlogits);
            auto dh = part_of(trace.dh, first, extent_of<scored>(rows));
            dh = dot<Class>(trace.dlogits, table.value);
            table.accumulate(trace.dlogits * rows);
            return loss;
        });
    }

private:
    static constexpr std::int64_t numbers_in_a_block = 1 << 18;
    static constexpr std::int64_t least_positions = 128;            ///< fewer, and reading the table would take longer than multiplying by it

    /// Rows first .. first + count of h.
    template <class H>
    static auto part_of(H& h, std::int64_t first, std::int64_t count) {
        const auto width = extent_of<Model>(h);
        return view<std::remove_reference_t<decltype(*h.data())>, scored, Model>(h.data() + first * width, scored{count}, Model{width});
    }

    template <class H, class Labels>
    static summed_loss in_blocks(const H& h, const auto& table, const Labels& labels, auto&& step) {
        static_assert(std::is_same_v<activations::items<H>, lists::join<activations::items<Labels>, axes<Model>>>,
                      "heed: the labels of a projected loss lie in memory as its positions do, and Model is the last axis of these");
        if (h.size() != labels.size() * extent_of<Model>(h))
            throw shape_error("projected_cross_entropy: there are " + std::to_string(labels.size()) + " labels for " +
                              std::to_string(h.size() / std::max<std::int64_t>(1, extent_of<Model>(h))) + " positions.");
        const std::int64_t all = labels.size();
        const std::int64_t most = std::max(least_positions, numbers_in_a_block / std::max<std::int64_t>(1, extent_of<Class>(table.value)));
        summed_loss total;
        for (std::int64_t first = 0; first < all; first += most) {
            const std::int64_t count = std::min(most, all - first);
            const summed_loss loss = step(part_of(h, first, count), view<const int, scored>(labels.data() + first, scored{count}), first);
            total.sum += loss.sum;
            total.count += loss.count;
        }
        return total;
    }
};

}  // namespace heed::inline HEED_TARGET::nn
