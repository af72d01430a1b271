/// How the work of attention is cut into pieces that threads can take.
#pragma once

#include "attention_shape.hpp"
#include "parallel.hpp"

namespace heed::inline HEED_TARGET::cpu::attention_detail {

/// The problems of a shape cut into blocks of rows, or of rows and keys, of one size. Blocks are numbered without a
/// table: a sequence's numbers begin at (rows before it) / block + (keys before it) / block + its own number, which leaves
/// at least as many numbers as it has blocks; the numbers left over are empty.
class blocks {
public:
    blocks(const attention_shape& s, std::ptrdiff_t block, bool by_key_too) : shape_(s), block_(block), by_key_too_(by_key_too) {
        for (int a = 0; a < attention_shape::batch_axes; ++a)
            if (a != s.segment_axis) others_ *= s.batch[a];
        inner_rows_ = s.row[1] * s.row[2];
        if (ragged()) {
            const std::ptrdiff_t segments = s.batch[s.segment_axis];
            slots_ = segments > 0 ? first_slot(segments) - first_slot(0) : 0;
        } else {
            slots_ = block_count(s.row[0] * inner_rows_, s.key);
        }
    }

    /// Numbers in all, empty ones included.
    std::ptrdiff_t count() const { return others_ * slots_; }

    /// How many problems there are.
    std::ptrdiff_t problems() const { return others_ * (ragged() ? shape_.batch[shape_.segment_axis] : 1); }

    /// How many blocks the largest problem has.
    std::ptrdiff_t most() const {
        if (!ragged()) return slots_;
        std::ptrdiff_t most = 0;
        for (std::ptrdiff_t s = 0; s < shape_.batch[shape_.segment_axis]; ++s) most = std::max(most, blocks_of_segment(s));
        return most;
    }

    /// The problem and the block within it of a number; false where the number is empty. Neighbouring numbers are
    /// different problems, and later blocks come first: those are the long ones under a causal mask.
    bool find(std::ptrdiff_t number, problem& p, std::ptrdiff_t& block) const {
        const attention_shape& s = shape_;
        std::ptrdiff_t slot = slots_ - 1 - number / others_, segment = 0;
        p.first_row = p.first_key = 0;
        std::ptrdiff_t length = s.row[0];
        p.keys = s.key;
        if (ragged()) {
            slot += first_slot(0);
            std::ptrdiff_t last = s.batch[s.segment_axis];   // the sequence is in [segment, last)
            while (last - segment > 1) {
                const std::ptrdiff_t middle = segment + (last - segment) / 2;
                (first_slot(middle) <= slot ? segment : last) = middle;
            }
            slot -= first_slot(segment);
            p.first_row = s.query_offsets[segment];
            p.first_key = s.key_offsets[segment];
            length = s.query_offsets[segment + 1] - p.first_row;
            p.keys = s.key_offsets[segment + 1] - p.first_key;
        }
        p.row_sizes[0] = length;
        p.row_sizes[1] = s.row[1];
        p.row_sizes[2] = s.row[2];
        p.rows = length * inner_rows_;
        std::ptrdiff_t other = number % others_;
        for (int a = attention_shape::batch_axes - 1; a >= 0; --a) {
            if (a == s.segment_axis) {
                p.index[a] = segment;
            } else {
                p.index[a] = other % s.batch[a];
                other /= s.batch[a];
            }
        }
        block = slot;
        return block < block_count(p.rows, p.keys);
    }

    /// f(problem, block, next problem, its block) for the numbers first to last that are not empty; after the last of them
    /// comes the number `after`, if there is one, else null.
    template <class F> void each(std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t after, const F& f) const {
        problem problems[2];
        std::ptrdiff_t block[2];
        int now = 0;
        const auto seek = [&](int to) {
            while (first < last)
                if (find(first++, problems[to], block[to])) return true;
            return false;
        };
        for (bool more = seek(now); more; now = 1 - now) {
            more = seek(1 - now);
            const bool known = more || (after < count() && find(after, problems[1 - now], block[1 - now]));
            f(problems[now], block[now], known ? &problems[1 - now] : nullptr, known ? block[1 - now] : 0);
        }
    }

