/// Metadata as levels: what the models look up for each field of a post.
///
/// A number falls into one of up to 64 bins of equal mass, as the training posts fill them; a category is its own level.
/// The last level of every field is 'missing'.
#pragma once

#include <feed/post.hpp>

#include <heed/error.hpp>
#include <heed/files/settings.hpp>
#include <heed/files/wording.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace feed {

class field_levels {
public:
    static constexpr std::size_t most_bins = 64;

    /// Bins of the numeric columns from a sample of cells: cells[i * 12 + c] is column c of post i.
    field_levels(const columns& which, const std::vector<float>& cells) : columns_(which) {
        for (std::size_t c = 0; c < metadata_columns; ++c) {
            if (columns_[c].is_category()) continue;
            std::vector<float> values;
            for (std::size_t i = c; i < cells.size(); i += metadata_columns)
                if (!is_missing(cells[i])) values.push_back(cells[i]);
            edges_[c] = edges_of(values);
        }
    }

    /// As `describe` wrote them. file_error where they were edited into nonsense.
    explicit field_levels(const heed::files::settings& stored) {
        for (std::size_t c = 0; c < metadata_columns; ++c) {
            const auto field = stored.group("column" + std::to_string(c + 1));
            columns_[c] = {field.require<std::string>("name"), field.require<int>("kinds")};
            edges_[c] = field.require<std::vector<float>>("edges");
            if (columns_[c].kinds < 0 || columns_[c].kinds > 100'000 || edges_[c].size() >= most_bins || !std::is_sorted(edges_[c].begin(), edges_[c].end()))
                throw heed::file_error("The levels of column " + heed::files::in_quotes(columns_[c].name) + " in the settings are none: kinds must lie in 0 to 100000, edges must rise.");
        }
    }

    heed::files::settings describe() const {
        heed::files::settings all;
        for (std::size_t c = 0; c < metadata_columns; ++c) {
            heed::files::settings field;
            field.set("name", columns_[c].name);
            field.set("kinds", columns_[c].kinds);
            field.set("edges", edges_[c]);
            all.set("column" + std::to_string(c + 1), field);
        }
        return all;
    }

    /// The level of a cell, from 0. A category that training did not know counts as missing.
    int level(std::size_t c, float cell) const {
        const int none = count(c) - 1;
        if (is_missing(cell)) return none;
        if (columns_[c].is_category()) return cell >= 0 && cell < static_cast<float>(none) ? static_cast<int>(cell) : none;
        return static_cast<int>(std::upper_bound(edges_[c].begin(), edges_[c].end(), cell) - edges_[c].begin());
    }

    /// How many levels a field has, 'missing' included.
    int count(std::size_t c) const { return (columns_[c].is_category() ? columns_[c].kinds : static_cast<int>(edges_[c].size()) + 1) + 1; }
    std::vector<int> counts() const {
        std::vector<int> all;
        for (std::size_t c = 0; c < metadata_columns; ++c) all.push_back(count(c));
        return all;
    }

    const columns& fields() const { return columns_; }

private:
    /// The values that begin bins 2, 3 ...: quantiles, each once, none of them the least value.
    static std::vector<float> edges_of(std::vector<float>& values) {
        std::sort(values.begin(), values.end());
        std::vector<float> edges;
        for (std::size_t bin = 1; bin < most_bins && !values.empty(); ++bin) {
            const float edge = values[bin * values.size() / most_bins];
            if (edge > values.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
        }
        return edges;
    }

    columns columns_;
    std::array<std::vector<float>, metadata_columns> edges_;
};

}  // namespace feed
