/// What a run leaves behind: tables in the terminal, metrics.json for programs, report.html for people.
#pragma once

#include <feed/metrics_json.hpp>
#include <feed/page.hpp>
#include <feed/recommendation.hpp>
#include <feed/results.hpp>
#include <feed/tables.hpp>

#include <heed/files/write_aside.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>

namespace feed {

namespace detail {

/// The text broken at spaces into lines of at most `width` letters.
inline std::string wrapped(std::string_view text, std::size_t width) {
    std::string lines;
    std::size_t used = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        const std::size_t letters = columns_of(word);
        if (used > 0) lines += used + 1 + letters > width ? "\n" : " ";
        used = used > 0 && used + 1 + letters <= width ? used + 1 + letters : letters;
        lines += word;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace detail

inline void print_tables(std::ostream& out, const results& r) {
    out << r.data << "\n" << r.machine << "\n";
    for (const table& t : {models_table(r), quality_table(r), gain_table(r), length_table(r), latency_table(r), length_latency_table(r), budget_table(r), scaling_table(r)})
        if (t.rows.size() > 1) print(out, t);
    const advice a = recommendation(r);
    out << "\n" << a.headline << "\n" << detail::wrapped(a.paragraph, 100) << "\n";
}

/// The file is there whole or not at all. file_error where it cannot be written. Text that is no UTF-8 is repaired.
inline void write_metrics(const std::filesystem::path& file, const results& r) {
    const std::string text = metrics_json(r).dump(2, ' ', false, json::error_handler_t::replace);
    heed::files::write_aside(file, [&](std::ostream& out) { out << text << "\n"; });
}

/// The same for the page. value_error where the attention map's weights do not fit its tokens.
inline void write_page(const std::filesystem::path& file, const results& r) {
    const std::string text = page(r);
    heed::files::write_aside(file, [&](std::ostream& out) { out << text; });
}

}  // namespace feed
