/// The model of this program, and the folder that it lives in.
#pragma once

#include <gpt/text.hpp>

#include <heed/error.hpp>
#include <heed/files/settings.hpp>
#include <heed/generate/cache.hpp>
#include <heed/heed.hpp>
#include <heed/nn/decoder.hpp>
#include <heed/train/checkpoint.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <string>

namespace gpt {

// Sizes are options of the program, so no axis has one in its type.
struct sequence   : heed::axis<> {};
struct token      : heed::axis<> {};
struct vocabulary : heed::axis<> {};
struct place      : heed::axis<> {};
struct model      : heed::axis<> {};
struct head       : heed::axis<> {};
struct head_dim   : heed::axis<> {};
struct hidden     : heed::axis<> {};

using ids = heed::tensor<int, sequence, token>;
using language_model = heed::nn::decoder<float, vocabulary, place, token, model, head, head_dim, hidden>;
using cache = heed::generate::cache<language_model, sequence>;

struct model_shape {
    int blocks = 4, width = 128, heads = 4, inner = 512;     ///< inner: of the feed-forward
    int context = 128;                                       ///< tokens that a text may have
    int tokens = 256;                                        ///< of the vocabulary

    /// value_error where sizes do not fit.
    void check() const {
        for (const auto& [name, size, most] : {std::tuple{"blocks", blocks, 1000}, {"width", width, 65536}, {"heads", heads, 1024}, {"inner width", inner, 1 << 20}, {"context", context, 1 << 20}, {"vocabulary", tokens, 1 << 20}})
            if (size < 1 || size > most) throw heed::value_error(fmt::format("A model of {} {} is not made; there may be 1 to {}.", name, size, most));
        if (width % heads != 0) throw heed::value_error(fmt::format("A width of {} cannot be divided among {} heads.", width, heads));
    }
};

inline language_model make_model(const model_shape& s) {
    s.check();
    return language_model(static_cast<std::size_t>(s.blocks), vocabulary{s.tokens}, place{s.context}, model{s.width}, head{s.heads}, head_dim{s.width / s.heads}, hidden{s.inner});
}

/// What a training leaves, and sampling reads: settings.json, model.safetensors, and the tokens' files.
inline std::filesystem::path model_file(const std::filesystem::path& folder) { return folder / "model.safetensors"; }

inline void save_settings(const std::filesystem::path& folder, const model_shape& s, const codec& tokens) {
    heed::files::settings all;
    all.set("format", 1);
    all.set("tokens", std::string(tokens.kind()));
    all.set("vocabulary", s.tokens);
    all.set("blocks", s.blocks);
    all.set("width", s.width);
    all.set("heads", s.heads);
    all.set("inner", s.inner);
    all.set("context", s.context);
    tokens.save(folder);
    all.save(folder / "settings.json");
}

/// A model as it lies in its folder. file_error where the folder is not whole.
struct trained {
    codec tokens;
    model_shape shape;
    language_model model;

    static trained load(const std::filesystem::path& folder) {
        const auto file = folder / "settings.json";
        const auto all = heed::files::settings::load(file);
        if (const int format = all.require<int>("format"); format != 1)
            throw heed::file_error(fmt::format("{}: is of format {}; this program reads format 1.", file.string(), format));
        const model_shape s{all.require<int>("blocks"), all.require<int>("width"), all.require<int>("heads"), all.require<int>("inner"), all.require<int>("context"), all.require<int>("vocabulary")};
        auto tokens = codec::load(folder, all.require<std::string>("tokens"));
        if (tokens.size() != s.tokens) throw heed::file_error(fmt::format("{}: speaks of {} tokens, and there are {}.", file.string(), s.tokens, tokens.size()));
        try {
            trained made{std::move(tokens), s, make_model(s)};
            heed::train::load_model(model_file(folder), made.model);
            return made;
        } catch (const heed::value_error& error) {
            throw heed::file_error(fmt::format("{}: {}", file.string(), error.what()));
        }
    }
};

}  // namespace gpt
