/// How the errors of this folder are worded: the file first, then what is wrong, with names and numbers.
#pragma once

#include <heed/error.hpp>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

namespace heed::files {

/// The pieces of a sentence, one after another. One function in place of many `+`, which cost the compiler time.
[[gnu::cold, gnu::noinline]] inline std::string sentence(std::initializer_list<std::string_view> pieces) {
    std::string out;
    for (const std::string_view piece : pieces) out += piece;
    return out;
}

/// Throws file_error("PATH: what").
[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const std::filesystem::path& path, std::string_view what) {
    throw file_error(sentence({path.native(), ": ", what}));
}

/// Throws file_error("PATH: what: the system's reason"), for `error` a value of errno.
[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const std::filesystem::path& path, std::string_view what, int error) {
    fail(path, sentence({what, ": ", std::generic_category().message(error)}));
}

/// A piece of a file in quotation marks, fit to print: at most 60 bytes of it, and a dot for each byte that a terminal
/// might act on or that is not ASCII where it was cut.
[[gnu::cold, gnu::noinline]] inline std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 60;
    const bool cut = text.size() > longest;
    std::string out = "\"";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f || (cut && byte >= 0x80) ? '.' : c;
    }
    return out + (cut ? "...\"" : "\"");
}

}  // namespace heed::files
