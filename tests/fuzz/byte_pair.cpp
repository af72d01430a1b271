// Any bytes: as the two files of a vocabulary, which are refused with a file_error or hold what they promise, and as a text.
#include <heed/tokenizers/byte_pair.hpp>
#include <heed/tokenizers/byte_pair_trainer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace heed::tokenizers;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const byte_pair& tokens, std::string_view text) {
    const std::vector<int> ids = tokens.encode(text);
    require(ids.size() <= text.size() && tokens.decode(ids) == text);
    for (int id = 0; id < tokens.size(); ++id) require(tokens.find(tokens.piece(id)) == id);
}

std::string all_bytes() {
    std::string text;
    for (int b = 0; b < 256; ++b) {
        const std::string c = detail::to_characters(std::string(1, static_cast<char>(static_cast<unsigned char>(b))));
        text += (c == "\"" || c == "\\" ? "\"\\" : "\"") + c + "\":" + std::to_string(b) + ",";
    }
    return text;
}

}  // namespace

// Up to the first \0 a vocabulary, up to the second the merges, then a text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string bytes_of_all = all_bytes();
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::size_t first = std::min(bytes.find('\0'), size), second = std::min(bytes.find('\0', first + 1), size);
    const std::string_view vocabulary = bytes.substr(0, first), merges = bytes.substr(std::min(first + 1, size), second - std::min(first + 1, second));
    const std::string_view text = bytes.substr(std::min(second + 1, size));

    // Most bytes are no vocabulary; behind all single bytes more of them are.
    for (const std::string& json : {std::string(vocabulary), "{" + bytes_of_all + std::string(vocabulary) + "}"}) {
        try {
            const auto tokens = byte_pair::parse(json, merges, "vocab.json", "merges.txt");
            check(tokens, text);
            check(tokens, bytes);
        } catch (const heed::file_error&) {
        }
    }
    byte_pair_trainer trainer({.size = 300, .min_frequency = 1});
    trainer.add(text);
    check(trainer.train(), text);
    return 0;
}
