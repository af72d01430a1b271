/// The report as one page that opens without a network: style sheet, charts as SVG and a short script, all inside it.
#pragma once

#include <feed/attention_figure.hpp>
#include <feed/charts.hpp>
#include <feed/page_style.hpp>
#include <feed/recommendation.hpp>
#include <feed/results.hpp>
#include <feed/svg.hpp>
#include <feed/tables.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <initializer_list>
#include <string>

namespace feed {

namespace detail {

/// Every cell is escaped.
inline std::string html(const table& t) {
    std::string text = fmt::format("<div class=\"wide\"><table><caption>{}</caption>\n", svg::escaped(t.caption));
    for (std::size_t r = 0; r < t.rows.size(); ++r) {
        text += "<tr>";
        for (std::size_t c = 0; c < t.rows[r].size(); ++c)
            text += fmt::format("<{0}{1}>{2}</{0}>", r == 0 ? "th" : "td", t.of_words(c) ? " class=\"words\"" : "", svg::escaped(t.rows[r][c]));
        text += "</tr>\n";
    }
    return text + "</table></div>\n";
}

inline std::string tables(std::initializer_list<table> all) {
    std::string text = "<div class=\"tables\">\n";
    for (const auto& t : all)
        if (t.rows.size() > 1) text += html(t);
    return text + "</div>\n";
}

inline std::string side_by_side(std::initializer_list<std::string> figures) {
    std::string text = "<div class=\"charts\">\n";
    for (const auto& figure : figures) text += figure;
    return text + "</div>\n";
}

}  // namespace detail

/// The whole page. The content security policy forbids it to load anything; all texts of `r` are escaped.
inline std::string page(const results& r) {
    const advice a = recommendation(r);
    const char* const kind = a.choice == verdict::classifier ? "classifier" : a.choice == verdict::baseline ? "baseline" : "undecided";
    std::string text = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Attention against a mean of embeddings</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        detail::style_sheet);
    text += fmt::format("<h1>Does attention pay in this feed?</h1>\n<p class=\"quiet\">{}<br>{}</p>\n", svg::escaped(r.data), svg::escaped(r.machine));
    text += fmt::format("<section class=\"advice {}\"><h2>{}</h2><p>{}</p></section>\n", kind, svg::escaped(a.headline), svg::escaped(a.paragraph));

    text += "<h2>Quality</h2>\n" + detail::tables({quality_table(r), models_table(r)});
    text += detail::side_by_side({charts::roc(r), charts::calibration(r)});
    text += "<h2>Quality by length</h2>\n" + detail::side_by_side({charts::auc_by_length(r), charts::gain_by_length(r)});
    text += detail::tables({gain_table(r), length_table(r)});
    text += "<h2>Learning</h2>\n" + detail::side_by_side({charts::learning_loss(r), charts::learning_auc(r)});
    text += "<h2>Latency</h2>\n" + detail::side_by_side({charts::latency_by_batch(r), charts::latency_by_length(r)});
    text += detail::tables({latency_table(r), length_latency_table(r)});
    if (!r.on_gpu.rows.empty()) text += detail::tables({budget_table(r)});
    text += "<h2>How attention scales</h2>\n" + detail::side_by_side({charts::scaling_time(r), charts::scaling_memory(r)}) + detail::tables({scaling_table(r)});
    text += "<p class=\"note\">Exponents are fitted by least squares of the logarithms over the upper half of the lengths, where fixed costs have worn off.</p>\n";
    text += "<h2>What attention reads in one post</h2>\n" + (r.map ? attention_figure(*r.map) : std::string("<p class=\"none\">Not measured in this run.</p>\n"));
    text += "<h2>How this was made</h2>\n" + detail::tables({settings_table(r)});
    return text + fmt::format("</main>\n<script>{}</script>\n</body>\n</html>\n", detail::script);
}

}  // namespace feed
