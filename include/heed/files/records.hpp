/// Records from tab-separated text: plain or gzip, from a file or a pipe, one at a time.
#pragma once

#include <heed/files/line_reader.hpp>
#include <heed/files/utf8.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <system_error>

namespace heed::files {

/// The number that a field holds: finite, decimal, with a point and an exponent where one likes (`-1.5e3`), and nothing
/// beside it. Nothing where the field is anything else; `inf` and `nan` too are no numbers here.
inline std::optional<double> parse_number(std::string_view field) noexcept {
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size() || !std::isfinite(value)) return {};
    return value;
}

/// The label that a field holds: "0" or "1". Nothing where it is anything else.
inline std::optional<bool> parse_label(std::string_view field) noexcept {
    if (field == "0") return false;
    if (field == "1") return true;
    return {};
}

/// A column that a program wants, and what its fields must hold.
struct column {
    enum class kind { text, number, label };

    column(const char* its_name) : name(its_name) {}
    column(std::string its_name, kind its_kind = kind::text) : name(std::move(its_name)), holds(its_kind) {}

    std::string name;
    kind holds = kind::text;
    bool required = true;
};

/// A column of numbers, where an empty field is a missing value.
inline column number(std::string name) { return {std::move(name), column::kind::number}; }

/// A column of labels 0 and 1, none missing.
inline column label(std::string name) { return {std::move(name), column::kind::label}; }

/// The column may be absent, and a label in it may be empty.
inline column if_present(column wanted) {
    wanted.required = false;
    return wanted;
}

/// What can be wrong with a line. The last two: the program rejected it; the gzip stream ended or broke in it.
enum class fault { too_long, zero_byte, not_utf8, field_count, number, label, rejected, stream };

/// How many lines were skipped, by what was wrong.
class skipped_lines {
public:
    std::int64_t operator[](fault kind) const noexcept { return counts_[static_cast<std::size_t>(kind)]; }

    std::int64_t total() const noexcept {
        std::int64_t sum = 0;
        for (const std::int64_t count : counts_) sum += count;
        return sum;
    }

    void count(fault kind) noexcept { ++counts_[static_cast<std::size_t>(kind)]; }

    /// "3 lines skipped: 2 with a wrong number of fields, 1 that are not UTF-8", or "no line skipped".
    std::string summary() const {
        constexpr std::array words{" too long", " with a zero byte", " not in UTF-8", " with a wrong number of fields",
                                   " with something that is no number", " with a label that is not 0 or 1", " rejected",
                                   " where the gzip stream breaks off"};
        if (total() == 0) return "no line skipped";
        std::string out = std::to_string(total()) + (total() == 1 ? " line skipped" : " lines skipped");
        const char* before = ": ";
        for (std::size_t kind = 0; kind < counts_.size(); ++kind) {
            if (counts_[kind] > 0) out += sentence({std::exchange(before, ", "), std::to_string(counts_[kind]), words[kind]});
        }
        return out;
    }

private:
    std::array<std::int64_t, 8> counts_{};
};

struct record_options {
    bool skip_bad = false;                                ///< count bad lines and go on, in place of an error
    std::size_t longest_line = std::size_t{1} << 20;      ///< in bytes
};

/// Reads a file whose first line names the columns and whose other lines hold as many fields, split by one tab. There is
/// no quoting and no escape. The text is UTF-8 (a byte order mark at its beginning is passed over), and lines end in
/// "\n" or "\r\n".
///
///     using namespace heed::files;
///     record_reader posts("train.tsv.gz", {label("label"), number("hour_utc"), "text"});
///     while (posts.next()) use(*posts.label(0), posts.number(1), posts.field(2));
///
/// Every error is a file_error, "FILE:LINE: what is wrong". With `skip_bad` lines that are bad in themselves are counted
/// and passed over, and so is what a damaged or cut gzip stream does not give: it counts as one line and ends the reading
/// as the end of the file would. A file that cannot be read, is empty or has the wrong header stays an error.
///
/// A record lives until the next call of next(). No more is held than one line and a buffer, whatever the file's size.
class record_reader {
public:
    /// `path` "-" is standard input.
    record_reader(const std::filesystem::path& path, std::vector<column> columns, record_options options = {})
        : record_reader(byte_source(path), std::move(columns), options) {}

    record_reader(byte_source source, std::vector<column> columns, record_options options = {})
        : lines_(std::move(source), options.longest_line), columns_(std::move(columns)), values_(columns_.size()), skip_bad_(options.skip_bad) {
        read_header();
    }

    /// Goes to the next good record; false at the end.
    bool next() {
        for (;;) {
            switch (next_line()) {
                case line_reader::found::end: return false;
                case line_reader::found::too_long:
                    refuse(fault::too_long, {"the line is longer than ", std::to_string(lines_.longest_line()), " bytes"});
                    break;
                case line_reader::found::line:
                    if (accept(lines_.line())) return true;
            }
        }
    }

    /// The field of the i-th column asked for; empty where the file lacks the column.
    std::string_view field(std::size_t i) const {
        const std::size_t place = places_.at(i);
        return place == absent ? std::string_view() : fields_[place];
    }

    /// The number in the i-th column asked for, which was declared one; nothing where it is missing.
    std::optional<double> number(std::size_t i) const {
        expect(i, column::kind::number);
        return values_[i];
    }

    /// The label in the i-th column asked for, which was declared one; nothing where it is missing, if it may.
    std::optional<bool> label(std::size_t i) const {
        expect(i, column::kind::label);
        if (!values_[i]) return {};
        return *values_[i] != 0;
    }

    /// Whether the file has the i-th column asked for.
    bool present(std::size_t i) const { return places_.at(i) != absent; }

