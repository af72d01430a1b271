/// Reading the files that vocabularies are kept in.
#pragma once

#include <heed/files/wording.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

namespace heed::tokenizers::detail {

/// The bytes of a vocabulary's file. file_error where it cannot be read, or is over 64 MiB.
inline std::string read_vocabulary(const std::filesystem::path& path) {
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) files::fail(path, "cannot be read: it is a folder");
    std::ifstream file(path, std::ios::binary);
    if (!file) files::fail(path, "cannot be read", errno);
    std::string text;
    std::array<char, 1 << 16> buffer;
    while (file) {
        file.read(buffer.data(), buffer.size());
        text.append(buffer.data(), static_cast<std::size_t>(file.gcount()));
        if (text.size() > std::size_t{64} << 20) files::fail(path, "is over 64 MiB: this is no vocabulary");
    }
    if (!file.eof()) files::fail(path, "cannot be read to its end", errno);
    return text;
}

}  // namespace heed::tokenizers::detail
