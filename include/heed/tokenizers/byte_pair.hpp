/// Byte-level byte-pair encoding, the tokenizer of GPT-2.
#pragma once

#include <heed/error.hpp>
#include <heed/files/safetensors_header.hpp>
#include <heed/files/wording.hpp>
#include <heed/files/write_aside.hpp>
#include <heed/tokenizers/byte_level.hpp>
#include <heed/tokenizers/vocabulary_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <ostream>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace heed::tokenizers {

/// A vocabulary of byte strings with the merges that make them, and what it makes of a text.
///
///     const auto tokens = tokenizers::byte_pair::load("vocab.json", "merges.txt");
///     std::vector<int> ids = tokens.encode("Hello, world");
///     std::string text = tokens.decode(ids);                      // "Hello, world"
///
/// A text is taken apart into chunks (byte_level.hpp) and those into bytes; then the two neighbours whose merge is the
/// oldest become one piece, the leftmost first, again and again. Any bytes come back as they were. The ids are those of
/// Hugging Face's ByteLevelBPETokenizer with the same files; a text is never taken for a special piece.
///
/// Nothing in a const byte_pair changes: threads may share it.
class byte_pair {
public:
    using merge = std::pair<int, int>;      // the ids of two pieces

    /// Pieces in the order of their ids, as the bytes that they are; merges, the oldest first. value_error where a piece is
    /// empty or stands twice, a single byte is missing, or a merge stands twice or makes no piece.
    byte_pair(std::vector<std::string> pieces, std::span<const merge> merges) : pieces_(std::move(pieces)) {
        if (const std::string wrong = index_pieces(); !wrong.empty()) throw value_error("the vocabulary " + wrong);
        for (std::size_t i = 0; i < merges.size(); ++i)
            if (const std::string wrong = add(merges[i]); !wrong.empty()) throw value_error("merge " + std::to_string(i) + " " + wrong);
    }

    /// Reads the two files that GPT-2 has. file_error, with the file and the line or byte, for whatever the constructor would
    /// not take, and for a file over 64 MiB.
    static byte_pair load(const std::filesystem::path& vocabulary, const std::filesystem::path& merges) {
        return parse(detail::read_vocabulary(vocabulary), detail::read_vocabulary(merges), vocabulary, merges);
    }

    /// The same of texts that are in memory; the paths are for the errors' texts.
    static byte_pair parse(std::string_view vocabulary, std::string_view merges, const std::filesystem::path& vocabulary_path,
                           const std::filesystem::path& merges_path) {
        byte_pair made;
        std::vector<std::pair<std::int64_t, std::string>> entries;
        files::detail::header_reader reader(vocabulary_path, vocabulary, "vocabulary");
        reader.object([&](const std::string& key) {
            std::string piece;
            if (!to_bytes(key, piece)) piece = key;     // a special piece
            entries.emplace_back(reader.whole_number(), std::move(piece));
        });
        reader.finish();
        std::ranges::sort(entries);
        for (auto& [id, piece] : entries) {
            if (id != made.size())
                files::fail(vocabulary_path, "the vocabulary has " + std::string(id < made.size() ? "two pieces " : "no piece ") + std::to_string(std::min<std::int64_t>(id, made.size())));
            made.pieces_.push_back(std::move(piece));
        }
        if (const std::string wrong = made.index_pieces(); !wrong.empty()) files::fail(vocabulary_path, "the vocabulary " + wrong);

        for (std::size_t number = 1; !merges.empty(); ++number) {
            const std::size_t end = std::min(merges.find('\n'), merges.size());
            std::string_view line = merges.substr(0, end);
            merges.remove_prefix(std::min(end + 1, merges.size()));
            if (line.ends_with('\r')) line.remove_suffix(1);
            if (number == 1 && line.starts_with("#version")) continue;
            if (const std::string wrong = made.add(line); !wrong.empty()) throw file_error(merges_path.string() + ":" + std::to_string(number) + ": the merge " + wrong);
        }
        return made;
    }

