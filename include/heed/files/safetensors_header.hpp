/// The header of a safetensors file: what its JSON says, and how it is written.
///
/// The header's JSON is one object: a name for each tensor, with its type, shape and place, and `__metadata__`, which maps
/// strings to strings. So little of JSON is read here by a hundred lines of our own: a general parser would nearly double
/// what it costs to compile a unit that saves a model.
#pragma once

#include <heed/files/utf8.hpp>
#include <heed/files/wording.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::files::detail {

/// The longest header that the format allows, in bytes.
inline constexpr std::uint64_t longest_header = 100'000'000;

/// A tensor as the header has it: nothing is checked yet but that it is there. Offsets count from the end of the header.
struct header_entry {
    std::string type;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct safetensors_header {
    std::map<std::string, header_entry> entries;  // by name
    std::map<std::string, std::string> metadata;
};

/// Walks through a JSON text whose form is known. Everything else is a file_error that names the byte of `what`.
class header_reader {
public:
    header_reader(const std::filesystem::path& path, std::string_view text, std::string_view what = "header") : path_(path), text_(text), what_(what) {
        at_ = first_invalid_utf8(text);
        if (at_ != std::string_view::npos) error("this is not UTF-8");
        at_ = 0;
    }

    /// {"key": ..., "key": ...}: each(key) reads what stands after the colon.
    template <class F>
    void object(F&& each) {
        expect('{', "an object");
        if (accept('}')) return;
        do {
            const std::string key = string();
            expect(':', "a colon");
            each(key);
        } while (accept(','));
        expect('}', "a comma or the end of the object");
    }

    /// [..., ...]: each() reads one element.
    template <class F>
    void array(F&& each) {
        expect('[', "an array");
        if (accept(']')) return;
        do each();
        while (accept(','));
        expect(']', "a comma or the end of the array");
    }

    std::string string() {
        expect('"', "a string");
        std::string out;
        for (;;) {
            const char c = take("the string has no end");
            if (c == '"') return out;
            if (static_cast<unsigned char>(c) < 0x20) error("a control character stands in a string");
            if (c == '\\') escape(out);
            else out += c;
        }
    }

    /// A size or an offset: digits alone, at most 2^63 - 1.
    std::int64_t whole_number() {
        skip_space();
        const std::size_t start = at_;
        std::int64_t value = 0;
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
            const std::int64_t digit = text_[at_] - '0';
            if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) error("the number is too large");
            value = value * 10 + digit;
        }
        const std::size_t digits = at_ - start;
        if (digits == 0) error("a whole number, zero or more, should stand here");
        if (digits > 1 && text_[start] == '0') error("a number begins with a needless zero");
        if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) error("this is no whole number");
        return value;
    }

    void finish() {
        skip_space();
        if (at_ != text_.size()) error("something stands after the end");
    }

    [[noreturn, gnu::cold, gnu::noinline]] void error(std::initializer_list<std::string_view> what) const {
        fail(path_, sentence({"byte ", std::to_string(at_), " of the ", what_, ": ", sentence(what)}));
    }

    [[noreturn]] void error(std::string_view what) const { error({what}); }

private:
    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
    }

    bool accept(char c) {
        skip_space();
        const bool here = at_ < text_.size() && text_[at_] == c;
        at_ += here;
        return here;
    }

    void expect(char c, const char* what) {
        if (!accept(c)) error({what, " should stand here"});
    }

    char take(const char* otherwise) {
        if (at_ == text_.size()) error(otherwise);
        return text_[at_++];
    }

    void escape(std::string& out) {
        switch (take("the string has no end")) {
            case '"': out += '"'; return;
            case '\\': out += '\\'; return;
            case '/': out += '/'; return;
            case 'b': out += '\b'; return;
            case 'f': out += '\f'; return;
            case 'n': out += '\n'; return;
            case 'r': out += '\r'; return;
            case 't': out += '\t'; return;
            case 'u': break;
            default: error("no such escape in JSON");
        }
        std::uint32_t code = four_hex_digits();
        if (code >= 0xdc00 && code <= 0xdfff) error("half of a surrogate pair");
        if (code >= 0xd800 && code <= 0xdbff) {
            if (take("half of a surrogate pair") != '\\' || take("half of a surrogate pair") != 'u') error("half of a surrogate pair");
            const std::uint32_t low = four_hex_digits();
            if (low < 0xdc00 || low > 0xdfff) error("half of a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        append_utf8(out, code);
    }

    std::uint32_t four_hex_digits() {
        std::uint32_t code = 0;
        for (int digit = 0; digit < 4; ++digit) {
            const char c = take("the string has no end");
            if (c >= '0' && c <= '9') code = code * 16 + static_cast<std::uint32_t>(c - '0');
            else if (c >= 'a' && c <= 'f') code = code * 16 + static_cast<std::uint32_t>(c - 'a' + 10);
            else if (c >= 'A' && c <= 'F') code = code * 16 + static_cast<std::uint32_t>(c - 'A' + 10);
            else error("\\u wants four hexadecimal digits");
        }
        return code;
    }

    static void append_utf8(std::string& out, std::uint32_t code) {
        const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xc0 | (code >> 6));
        } else {
            if (code < 0x10000) put(0xe0 | (code >> 12));
            else put(0xf0 | (code >> 18)), put(0x80 | ((code >> 12) & 0x3f));
            put(0x80 | ((code >> 6) & 0x3f));
        }
        put(0x80 | (code & 0x3f));
    }

    const std::filesystem::path& path_;
    std::string_view text_, what_;
    std::size_t at_ = 0;
};

