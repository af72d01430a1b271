/// Writing a file so that its readers see the old one or the new one, whole, and nothing between, whatever happens.
#pragma once

#include <heed/files/wording.hpp>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace heed::files {

/// A file that is written beside the one it will replace.
///
///     files::aside_file file("model.bin");
///     file.write(bytes);
///     file.commit();
///
/// What is written goes to a file of another name in the same folder (`model.bin.aside-PROCESS-NUMBER`). commit() sends
/// it to the disk, checks that it arrived, and renames it: that step is atomic, and a power cut or a SIGKILL at any
/// moment leaves the old file or the new one. Without a commit the destructor removes the file aside, and the old one
/// stays as it was. A process killed before its commit leaves the file aside, which no reader takes for the real one.
///
/// The new file has the permissions of the old one, or those of the umask. A symbolic link stays, what it points to is
/// replaced. A device or a pipe (`/dev/stdout`) cannot be renamed over and is written straight.
///
/// Every error (no such folder, no permission, a full disk) is a file_error that names the file and the system's reason.
class aside_file {
public:
    explicit aside_file(std::filesystem::path path) : path_(std::move(path)), target_(path_) {
        struct stat old{};
        if (::stat(path_.c_str(), &old) != 0) {
            open_beside(0666);
        } else if (S_ISDIR(old.st_mode)) {
            fail(path_, "cannot be written: it is a folder");
        } else if (!S_ISREG(old.st_mode)) {
            descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
            if (descriptor_ < 0) fail(path_, "cannot be written", errno);
        } else {
            if (::access(path_.c_str(), W_OK) != 0) fail(path_, "cannot be written", errno);
            std::error_code unresolved;
            target_ = std::filesystem::canonical(path_, unresolved);
            if (unresolved) fail(path_, "cannot be written", unresolved.value());
            open_beside(0666);
            if (::fchmod(descriptor_, old.st_mode & 07777) != 0) give_up("the permissions of the old file cannot be kept", errno);
        }
    }

    aside_file(const aside_file&) = delete;
    aside_file& operator=(const aside_file&) = delete;
    ~aside_file() { discard(); }

    void write(std::string_view text) {
        if (buffer_.size() + text.size() > buffer_limit) {
            flush();
            if (text.size() > buffer_limit) return write_now(text);
        }
        buffer_ += text;
    }

    void write(std::span<const std::byte> bytes) {
        write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }

    /// Makes what was written the file of this name. Once; nothing may be written after it.
    void commit() {
        flush();
        // Devices and pipes have nothing to synchronise, and say so.
        if (::fsync(descriptor_) != 0 && !(aside_.empty() && (errno == EINVAL || errno == EROFS || errno == ENOTSUP))) {
            give_up("cannot be written", errno);
        }
        if (::close(std::exchange(descriptor_, -1)) != 0) give_up("cannot be written", errno);
        if (aside_.empty()) return;
        if (::rename(aside_.c_str(), target_.c_str()) != 0) give_up("cannot take its place", errno);
        aside_.clear();
        synchronise_folder();
    }

private:
    static constexpr std::size_t buffer_limit = std::size_t{1} << 16;

    void open_beside(::mode_t mode) {
        if (!path_.has_filename()) fail(path_, "cannot be written: this is no name of a file");
        const std::string stem = target_.string() + ".aside-" + std::to_string(::getpid()) + "-";
        for (int number = 0;; ++number) {
            aside_ = stem + std::to_string(number);
            descriptor_ = ::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
            if (descriptor_ >= 0) return;
            if (errno != EEXIST) {
                const int error = errno;
                aside_.clear();
                fail(path_, "cannot be written", error);
            }
        }
    }

    void flush() {
        write_now(buffer_);
        buffer_.clear();
    }

    void write_now(std::string_view text) {
        while (!text.empty()) {
            const ::ssize_t written = ::write(descriptor_, text.data(), text.size());
            if (written >= 0) text.remove_prefix(static_cast<std::size_t>(written));
            else if (errno != EINTR) give_up("cannot be written", errno);
        }
    }

    /// A rename is lasting only when the folder that holds the names is on the disk too. Some file systems know no such
    /// thing and answer EINVAL.
    void synchronise_folder() const {
        const std::filesystem::path folder = target_.has_parent_path() ? target_.parent_path() : ".";
        const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0) return;  // A folder that one may write but not read.
        const int error = ::fsync(descriptor) == 0 ? 0 : errno;
        ::close(descriptor);
        if (error != 0 && error != EINVAL) fail(path_, "is written, but its folder cannot be sent to the disk", error);
    }

    [[noreturn]] void give_up(std::string_view what, int error) {
        discard();
        fail(path_, what, error);
    }

    void discard() noexcept {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
        if (!aside_.empty()) ::unlink(aside_.c_str());
        aside_.clear();
        buffer_.clear();
    }

    std::filesystem::path path_;    // as the caller named it
    std::filesystem::path target_;  // where it really lies
    std::filesystem::path aside_;   // empty where the file is written straight
    std::string buffer_;
    int descriptor_ = -1;
};

/// Writes the file `path` by what `fill` puts into a stream, aside first: see aside_file. Where `fill` throws, or leaves
/// the stream in error, the old file stays.
///
///     files::write_aside("metrics.json", [&](std::ostream& out) { out << metrics; });
template <std::invocable<std::ostream&> F>
void write_aside(const std::filesystem::path& path, F&& fill) {
    struct file_buffer final : std::streambuf {
        explicit file_buffer(aside_file& to) : file(to) {}
        int_type overflow(int_type byte) override {
            if (traits_type::eq_int_type(byte, traits_type::eof())) return traits_type::not_eof(byte);
            const char c = traits_type::to_char_type(byte);
            file.write(std::string_view(&c, 1));
            return byte;
        }
        std::streamsize xsputn(const char* text, std::streamsize size) override {
            file.write(std::string_view(text, static_cast<std::size_t>(size)));
            return size;
        }
        aside_file& file;
    };

    aside_file file(path);
    file_buffer buffer(file);
    std::ostream stream(&buffer);
    stream.exceptions(std::ios::badbit);  // so that the file_error itself passes through the stream's operators
    std::forward<F>(fill)(stream);
    if (!stream) fail(path, "was not written: the stream that should fill it is in error");
    file.commit();
}

}  // namespace heed::files