    /// Cuts all numbers into `parts` runs that cost about the same: run i is first[i] to first[i + 1]. Returns how many pairs
    /// of rows and keys there are. A sequence costs its pairs, and what it takes to bring its rows and keys and to turn to it.
    double share(std::ptrdiff_t parts, std::ptrdiff_t* first) const {
        const attention_shape& s = shape_;
        const double others = static_cast<double>(others_);
        if (!ragged()) {
            for (std::ptrdiff_t i = 0; i <= parts; ++i) first[i] = count() * i / parts;
            return others * static_cast<double>(s.row[0] * inner_rows_) * static_cast<double>(s.key);
        }
        const std::ptrdiff_t segments = s.batch[s.segment_axis];
        double pairs = 0, total = 0;
        const auto cost_of = [&](std::ptrdiff_t i) {
            const double rows = static_cast<double>((s.query_offsets[i + 1] - s.query_offsets[i]) * inner_rows_), keys = static_cast<double>(s.key_offsets[i + 1] - s.key_offsets[i]);
            pairs += rows * keys;
            return rows * keys + 16 * (rows + keys) + 160;
        };
        for (std::ptrdiff_t i = 0; i < segments; ++i) total += cost_of(i);
        const double all_pairs = others * pairs;
        double before = 0;   // what the sequences so far cost; the last comes first, as in find
        std::ptrdiff_t part = 0;
        for (std::ptrdiff_t i = segments - 1; i >= 0; --i) {
            const double cost = cost_of(i);
            const std::ptrdiff_t filled = blocks_of_segment(i), begin = slots_ - (first_slot(i) - first_slot(0)) - filled;   // its empty numbers come before
            for (; part < parts; ++part) {
                const double within = (static_cast<double>(part) / static_cast<double>(parts) * total - before) / cost;
                if (within >= 1) break;
                first[part] = begin * others_ + static_cast<std::ptrdiff_t>(within * others * static_cast<double>(filled));
            }
            before += cost;
        }
        for (; part <= parts; ++part) first[part] = count();
        first[0] = 0;
        return all_pairs;
    }

private:
    bool ragged() const { return shape_.segment_axis >= 0; }

    std::ptrdiff_t block_count(std::ptrdiff_t rows, std::ptrdiff_t keys) const {
        return ((by_key_too_ ? std::max(rows, keys) : rows) + block_ - 1) / block_;
    }

    std::ptrdiff_t blocks_of_segment(std::ptrdiff_t s) const {
        return block_count((shape_.query_offsets[s + 1] - shape_.query_offsets[s]) * inner_rows_, shape_.key_offsets[s + 1] - shape_.key_offsets[s]);
    }

    std::ptrdiff_t first_slot(std::ptrdiff_t segment) const {
        const std::ptrdiff_t by_rows = shape_.query_offsets[segment] * inner_rows_ / block_ + segment;
        return by_key_too_ ? by_rows + shape_.key_offsets[segment] / block_ : by_rows;
    }

    const attention_shape& shape_;
    std::ptrdiff_t block_;
    bool by_key_too_;
    std::ptrdiff_t others_ = 1, inner_rows_ = 1, slots_ = 0;
};

/// f(first, last) for runs of the numbers of `work`, on all threads: runs of about equal cost, several for each thread. A
/// pair of a row and a key takes `operations`. f(first, last, after) may guess that this thread turns to number `after` then.
template <class F>
void share_among_threads(const blocks& work, double operations, const F& f) {
    constexpr std::ptrdiff_t most = 1024, each = 32;
    std::ptrdiff_t first[most + 1];
    const std::ptrdiff_t parts = std::min({work.count(), each * static_cast<std::ptrdiff_t>(thread_count()), most});
    if (parts == 0) return;
    const std::ptrdiff_t threads = thread_count();
    const double cost = operations * work.share(parts, first) / static_cast<double>(parts);
    parallel_for(parts, cost, [&](std::ptrdiff_t part) {
        const std::ptrdiff_t then = std::min(part + threads, parts);
        f(first[part], first[part + 1], first[then]);
    });
}

}  // namespace heed::inline HEED_TARGET::cpu::attention_detail