    /// Writes both files aside and renames them. file_error where that fails.
    void save(const std::filesystem::path& vocabulary, const std::filesystem::path& merges) const {
        files::write_aside(vocabulary, [&](std::ostream& out) {
            for (int id = 0; id < size(); ++id) {
                out << (id == 0 ? "{\"" : ",\"");
                for (const char c : written(id)) {
                    if (c == '"' || c == '\\') out << '\\';
                    out << c;
                }
                out << "\":" << id;
            }
            out << '}';
        });
        files::write_aside(merges, [&](std::ostream& out) {
            out << "#version: 0.2\n";
            for (const auto& [left, right] : merges_) out << written(left) << ' ' << written(right) << '\n';
        });
    }

    /// The number of pieces; ids are 0 to size() - 1.
    int size() const noexcept { return static_cast<int>(pieces_.size()); }
    std::span<const merge> merges() const noexcept { return merges_; }

    /// The bytes of an id. value_error where there is no such id.
    std::string_view piece(int id) const {
        if (id >= 0 && id < size()) return pieces_[static_cast<std::size_t>(id)];
        throw value_error("there is no piece " + std::to_string(id) + ": the vocabulary has " + std::to_string(size()));
    }
    /// The id of these bytes as one piece, special ones included, or -1.
    int find(std::string_view bytes) const {
        const auto found = ids_.find(std::string(bytes));
        return found == ids_.end() ? -1 : found->second;
    }

    std::vector<int> encode(std::string_view text) const {
        std::vector<int> ids;
        for_each_chunk(text, [&](std::string_view chunk) { append(chunk, ids); });
        return ids;
    }

    /// The bytes of the ids, one behind another. value_error where there is no such id.
    std::string decode(std::span<const int> ids) const {
        std::string text;
        for (const int id : ids) text += piece(id);
        return text;
    }

    friend bool operator==(const byte_pair& a, const byte_pair& b) { return a.pieces_ == b.pieces_ && a.merges_ == b.merges_; }

private:
    struct made_by {
        int rank, piece;
    };
    struct merge_hash {
        std::size_t operator()(const merge& m) const noexcept {
            const auto key = (static_cast<std::uint64_t>(m.first) << 32) | static_cast<std::uint32_t>(m.second);
            return static_cast<std::size_t>((key ^ (key >> 29)) * 0x9e3779b97f4a7c15u);
        }
    };

    byte_pair() = default;

    /// The bytes that characters stand for; false where one stands for none.
    static bool to_bytes(std::string_view characters, std::string& bytes) {
        for (const char *at = characters.data(), *const end = at + characters.size(); at != end;) {
            const int byte = detail::byte_of_character(decode_utf8(at, end));
            if (byte < 0) return false;
            bytes += static_cast<char>(static_cast<unsigned char>(byte));
        }
        return true;
    }

    std::string written(int id) const { return detail::to_characters(pieces_[static_cast<std::size_t>(id)]); }

