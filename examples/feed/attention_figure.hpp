/// Who reads whom: the attention weights of one post as heat maps over its tokens, one a head and one of their mean.
///
/// Without scripts all maps stand side by side; the page's script turns them into one with a selector, and names the
/// cell under the pointer. Tokens are the public's words: every one of them goes through `svg::escaped`.
#pragma once

#include <feed/results.hpp>
#include <feed/svg.hpp>

#include <heed/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace feed {

namespace detail {

/// At most `most` letters, the last an ellipsis where some were cut; never half a letter of UTF-8.
inline std::string shortened(std::string_view text, std::size_t most) {
    std::size_t letters = 0, keep = text.size();
    for (std::size_t i = 0; i < text.size(); ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
            if (letters + 1 == most) keep = i;
            if (++letters > most) return std::string(text.substr(0, keep)) + "…";
        }
    return std::string(text);
}

/// The shown part of a map: the first tokens, and the weights of every head and of their mean.
class shown_map {
public:
    explicit shown_map(const attention_map& map, std::size_t most = 64) : map_(map), tokens_(std::min(map.tokens.size(), most)) {
        const std::size_t t = map.tokens.size();
        if (map.weights.size() != map.heads * t * t)
            throw heed::value_error(fmt::format("attention map: {} heads over {} tokens have {} weights, and there are {}.", map.heads, t, map.heads * t * t, map.weights.size()));
        for (std::size_t h = 0; h <= map.heads; ++h)
            for (std::size_t i = 0; i < tokens_; ++i)
                for (std::size_t j = 0; j < tokens_; ++j) greatest_ = std::max(greatest_, at(h, i, j));
    }

    std::size_t tokens() const { return tokens_; }
    double greatest() const { return greatest_; }

    /// Head 0 is the mean of the heads 1, 2 ...; a weight that is no number counts 0.
    double at(std::size_t head, std::size_t reader, std::size_t read) const {
        const std::size_t t = map_.tokens.size();
        const auto weight = [&](std::size_t h) {
            const double w = static_cast<double>(map_.weights[(h * t + reader) * t + read]);
            return std::isfinite(w) ? std::max(w, 0.0) : 0.0;
        };
        if (head > 0) return weight(head - 1);
        double sum = 0;
        for (std::size_t h = 0; h < map_.heads; ++h) sum += weight(h);
        return sum / static_cast<double>(map_.heads);
    }

