// Any bytes: as a vocabulary, which is refused with a file_error or holds what it promises, and as a text to encode with it.
#include <heed/tokenizers/word_piece.hpp>
#include <heed/tokenizers/word_piece_trainer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_encoding(const heed::tokenizers::word_piece& pieces, std::string_view text, std::size_t most) {
    const std::vector<int> all = pieces.encode(text);
    for (const int id : all) require(id >= 0 && id < pieces.size());
    std::vector<int> first;
    pieces.encode(text, first, most);
    require(first.size() <= most && std::equal(first.begin(), first.end(), all.begin()));
    pieces.decode(all);
}

}  // namespace

// The first byte is a length, the rest up to the first \0 a vocabulary, what is behind it a text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace heed::tokenizers;
    if (size == 0) return 0;
    const std::size_t most = data[0];
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    const std::string_view lines = bytes.substr(0, end);
    const std::string_view text = bytes.substr(std::min(end + 1, bytes.size()));

    try {
        word_piece::parse(lines, "vocab.txt");
    } catch (const heed::file_error&) {
    }
    // Most bytes are no vocabulary; behind the special pieces more of them are.
    try {
        const auto pieces = word_piece::parse("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + std::string(lines), "vocab.txt");
        for (int id = 0; id < pieces.size(); ++id) require(pieces.find(pieces.piece(id)) == id);
        check_encoding(pieces, text, most);
        check_encoding(pieces, bytes, most);
    } catch (const heed::file_error&) {
    }

    // What is trained on a text encodes it: only words that are too long are unknown. (Not word by word: a normal form
    // without the marks that were stripped from it may have another normal form.)
    word_piece_trainer trainer({.size = 3000, .min_frequency = 1, .alphabet = 1000});
    trainer.add(text);
    const auto trained = trainer.train();
    check_encoding(trained, text, most);
    if (size < 1000) {
        std::ptrdiff_t long_words = 0;
        for_each_word(text, [&](const word& w) {
            long_words += w.characters > longest_word;
            return true;
        });
        const std::vector<int> ids = trained.encode(text);
        require(std::count(ids.begin(), ids.end(), trained.unknown()) == long_words);
    }
    return 0;
}
