/// From integers to vectors: token tables, categories, and where in its sequence a token stands.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/nn/sparse_parameter.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// A row of a large table for each token.
///
///     y[.., m] = E[ids[..], m]                dE[v, m] += the sum of dy[.., m] over the places where ids is v
///
/// ids: integers over any axes, padded or ragged. The table starts normal, with a deviation of 1 / sqrt(Model).
template <class T, class Vocabulary, class Model>
struct embedding {
    sparse_parameter<T, Vocabulary, Model> table;

    explicit embedding(const auto&... sizes) : table(sizes...) {
        table.start = scaled_normal(1 / std::sqrt(std::max(1.0, static_cast<double>(extent_of<Model>(table.value)))));
    }

    template <class Ids>
    struct trace_of {
        looked_up<T, Ids, Model> y;
        like<Ids> slots;
    };

    /// The equation itself, to be part of a larger one.
    auto operator()(const auto& ids) const { return gather<Vocabulary>(table.value, ids); }

    template <class Ids>
    looked_up<T, Ids, Model> forward(const Ids& ids) const { return (*this)(ids); }

    const auto& forward(const auto& ids, auto& trace) const { return trace.y = (*this)(ids); }

    void backward(const auto& dy, const auto& ids, auto& trace) { table.accumulate(ids, dy, trace.slots); }

    static void parts(auto& self, auto&& part) { part("table", self.table); }
};

/// A learnt vector for each position of Token, up to the extent of Place; added to the token's own:
///
///     y[.., t, m] = x[.., t, m] + P[t, m]          dx = dy         dP[t, m] += the sum of dy[.., t, m] over all sequences
///
/// A sequence longer than Place is a value_error. The table starts normal with a deviation of 0.02, as BERT's does.
template <class T, class Token, class Place, class Model>
struct learned_positions {
    parameter<T, Place, Model> table;

    explicit learned_positions(const auto&... sizes) : table(role::table, scaled_normal(0.02), sizes...) {}

    /// The vectors of the positions, to be added.
    auto operator()() const { return at(position<Token>()); }
    /// The vectors of other places than those of the tokens: an expression of integers.
    auto at(const auto& places) const { return gather<Place>(table.value, places); }
    int places() const { return static_cast<int>(extent_of<Place>(table.value)); }

    void backward(const auto& dy) { scatter_add<Place>(table.gradient, position<Token>(), dy); }

    static void parts(auto& self, auto&& part) { part("table", self.table); }
};

/// Waves of falling frequency in place of learnt positions:
///
///     P[t, 2i] = sin(t / 10000^(2i / Model))           P[t, 2i + 1] = cos(t / 10000^(2i / Model))
///
/// so that P[t + n] is the same rotation of P[t] for every t. Nothing is learnt; the table is made once, up to the extent
/// of Place. Source: A. Vaswani et al., "Attention Is All You Need", 2017.
template <class T, class Token, class Place, class Model>
struct sinusoidal_positions {
    tensor<T, Place, Model> table;

    explicit sinusoidal_positions(const auto&... sizes) : table(tensor_with<T, Place, Model>(sizes...)) {
        tensor<value_of<T>, Place, Model> waves(tensor_with<value_of<T>, Place, Model>(sizes...));
        const auto width = static_cast<double>(extent_of<Model>(waves));
        for (int t = 0; t < extent_of<Place>(waves); ++t)
            for (int m = 0; m < extent_of<Model>(waves); ++m) {
                const double angle = t / std::pow(10000.0, (m - m % 2) / width);
                waves(t, m) = static_cast<value_of<T>>(m % 2 == 0 ? std::sin(angle) : std::cos(angle));
            }
        table = waves;
    }

    auto operator()() const { return at(position<Token>()); }
    auto at(const auto& places) const { return gather<Place>(table, places); }
    int places() const { return static_cast<int>(extent_of<Place>(table)); }
    void backward(const auto&) {}

    static void parts(auto&, auto&&) {}
};

/// Several small tables, one a column of categories, each with a number of levels of its own; stacked into one.
///
///     y[.., c, m] = E[first_c + ids[.., c], m]
///
/// ids: integers over Column and any other axes, 0 <= ids[.., c] < levels[c], else a value_error that names the column.
/// The gradient is dense. Level needs a size of the run: the sum of all levels. The table starts normal, with a
/// deviation of 1 / sqrt(Model).
template <class T, class Column, class Level, class Model>
struct category_embedding {
    using whole = in_space_of<int, T>;
    parameter<T, Level, Model> table;
    tensor<whole, Column> levels, first;

    explicit category_embedding(const std::vector<int>& levels_of_columns, const auto&... sizes)
        : table(role::table, constant(0), Level{total(levels_of_columns)}, Column{levels_of_columns.size()}, sizes...),
          levels(tensor_with<whole, Column>(Column{levels_of_columns.size()})), first(levels) {
        tensor<int, Column> of_columns(tensor_with<int, Column>(Column{levels_of_columns.size()})), before(of_columns);
        int sum = 0;
        for (int c = 0; c < static_cast<int>(levels_of_columns.size()); ++c) {
            of_columns(c) = levels_of_columns[static_cast<std::size_t>(c)];
            before(c) = sum;
            sum += of_columns(c);
        }
        levels = of_columns, first = before;
        table.start = scaled_normal(1 / std::sqrt(std::max(1.0, static_cast<double>(extent_of<Model>(table.value)))));
    }

    template <class Ids>
    struct trace_of {
        looked_up<T, Ids, Model> y;
        like<Ids> rows;
    };

    const auto& forward(const auto& ids, auto& trace) const {
        check(ids);
        trace.rows = rows_of(ids);
        return trace.y = gather<Level>(table.value, trace.rows);
    }

    template <class Ids>
    looked_up<T, Ids, Model> forward(const Ids& ids) const {
        check(ids);
        const like<Ids> rows = rows_of(ids);
        return gather<Level>(table.value, rows);
    }

    void backward(const auto& dy, const auto&, auto& trace) { scatter_add<Level>(table.gradient, trace.rows, dy); }

    static void parts(auto& self, auto&& part) { part("table", self.table); }

private:
    static int total(const std::vector<int>& levels) {
        int sum = 0;
        for (const int n : levels) {
            if (n < 1) throw value_error("category_embedding: a column of " + std::to_string(n) + " levels.");
            sum += n;
        }
        return sum;
    }

    /// Where an id is none of its column's levels, no row.
    auto rows_of(const auto& ids) const { return where(ids < 0 || ids >= levels, -1, ids + first); }

    /// On the host at once; elsewhere a place that is no row is found where the rows are looked up.
    void check(const auto& ids) const {
        if constexpr (is_on_host<T>) {
            const int all = sum_to<axes<>>(where(ids < 0 || ids >= levels, 1, 0));
            if (all == 0) return;
            const tensor<int, Column> wrong = sum_to<axes<Column>>(where(ids < 0 || ids >= levels, 1, 0));
            for (int c = 0; c < extent_of<Column>(wrong); ++c)
                if (wrong(c) > 0)
                    throw value_error("category_embedding: column " + std::to_string(c) + " has " + std::to_string(levels(c)) + " levels, and " +
                                      std::to_string(wrong(c)) + " of the ids given for it are none of them.");
        }
    }
};

}  // namespace heed::inline HEED_TARGET::nn
