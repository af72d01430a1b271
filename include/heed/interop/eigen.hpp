/// To and from Eigen without a copy, by name: which axis is the rows and which the columns is said, not guessed.
///
///     eigen_map<token, model>(x) * w            a heed tensor as an Eigen matrix; <model, token> is its transpose
///     view_of<token, model>(matrix)             an Eigen matrix, map or block as a heed view
///
/// CMake: heed::eigen.
#pragma once

#include <heed/tensor.hpp>

#include <Eigen/Core>

namespace heed::inline HEED_TARGET {

namespace interop {

using detail::index;

using any_stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
template <class T> using row_major = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T> using column = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, 1>;
template <class T, class Plain> using like = std::conditional_t<std::is_const_v<T>, const Plain, Plain>;

/// An Eigen matrix that holds its elements itself: as a temporary it takes them along when it goes.
template <class M> inline constexpr bool owns = std::derived_from<std::remove_cvref_t<M>, Eigen::PlainObjectBase<std::remove_cvref_t<M>>>;
template <class M> concept referable = requires(M& m) { m.data(), m.innerStride(), m.outerStride(); } && (std::is_lvalue_reference_v<M> || !owns<M>);

template <class A>
index checked(index size) {
    if (A::extent >= 0 && size != A::extent) detail::throw_wrong_static_size(axis_name<A>(), A::extent, size);
    return size;
}

}  // namespace interop

/// The memory of a tensor or view as a matrix, axis Rows by axis Columns. It must not outlive the tensor.
template <axis_type Rows, axis_type Columns, class X>
auto eigen_map(X&& x) {
    using namespace interop;
    using items = typename std::remove_cvref_t<X>::items;
    static_assert(items::size == 2 && lists::has<Rows, items> && lists::has<Columns, items> && !std::is_same_v<Rows, Columns>,
                  "heed: an Eigen matrix has two axes, the rows and the columns of the map");
    const auto memory = x.memory();
    using T = std::remove_pointer_t<decltype(memory.data)>;
    constexpr int r = lists::place<Rows, items>, c = lists::place<Columns, items>;
    return Eigen::Map<like<T, row_major<T>>, Eigen::Unaligned, any_stride>(memory.data, memory.size[r], memory.size[c], any_stride(memory.stride[r], memory.stride[c]));
}
/// The memory of a tensor or view of one axis as a column vector.
template <axis_type A, class X>
auto eigen_map(X&& x) {
    using namespace interop;
    static_assert(std::is_same_v<typename std::remove_cvref_t<X>::items, axes<A>>, "heed: an Eigen vector has one axis");
    const auto memory = x.memory();
    using T = std::remove_pointer_t<decltype(memory.data)>;
    return Eigen::Map<like<T, column<T>>, Eigen::Unaligned, Eigen::InnerStride<>>(memory.data, memory.size[0], Eigen::InnerStride<>(memory.stride[0]));
}

/// The memory of an Eigen matrix, map or block under names; sizes that are part of an axis's type must be the matrix's.
template <axis_type Rows, axis_type Columns, class M>
    requires interop::referable<M>
auto view_of(M&& m) {
    using T = std::remove_pointer_t<decltype(m.data())>;
    constexpr bool by_rows = std::remove_cvref_t<M>::IsRowMajor;
    detail::strided<T, 2> memory;
    memory.data = m.data();
    memory.size[0] = interop::checked<Rows>(m.rows());
    memory.size[1] = interop::checked<Columns>(m.cols());
    memory.stride[0] = by_rows ? m.outerStride() : m.innerStride();
    memory.stride[1] = by_rows ? m.innerStride() : m.outerStride();
    return view<T, Rows, Columns>(memory);
}
/// The memory of an Eigen vector under a name.
template <axis_type A, class M>
    requires(interop::referable<M> && bool(std::remove_cvref_t<M>::IsVectorAtCompileTime))
auto view_of(M&& m) {
    using T = std::remove_pointer_t<decltype(m.data())>;
    detail::strided<T, 1> memory;
    memory.data = m.data();
    memory.size[0] = interop::checked<A>(m.size());
    memory.stride[0] = m.innerStride();
    return view<T, A>(memory);
}

}  // namespace heed::inline HEED_TARGET
