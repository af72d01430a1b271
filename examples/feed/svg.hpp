/// Charts as SVG that stands in a page: lines and dots over linear, logarithmic and categorical axes.
///
/// Colours are classes (`c0`, `c1` ...) that the page's style sheet defines for its light and its dark scheme; series
/// differ by marker and dash as well as by colour. The legend is a list above the picture, so it never covers data.
#pragma once

#include <feed/wording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace feed::svg {

/// Text for HTML and SVG, in elements and in quoted attributes: it can neither open a tag nor leave a quotation.
/// Control characters, which XML has no place for, become spaces.
inline std::string escaped(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (const char c : text) switch (c) {
        case '&': safe += "&amp;"; break;
        case '<': safe += "&lt;"; break;
        case '>': safe += "&gt;"; break;
        case '"': safe += "&quot;"; break;
        case '\'': safe += "&#39;"; break;
        default: safe += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    return safe;
}

struct point {
    double x = 0, y = 0;
    double low = not_measured, high = not_measured;      // ends of a bar through the point, where it has one
};

enum class drawn { line, dashed_line, faint_line, line_with_dots, dots };

struct series {
    std::string name;
    std::vector<point> points;
    int colour = 0;                              // and marker: 0 to 5
    drawn as = drawn::line;
};

struct axis {
    std::string label;                           // with its unit
    bool logarithmic = false;
    double low = not_measured, high = not_measured;      // not given: from the data
    std::vector<double> ticks{};                 // not given: round numbers
    std::function<std::string(double)> format{};         // of a tick; not given: as many decimals as the ticks need
    std::vector<std::string> categories{};       // where there are any, x counts them from 0
};

namespace detail {

inline double round_step(double range, int wanted) {
    const double rough = range / wanted, power = std::pow(10, std::floor(std::log10(rough)));
    for (double step : {1.0, 2.0, 2.5, 5.0})
        if (step * power >= rough * (1 - 1e-9)) return step * power;
    return 10 * power;
}

/// Coordinates have one decimal, a tenth of a pixel, without a trailing zero.
inline std::string coordinate(double x) {
    const double rounded = std::round(x * 10) / 10;
    return fmt::format("{:g}", rounded == 0 ? 0.0 : rounded);
}

inline std::string marker(int colour, double x, double y) {
    const auto at = [&](double dx, double dy) { return coordinate(x + dx) + " " + coordinate(y + dy); };
    switch (colour % 4) {
        case 0: return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"4\"", coordinate(x), coordinate(y));
        case 1: return fmt::format("<path d=\"M{}h7v7h-7z\"", at(-3.5, -3.5));
        case 2: return fmt::format("<path d=\"M{}L{}L{}z\"", at(0, -5), at(4.6, 3.5), at(-4.6, 3.5));
        default: return fmt::format("<path d=\"M{}L{}L{}L{}z\"", at(0, -5), at(5, 0), at(0, 5), at(-5, 0));
    }
}

inline const char* line_class(drawn as) {
    switch (as) {
        case drawn::dashed_line: return "line dashed";
        case drawn::faint_line: return "line faint";
        default: return "line";
    }
}
inline bool has_line(drawn as) { return as != drawn::dots; }
inline bool has_dots(drawn as) { return as == drawn::dots || as == drawn::line_with_dots; }

/// One direction of a chart: what lies where, and which numbers stand at it.
class scale {
public:
    scale(const axis& of, double least, double most, double from, double to) : axis_(of), from_(from), to_(to) {
        if (!of.categories.empty()) {
            low_ = -0.5, high_ = static_cast<double>(of.categories.size()) - 0.5;
            for (std::size_t i = 0; i < of.categories.size(); ++i) ticks_.push_back(static_cast<double>(i));
            return;
        }
        low_ = std::isnan(of.low) ? least : of.low;
        high_ = std::isnan(of.high) ? most : of.high;
        if (of.logarithmic) {
            low_ = std::max(low_, 1e-300), high_ = std::max(high_, low_);
            if (std::isnan(of.low)) low_ /= 1.15;
            if (std::isnan(of.high)) high_ *= 1.15;
        } else if (!(high_ > low_)) {
            const double around = std::max(std::abs(low_) * 0.1, 1e-3);
            low_ -= around, high_ += around;
        }
        ticks_ = !of.ticks.empty() ? of.ticks : of.logarithmic ? decades() : steps();
        if (!of.logarithmic && of.ticks.empty()) {                   // a free end lies on a tick
            if (std::isnan(of.low)) low_ = std::min(low_, ticks_.front());
            if (std::isnan(of.high)) high_ = std::max(high_, ticks_.back());
        }
        std::erase_if(ticks_, [&](double t) { return t < low_ - 1e-9 * std::abs(low_) || t > high_ + 1e-9 * std::abs(high_); });
    }

    double place(double x) const {
        const double share = axis_.logarithmic ? std::log(std::max(x, low_) / low_) / std::log(high_ / low_) : (x - low_) / (high_ - low_);
        return from_ + std::clamp(share, 0.0, 1.0) * (to_ - from_);
    }
    double low() const { return low_; }
    double high() const { return high_; }
    const std::vector<double>& ticks() const { return ticks_; }

    std::string label(double tick) const {
        if (!axis_.categories.empty()) return axis_.categories[static_cast<std::size_t>(tick)];
        if (axis_.format) return axis_.format(tick);
        if (axis_.logarithmic) return tick >= 1000 ? wording::count(tick) : fmt::format("{:g}", tick);
        if (decimals_ > 0) return fmt::format("{:.{}f}", tick, decimals_);
        return wording::count(tick);
    }

private:
    std::vector<double> steps() {
        const double step = round_step(high_ - low_, 5);
        decimals_ = 0;
        for (double shown = step; decimals_ < 9 && std::abs(shown - std::round(shown)) > 1e-6; shown *= 10) ++decimals_;
        const double first = std::isnan(axis_.low) ? std::floor(low_ / step + 1e-9) : std::ceil(low_ / step - 1e-9);
        const double last = std::isnan(axis_.high) ? std::ceil(high_ / step - 1e-9) : std::floor(high_ / step + 1e-9);
        std::vector<double> at;
        for (double i = first; i <= last; ++i) at.push_back(i == 0 ? 0.0 : i * step);
        return at;
    }

    std::vector<double> decades() const {
        const double span = std::log10(high_ / low_);
        std::vector<double> at;
        for (int e = static_cast<int>(std::floor(std::log10(low_))); e <= static_cast<int>(std::ceil(std::log10(high_))); ++e)
            for (double m : {1.0, 2.0, 5.0})
                if (m == 1 || span < 2.5) at.push_back(m * std::pow(10, e));
        return at;
    }

    const axis& axis_;
    double from_, to_, low_ = 0, high_ = 1;
    std::vector<double> ticks_;
    int decimals_ = 0;
};

}  // namespace detail

