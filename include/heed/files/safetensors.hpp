/// Tensors in files, in the safetensors format that Python's `safetensors` package reads and writes.
///
///     8 bytes       the length n of the header, little-endian
///     n bytes       JSON: {"__metadata__": {...}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
///     the rest      the data, little-endian and row-major, tensor after tensor without a gap
///
/// https://huggingface.co/docs/safetensors. Nothing here knows an axis or a layer: names are strings, shapes are numbers.
#pragma once

#include <heed/files/safetensors_header.hpp>
#include <heed/files/stored_tensor.hpp>
#include <heed/files/write_aside.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

namespace heed::files {

/// Writes the tensors and metadata to `path`, aside first and then renamed, so that a file of that name is always whole.
/// The metadata get one entry more, `heed.crc32`, by which a reader finds any damage. The same tensors and metadata, in
/// whatever order, give the same bytes.
///
/// value_error where a name is there twice or not UTF-8, or the bytes are not as many as type and shape say;
/// file_error where the file cannot be written.
inline void save_safetensors(const std::filesystem::path& path, std::span<const stored_tensor> tensors,
                             std::map<std::string, std::string> metadata = {}) {
    const auto refuse = [&](std::initializer_list<std::string_view> what) {
        throw value_error(sentence({path.native(), " is not saved: ", sentence(what)}));
    };
    const auto check_text = [&](std::string_view text) {
        if (first_invalid_utf8(text) != std::string_view::npos) refuse({in_quotes(text), " is not UTF-8"});
    };

    std::map<std::string_view, const stored_tensor*> by_name;
    for (const stored_tensor& tensor : tensors) {
        const std::string name = in_quotes(tensor.name);
        check_text(tensor.name);
        if (tensor.name == "__metadata__") refuse({"no tensor may be called ", name});
        if (!by_name.emplace(tensor.name, &tensor).second) refuse({"two tensors are called ", name});
        const detail::element_type* type = detail::find_type(tensor.type);
        if (type == nullptr) refuse({"tensor ", name, " has the unknown type ", in_quotes(tensor.type)});
        const std::optional<std::uint64_t> bytes = detail::byte_count(*type, tensor.shape);
        if (!bytes || *bytes != tensor.bytes.size()) {
            refuse({"tensor ", name, " of type ", tensor.type, " and shape ", detail::in_brackets(tensor.shape), " takes ",
                    bytes ? std::to_string(*bytes) : "too many", " bytes, not ", std::to_string(tensor.bytes.size())});
        }
    }
    for (const auto& [key, value] : metadata) {
        check_text(key);
        check_text(value);
        if (key == detail::checksum_key) refuse({"the metadata's key ", in_quotes(key), " is the checksum's"});
    }

    detail::checksum sum(metadata);
    for (const auto& [name, tensor] : by_name) sum.add(*tensor);
    metadata.emplace(detail::checksum_key, sum.digits());

    std::vector<const stored_tensor*> in_order;
    for (const detail::element_type& type : detail::element_types) {
        for (const auto& [name, tensor] : by_name) {
            if (tensor->type == type.name) in_order.push_back(tensor);
        }
    }
    detail::header_writer header(metadata);
    std::uint64_t end = 0;
    for (const stored_tensor* tensor : in_order) {
        const std::uint64_t begin = std::exchange(end, end + tensor->bytes.size());
        header.add(tensor->name, tensor->type, tensor->shape, begin, end);
    }
    std::string text = std::move(header).finish();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data are aligned to 8 bytes
    if (text.size() > detail::longest_header) refuse({"its header would be longer than the format's 100000000 bytes"});

    aside_file file(path);
    const std::uint64_t length = text.size();
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(text);
    for (const stored_tensor* tensor : in_order) file.write(tensor->bytes);
    file.commit();
}

/// A safetensors file, read into memory and believed only after everything that it says was checked: the header's length
/// and JSON, each name, type, shape, product and offset, that the tensors fill the data without overlap or hole, and,
/// where the file has one, the checksum. What is wrong is a file_error that says so. Files of the Python package have no
/// checksum, and `checked()` is false for them.
class safetensors_file {
public:
    explicit safetensors_file(std::filesystem::path path) : path_(std::move(path)) {
        std::string text;
        read(text);
        detail::safetensors_header header = detail::read_safetensors_header(path_, text);
        metadata_ = std::move(header.metadata);
        for (auto& [name, entry] : header.entries) {
            check(name, entry);
            const std::span<const std::byte> bytes(data_.get() + entry.begin, entry.end - entry.begin);
            tensors_.push_back({name, std::move(entry.type), std::move(entry.shape), bytes});
        }
        check_that_nothing_overlaps();
        check_sum();
    }

