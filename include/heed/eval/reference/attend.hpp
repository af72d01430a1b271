/// Attention by plain loops in double: every score of a row, its softmax, the weighted sum.
#pragma once

#include <heed/eval/attention_call.hpp>

#include <vector>

namespace heed::inline HEED_TARGET::reference {

using detail::attention_call, detail::attention_memory, detail::index;

/// The scores of one row: what the tree makes of the products, -infinity where the mask is false.
template <class Slots, class T, class Tree, class Mask>
class score_row {
public:
    score_row(const attention_call<T>& call, const Tree& tree, const Mask& mask) : call_(call), tree_(tree), mask_(mask) {}

    /// Every score of a row of a problem; where_row is the row's place along the row axes.
    void compute(const index* problem, const index* where_row, std::vector<double>& score) {
        const index keys = call_.keys_of(problem), first = call_.ragged() ? call_.key_offsets[problem[call_.segment_axis]] : 0;
        score.resize(static_cast<std::size_t>(keys));
        for (index j = 0; j < keys; ++j) {
            double product = 0;
            const T* q = place(call_.q, problem, where_row, 0);
            const T* k = place(call_.k, problem, where_row, first + j);
            for (index d = 0; d < call_.depth; ++d) product += static_cast<double>(q[d * call_.q.inner[1]]) * static_cast<double>(k[d * call_.k.inner[1]]);
            score[static_cast<std::size_t>(j)] = value(problem, where_row, j, product);
        }
    }
    template <class U> U* place(const attention_memory<U>& m, const index* problem, const index* where_row, index key) const {
        U* p = m.data + key * m.key;
        for (int i = 0; i < 4; ++i)
            if (i != call_.segment_axis) p += problem[i] * m.batch[i];
        for (int i = 0; i < 3; ++i) p += where_row[i] * m.row[i];
        if (call_.ragged()) p += call_.query_offsets[problem[call_.segment_axis]] * m.row[0];
        return p;
    }

private:
    double value(const index* problem, const index* where_row, index key, double product) {
        index at[lowered::most_slots] = {};
        for (int i = 0; i < Slots::batch; ++i) at[i] = problem[i];
        for (int i = 0; i < Slots::rows; ++i) at[Slots::batch + i] = where_row[i];
        at[Slots::key] = key;
        const index row = call_.ragged() ? call_.query_offsets[problem[call_.segment_axis]] : 0;
        using context = lowered::numbers<lowered::no_lane>;
        if constexpr (!std::is_same_v<Mask, detail::no_mask>) {
            mask_.template seek<lowered::no_lane>(at, row);
            if (!mask_.template get<context>(lowered::spot{})) return negative_infinity();
        }
        tree_.template seek<lowered::no_lane>(at, row);
        const T rounded = static_cast<T>(product);
        return tree_.template get<context>(lowered::spot{0, 1, &rounded});
    }
    const attention_call<T>& call_;
    Tree tree_;
    Mask mask_;
};

template <class T, class F>
void each_row(const attention_call<T>& call, F&& f) {
    for (index p = 0; p < call.batches(); ++p) {
        index problem[4];
        call.place_of(p, problem);
        const index inner = call.row[1] * call.row[2], rows = call.rows_of(problem);
        for (index r = 0; r < rows; ++r) {
            const index where_row[3] = {r / inner, r / call.row[2] % call.row[1], r % call.row[2]};
            f(problem, where_row);
        }
    }
}

template <class Slots, class T, class Tree, class Mask>
void attend(const attention_call<T>& call, const Tree& tree, const Mask& mask) {
    score_row<Slots, T, Tree, Mask> scores(call, tree, mask);
    std::vector<double> score;
    each_row(call, [&](const index* problem, const index* row) {
        scores.compute(problem, row, score);
        double top = negative_infinity(), total = 0;
        for (double s : score) top = s > top || s != s ? s : top;
        if (top == negative_infinity()) top = 0;
        for (double s : score) total += std::exp(s - top);
        const index first = call.ragged() ? call.key_offsets[problem[call.segment_axis]] : 0;
        std::vector<double> kept(score.size(), 1);
        const index row_number = (row[0] * call.row[1] + row[1]) * call.row[2] + row[2];
        if (call.drop.rate > 0) call.drop.factors(call.number_of(problem), row_number, 0, kept.data(), static_cast<index>(kept.size()));
        for (index a = 0; a < call.value[0]; ++a)
            for (index b = 0; b < call.value[1]; ++b) {
                double sum = 0;
                for (std::size_t j = 0; j < score.size(); ++j) {
                    if (score[j] == negative_infinity()) continue;      // what is hidden contributes nothing, NaN included
                    const T* v = scores.place(call.v, problem, row, first + static_cast<index>(j));
                    sum += kept[j] * std::exp(score[j] - top) / total * static_cast<double>(v[a * call.v.inner[0] + b * call.v.inner[1]]);
                }
                scores.place(call.out, problem, row, 0)[a * call.out.inner[0] + b * call.out.inner[1]] = static_cast<T>(sum);
            }
        if (call.log_sum_exp.data) *scores.place(call.log_sum_exp, problem, row, 0) = static_cast<detail::log_sum_exp_of<T>>(total > 0 || total != total ? std::log(total) + top : double(negative_infinity()));
    });
}

}  // namespace heed::inline HEED_TARGET::reference
