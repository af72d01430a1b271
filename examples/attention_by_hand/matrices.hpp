/// Three matrices and a number of heads, as text:
///
///     # what follows a number sign is not read, nor are empty lines
///     heads 2
///     Q
///     1 0 0.5 -1              a row a line, its numbers apart by spaces, tabs or commas
///     0 1 2e-3 0
///     K
///     ...
///     V
///     ...
///
/// in any order. Q, K and V have the same number of rows, of the same number of columns, of which the heads are a divisor.
#pragma once

#include <heed/files/line_reader.hpp>
#include <heed/files/wording.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace by_hand {

struct matrices {
    std::int64_t heads = 0, rows = 0, width = 0;
    std::vector<double> q, k, v;            ///< rows x width each, a row after another
};

/// Reads one text. Errors name the file, and the line where there is one.
class matrices_reader {
public:
    explicit matrices_reader(const std::filesystem::path& file) : lines_(heed::files::byte_source(file)) {}

    matrices read() {
        using found = heed::files::line_reader::found;
        for (found line = lines_.next(); line != found::end; line = lines_.next()) {
            if (line == found::too_long) fail("the line is longer than " + std::to_string(lines_.longest_line()) + " bytes");
            read_line(lines_.line().substr(0, lines_.line().find('#')));
        }
        finish();
        return std::move(all_);
    }

private:
    struct matrix {
        char name;
        std::vector<double>& numbers;
        std::int64_t rows = 0;
        bool given = false;
    };

    void read_line(std::string_view rest) {
        std::string_view word = next_word(rest);
        if (word.empty()) return;
        if (word == "heads") read_heads(rest);
        else if (word == "Q" || word == "K" || word == "V") begin(word[0], rest);
        else read_row(word, rest);
    }

    void read_heads(std::string_view rest) {
        const std::string_view number = next_word(rest);
        if (all_.heads != 0) fail("the number of heads is given a second time");
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), all_.heads);
        if (error != std::errc() || end != number.data() + number.size() || all_.heads < 1 || !next_word(rest).empty())
            fail("after \"heads\" comes one whole number, 1 or greater");
    }

    void begin(char name, std::string_view rest) {
        for (matrix& each : matrices_)
            if (each.name == name) current_ = &each;
        if (current_->given) fail(std::string(1, name) + " is given a second time");
        if (!next_word(rest).empty()) fail(std::string("the rows of ") + name + " begin on a line of their own");
        current_->given = true;
    }

    void read_row(std::string_view word, std::string_view rest) {
        if (current_ == nullptr) fail(heed::files::in_quotes(word) + " stands before a line with Q, K or V");
        std::int64_t width = 0;
        for (; !word.empty(); word = next_word(rest), ++width) {
            double number = 0;
            const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
            if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(number))
                fail(heed::files::in_quotes(word) + " is not a finite number");
            current_->numbers.push_back(number);
        }
        if (all_.width == 0) all_.width = width, first_row_ = lines_.number();
        if (width != all_.width)
            fail(std::string("a row of ") + current_->name + " with " + std::to_string(width) + " numbers, where the row in line " + std::to_string(first_row_) +
                 " has " + std::to_string(all_.width));
        ++current_->rows;
    }

    void finish() {
        const auto& name = lines_.source().name();
        if (all_.heads == 0) heed::files::fail(name, "it has no line \"heads NUMBER\"");
        for (const matrix& each : matrices_) {
            if (each.rows == 0) heed::files::fail(name, each.given ? std::string(1, each.name) + " has no rows" : std::string("there is no ") + each.name);
            if (each.rows != matrices_[0].rows)
                heed::files::fail(name, std::string("Q has ") + std::to_string(matrices_[0].rows) + " rows, and " + each.name + " has " + std::to_string(each.rows));
        }
        if (all_.width % all_.heads != 0)
            heed::files::fail(name, "rows of " + std::to_string(all_.width) + " numbers cannot be split among " + std::to_string(all_.heads) + " heads");
        all_.rows = matrices_[0].rows;
    }

    static std::string_view next_word(std::string_view& rest) {
        constexpr std::string_view apart = " \t,";
        rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(apart)));
        const std::string_view word = rest.substr(0, rest.find_first_of(apart));
        rest.remove_prefix(word.size());
        return word;
    }

    [[noreturn]] void fail(const std::string& what) const { heed::files::fail(lines_.source().name().native() + ":" + std::to_string(lines_.number()), what); }

    heed::files::line_reader lines_;
    matrices all_;
    matrix matrices_[3] = {{'Q', all_.q}, {'K', all_.k}, {'V', all_.v}};
    matrix* current_ = nullptr;
    std::int64_t first_row_ = 0;
};

}  // namespace by_hand
