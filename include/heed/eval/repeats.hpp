/// Which reductions of a row program are the same, so that each is computed once: `(x - mean(x)) / deviation(x)` has a mean twice.
#pragma once

#include <heed/eval/lowered.hpp>

#include <cstring>

namespace heed::inline HEED_TARGET::lowered {

/// A reduction as bytes: reductions whose operands have one type and the same bytes are the same.
struct reduced_operand {
    const void* kind;
    const void* bytes;
    std::size_t size;
};
template <class Reduction> inline constexpr char reduction_kind = 0;

/// Which earlier reduction a reduction repeats; its own number where none.
[[gnu::noinline]] inline void find_repeats(const reduced_operand* operands, int count, int* same_as) {
    for (int later = 0; later < count; ++later) {
        same_as[later] = later;
        for (int earlier = 0; earlier < later && same_as[later] == later; ++earlier)
            if (operands[later].kind && operands[later].kind == operands[earlier].kind && std::memcmp(operands[later].bytes, operands[earlier].bytes, operands[later].size) == 0)
                same_as[later] = same_as[earlier];
    }
}
template <class Op, class X> struct repeatable {};
template <class Tree>
void find_repeats(const Tree& tree, int* same_as) {
    reduced_operand operands[Tree::reduction_count + 1] = {};         // a number that no reduction has stays empty
    tree.reductions([&](const auto& r) {
        using R = std::remove_cvref_t<decltype(r)>;
        operands[R::number] = {&reduction_kind<repeatable<typename R::operation, decltype(r.x)>>, &r.x, sizeof(r.x)};
    });
    find_repeats(operands, Tree::reduction_count, same_as);
}

}  // namespace heed::inline HEED_TARGET::lowered
