/// Attention by the reference's equations, one thread an output: what the kernels on tiles do not take.
///
/// A thread computes the scores that it needs again, in float: first their maximum and sum, then what is asked.
#pragma once

#include <heed/eval/attention_call.hpp>
#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/derivative.hpp>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::attention_call, heed::detail::attention_memory;

/// The scores of a statement, one by one.
template <class F, class Slots, class T, class Tree, class Mask>
struct attention_scores {
    using one = lanes<F, lowered::no_lane>;
    attention_call<T> call;
    Tree tree;
    Mask mask;

    template <class U> HEED_HOST_DEVICE U* place(const attention_memory<U>& m, const index* problem, const index* row, index key) const {
        U* p = m.data + key * m.key;
        for (int i = 0; i < 4; ++i)
            if (i != call.segment_axis) p += problem[i] * m.batch[i];
        for (int i = 0; i < 3; ++i) p += row[i] * m.row[i];
        if (call.ragged()) p += call.query_offsets[problem[call.segment_axis]] * m.row[0];
        return p;
    }
    HEED_HOST_DEVICE index first_key(const index* problem) const { return call.ragged() ? call.key_offsets[problem[call.segment_axis]] : 0; }
    HEED_HOST_DEVICE F product(const attention_memory<const T>& x, const attention_memory<const T>& y, const index* problem, const index* row, index key) const {
        const T* const a = place(x, problem, row, key);
        const T* const b = place(y, problem, row, key);
        F sum = 0;
        for (index d = 0; d < call.depth; ++d) sum += one::read(a[d * x.inner[1]]) * one::read(b[d * y.inner[1]]);
        return sum;
    }
    /// The score of a pair, -infinity where it is hidden; its derivative by the product, where asked.
    HEED_HOST_DEVICE F score(const index* problem, const index* row, index key, F* slope = nullptr) const {
        index at[lowered::most_slots] = {};
        for (int i = 0; i < Slots::batch; ++i) at[i] = problem[i];
        for (int i = 0; i < Slots::rows; ++i) at[Slots::batch + i] = row[i];
        at[Slots::key] = key;
        const index before = call.ragged() ? call.query_offsets[problem[call.segment_axis]] : 0;
        if constexpr (!std::is_same_v<Mask, heed::detail::no_mask>) {
            Mask m = mask;
            m.template seek<lowered::no_lane>(at, before);
            if (!m.template get<one>(lowered::spot{}).value[0]) return static_cast<F>(negative_infinity());
        }
        const T rounded(static_cast<value_of<T>>(product(call.q, call.k, problem, row, first_key(problem) + key)));
        if (slope) {
            auto derived = derivatives::derive(tree);
            derived.template seek<lowered::no_lane>(at, before);
            *slope = derived.template get<one>(lowered::spot{0, 1, &rounded}).value[0];
        }
        Tree t = tree;
        t.template seek<lowered::no_lane>(at, before);
        return t.template get<one>(lowered::spot{0, 1, &rounded}).value[0];
    }
    /// What dropout leaves of a weight.
    HEED_HOST_DEVICE F kept(const index* problem, const index* row, index key) const {
        if (!(call.drop.rate > 0)) return 1;
        return call.drop.template factor<F>(call.number_of(problem), (row[0] * call.row[1] + row[1]) * call.row[2] + row[2], key);
    }
    /// The place of a row's number along the row axes.
    HEED_HOST_DEVICE void row_of(index r, index* row) const { row[0] = r / (call.row[1] * call.row[2]), row[1] = r / call.row[2] % call.row[1], row[2] = r % call.row[2]; }
    HEED_HOST_DEVICE static index step(const index* inner, index value, index values) { return value / values * inner[0] + value % values * inner[1]; }
    HEED_HOST_DEVICE static bool is_hidden(F score) { return score == static_cast<F>(negative_infinity()); }
};

/// out[row, value], one thread each; the first of a row writes its log-sum-exp.
template <class F, class Slots, class T, class Tree, class Mask>
struct attend_elements : attention_scores<F, Slots, T, Tree, Mask> {
    static constexpr int threads = 128;
    using base = attention_scores<F, Slots, T, Tree, Mask>;
    using one = typename base::one;
    index most_rows;                    // of a problem

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index values = this->call.value[0] * this->call.value[1], n = block.number() * threads + block.thread();
        index problem[4];
        if (n >= this->call.batches() * most_rows * values) return;
        this->call.place_of(n / values / most_rows, problem);
        const index value = n % values, r = n / values % most_rows, keys = this->call.keys_of(problem);
        if (r >= this->call.rows_of(problem)) return;
        index row[3];
        this->row_of(r, row);
        F top = static_cast<F>(negative_infinity()), total = 0, sum = 0;
        for (index j = 0; j < keys; ++j) {
            const F s = this->score(problem, row, j);
            if (s > top || s != s) top = s;
        }
        if (base::is_hidden(top)) top = 0;
        for (index j = 0; j < keys; ++j) total += std::exp(this->score(problem, row, j) - top);
        for (index j = 0; j < keys; ++j) {
            const F s = this->score(problem, row, j);
            if (base::is_hidden(s)) continue;
            const F v = one::read(this->place(this->call.v, problem, row, this->first_key(problem) + j)[base::step(this->call.v.inner, value, this->call.value[1])]);
            sum += this->kept(problem, row, j) * (std::exp(s - top) / total) * v;
        }
        one::store(this->place(this->call.out, problem, row, 0) + base::step(this->call.out.inner, value, this->call.value[1]), 0, pack<F, 1>(sum));
        if (value == 0 && this->call.log_sum_exp.data) {
            const F whole = total > 0 || total != total ? std::log(total) + top : static_cast<F>(negative_infinity());
            one::store(this->place(this->call.log_sum_exp, problem, row, 0), 0, pack<F, 1>(whole));
        }
    }
};