    const std::filesystem::path& path() const noexcept { return path_; }

    /// All tensors, in the order of their names. Their bytes live as long as this object, moved or not, and are aligned
    /// to 64 bytes at the first.
    std::span<const stored_tensor> tensors() const noexcept { return tensors_; }

    /// The tensor of that name, or nullptr.
    const stored_tensor* find(std::string_view name) const noexcept {
        const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name, [](const auto& tensor, std::string_view to) { return tensor.name < to; });
        return found == tensors_.end() || found->name != name ? nullptr : &*found;
    }

    /// What stands beside the tensors, without the checksum.
    const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

    /// Whether the file had a checksum. It was right, or there would be no object.
    bool checked() const noexcept { return checked_; }

    /// Copies the tensor `name` to `values`. file_error where the file has none of that name, element type and shape, or a
    /// truth value that is neither 0 nor 1.
    template <class T>
    void read(std::string_view name, std::span<const std::int64_t> shape, std::span<T> values) const {
        copy(name, element_name<T>, shape, std::as_writable_bytes(values));
    }

private:
    struct free_aligned {
        void operator()(std::byte* memory) const noexcept { ::operator delete(memory, std::align_val_t{64}); }
    };

    /// Reads the whole file: the header's JSON into `text`, the rest into data_.
    void read(std::string& text) {
        const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe is refused, not waited for
        if (descriptor < 0) fail(path_, "cannot be read", errno);
        const struct closing {
            int descriptor;
            ~closing() { ::close(descriptor); }
        } closes{descriptor};

        struct stat status{};
        if (::fstat(descriptor, &status) != 0) fail(path_, "cannot be read", errno);
        if (!S_ISREG(status.st_mode)) fail(path_, S_ISDIR(status.st_mode) ? "is a folder, not a safetensors file" : "is not a regular file");
        const auto size = static_cast<std::uint64_t>(status.st_size);
        std::uint64_t length = 0;
        if (size < sizeof length) fail(path_, sentence({"is no safetensors file: it has only ", std::to_string(size), " bytes"}));
        fill(descriptor, reinterpret_cast<char*>(&length), sizeof length);
        const std::string would_have = sentence({"its header would have ", std::to_string(length), " bytes, and "});
        if (length > detail::longest_header) fail(path_, sentence({"is no safetensors file: ", would_have, "100000000 are allowed"}));
        if (length > size - sizeof length) {
            fail(path_, sentence({"is cut short or no safetensors file: ", would_have, "the file has ", std::to_string(size)}));
        }
        try {
            text.resize(length);
            data_size_ = size - sizeof length - length;
            data_.reset(static_cast<std::byte*>(::operator new(data_size_, std::align_val_t{64})));
        } catch (const std::bad_alloc&) {
            fail(path_, sentence({"needs ", std::to_string(size), " bytes of memory, which are not there"}));
        }
        fill(descriptor, text.data(), text.size());
        fill(descriptor, reinterpret_cast<char*>(data_.get()), data_size_);
    }

    void fill(int descriptor, char* to, std::uint64_t size) const {
        while (size > 0) {
            const ::ssize_t got = ::read(descriptor, to, size);
            if (got == 0) fail(path_, "became shorter while it was read");
            if (got < 0 && errno != EINTR) fail(path_, "cannot be read", errno);
            if (got < 0) continue;
            to += got;
            size -= static_cast<std::uint64_t>(got);
        }
    }

