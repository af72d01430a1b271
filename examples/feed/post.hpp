/// The record that every part of the feed example reads and writes: one post, and what the columns beside it mean.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace feed {

inline constexpr std::size_t metadata_columns = 12;

/// A cell of metadata that was left empty.
inline constexpr float missing = std::numeric_limits<float>::quiet_NaN();
inline bool is_missing(float cell) { return std::isnan(cell); }

/// One post, with what is known of it where it was generated.
struct post {
    std::vector<int> tokens;                         ///< word pieces in the order of the text, each in [0, vocabulary)
    std::array<float, metadata_columns> metadata{};  ///< NaN = missing; a category is its number, from 0
    int label = 0;                                   ///< 1 = high engagement within 24 hours
    double probability = std::numeric_limits<double>::quiet_NaN();           ///< true P(label = 1), NaN where unknown
    double additive_probability = std::numeric_limits<double>::quiet_NaN();  ///< the same from metadata and single words alone
};

/// What stands in one column of metadata.
struct column {
    std::string name;
    int kinds = 0;  ///< 0 = a number; else a category in [0, kinds)
    bool age = false;  ///< a number that is the less the later the post was written

    bool is_category() const { return kinds > 0; }
};

using columns = std::array<column, metadata_columns>;

}  // namespace feed
