/// A tensor as a file holds it: a name, a type, a shape and bytes; and a checksum over many.
#pragma once

#include <heed/bf16.hpp>
#include <heed/fp16.hpp>
#include <heed/files/crc32.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace heed::files {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian, and are copied as they are");

/// A tensor as a file holds it. It refers to its bytes and does not own them.
struct stored_tensor {
    std::string name;
    std::string type;                  ///< "F32", "F64", "I32", "I64", "U8", "BOOL", "BF16", or another of the format's names
    std::vector<std::int64_t> shape;   ///< empty for a scalar
    std::span<const std::byte> bytes;  ///< row-major, as many as type and shape ask for
};

namespace detail {

struct element_type {
    std::string_view name;
    std::uint64_t bytes;
};

/// The types whose elements are whole bytes, in the order in which their tensors stand in a file: the widest first, so
/// that each tensor is aligned to its elements. The order among equals is that of the Python package.
inline constexpr std::array<element_type, 17> element_types{{
    {"U64", 8}, {"I64", 8}, {"F64", 8}, {"C64", 8}, {"F32", 4}, {"U32", 4}, {"I32", 4}, {"BF16", 2}, {"F16", 2},
    {"U16", 2}, {"I16", 2}, {"F8_E8M0", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I8", 1}, {"U8", 1}, {"BOOL", 1},
}};

inline const element_type* find_type(std::string_view name) noexcept {
    for (const element_type& type : element_types) {
        if (type.name == name) return &type;
    }
    return nullptr;
}

/// The bytes of a tensor, or nothing where they are more than 2^63 - 1.
inline std::optional<std::uint64_t> byte_count(const element_type& type, std::span<const std::int64_t> shape) noexcept {
    std::uint64_t count = type.bytes;
    for (const std::int64_t size : shape) {
        const auto factor = static_cast<std::uint64_t>(size);
        if (size < 0 || (factor != 0 && count > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / factor)) return {};
        count *= factor;
    }
    return count;
}

inline std::string in_brackets(std::span<const std::int64_t> shape) {
    std::string out = "[";
    for (const std::int64_t size : shape) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
    return out + "]";
}

inline constexpr std::string_view checksum_key = "heed.crc32";

/// The checksum of what a file says, in whatever order and spacing it says it: the metadata (key, NUL, value, NUL) in
/// the order of their keys, without the checksum itself; then the tensors in the order of their names: name, NUL, type,
/// NUL, each size in decimal and NUL, and the bytes. Names and keys are ordered by their bytes.
class checksum {
public:
    explicit checksum(const std::map<std::string, std::string>& metadata) {
        for (const auto& [key, value] : metadata) add(key), add(value);
    }

    void add(const stored_tensor& tensor) {
        add(tensor.name), add(tensor.type);
        for (const std::int64_t size : tensor.shape) add(std::to_string(size));
        sum_.add(tensor.bytes);
    }

    /// Eight hexadecimal digits.
    std::string digits() const {
        std::string out(8, '0');
        for (std::size_t place = 0; place < 8; ++place) out[place] = "0123456789abcdef"[(sum_.value() >> (28 - 4 * place)) & 15];
        return out;
    }

private:
    void add(const std::string& text) { sum_.add(std::string_view(text.c_str(), text.size() + 1)); }

    crc32_sum sum_;
};

}  // namespace detail

/// The format's name for a C++ type: element_name<float> is "F32".
template <class T>
inline constexpr std::string_view element_name = [] {
    if constexpr (std::is_same_v<T, float>) return "F32";
    else if constexpr (std::is_same_v<T, double>) return "F64";
    else if constexpr (std::is_same_v<T, std::int32_t>) return "I32";
    else if constexpr (std::is_same_v<T, std::int64_t>) return "I64";
    else if constexpr (std::is_same_v<T, std::uint8_t>) return "U8";
    else if constexpr (std::is_same_v<T, bool>) return "BOOL";
    else if constexpr (std::is_same_v<T, bf16>) return "BF16";
    else if constexpr (std::is_same_v<T, fp16>) return "F16";
    else return T::safetensors_type;  // a type of one's own says its name itself
}();

/// `values`, named and shaped, to be saved; they must stay where they are until they are.
template <class T>
stored_tensor stored(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
    return {std::move(name), std::string(element_name<T>), std::move(shape), std::as_bytes(values)};
}

}  // namespace heed::files