    void check(const std::string& name, const detail::header_entry& entry) const {
        const std::string tensor = sentence({"tensor ", in_quotes(name)});
        const std::string size = std::to_string(data_size_);
        const detail::element_type* type = detail::find_type(entry.type);
        if (type == nullptr) fail(path_, sentence({tensor, " has the unknown type ", in_quotes(entry.type)}));
        const std::string place = sentence({"bytes ", std::to_string(entry.begin), " to ", std::to_string(entry.end), " of the data"});
        if (entry.begin > entry.end) fail(path_, sentence({tensor, " ends before it begins: ", place}));
        if (entry.end > data_size_) fail(path_, sentence({"is cut short: ", tensor, " takes ", place, ", and the file has ", size}));
        const std::optional<std::uint64_t> bytes = detail::byte_count(*type, entry.shape);
        if (!bytes || *bytes != entry.end - entry.begin) {
            fail(path_, sentence({tensor, " of type ", entry.type, " and shape ", detail::in_brackets(entry.shape), " takes ",
                                  bytes ? std::to_string(*bytes) : "too many", " bytes, and has ", place}));
        }
    }

    /// Every byte of the data belongs to one tensor.
    void check_that_nothing_overlaps() const {
        std::vector<std::span<const std::byte>> places;
        for (const stored_tensor& tensor : tensors_) {
            if (!tensor.bytes.empty()) places.push_back(tensor.bytes);
        }
        std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.data() < b.data(); });
        std::uint64_t end = 0;
        for (const std::span<const std::byte>& bytes : places) {
            const auto begin = static_cast<std::uint64_t>(bytes.data() - data_.get());
            if (begin < end) fail(path_, sentence({"two tensors overlap at byte ", std::to_string(begin), " of the data"}));
            if (begin > end) fail_with_hole(end, begin);
            end = begin + bytes.size();
        }
        if (end != data_size_) fail_with_hole(end, data_size_);
    }

    [[noreturn]] void fail_with_hole(std::uint64_t from, std::uint64_t to) const {
        fail(path_, sentence({"bytes ", std::to_string(from), " to ", std::to_string(to), " of the data belong to no tensor"}));
    }

    void check_sum() {
        const auto said = metadata_.find(std::string(detail::checksum_key));
        if (said == metadata_.end()) return;
        const std::string expected = std::move(said->second);
        metadata_.erase(said);
        detail::checksum sum(metadata_);
        for (const stored_tensor& tensor : tensors_) sum.add(tensor);
        if (sum.digits() != expected) {
            fail(path_, sentence({"is damaged: its checksum is ", in_quotes(sum.digits()), " and should be ", in_quotes(expected)}));
        }
        checked_ = true;
    }

    void copy(std::string_view name, std::string_view type, std::span<const std::int64_t> shape, std::span<std::byte> to) const {
        const stored_tensor* tensor = find(name);
        if (tensor == nullptr) fail(path_, sentence({"has no tensor ", in_quotes(name)}));
        if (tensor->type != type || !std::ranges::equal(tensor->shape, shape)) {
            fail(path_, sentence({"tensor ", in_quotes(name), " is ", tensor->type, " ", detail::in_brackets(tensor->shape), ", and ", type,
                                  " ", detail::in_brackets(shape), " is wanted"}));
        }
        if (tensor->bytes.size() != to.size()) {
            throw value_error(sentence({"tensor ", in_quotes(name), " has ", std::to_string(tensor->bytes.size()),
                                        " bytes, its destination ", std::to_string(to.size())}));
        }
        if (type == "BOOL" && std::any_of(tensor->bytes.begin(), tensor->bytes.end(), [](std::byte byte) { return byte > std::byte{1}; })) {
            fail(path_, sentence({"tensor ", in_quotes(name), " holds a truth value that is neither 0 nor 1"}));
        }
        if (!to.empty()) std::memcpy(to.data(), tensor->bytes.data(), to.size());
    }

    std::filesystem::path path_;
    std::unique_ptr<std::byte[], free_aligned> data_;
    std::uint64_t data_size_ = 0;
    std::vector<stored_tensor> tensors_;
    std::map<std::string, std::string> metadata_;
    bool checked_ = false;
};

}  // namespace heed::files