class chart {
public:
    /// `description` says in a sentence what is seen, for those who do not see it.
    chart(std::string title, std::string description, axis x, axis y)
        : title_(std::move(title)), description_(std::move(description)), x_(std::move(x)), y_(std::move(y)) {}

    /// Points where either number is not finite (or not positive, on a logarithmic axis) are left out, and part the line.
    void add(series s) { series_.push_back(std::move(s)); }

    /// A line across the chart at this height, with its name in the legend.
    void limit(double y, std::string name) { limits_.emplace_back(y, std::move(name)); }

    /// The line y = x, with its name in the legend.
    void diagonal(std::string name) { diagonal_ = std::move(name); }

    /// The whole figure: caption, legend, picture.
    std::string figure() const {
        std::string html = fmt::format("<figure><figcaption>{}</figcaption>\n", escaped(title_));
        const auto shown = [&](const series& s) { return std::any_of(s.points.begin(), s.points.end(), [&](const point& p) { return visible(p); }); };
        if (std::none_of(series_.begin(), series_.end(), shown)) return html + "<p class=\"none\">Not measured in this run.</p></figure>\n";

        html += "<ul class=\"legend\">";
        for (const auto& s : series_)
            if (shown(s)) html += legend_entry(s);
        for (const auto& [y, name] : limits_) html += legend_entry("<path class=\"limit\" d=\"M1 6H27\"/>", name);
        if (!diagonal_.empty()) html += legend_entry("<path class=\"reference\" d=\"M1 6H27\"/>", diagonal_);
        return html + "</ul>\n" + picture() + "</figure>\n";
    }

private:
    static constexpr double width = 640, height = 380, left = 74, right = 30, top = 32, bottom = 54;

    bool visible(const point& p) const {
        return std::isfinite(p.x) && std::isfinite(p.y) && (p.x > 0 || !x_.logarithmic) && (p.y > 0 || !y_.logarithmic);
    }

    static std::string legend_entry(const std::string& key, const std::string& name) {
        return fmt::format("<li><svg viewBox=\"0 0 28 12\" aria-hidden=\"true\">{}</svg>{}</li>", key, escaped(name));
    }

    static std::string legend_entry(const series& s) {
        std::string key;
        if (detail::has_line(s.as)) key += fmt::format("<path class=\"{} c{}\" d=\"M1 6H27\"/>", detail::line_class(s.as), s.colour);
        if (detail::has_dots(s.as)) key += detail::marker(s.colour, 14, 6) + fmt::format(" class=\"dot c{}\"/>", s.colour);
        return legend_entry(key, s.name);
    }