    std::string index_pieces() {
        if (pieces_.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return "has too many pieces";
        for (int id = 0; id < size(); ++id) {
            const std::string& piece = pieces_[static_cast<std::size_t>(id)];
            if (piece.empty()) return "has an empty piece, " + std::to_string(id);
            const auto [found, is_new] = ids_.try_emplace(piece, id);
            if (!is_new) return "has " + files::in_quotes(detail::to_characters(piece)) + " twice, as " + std::to_string(found->second) + " and " + std::to_string(id);
        }
        for (int b = 0; b < 256; ++b) {
            const auto byte = static_cast<unsigned char>(b);
            bytes_[byte] = find(std::string(1, static_cast<char>(byte)));
            if (bytes_[byte] < 0) return "has no piece for the byte " + std::to_string(b);
        }
        return {};
    }

    std::string add(std::string_view line) {
        const std::size_t space = line.find(' ');
        if (space == line.npos || line.find(' ', space + 1) != line.npos) return files::in_quotes(line) + " is not two pieces with a space between";
        merge both{-1, -1};
        for (auto [id, characters] : {std::pair{&both.first, line.substr(0, space)}, std::pair{&both.second, line.substr(space + 1)}}) {
            std::string bytes;
            if (to_bytes(characters, bytes)) *id = find(bytes);
            if (*id < 0) return "has " + files::in_quotes(characters) + ", which is no piece of the vocabulary";
        }
        return add(both);
    }
    std::string add(const merge& both) {
        const auto is_piece = [&](int id) { return id >= 0 && id < size(); };
        if (!is_piece(both.first) || !is_piece(both.second)) return "names a piece that the vocabulary has not";
        const int made = find(std::string(piece(both.first)).append(piece(both.second)));
        if (made < 0) return "makes no piece of the vocabulary";
        if (!ranks_.try_emplace(both, made_by{static_cast<int>(merges_.size()), made}).second) return "stands there already";
        merges_.push_back(both);
        return {};
    }

    made_by find_merge(int left, int right) const noexcept {
        const auto found = ranks_.find({left, right});
        return found == ranks_.end() ? made_by{std::numeric_limits<int>::max(), -1} : found->second;
    }

    void append(std::string_view chunk, std::vector<int>& ids) const {
        constexpr std::size_t short_chunk = 48;
        if (chunk.size() > short_chunk) return append_long(chunk, ids);
        std::array<int, short_chunk> row;
        std::array<made_by, short_chunk> merges;     // of each piece with the next
        std::size_t size = chunk.size();
        for (std::size_t i = 0; i < size; ++i) row[i] = bytes_[static_cast<unsigned char>(chunk[i])];
        for (std::size_t i = 0; i + 1 < size; ++i) merges[i] = find_merge(row[i], row[i + 1]);
        while (size > 1) {
            const auto best = static_cast<std::size_t>(std::ranges::min_element(merges.begin(), merges.begin() + static_cast<std::ptrdiff_t>(size) - 1, {}, &made_by::rank) - merges.begin());
            if (merges[best].piece < 0) break;
            row[best] = merges[best].piece;
            std::copy(row.begin() + static_cast<std::ptrdiff_t>(best) + 2, row.begin() + static_cast<std::ptrdiff_t>(size), row.begin() + static_cast<std::ptrdiff_t>(best) + 1);
            std::copy(merges.begin() + static_cast<std::ptrdiff_t>(best) + 1, merges.begin() + static_cast<std::ptrdiff_t>(size) - 1, merges.begin() + static_cast<std::ptrdiff_t>(best));
            --size;
            if (best > 0) merges[best - 1] = find_merge(row[best - 1], row[best]);
            if (best + 1 < size) merges[best] = find_merge(row[best], row[best + 1]);
        }
        ids.insert(ids.end(), row.begin(), row.begin() + static_cast<std::ptrdiff_t>(size));
    }

    /// The same in n log n, for a chunk of any length: the pieces are a list, and the merges wait in a queue.
    void append_long(std::string_view chunk, std::vector<int>& ids) const {
        struct link { int piece; std::size_t before, after; };
        using candidate = std::tuple<int, std::size_t, int, int>;     // rank, place, left, right
        constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
        std::vector<link> row(chunk.size());
        std::priority_queue<candidate, std::vector<candidate>, std::greater<>> queue;
        const auto propose = [&](std::size_t at) {
            if (at == none || row[at].after == none) return;
            const int left = row[at].piece, right = row[row[at].after].piece;
            if (const auto found = find_merge(left, right); found.piece >= 0) queue.emplace(found.rank, at, left, right);
        };
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = {bytes_[static_cast<unsigned char>(chunk[i])], i == 0 ? none : i - 1, i + 1 == row.size() ? none : i + 1};
        for (std::size_t i = 0; i < row.size(); ++i) propose(i);
        while (!queue.empty()) {
            const auto [rank, at, left, right] = queue.top();
            queue.pop();
            const std::size_t next = row[at].after;
            if (row[at].piece != left || next == none || row[next].piece != right) continue;       // merged meanwhile
            row[at] = {find_merge(left, right).piece, row[at].before, row[next].after};
            if (row[at].after != none) row[row[at].after].before = at;
            row[next].piece = -1;
            propose(row[at].before);
            propose(at);
        }
        for (std::size_t at = 0; at != none; at = row[at].after) ids.push_back(row[at].piece);
    }

    std::vector<std::string> pieces_;
    std::vector<merge> merges_;
    std::unordered_map<std::string, int> ids_;
    std::unordered_map<merge, made_by, merge_hash> ranks_;
    std::array<int, 256> bytes_{};
};

}  // namespace heed::tokenizers
