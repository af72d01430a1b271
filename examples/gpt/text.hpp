/// The text to learn from: where it comes from, what its tokens are, and which of it is held out.
#pragma once

#include <heed/error.hpp>
#include <heed/files/byte_source.hpp>
#include <heed/files/utf8.hpp>
#include <heed/tokenizers/byte_pair.hpp>
#include <heed/tokenizers/byte_pair_trainer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpt {

/// Everything in a file, whatever bytes these are. file_error where it cannot be read.
inline std::string read_file(const std::filesystem::path& path) {
    heed::files::byte_source source(path);
    std::string all;
    char buffer[1 << 16];
    while (const std::size_t read = source.read(buffer)) all.append(buffer, read);
    return all;
}

/// What a model learns if no text is named: this project's own documents and headers, in the order of their names.
inline std::string own_text(const std::filesystem::path& root) {
    std::vector<std::filesystem::path> files{root / "README.md"};
    for (const char* folder : {"docs", "include"})
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder))
            if (const auto kind = entry.path().extension(); entry.is_regular_file() && (kind == ".md" || kind == ".hpp")) files.push_back(entry.path());
    std::sort(files.begin() + 1, files.end());
    std::string all;
    for (const auto& file : files) all += read_file(file) + "\n";
    return all;
}

/// Text as tokens and back: bytes, or pieces of several bytes that were learnt from a text.
class codec {
public:
    /// Every byte is a token: 256 of them, and any text can be written.
    static codec bytes() { return {}; }
    /// At most `size` pieces of bytes, those that stand together most often in the text.
    static codec pieces_of(std::string_view text, int size) {
        heed::tokenizers::byte_pair_trainer trainer({.size = size});
        trainer.add(text);
        codec made;
        made.pieces_ = trainer.train();
        return made;
    }

    std::string_view kind() const { return pieces_ ? "bpe" : "bytes"; }
    int size() const { return pieces_ ? pieces_->size() : 256; }

    std::vector<int> encode(std::string_view text) const {
        if (pieces_) return pieces_->encode(text);
        std::vector<int> tokens(text.size());
        std::transform(text.begin(), text.end(), tokens.begin(), [](char c) { return static_cast<int>(static_cast<unsigned char>(c)); });
        return tokens;
    }
    /// The bytes of tokens; cut short, they need not be UTF-8.
    std::string decode(std::span<const int> tokens) const {
        if (pieces_) return pieces_->decode(tokens);
        std::string text(tokens.size(), ' ');
        std::transform(tokens.begin(), tokens.end(), text.begin(), [](int token) { return static_cast<char>(token); });
        return text;
    }

    /// vocab.json and merges.txt, as GPT-2 has them, where there are pieces.
    void save(const std::filesystem::path& folder) const {
        if (pieces_) pieces_->save(folder / "vocab.json", folder / "merges.txt");
    }
    static codec load(const std::filesystem::path& folder, const std::string& kind) {
        if (kind == "bytes") return bytes();
        if (kind != "bpe") throw heed::file_error(fmt::format("{}: its tokens are '{}'; this program knows bytes and bpe.", (folder / "settings.json").string(), kind));
        codec loaded;
        loaded.pieces_ = heed::tokenizers::byte_pair::load(folder / "vocab.json", folder / "merges.txt");
        return loaded;
    }

private:
    std::optional<heed::tokenizers::byte_pair> pieces_;
};

/// The part of a text to learn from: all but the last tenth, and not half a letter.
inline std::string_view part_to_learn(std::string_view text) {
    std::size_t cut = text.size() - text.size() / 10;
    while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) ++cut;
    return text.substr(0, cut);
}

/// The tokens of a text; the last tenth is held out.
struct split_text {
    std::vector<int> all;
    std::size_t learnt = 0, bytes_held_out = 0;

    split_text(const codec& tokens, std::string_view text, int context) {
        const std::string_view first = part_to_learn(text);
        all = tokens.encode(first);
        learnt = all.size();
        bytes_held_out = text.size() - first.size();
        const auto rest = tokens.encode(text.substr(first.size()));
        all.insert(all.end(), rest.begin(), rest.end());
        if (learnt <= static_cast<std::size_t>(context) || rest.size() < 2)
            throw heed::value_error(fmt::format("The text is too short: {} tokens to learn from and {} held out, for a context of {}. It takes {} and 2.", learnt, rest.size(), context, context + 1));
    }

    std::span<const int> to_learn() const { return std::span(all).first(learnt); }
    std::span<const int> held_out() const { return std::span(all).subspan(learnt); }
};

/// What a model continues must be text. value_error where it is empty or no UTF-8.
inline void check_prompt(std::string_view prompt) {
    if (prompt.empty()) throw heed::value_error("The prompt is empty: there is nothing to go on from.");
    if (const std::size_t at = heed::files::first_invalid_utf8(prompt); at != std::string_view::npos)
        throw heed::value_error(fmt::format("The prompt is not UTF-8: byte {} cannot stand there.", at));
}

/// Bytes for a terminal: what is no UTF-8 becomes U+FFFD, control characters a space.
inline std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::size_t good = std::min(heed::files::first_invalid_utf8(text), text.size());
        for (const char c : text.substr(0, good)) shown += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
        text.remove_prefix(good);
        if (text.empty()) break;
        shown += "\xEF\xBF\xBD";
        text.remove_prefix(1);
    }
    return shown;
}

}  // namespace gpt