enum class gradient_of { queries, keys, values };

/// dq[row, depth], dk[key, depth] or dv[key, value], one thread each. With p = exp(s - log_sum_exp), m what dropout leaves:
///     ds = p (m dout v - dout out)    dq = sum_keys ds s' k    dk = sum_rows ds s' q    dv = sum_rows m p dout
template <gradient_of Which, class F, class Slots, class T, class Tree, class Mask>
struct attend_backward_elements : attention_scores<F, Slots, T, Tree, Mask> {
    static constexpr int threads = 128;
    using base = attention_scores<F, Slots, T, Tree, Mask>;
    using one = typename base::one;
    index most_lines;                   // rows of a problem, or its keys

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index columns = Which == gradient_of::values ? this->call.value[0] * this->call.value[1] : this->call.depth, n = block.number() * threads + block.thread();
        index problem[4], row[3] = {0, 0, 0};
        if (n >= this->call.batches() * most_lines * columns) return;
        this->call.place_of(n / columns / most_lines, problem);
        const index column = n % columns, line = n / columns % most_lines, rows = this->call.rows_of(problem), keys = this->call.keys_of(problem), first = this->first_key(problem);
        F sum = 0;
        if constexpr (Which == gradient_of::queries) {
            if (line >= rows) return;
            this->row_of(line, row);
            for (index j = 0; j < keys; ++j) {
                const F ds = of_score(problem, row, j);
                if (ds != 0) sum += ds * one::read(this->place(this->call.k, problem, row, first + j)[column * this->call.k.inner[1]]);
            }
            one::store(this->place(this->call.dq, problem, row, 0) + column * this->call.dq.inner[1], 0, pack<F, 1>(sum));
        } else {
            if (line >= keys) return;
            for (index r = 0; r < rows; ++r) {
                this->row_of(r, row);
                if constexpr (Which == gradient_of::keys) {
                    const F ds = of_score(problem, row, line);
                    if (ds != 0) sum += ds * one::read(this->place(this->call.q, problem, row, 0)[column * this->call.q.inner[1]]);
                } else {
                    const F p = weight(problem, row, this->score(problem, row, line));
                    if (p != 0) sum += this->kept(problem, row, line) * p * one::read(this->place(this->call.d_out, problem, row, 0)[base::step(this->call.d_out.inner, column, this->call.value[1])]);
                }
            }
            for (index& at : row) at = 0;
            if constexpr (Which == gradient_of::keys) one::store(this->place(this->call.dk, problem, row, first + line) + column * this->call.dk.inner[1], 0, pack<F, 1>(sum));
            else one::store(this->place(this->call.dv, problem, row, first + line) + base::step(this->call.dv.inner, column, this->call.value[1]), 0, pack<F, 1>(sum));
        }
    }

private:
    HEED_HOST_DEVICE F weight(const index* problem, const index* row, F score) const {
        if (base::is_hidden(score)) return 0;
        return std::exp(score - one::read(*this->place(this->call.log_sum_exp, problem, row, 0)));
    }
    /// The gradient of the product that a score is made of.
    HEED_HOST_DEVICE F of_score(const index* problem, const index* row, index key) const {
        F slope = 0;
        const F score = this->score(problem, row, key, &slope), p = weight(problem, row, score);
        if (base::is_hidden(score)) return 0;
        const T* const d_out = this->place(this->call.d_out, problem, row, 0);
        const T* const v = this->place(this->call.v, problem, row, this->first_key(problem) + key);
        const T* const out = this->place(this->call.out, problem, row, 0);
        F dw = 0, d = 0;
        for (index i = 0, values = this->call.value[0] * this->call.value[1]; i < values; ++i) {
            const F g = one::read(d_out[base::step(this->call.d_out.inner, i, this->call.value[1])]);
            dw += g * one::read(v[base::step(this->call.v.inner, i, this->call.value[1])]);
            d += g * one::read(out[base::step(this->call.out.inner, i, this->call.value[1])]);
        }
        return p * (this->kept(problem, row, key) * dw - d) * slope;
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
