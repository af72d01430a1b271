/// The bytes of a file, a pipe or standard input, unpacked where they are gzip.
#pragma once

#include <heed/files/wording.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace heed::files {

/// A compressed stream that ends too early or is not what its checksum says. What came before it was delivered.
struct damaged_stream : file_error { using file_error::file_error; };

/// Reads plain and gzip alike (RFC 1952, any number of members): the first two bytes decide. A read returns as soon as
/// anything is there, so that a program at the end of a pipe can answer line by line; zlib's own gzread would wait for
/// a full buffer.
class byte_source {
public:
    /// `path` "-" is standard input. file_error where it cannot be opened or is a folder.
    explicit byte_source(const std::filesystem::path& path)
        : byte_source(path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC), path == "-" ? "standard input" : path) {}

    /// Takes over an open file descriptor; `name` is what errors call it.
    byte_source(int descriptor, std::filesystem::path name) : name_(std::move(name)), descriptor_(descriptor) {
        if (descriptor < 0) fail(name_, "cannot be read", errno);
        struct stat status{};
        if (::fstat(descriptor, &status) != 0) fail(name_, "cannot be read", errno);
        if (S_ISDIR(status.st_mode)) fail(name_, "is a folder, not a file");
        packed_size_ = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
    }

    /// Puts the next bytes into `to` (not empty) and says how many; 0 is the end. file_error where the system cannot read,
    /// damaged_stream where the gzip is damaged or cut short.
    std::size_t read(std::span<char> to) {
        if (form_ == form::unknown) recognise();
        if (form_ == form::plain) {
            if (ahead_.empty() && !at_end_) load();
            const std::size_t size = ahead_.copy(to.data(), to.size());
            ahead_.remove_prefix(size);
            return size;
        }
        return unpack(to);
    }

    const std::filesystem::path& name() const noexcept { return name_; }

    /// What is wrong with the gzip stream, after damaged_stream was thrown.
    const std::string& damage() const noexcept { return damage_; }

    /// How far the reading has come in the file as it lies there, and how long that is: 0 for a pipe. For progress bars.
    std::uint64_t packed_position() const noexcept { return packed_position_ - ahead_.size(); }
    std::uint64_t packed_size() const noexcept { return packed_size_; }

private:
    enum class form { unknown, plain, gzip, between_members, finished };

    struct close_descriptor {
        int value;
        explicit close_descriptor(int descriptor) : value(descriptor) {}
        close_descriptor(close_descriptor&& other) noexcept : value(std::exchange(other.value, -1)) {}
        close_descriptor& operator=(close_descriptor&&) = delete;
        ~close_descriptor() {
            if (value >= 0) ::close(value);
        }
    };

    struct end_inflate {
        void operator()(z_stream* stream) const noexcept {
            ::inflateEnd(stream);
            delete stream;
        }
    };

    /// Reads what is there, behind what is still ahead; false at the end.
    bool load() {
        if (at_end_) return false;
        if (!buffer_) buffer_ = std::make_unique<char[]>(buffer_size);
        const std::size_t kept = ahead_.size();
        if (kept > 0) std::memmove(buffer_.get(), ahead_.data(), kept);
        ::ssize_t got = 0;
        do got = ::read(descriptor_.value, buffer_.get() + kept, buffer_size - kept);
        while (got < 0 && errno == EINTR);
        if (got < 0) fail(name_, "cannot be read", errno);
        at_end_ = got == 0;
        packed_position_ += static_cast<std::uint64_t>(got);
        ahead_ = std::string_view(buffer_.get(), kept + static_cast<std::size_t>(got));
        return !at_end_;
    }

    void recognise() {
        while (ahead_.size() < 2 && load()) {}
        form_ = ahead_.starts_with("\x1f\x8b") ? form::gzip : form::plain;
        if (form_ == form::gzip) begin_member();
    }

    void begin_member() {
        if (inflate_) {
            ::inflateReset(inflate_.get());
            return;
        }
        auto stream = std::make_unique<z_stream>();
        if (::inflateInit2(stream.get(), 15 + 16) != Z_OK) fail(name_, "cannot be unpacked: zlib finds no memory");
        inflate_.reset(stream.release());
    }

    std::size_t unpack(std::span<char> to) {
        while (form_ != form::finished) {
            if (form_ == form::between_members && !next_member()) break;
            if (ahead_.empty() && !load()) throw_damaged("the gzip stream is cut short");

            inflate_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(ahead_.data()));
            inflate_->avail_in = static_cast<uInt>(ahead_.size());
            inflate_->next_out = reinterpret_cast<Bytef*>(to.data());
            inflate_->avail_out = static_cast<uInt>(std::min(to.size(), std::size_t{1} << 30));
            const uInt room = inflate_->avail_out;
            const int result = ::inflate(inflate_.get(), Z_NO_FLUSH);
            ahead_.remove_prefix(ahead_.size() - inflate_->avail_in);
            const std::size_t got = room - inflate_->avail_out;

            if (result == Z_STREAM_END) form_ = form::between_members;
            else if (result == Z_MEM_ERROR) fail(name_, "cannot be unpacked: zlib finds no memory");
            else if (result != Z_OK && result != Z_BUF_ERROR) {
                damage_ = sentence({"the gzip stream is damaged: ", inflate_->msg != nullptr ? inflate_->msg : "it wants a dictionary"});
                form_ = form::finished;
            }
            if (got > 0) return got;
        }
        if (!damage_.empty()) throw_damaged(damage_);
        return 0;
    }

    /// After a member: another one, padding with zeros, or the end. Anything else is damage.
    bool next_member() {
        for (;;) {
            while (ahead_.starts_with('\0')) ahead_.remove_prefix(1);
            if (ahead_.size() < 2 && load()) continue;
            break;
        }
        form_ = form::finished;
        if (ahead_.starts_with("\x1f\x8b")) {
            form_ = form::gzip;
            begin_member();
            return true;
        }
        if (!ahead_.empty()) damage_ = "the gzip stream is damaged: something else follows its end";
        return false;
    }

    [[noreturn]] void throw_damaged(std::string_view what) {
        damage_ = what;
        form_ = form::finished;
        throw damaged_stream(sentence({name_.native(), ": ", damage_}));
    }

    static constexpr std::size_t buffer_size = std::size_t{1} << 16;

    std::filesystem::path name_;
    close_descriptor descriptor_;
    std::unique_ptr<char[]> buffer_;
    std::string_view ahead_;  // of buffer_: read, but not yet used
    bool at_end_ = false;
    form form_ = form::unknown;
    std::unique_ptr<z_stream, end_inflate> inflate_;
    std::string damage_;
    std::uint64_t packed_position_ = 0;
    std::uint64_t packed_size_ = 0;
};

}  // namespace heed::files
