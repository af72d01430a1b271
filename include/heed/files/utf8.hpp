/// Is this UTF-8?
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace heed::files {

/// The place of the first byte sequence that is not UTF-8 as RFC 3629 has it (no overlong forms, no surrogates, nothing
/// above U+10FFFF, nothing cut short), or npos where there is none. Stretches of ASCII are passed 16 bytes at a step.
inline std::size_t first_invalid_utf8(std::string_view text) noexcept {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const std::size_t size = text.size();
    std::size_t at = 0;

    const auto continues = [&](std::size_t place, unsigned from = 0x80, unsigned to = 0xbf) {
        return place < size && bytes[place] >= from && bytes[place] <= to;
    };

    while (at < size) {
        for (std::uint64_t words[2]; at + sizeof words <= size; at += sizeof words) {
            std::memcpy(words, bytes + at, sizeof words);
            if ((words[0] | words[1]) & 0x8080808080808080u) break;
        }
        while (at < size && bytes[at] < 0x80) ++at;
        if (at == size) break;

        // Only the second byte's range depends on the first; it is what keeps overlong forms, surrogates and numbers
        // above U+10FFFF out (Unicode 15, table 3-7).
        const unsigned lead = bytes[at];
        std::size_t length = 0;
        if (lead >= 0xc2 && lead <= 0xdf) length = continues(at + 1) ? 2 : 0;
        else if (lead == 0xe0) length = continues(at + 1, 0xa0) && continues(at + 2) ? 3 : 0;
        else if (lead == 0xed) length = continues(at + 1, 0x80, 0x9f) && continues(at + 2) ? 3 : 0;
        else if (lead >= 0xe1 && lead <= 0xef) length = continues(at + 1) && continues(at + 2) ? 3 : 0;
        else if (lead == 0xf0) length = continues(at + 1, 0x90) && continues(at + 2) && continues(at + 3) ? 4 : 0;
        else if (lead == 0xf4) length = continues(at + 1, 0x80, 0x8f) && continues(at + 2) && continues(at + 3) ? 4 : 0;
        else if (lead >= 0xf1 && lead <= 0xf3) length = continues(at + 1) && continues(at + 2) && continues(at + 3) ? 4 : 0;
        if (length == 0) return at;
        at += length;
    }
    return std::string_view::npos;
}

}  // namespace heed::files
