/// A text goes on: the cache reads, the sampler draws, a token at a time.
#pragma once

#include <gpt/model.hpp>

#include <heed/generate/sampler.hpp>

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpt {

/// Continues a prompt by so many tokens; `show` gets each one's bytes as soon as it is drawn, and says whether to go on.
/// Past the model's context the earlier half is forgotten: the later half is read anew, and the text goes on from there.
/// value_error where the prompt is empty, no UTF-8, or longer than the context.
inline void continue_text(const trained& t, std::string_view prompt, std::size_t tokens, heed::generate::sampler& sample, const std::function<bool(std::string_view)>& show) {
    check_prompt(prompt);
    std::vector<int> text = t.tokens.encode(prompt);
    if (text.size() > static_cast<std::size_t>(t.shape.context))
        throw heed::value_error(fmt::format("The prompt has {} tokens, and the model's context is {}.", text.size(), t.shape.context));
    cache past(t.model, sequence{1});
    std::vector<std::vector<int>> first{text};
    for (const auto* logits = &past.read(first); tokens > 0; --tokens) {
        const int next = sample(std::span<const float>(logits->data(), static_cast<std::size_t>(logits->size())), text);
        text.push_back(next);
        if (!show(t.tokens.decode(std::span(&next, 1)))) return;
        if (tokens == 1) return;
        if (past.lengths()[0] < past.capacity()) logits = &past.read(std::array{next});
        else {
            past.clear();
            first[0].assign(text.end() - std::max(1, t.shape.context / 2), text.end());
            logits = &past.read(first);
        }
    }
}

}  // namespace gpt
