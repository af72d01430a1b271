/// The folder that a training leaves: models, vocabulary and settings, enough to score posts that were never seen.
///
///     settings.json         how texts become tokens and metadata become levels
///     vocab.txt             the word pieces, where posts are texts; generated posts have numbers for words
///     model.safetensors     the classifier
///     baseline.safetensors  the baseline
#pragma once

#include <feed/learner.hpp>
#include <feed/levels.hpp>
#include <feed/real.hpp>

#include <heed/error.hpp>
#include <heed/files/settings.hpp>
#include <heed/tokenizers/word_piece.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace feed {

inline std::filesystem::path model_file(const std::filesystem::path& folder, model_kind kind) {
    return folder / (kind == model_kind::baseline ? "baseline.safetensors" : "model.safetensors");
}

/// How posts are read: fixed by the training data, and needed wherever its models go.
struct reading_rules {
    field_levels fields;
    int vocabulary = 0;
    std::optional<heed::tokenizers::word_piece> pieces;         ///< none: words are numbers

    text_to_tokens read_text() const { return pieces ? by_word_pieces(*pieces) : by_numbers(vocabulary); }
    std::string word(int token) const { return pieces ? std::string(pieces->piece(token)) : "w" + std::to_string(token); }
    model_shape shape(std::uint64_t seed = 0) const { return {vocabulary, fields.counts(), seed}; }

    void save(const std::filesystem::path& folder) const {
        heed::files::settings all;
        all.set("format", 1);
        all.set("words", std::string(pieces ? "word pieces" : "numbers"));
        all.set("vocabulary", vocabulary);
        all.set("columns", fields.describe());
        if (pieces) pieces->save(folder / "vocab.txt");
        all.save(folder / "settings.json");
    }

    static reading_rules load(const std::filesystem::path& folder) {
        const auto file = folder / "settings.json";
        const auto all = heed::files::settings::load(file);
        const auto refuse = [&](const std::string& what) { throw heed::file_error(file.string() + ": " + what); };
        if (const int format = all.require<int>("format"); format != 1) refuse("is of format " + std::to_string(format) + "; this program reads format 1.");
        reading_rules rules{field_levels(all.group("columns")), all.require<int>("vocabulary"), {}};
        if (rules.vocabulary < 1 || rules.vocabulary > largest_vocabulary)
            refuse("a vocabulary of " + std::to_string(rules.vocabulary) + " is out of range: 1 to " + std::to_string(largest_vocabulary) + ".");
        if (all.require<std::string>("words") != "word pieces") return rules;
        rules.pieces = heed::tokenizers::word_piece::load(folder / "vocab.txt");
        if (rules.pieces->size() != rules.vocabulary)
            refuse("speaks of " + std::to_string(rules.vocabulary) + " pieces, and vocab.txt has " + std::to_string(rules.pieces->size()) + ".");
        return rules;
    }
};

/// Makes a model from its file. file_error where the folder is not whole.
inline std::unique_ptr<learner> load_model(const std::filesystem::path& folder, model_kind kind, const reading_rules& rules, device where = device::cpu) {
    model_shape shape = rules.shape();
    shape.where = where;
    auto model = make_learner(kind, shape);
    model->load_model(model_file(folder, kind));
    return model;
}

}  // namespace feed
