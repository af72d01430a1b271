/// The metadata of generated posts: twelve columns of mixed kinds, how each is drawn, and what it adds to the logit.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include "feed/post.hpp"
#include "heed/random.hpp"

namespace feed {

class generated_metadata {
public:
    static constexpr double chance_of_missing = 0.06;
    using cells = std::array<float, metadata_columns>;

    explicit generated_metadata(heed::random_stream random) {
        for (std::size_t column = 0; column < metadata_columns; ++column) {
            for (int kind = 0; kind < table[column].kinds; ++kind) of_kind_[column].push_back(0.7 * random.normal());
            amplitude_[column] = 0.5 + random.uniform_double();
            of_missing_[column] = 0.5 * random.normal();
        }
    }

    static columns describe() {
        columns described;
        for (std::size_t column = 0; column < metadata_columns; ++column) described[column] = {table[column].name, table[column].kinds};
        return described;
    }

    void draw(heed::random_stream& random, cells& metadata) const {
        for (std::size_t column = 0; column < metadata_columns; ++column) {
            const auto cell = static_cast<float>(table[column].draw(random));
            metadata[column] = random.uniform_double() < chance_of_missing ? missing : cell;
        }
    }

    /// What the columns add to the logit, before scaling. An empty cell has an effect of its own.
    double read(const cells& metadata) const {
        double sum = 0;
        for (std::size_t column = 0; column < metadata_columns; ++column) {
            const float cell = metadata[column];
            if (is_missing(cell)) sum += of_missing_[column];
            else if (table[column].kinds > 0) sum += of_kind_[column][static_cast<std::size_t>(cell)];
            else sum += amplitude_[column] * table[column].effect(cell);
        }
        return sum;
    }

private:
    struct recipe {
        const char* name;
        int kinds;  // 0 = a number
        double (*draw)(heed::random_stream&);
        double (*effect)(double);  // of a number; those of kinds are drawn
    };

    /// A category of which the first kinds are the frequent ones.
    template <int Kinds>
    static double kind(heed::random_stream& from) {
        const double u = from.uniform_double();
        return std::floor(Kinds * u * u);
    }
    static double exponential(heed::random_stream& from) { return -std::log(1 - from.uniform_double()); }

    static constexpr std::array<recipe, metadata_columns> table{{
        {"language", 12, kind<12>, nullptr},
        {"device", 4, kind<4>, nullptr},
        {"media", 5, kind<5>, nullptr},
        {"surface", 6, kind<6>, nullptr},
        {"hour", 0, [](heed::random_stream& from) { return double(from.below(24)); },
         [](double hour) { return std::cos(2 * std::numbers::pi * (hour - 19) / 24); }},
        {"weekday", 0, [](heed::random_stream& from) { return double(from.below(7)); }, [](double day) { return day >= 5 ? 0.7 : -0.3; }},
        {"age_bucket", 0, [](heed::random_stream& from) { return std::floor(std::min(7.0, 2 * exponential(from))); },
         [](double age) { return 0.7 - 0.4 * age; }},
        {"follower_bucket", 0, [](heed::random_stream& from) { return std::floor(std::clamp(4.5 + 2 * from.normal(), 0.0, 9.0)); },
         [](double followers) { return (followers - 4) / 3; }},
        {"posts_last_week", 0, [](heed::random_stream& from) { return std::floor(std::min(200.0, std::exp(1 + from.normal()))); },
         [](double posts) { return 0.6 - 0.8 * std::abs(std::log(1 + posts) - 1.3); }},
        {"log_account_days", 0, [](heed::random_stream& from) { return 6 + from.normal(); }, [](double age) { return 0.7 * std::tanh(age - 6); }},
        {"past_engagement", 0, [](heed::random_stream& from) { return from.uniform_double() * from.uniform_double(); },
         [](double rate) { return 2.5 * std::sqrt(rate) - 1.1; }},
        {"links", 0, [](heed::random_stream& from) { return std::floor(std::min(5.0, exponential(from))); },
         [](double links) { return 0.3 - 0.6 * links; }},
    }};

    std::array<std::vector<double>, metadata_columns> of_kind_;
    std::array<double, metadata_columns> amplitude_{}, of_missing_{};
};

}  // namespace feed