    /// For what only the program can find wrong with the record: throws as for any bad line or, with `skip_bad`, counts it.
    ///     if (words == 0) { posts.reject("the text has no word"); continue; }
    void reject(std::string_view what) { refuse(fault::rejected, {what}); }

    /// The number of the record's line in the file, from 1, which is the header's.
    std::int64_t line() const noexcept { return lines_.number(); }

    /// "FILE:LINE" of the record.
    std::string where() const { return sentence({lines_.source().name().native(), ":", std::to_string(line())}); }

    const skipped_lines& skipped() const noexcept { return skipped_; }

    const byte_source& source() const noexcept { return lines_.source(); }

private:
    static constexpr std::size_t absent = static_cast<std::size_t>(-1);

    line_reader::found next_line() {
        try {
            return ended_ ? line_reader::found::end : lines_.next();
        } catch (const damaged_stream&) {
            ended_ = true;
            refuse(fault::stream, {lines_.source().damage()});
            return line_reader::found::end;
        }
    }

    /// Splits and checks a line; false where it is to be skipped.
    bool accept(std::string_view line) {
        if (const std::size_t zero = line.find('\0'); zero != line.npos) {
            return refuse(fault::zero_byte, {"byte ", std::to_string(zero + 1), " of the line is zero"});
        }
        if (const std::size_t bad = first_invalid_utf8(line); bad != line.npos) {
            return refuse(fault::not_utf8, {"the line is not UTF-8 from its byte ", std::to_string(bad + 1), " on"});
        }
        if (const std::size_t count = split(line, fields_); count != fields_.size()) {
            return refuse(fault::field_count, {"the line has ", std::to_string(count), count == 1 ? " field" : " fields", ", the header ",
                                               std::to_string(fields_.size())});
        }
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i].holds != column::kind::text && !parse(i)) return false;
        }
        return true;
    }

    /// The fields of a line, as many as there is room for; says how many it has.
    static std::size_t split(std::string_view line, std::span<std::string_view> fields) noexcept {
        std::size_t count = 0;
        for (;;) {
            const std::size_t tab = line.find('\t');
            if (count < fields.size()) fields[count] = line.substr(0, tab);
            ++count;
            if (tab == line.npos) return count;
            line.remove_prefix(tab + 1);
        }
    }

    bool parse(std::size_t i) {
        const column& wanted = columns_[i];
        const std::string_view text = field(i);
        values_[i].reset();
        if (wanted.holds == column::kind::number) {
            if (text.empty()) return true;
            values_[i] = parse_number(text);
            if (!values_[i]) return refuse(fault::number, {"column ", in_quotes(wanted.name), " holds ", in_quotes(text), ", which is no number"});
            return true;
        }
        if (text.empty() && !wanted.required) return true;
        const std::optional<bool> value = parse_label(text);
        if (!value) return refuse(fault::label, {"column ", in_quotes(wanted.name), " holds ", in_quotes(text), " where a label is 0 or 1"});
        values_[i] = *value;
        return true;
    }

    void read_header() {
        const bool skip_bad = std::exchange(skip_bad_, false);
        const line_reader::found found = next_line();
        if (found == line_reader::found::end) fail(lines_.source().name(), "is empty; its first line should name the columns");
        if (found == line_reader::found::too_long) refuse(fault::too_long, {"the header is longer than ", std::to_string(lines_.longest_line()), " bytes"});
        std::string_view line = lines_.line();
        if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
        if (line.find('\0') != line.npos || first_invalid_utf8(line) != line.npos) refuse(fault::not_utf8, {"this is no header of a text file in UTF-8"});

        fields_.resize(split(line, {}));
        split(line, fields_);
        for (const column& wanted : columns_) places_.push_back(place_of(wanted));
        std::fill(fields_.begin(), fields_.end(), std::string_view());
        skip_bad_ = skip_bad;
    }

    std::size_t place_of(const column& wanted) {
        const auto found = std::find(fields_.begin(), fields_.end(), wanted.name);
        if (found == fields_.end()) {
            if (!wanted.required) return absent;
            refuse(fault::rejected, {"the header has no column ", in_quotes(wanted.name), "; it has ", header_in_words()});
        }
        if (std::find(found + 1, fields_.end(), wanted.name) != fields_.end()) {
            refuse(fault::rejected, {"the header has two columns ", in_quotes(wanted.name)});
        }
        return static_cast<std::size_t>(found - fields_.begin());
    }

    std::string header_in_words() const {
        constexpr std::size_t most = 40;
        std::string out;
        for (std::size_t i = 0; i < std::min(fields_.size(), most); ++i) out += (i > 0 ? ", " : "") + in_quotes(fields_[i]);
        if (fields_.size() > most) out += " and " + std::to_string(fields_.size() - most) + " more";
        return out;
    }

    void expect(std::size_t i, column::kind kind) const {
        if (columns_.at(i).holds == kind) return;
        throw value_error(sentence({"column ", in_quotes(columns_[i].name), " was not declared as what is asked of it"}));
    }

    /// Counts the line where bad ones are skipped, else throws; false, so that a check can end with it.
    bool refuse(fault kind, std::initializer_list<std::string_view> what) {
        if (!skip_bad_) throw file_error(sentence({where(), ": ", sentence(what)}));
        skipped_.count(kind);
        return false;
    }

    line_reader lines_;
    std::vector<column> columns_;                // as asked for
    std::vector<std::size_t> places_;            // of each of them among the file's columns
    std::vector<std::string_view> fields_;       // of the record, in the file's order
    std::vector<std::optional<double>> values_;  // of the columns that are numbers or labels, as asked for
    skipped_lines skipped_;
    bool skip_bad_;
    bool ended_ = false;
};

}  // namespace heed::files