inline header_entry read_header_entry(header_reader& reader, std::string_view name) {
    header_entry entry;
    bool has_type = false, has_shape = false, has_offsets = false;
    const auto once = [&](bool& seen, std::string_view key) {
        if (std::exchange(seen, true)) reader.error({"tensor ", in_quotes(name), " says ", in_quotes(key), " twice"});
    };
    reader.object([&](std::string_view key) {
        if (key == "dtype") {
            once(has_type, key);
            entry.type = reader.string();
        } else if (key == "shape") {
            once(has_shape, key);
            reader.array([&] { entry.shape.push_back(reader.whole_number()); });
        } else if (key == "data_offsets") {
            once(has_offsets, key);
            std::vector<std::int64_t> offsets;
            reader.array([&] { offsets.push_back(reader.whole_number()); });
            if (offsets.size() != 2) {
                reader.error({"tensor ", in_quotes(name), " has ", std::to_string(offsets.size()), " data_offsets in place of two"});
            }
            entry.begin = static_cast<std::uint64_t>(offsets[0]);
            entry.end = static_cast<std::uint64_t>(offsets[1]);
        } else {
            reader.error({"tensor ", in_quotes(name), " has an unknown key ", in_quotes(key)});
        }
    });
    const char* lacks = !has_type ? "dtype" : !has_shape ? "shape" : !has_offsets ? "data_offsets" : nullptr;
    if (lacks != nullptr) reader.error({"tensor ", in_quotes(name), " has no ", in_quotes(lacks)});
    return entry;
}

/// What the header `text` says. The JSON is right and no name stands there twice; sizes and offsets are not yet checked.
inline safetensors_header read_safetensors_header(const std::filesystem::path& path, std::string_view text) {
    safetensors_header header;
    header_reader reader(path, text);
    bool has_metadata = false;
    reader.object([&](std::string_view name) {
        if (name != "__metadata__") {
            if (!header.entries.emplace(name, read_header_entry(reader, name)).second) {
                reader.error({"two tensors are called ", in_quotes(name)});
            }
            return;
        }
        if (std::exchange(has_metadata, true)) reader.error("there are two \"__metadata__\"");
        reader.object([&](std::string_view key) {
            if (!header.metadata.emplace(key, reader.string()).second) reader.error({"the metadata say ", in_quotes(key), " twice"});
        });
    });
    reader.finish();
    return header;
}

/// A JSON string, with the fewest escapes that JSON allows. `text` is UTF-8.
inline void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') (out += '\\') += c;
        else if (byte >= 0x20) out += c;
        else if (c == '\b') out += "\\b";
        else if (c == '\f') out += "\\f";
        else if (c == '\n') out += "\\n";
        else if (c == '\r') out += "\\r";
        else if (c == '\t') out += "\\t";
        else ((out += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
    }
    out += '"';
}

/// The header's JSON, without spaces: the metadata first, then the tensors in the order in which they are added.
class header_writer {
public:
    explicit header_writer(const std::map<std::string, std::string>& metadata) {
        const char* comma = "";
        for (const auto& [key, value] : metadata) {
            append_json_string(text_ += std::exchange(comma, ","), key);
            append_json_string(text_ += ':', value);
        }
        text_ += '}';
    }

    void add(std::string_view name, std::string_view type, std::span<const std::int64_t> shape, std::uint64_t begin, std::uint64_t end) {
        append_json_string(text_ += ',', name);
        append_json_string(text_ += ":{\"dtype\":", type);
        text_ += ",\"shape\":[";
        const char* comma = "";
        for (const std::int64_t size : shape) (text_ += std::exchange(comma, ",")) += std::to_string(size);
        (text_ += "],\"data_offsets\":[") += std::to_string(begin);
        ((text_ += ',') += std::to_string(end)) += "]}";
    }

    std::string finish() && { return std::move(text_ += '}'); }

private:
    std::string text_ = "{\"__metadata__\":{";
};

}  // namespace heed::files::detail
