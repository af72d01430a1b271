/// The values that tests/golden/word_piece.py wrote.
#pragma once

#include <heed/tokenizers/utf8.hpp>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace golden {

inline const std::string folder = HEED_SOURCE_DIR "/tests/golden/word_piece/";

/// The lines of a file, without the first `heading` ones.
inline std::vector<std::string> lines(const std::string& name, std::size_t heading = 1) {
    std::ifstream file(folder + name, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + folder + name);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) {
        if (heading > 0) --heading;
        else all.push_back(line);
    }
    return all;
}

inline std::vector<std::string> split(const std::string& line, char by) {
    std::vector<std::string> parts;
    std::istringstream rest(line);
    for (std::string part; std::getline(rest, part, by);) parts.push_back(part);
    return parts;
}

inline std::uint64_t number(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) throw std::runtime_error("no number: " + std::string(digits));
    return value;
}

/// "12 7 3" or, for none, "-".
inline std::vector<int> ids(const std::string& text) {
    std::vector<int> all;
    if (text == "-") return all;
    for (const auto& id : split(text, ' ')) all.push_back(static_cast<int>(number(id, 10)));
    return all;
}

/// "0061 0301" as UTF-8.
inline std::string characters(const std::string& text) {
    std::string all;
    if (text == "-") return all;
    for (const auto& c : split(text, ' ')) {
        char bytes[4];
        all.append(bytes, heed::tokenizers::encode_utf8(static_cast<char32_t>(number(c, 16)), bytes));
    }
    return all;
}

/// The texts of the sample of posts: its last column.
inline std::vector<std::string> sample() {
    std::vector<std::string> texts;
    for (const auto& line : lines("sample.tsv")) texts.push_back(split(line, '\t').back());
    return texts;
}

/// A string that a tokenizer may get wrong, and what Hugging Face makes of it.
struct nasty_string {
    std::string text, normal;
    std::vector<int> ids;
};
inline std::vector<nasty_string> nasty() {
    std::vector<nasty_string> all;
    for (const auto& line : lines("nasty.tsv")) {
        const auto cells = split(line, '\t');
        all.push_back({characters(cells.at(0)), characters(cells.at(1)), ids(cells.at(2))});
    }
    return all;
}

}  // namespace golden