    std::string picture() const {
        double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
        for (const auto& s : series_)
            for (const auto& p : s.points) {
                if (!visible(p)) continue;
                x_low = std::min(x_low, p.x), x_high = std::max(x_high, p.x);
                for (double y : {p.y, p.low, p.high})
                    if (std::isfinite(y) && (y > 0 || !y_.logarithmic)) y_low = std::min(y_low, y), y_high = std::max(y_high, y);
            }
        for (const auto& [y, name] : limits_) y_low = std::min(y_low, y), y_high = std::max(y_high, y);
        const detail::scale x(x_, x_low, x_high, left, width - right), y(y_, y_low, y_high, height - bottom, top);
        const auto c = [](double value) { return detail::coordinate(value); };

        std::string svg = fmt::format("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\"><title>{}</title><desc>{}</desc>\n", width, height, escaped(title_), escaped(description_));
        for (double t : y.ticks())
            svg += fmt::format("<path class=\"grid\" d=\"M{0} {1}H{2}\"/><text class=\"tick\" x=\"{3}\" y=\"{4}\" text-anchor=\"end\">{5}</text>\n", left, c(y.place(t)), width - right,
                               left - 8, c(y.place(t) + 5), escaped(y.label(t)));
        double end_of_last = -INFINITY;
        for (double t : x.ticks()) {
            const std::string label = x.label(t);
            const double at = x.place(t), half = 4.3 * static_cast<double>(letters(label));
            svg += fmt::format("<path class=\"grid\" d=\"M{} {}v5\"/>", c(at), height - bottom);
            if (at - half < end_of_last + 6) continue;                       // a label that would touch the one before
            end_of_last = at + half;
            svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", c(at), height - bottom + 22, escaped(label));
        }
        svg += fmt::format("<path class=\"frame\" d=\"M{} {}V{}H{}\"/>\n", left, top, height - bottom, width - right);
        svg += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\">{}</text>", 4, top - 14, escaped(y_.label));
        svg += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", (left + width - right) / 2, height - 10, escaped(x_.label));

        if (!diagonal_.empty()) {
            const double from = std::max(x.low(), y.low()), to = std::min(x.high(), y.high());
            svg += fmt::format("<path class=\"reference\" d=\"M{} {}L{} {}\"/>\n", c(x.place(from)), c(y.place(from)), c(x.place(to)), c(y.place(to)));
        }
        for (const auto& s : series_) svg += drawn_series(s, x, y);
        for (const auto& [value, name] : limits_) svg += fmt::format("<path class=\"limit\" d=\"M{} {}H{}\"/>\n", left, c(y.place(value)), width - right);
        return svg + "</svg>";
    }

    std::string drawn_series(const series& s, const detail::scale& x, const detail::scale& y) const {
        std::string path, dots;
        bool joined = false;
        for (const auto& p : s.points) {
            if (!visible(p)) { joined = false; continue; }
            const std::string px = detail::coordinate(x.place(p.x)), py = detail::coordinate(y.place(p.y));
            path += fmt::format("{}{} {}", joined ? "L" : "M", px, py);
            joined = true;
            if (!detail::has_dots(s.as)) continue;
            if (std::isfinite(p.low) && std::isfinite(p.high))
                dots += fmt::format("<path class=\"bar c{}\" d=\"M{} {}V{}\"/>", s.colour, px, detail::coordinate(y.place(p.low)), detail::coordinate(y.place(p.high)));
            const std::string where = x_.categories.empty() ? wording::three_digits(p.x) : x_.categories[static_cast<std::size_t>(std::max(0.0, std::round(p.x)))];
            dots += detail::marker(s.colour, x.place(p.x), y.place(p.y)) +
                    fmt::format(" class=\"dot c{}\"><title>{}: {}, {}</title></{}>\n", s.colour, escaped(s.name), escaped(where), readable(p.y), s.colour % 4 == 0 ? "circle" : "path");
        }
        std::string svg;
        if (detail::has_line(s.as) && !path.empty()) svg += fmt::format("<path class=\"{} c{}\" d=\"{}\"/>\n", detail::line_class(s.as), s.colour, path);
        return svg + dots;
    }

    std::string readable(double value) const { return escaped(y_.format ? y_.format(value) : fmt::format("{:.4g}", value)); }

    static std::size_t letters(std::string_view text) {
        return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    }

    std::string title_, description_, diagonal_;
    axis x_, y_;
    std::vector<series> series_;
    std::vector<std::pair<double, std::string>> limits_;
};

}  // namespace feed::svg
