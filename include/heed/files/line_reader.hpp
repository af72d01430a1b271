/// The lines of a text, one at a time, with a bound on what one of them may take.
#pragma once

#include <heed/files/byte_source.hpp>

#include <cstring>
#include <vector>

namespace heed::files {

/// Splits a byte_source into lines. A line ends at "\n" or "\r\n" or with the file. Of one that is longer than
/// `longest_line` bytes no more than that is ever held.
class line_reader {
public:
    enum class found { line, too_long, end };

    explicit line_reader(byte_source source, std::size_t longest_line = std::size_t{1} << 20)
        : source_(std::move(source)), longest_(longest_line), buffer_(std::size_t{1} << 16) {}

    /// Goes to the next line. `too_long` has passed over it, and line() is empty then. Throws what byte_source throws;
    /// an unfinished line before a damaged part is not delivered.
    found next() {
        ++number_;
        line_ = {};
        bool too_long = false;
        for (std::size_t searched = 0;;) {
            const char* begin = buffer_.data() + begin_;
            const void* newline = std::memchr(begin + searched, '\n', end_ - begin_ - searched);
            if (newline != nullptr) return deliver(static_cast<std::size_t>(static_cast<const char*>(newline) - begin), 1, too_long);
            searched = end_ - begin_;
            if (searched > longest_) {
                too_long = true;
                begin_ = end_;
                searched = 0;
            }
            if (refill()) continue;
            if (searched == 0 && !too_long) return found::end;
            return deliver(searched, 0, too_long);
        }
    }

    /// Without its end. Valid until the next call of next().
    std::string_view line() const noexcept { return line_; }

    /// The number of the line, from 1.
    std::int64_t number() const noexcept { return number_; }

    std::size_t longest_line() const noexcept { return longest_; }

    const byte_source& source() const noexcept { return source_; }

private:
    found deliver(std::size_t size, std::size_t newline, bool too_long) {
        std::string_view line(buffer_.data() + begin_, size);
        begin_ += size + newline;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (too_long || line.size() > longest_) return found::too_long;
        line_ = line;
        return found::line;
    }

    /// Moves what is left to the front and reads on behind it; false at the end of the source.
    bool refill() {
        if (begin_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= std::exchange(begin_, 0);
        }
        if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
        const std::size_t got = source_.read(std::span(buffer_).subspan(end_));
        end_ += got;
        return got > 0;
    }

    byte_source source_;
    std::size_t longest_;
    std::vector<char> buffer_;  // what was read and not yet delivered lies in [begin_, end_)
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::string_view line_;
    std::int64_t number_ = 0;
};

}  // namespace heed::files
