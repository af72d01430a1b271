/// Printing: `std::cout << x` for tensors, views and expressions, which are evaluated for it.
///
///     float {batch 2, token 3}
///     [[0, 1, 2],
///      [10, 11, 12]]
///
/// Of a long axis the first and last three; of a ragged pair each sequence. Not in heed.hpp, which needs no stream.
#pragma once

#include <heed/eval/evaluate.hpp>

#include <ostream>

namespace heed::inline HEED_TARGET {

namespace printing {

using detail::index;

/// An axis longer than this is shown by its ends.
inline constexpr index longest = 8, ends = 3;

/// One pair of brackets. Of a ragged item there are two: its sequences, and the rows of one of them.
struct level {
    std::string_view name;
    index size = 0, stride = 0;
    const index* offsets = nullptr;          // of the sequences
    bool is_within = false;                  // the rows of a sequence
};

template <class Item>
level* add_levels(level* to, index size, index stride, const index* offsets, index segments) {
    if constexpr (is_ragged<Item>) {
        *to++ = {axis_name<typename Item::outer>(), segments, stride, offsets, false};
        *to++ = {axis_name<typename Item::inner>(), size, stride, offsets, true};
    } else *to++ = {axis_name<Item>(), size, stride, nullptr, false};
    return to;
}

template <class T> constexpr const char* element_name() {
    if constexpr (is_mask<T>) return "bool";
    else if constexpr (is_integer<T>) return "int";
    else if constexpr (is_half<T>) return std::is_same_v<T, bf16> ? "bf16" : "fp16";
    else return std::is_same_v<T, double> ? "double" : "float";
}

/// f(i) for the places that are shown, skipped() between them.
template <class F, class Skipped>
void each_shown(index size, F&& f, Skipped&& skipped) {
    for (index i = 0; i < size; ++i) {
        if (size > longest && i == ends) skipped(), i = size - ends;
        f(i);
    }
}

inline void sizes(std::ostream& out, const level* first, const level* last) {
    out << '{';
    for (const level* l = first; l != last; ++l) {
        out << (l == first ? "" : ", ") << l->name;
        if (l->is_within) each_shown(l[-1].size, [&](index s) { out << ' ' << l->offsets[s + 1] - l->offsets[s]; }, [&] { out << " ..."; });
        else out << ' ' << l->size;
    }
    out << '}';
}

/// The elements from `data` on; `rows` is how long the sequence is that they belong to.
template <class T>
void elements(std::ostream& out, const T* data, const level* l, const level* last, int depth, index rows) {
    if (l == last) {
        if constexpr (is_half<T>) out << static_cast<float>(*data);
        else out << *data;
        return;
    }
    const auto next = [&] {
        if (l + 1 == last) out << ", ";
        else out << ",\n" << std::string(static_cast<std::size_t>(depth) + 1, ' ');
    };
    bool first = true;
    out << '[';
    each_shown(
        l->is_within ? rows : l->size,
        [&](index i) {
            if (!first) next();
            first = false;
            const bool sequence = l->offsets && !l->is_within;
            elements(out, data + (sequence ? l->offsets[i] : i) * l->stride, l + 1, last, depth + 1, sequence ? l->offsets[i + 1] - l->offsets[i] : rows);
        },
        [&] { next(), out << "..."; });
    out << ']';
}

template <class T, class... Items>
void print(std::ostream& out, const detail::strided<const T, sizeof...(Items)>& memory, axes<Items...>) {
    level levels[2 * sizeof...(Items) + 1];
    level* last = levels;
    int n = 0;
    ((last = add_levels<Items>(last, memory.size[n], memory.stride[n], memory.offsets, memory.segments), ++n), ...);
    if constexpr (sizeof...(Items) > 0) {
        out << element_name<T>() << ' ';
        sizes(out, levels, last);
        out << '\n';
    }
    elements(out, memory.data, levels, last, 0, 0);
}

}  // namespace printing

/// Element type, sizes by name and elements; a number alone where no axis is left.
template <node_type X>
std::ostream& operator<<(std::ostream& out, const X& x) {
    if constexpr (requires { x.memory(); }) {
        const detail::strided<const typename X::element_type, X::items::size> memory = x.memory();
        printing::print<typename X::element_type>(out, memory, typename X::items{});
    } else out << eval(x);
    return out;
}

}  // namespace heed::inline HEED_TARGET
