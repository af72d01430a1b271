/// Posts from tab-separated files, as text and metadata; kept as compact arrays.
#pragma once

#include <feed/batches.hpp>
#include <feed/interrupt.hpp>
#include <feed/post.hpp>

#include <heed/error.hpp>
#include <heed/files/records.hpp>
#include <heed/tokenizers/word_piece.hpp>
#include <heed/tokenizers/word_piece_trainer.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace feed {

inline constexpr std::size_t most_tokens = 256;                 ///< of a post; what goes beyond is cut off
inline constexpr int largest_vocabulary = 50'000;

/// The columns of the real data, all of them numbers: see the data's own description.
inline columns real_columns() {
    columns all;
    const char* const names[] = {"hour_utc", "weekday", "age_quarters", "is_self", "has_thumbnail", "has_link_flair", "has_author_flair",
                                 "log_domain_rows", "log_subreddit_rows", "title_words", "selftext_words", "ascii_fraction"};
    for (std::size_t c = 0; c < metadata_columns; ++c) all[c] = {.name = names[c], .age = names[c] == std::string_view("age_quarters")};
    return all;
}

/// Turns a text into at most `most_tokens` tokens, in place of what the list held. Returns what is wrong with the text, or nothing.
using text_to_tokens = std::function<std::string(std::string_view text, std::vector<int>& tokens)>;

inline text_to_tokens by_word_pieces(const heed::tokenizers::word_piece& pieces) {
    return [&pieces](std::string_view text, std::vector<int>& tokens) -> std::string {
        pieces.encode(text, tokens, most_tokens);
        if (tokens.empty() && text.find_first_not_of(" \r") != text.npos) tokens.push_back(pieces.unknown());   // marks without a letter, say
        return tokens.empty() ? "the text has no word" : "";
    };
}

/// Generated posts have no words, only the numbers of words: "17 4 2093".
inline text_to_tokens by_numbers(int vocabulary) {
    return [vocabulary](std::string_view text, std::vector<int>& tokens) -> std::string {
        tokens.clear();
        for (std::size_t at = 0; at < text.size() && tokens.size() < most_tokens;) {
            const std::size_t end = std::min(text.find(' ', at), text.size());
            int token = -1;
            const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, token);
            if (end > at) {
                if (error != std::errc{} || stop != text.data() + end || token < 0 || token >= vocabulary)
                    return heed::files::sentence({heed::files::in_quotes(text.substr(at, std::min<std::size_t>(end - at, 40))), " is no number of a word below ", std::to_string(vocabulary)});
                tokens.push_back(token);
            }
            at = end + 1;
        }
        return tokens.empty() ? "the text has no word" : "";
    };
}

/// Posts of a file, one at a time, by the names of its columns: label, text and the 12 of metadata.
class post_reader {
public:
    enum class labels { required, optional };

    post_reader(heed::files::byte_source source, const columns& fields, text_to_tokens read_text, labels wanted, bool skip_bad)
        : records_(std::move(source), columns_of(fields, wanted), {.skip_bad = skip_bad}), fields_(fields), read_text_(std::move(read_text)) {}

    /// The next good post, in place of what `into` held; false at the end. A label that is missing is -1.
    bool next(post& into) {
        while (records_.next()) {
            const auto label = records_.label(0);
            into.label = label ? *label : -1;
            if (const std::string wrong = read_text_(records_.field(1), into.tokens); !wrong.empty()) {
                records_.reject(wrong);
                continue;
            }
            if (!take_metadata(into)) continue;
            return true;
        }
        return false;
    }

    /// The text of the post just read.
    std::string_view text() const { return records_.field(1); }
    const heed::files::record_reader& records() const { return records_; }

private:
    static std::vector<heed::files::column> columns_of(const columns& fields, labels wanted) {
        std::vector<heed::files::column> all{heed::files::label("label"), "text"};
        if (wanted == labels::optional) all[0] = heed::files::if_present(all[0]);
        for (const auto& field : fields) all.push_back(heed::files::number(field.name));
        return all;
    }

    bool take_metadata(post& into) {
        for (std::size_t c = 0; c < metadata_columns; ++c) {
            const auto number = records_.number(2 + c);
            into.metadata[c] = number ? static_cast<float>(*number) : missing;
            if (number && fields_[c].is_category() && (*number < 0 || *number != static_cast<double>(static_cast<std::int64_t>(std::min(*number, 1e9))))) {
                records_.reject("column " + heed::files::in_quotes(fields_[c].name) + " is a category, a whole number from 0, and holds " + std::to_string(*number));
                return false;
            }
        }
        return true;
    }

    heed::files::record_reader records_;
    columns fields_;
    text_to_tokens read_text_;
};

/// Many posts in few arrays: two bytes a token, 57 a post.
class stored_posts {
public:
    void add(const post& p) {
        for (const int token : p.tokens) tokens_.push_back(static_cast<std::uint16_t>(token));
        ends_.push_back(tokens_.size());
        cells_.insert(cells_.end(), p.metadata.begin(), p.metadata.end());
        labels_.push_back(static_cast<std::int8_t>(p.label));
    }

    void read(std::size_t number, post& into) const {
        const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
        into.tokens.assign(tokens_.begin() + static_cast<std::ptrdiff_t>(begin), tokens_.begin() + static_cast<std::ptrdiff_t>(ends_[number]));
        std::copy_n(cells_.begin() + static_cast<std::ptrdiff_t>(number * metadata_columns), metadata_columns, into.metadata.begin());
        into.label = labels_[number];
        into.probability = into.additive_probability = std::numeric_limits<double>::quiet_NaN();
    }

    std::size_t size() const { return labels_.size(); }

    /// This object must outlive the source.
    post_source source() const {
        return {size(), [this](std::size_t number, post& into) { read(number, into); }};
    }

private:
    static_assert(largest_vocabulary <= std::numeric_limits<std::uint16_t>::max());
    std::vector<std::uint16_t> tokens_;
    std::vector<std::uint64_t> ends_;
    std::vector<float> cells_;
    std::vector<std::int8_t> labels_;
};

/// At most `most` posts of a file, in its order, and how many bad lines were passed over.
struct posts_of_file {
    stored_posts posts;
    heed::files::skipped_lines skipped;
};

inline posts_of_file read_posts(const std::filesystem::path& file, const columns& fields, const text_to_tokens& read_text, std::size_t most, bool skip_bad) {
    post_reader reader(heed::files::byte_source(file), fields, read_text, post_reader::labels::required, skip_bad);
    posts_of_file result;
    post p;
    while (result.posts.size() < most && reader.next(p)) {
        stop_if_interrupted();
        result.posts.add(p);
    }
    if (result.posts.size() == 0) throw heed::file_error(file.string() + ": holds no post.");
    result.skipped = reader.records().skipped();
    return result;
}

/// Word pieces learnt from the texts of at most `most` posts of a file.
inline heed::tokenizers::word_piece learn_word_pieces(const std::filesystem::path& file, const columns& fields, std::size_t most, int vocabulary, bool skip_bad) {
    heed::tokenizers::word_piece_trainer trainer({.size = vocabulary});
    const text_to_tokens none = [](std::string_view, std::vector<int>&) { return std::string(); };
    post_reader reader(heed::files::byte_source(file), fields, none, post_reader::labels::required, skip_bad);
    post p;
    for (std::size_t count = 0; count < most && reader.next(p); ++count) {
        stop_if_interrupted();
        trainer.add(reader.text());
    }
    return trainer.train();
}

}  // namespace feed
