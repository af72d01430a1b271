/// What a training was like, as one page that opens without a network: its curves, what it wrote, and who reads whom.
#pragma once

#include <feed/attention_figure.hpp>
#include <feed/page_style.hpp>
#include <feed/svg.hpp>
#include <gpt/train.hpp>

#include <heed/files/write_aside.hpp>

#include <algorithm>
#include <string>

namespace gpt {

/// The attention of the last block over the first tokens of a text.
inline feed::attention_map map_of(const trained& t, std::span<const int> text, std::size_t most = 48) {
    const std::size_t length = std::min({text.size(), most, static_cast<std::size_t>(t.shape.context)});
    ids read(sequence{1}, token{length});
    std::copy_n(text.begin(), length, read.begin());
    language_model::trace_of<ids> trace;
    t.model.forward(read, trace);
    using key = language_model::key;
    const auto& attention = trace.blocks.blocks.back().attention.layer;
    const double scale = t.model.blocks.blocks.back().attention.scale();
    const heed::tensor<float, head, token, key, sequence> weights = heed::softmax<key>(heed::nn::masked_scores<head_dim>(attention.q, attention.k, scale, t.model.mask()));
    feed::attention_map map{fmt::format("The last of {} blocks reads the first {} tokens that were held out", t.shape.blocks, length), {}, static_cast<std::size_t>(t.shape.heads), {weights.begin(), weights.end()}};
    for (const int& token : text.first(length)) {
        std::string shown = printable(t.tokens.decode(std::span(&token, 1)));
        map.tokens.push_back(shown == " " ? "␣" : shown == "\n" ? "↵" : shown == "\t" ? "⇥" : shown);
    }
    return map;
}

inline std::string loss_chart(const training_record& record) {
    feed::svg::chart chart("Loss while learning", "Training loss of every update and held-out loss against the step.", {.label = "step"}, {.label = "loss, nats a token"});
    feed::svg::series each{"training", {}, 0, feed::svg::drawn::faint_line}, held_out{"held out", {}, 1, feed::svg::drawn::line_with_dots};
    const std::size_t stride = std::max<std::size_t>(1, record.losses.size() / 600);
    for (std::size_t i = 0; i < record.losses.size(); i += stride) {
        const auto end = std::min(record.losses.size(), i + stride);
        double sum = 0;
        for (std::size_t j = i; j < end; ++j) sum += record.losses[j];
        each.points.push_back({static_cast<double>(end), sum / static_cast<double>(end - i)});
    }
    for (const auto& point : record.points) held_out.points.push_back({static_cast<double>(point.step), point.held_out_loss});
    chart.add(std::move(each));
    chart.add(std::move(held_out));
    return chart.figure();
}

/// Writes report.html, and losses.tsv: the loss of every update.
inline void write_report(const trained& t, const split_text& text, const training_plan& plan, const training_record& record) {
    const auto escaped = [](std::string_view s) { return feed::svg::escaped(s); };
    const auto escaped_lines = [&](std::string_view s) {
        std::string lines;
        for (std::size_t end; (end = s.find('\n')) != std::string_view::npos; s.remove_prefix(end + 1)) lines += escaped(s.substr(0, end)) + "<br>";
        return lines + escaped(s);
    };
    std::string page = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>A language model learns</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        feed::detail::style_sheet);
    page += fmt::format("<h1>A language model learns</h1>\n<p class=\"quiet\">{}</p>\n", escaped(plan.identity(t.shape, text)));
    const double speed = record.seconds > 0 ? static_cast<double>(record.updates_timed) * plan.batch * t.shape.context / record.seconds : feed::not_measured;
    page += fmt::format("<p>{} parameters; {} tokens a second; held-out perplexity {}.</p>\n", feed::wording::count(heed::nn::parameter_count(t.model)), feed::wording::count(std::round(speed)),
                        record.points.empty() ? "–" : fmt::format("{:.3f}", std::exp(record.points.back().held_out_loss)));
    page += "<h2>Learning</h2>\n<div style=\"max-width:720px\">\n" + loss_chart(record) + "</div>\n<h2>What it wrote</h2>\n";
    for (const auto& point : record.points)
        page += fmt::format("<p class=\"note\">After {} steps, perplexity {:.3f}:</p>\n<p style=\"white-space:pre-wrap\">{}</p>\n", feed::wording::count(static_cast<double>(point.step)), std::exp(point.held_out_loss), escaped_lines(point.sample));
    page += "<h2>What attention reads</h2>\n" + feed::attention_figure(map_of(t, text.held_out()));
    page += fmt::format("</main>\n<script>{}</script>\n</body>\n</html>\n", feed::detail::script);
    heed::files::write_aside(plan.folder / "report.html", [&](std::ostream& out) { out << page; });
    heed::files::write_aside(plan.folder / "losses.tsv", [&](std::ostream& out) {
        out << "step\tloss\n";
        for (std::size_t i = 0; i < record.losses.size(); ++i) out << fmt::format("{}\t{}\n", i + 1, record.losses[i]);
    });
}

}  // namespace gpt