    /// How much a token is read on average, over all heads and readers shown.
    double received(std::size_t read) const {
        double sum = 0;
        for (std::size_t i = 0; i < tokens_; ++i) sum += at(0, i, read);
        return sum / static_cast<double>(tokens_);
    }

private:
    const attention_map& map_;
    std::size_t tokens_;
    double greatest_ = 1e-12;
};

inline constexpr int heat_levels = 15;

/// One heat map. Cells of one shade are one path, neighbours in a row one rectangle of it.
inline std::string heat_map(const shown_map& map, const std::vector<std::string>& tokens, std::size_t head, const std::string& name) {
    const std::size_t t = map.tokens();
    const double cell = t <= 16 ? 26 : t <= 32 ? 17 : 11, font = std::min(13.0, cell * 0.95);
    const double left = 8.2 * font, top = 7.2 * font, right = 4.2 * font, side = cell * static_cast<double>(t);

    std::vector<std::string> shade(heat_levels + 1);
    const auto level = [&](std::size_t i, std::size_t j) { return static_cast<int>(std::ceil(heat_levels * std::sqrt(map.at(head, i, j) / map.greatest()) - 1e-9)); };
    std::string permille;
    for (std::size_t i = 0; i < t; ++i)
        for (std::size_t j = 0; j < t;) {
            const int of_run = level(i, j);
            std::size_t end = j;
            for (; end < t && level(i, end) == of_run; ++end) permille += fmt::format("{:.0f} ", 1000 * map.at(head, i, end));
            if (of_run > 0) shade[static_cast<std::size_t>(of_run)] += fmt::format("M{} {}h{}v1h-{}z", j, i, end - j, end - j);
            j = end;
        }

    std::string svg = fmt::format("<svg class=\"heat-map\" viewBox=\"0 0 {:.0f} {:.0f}\" style=\"max-width:{:.0f}px;font-size:{:g}px\" role=\"img\" data-tokens=\"{}\" data-cell=\"{}\" data-left=\"{:g}\" data-top=\"{:g}\" data-permille=\"{}\">"
                                  "<title>Attention weights, {}</title><desc>Each row is a token that reads, each column a token that is read; darker is more.</desc>\n",
                                  left + side + right, top + side + 4, 1.25 * (left + side + right), font, t, cell, left, top, permille, svg::escaped(name));
    for (std::size_t i = 0; i < t; ++i) {
        const std::string word = svg::escaped(shortened(tokens[i], 14));
        const double middle = (static_cast<double>(i) + 0.5) * cell;
        svg += fmt::format("<text class=\"token\" x=\"{:g}\" y=\"{:g}\" text-anchor=\"end\">{}</text>"
                           "<text class=\"token\" transform=\"translate({:g} {:g}) rotate(-60)\">{}</text>\n",
                           left - 5, top + middle + 0.35 * font, word, left + middle + 0.3 * font, top - 5, word);
    }
    svg += fmt::format("<g transform=\"translate({:g} {:g}) scale({:g})\" shape-rendering=\"crispEdges\"><path class=\"paper\" d=\"M0 0h{}v{}h-{}z\"/>", left, top, cell, t, t, t);
    for (int l = 1; l <= heat_levels; ++l)
        if (const auto& path = shade[static_cast<std::size_t>(l)]; !path.empty())
            svg += fmt::format("<path class=\"heat\" fill-opacity=\"{:.3f}\" d=\"{}\"/>", static_cast<double>(l) / heat_levels, path);
    return svg + "</g></svg>";
}

/// The colours' meaning. They follow the square root of the weight, so that small weights are seen beside large ones.
inline std::string heat_legend(double greatest) {
    std::string svg = "<svg class=\"heat-legend\" viewBox=\"0 0 330 34\" role=\"img\"><title>Scale of the weights</title>";
    for (int l = 0; l <= heat_levels; ++l)
        svg += fmt::format("<rect class=\"{}\" fill-opacity=\"{:.3f}\" x=\"{}\" y=\"0\" width=\"20\" height=\"14\"/>", l == 0 ? "paper" : "heat", l == 0 ? 1.0 : static_cast<double>(l) / heat_levels, 5 + 20 * l);
    for (double share : {0.0, 0.5, 1.0})
        svg += fmt::format("<text class=\"tick\" x=\"{:g}\" y=\"30\" text-anchor=\"{}\">{}</text>", 5 + 320 * share, share == 0 ? "start" : share == 1 ? "end" : "middle",
                           share == 0 ? "0" : fmt::format("{:.2g}", greatest * share * share));
    return svg + "</svg>";
}

}  // namespace detail

/// The section's inner HTML. value_error where the weights do not fit heads and tokens.
inline std::string attention_figure(const attention_map& map) {
    const detail::shown_map shown(map);
    if (map.heads == 0 || shown.tokens() == 0) return "<p class=\"none\">Not measured in this run.</p>\n";

    double most_read = 1e-12;
    for (std::size_t j = 0; j < shown.tokens(); ++j) most_read = std::max(most_read, shown.received(j));
    std::string html = fmt::format("<p>{}. How much each token is read, on average over all heads and readers:</p>\n<p class=\"read\">", svg::escaped(map.title));
    for (std::size_t j = 0; j < shown.tokens(); ++j)
        html += fmt::format("<span style=\"--share:{:.3f}\" title=\"{:.3f}\">{}</span> ", shown.received(j) / most_read, shown.received(j), svg::escaped(detail::shortened(map.tokens[j], 40)));
    html += "</p>\n";
    if (shown.tokens() < map.tokens.size())
        html += fmt::format("<p class=\"note\">The first {} of {} tokens are shown.</p>\n", shown.tokens(), map.tokens.size());

    html += "<p>Each row of a map is a token that reads, each column a token that is read.</p>\n<div class=\"heads\" id=\"heads\">\n";
    const auto name = [](std::size_t head) { return head == 0 ? std::string("mean of the heads") : fmt::format("head {}", head); };
    for (std::size_t head = 0; head <= map.heads; ++head)
        html += fmt::format("<figure class=\"head\" data-name=\"{0}\"><figcaption>{0}</figcaption>{1}</figure>\n", name(head), detail::heat_map(shown, map.tokens, head, name(head)));
    return html + "</div>\n<p id=\"cell\" class=\"note\" aria-live=\"polite\"></p>\n" + detail::heat_legend(shown.greatest());
}

}  // namespace feed
