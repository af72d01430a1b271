/// tensor: dense memory of its own, in the order of its items.
#pragma once

#include <heed/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <vector>

namespace heed::inline HEED_TARGET {

namespace detail {

/// The memory of a space. A space of its own specialises it, and adds from_host and to_host, copies like copy, and check(p), which
/// throws where the statements of this thread cannot reach memory of that space.
template <class Space> struct memory_of;
template <> struct memory_of<host> {
    static constexpr std::align_val_t alignment{64};
    static void* allocate(std::size_t bytes) { return ::operator new(bytes, alignment); }
    static void release(void* p) noexcept { ::operator delete(p, alignment); }
    static void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
    static void zero(void* to, std::size_t bytes) { std::memset(to, 0, bytes); }
};

/// Aligned memory that grows and never shrinks, so that a tensor can take batches of uneven size without allocating.
template <class T>
class buffer {
    using memory = memory_of<space_of<T>>;

public:
    buffer() = default;
    buffer(const buffer& other) { *this = other; }
    buffer(buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)) {}
    buffer& operator=(const buffer& other) {
        if (this != &other) {
            resize(other.size_);
            if (size_ > 0) memory::copy(data_, other.data_, bytes());
        }
        return *this;
    }
    buffer& operator=(buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~buffer() { release(); }

    /// The contents are lost where it must grow.
    void resize(index size) {
        if (size > capacity_) {
            release();
            data_ = static_cast<T*>(memory::allocate(sizeof(T) * static_cast<std::size_t>(size)));
            capacity_ = size;
        }
        size_ = size;
    }
    void zero() {
        if (size_ > 0) memory::zero(data_, bytes());
    }
    void take_from_host(const void* from) {
        if (size_ > 0) memory::from_host(data_, from, bytes());
    }
    T* data() const { return data_; }
    index size() const { return size_; }

private:
    std::size_t bytes() const { return sizeof(T) * static_cast<std::size_t>(size_); }
    void release() {
        if (data_) memory::release(data_);
        data_ = nullptr;
        capacity_ = 0;
    }
    T* data_ = nullptr;
    index size_ = 0, capacity_ = 0;
};

template <class T, int Depth> struct nested { using type = std::initializer_list<typename nested<T, Depth - 1>::type>; };
template <class T> struct nested<T, 1> { using type = std::initializer_list<T>; };
template <class T> struct nested<T, 0> { struct type {}; };

/// The sizes of a nested list; rows of one length each.
template <class T, int Depth>
void read_list(const typename nested<T, Depth>::type& list, index* sizes, T*& out, bool first) {
    if (first && sizes[0] < 0) sizes[0] = static_cast<index>(list.size());
    if (sizes[0] != static_cast<index>(list.size()))
        throw shape_error("a list of " + std::to_string(list.size()) + " where " + std::to_string(sizes[0]) + " are wanted");
    for (auto at = list.begin(); at != list.end(); ++at) {
        if constexpr (Depth > 1) read_list<T, Depth - 1>(*at, sizes + 1, out, first && at == list.begin());
        else if (out) *out++ = *at;
    }
}

/// `tensor = expression`; defined where expressions are evaluated. A tensor that is just being made says no sizes.
enum class destination { as_it_is, just_made };
template <class T, class... Items, class Node>
void assign_to(tensor<T, Items...>& to, const Node& node, destination state = destination::as_it_is);

template <class... Items> inline constexpr int ragged_items = (0 + ... + static_cast<int>(is_ragged<Items>));

}  // namespace detail

/// Elements of type T along named axes, dense, the last item the fastest. `tensor<float, batch, token, model> x(batch{2},
/// token{3})` has zeros; `x = expression` takes its sizes from the expression and keeps its capacity.
template <class T, class... Items>
class tensor : public expression<T, axes<Items...>> {
    using index = detail::index;

public:
    static constexpr int rank = sizeof...(Items);
    using value_type = T;
    using iterator = T*;
    using list = typename detail::nested<T, rank>::type;
    static_assert(storable<T>, "heed: elements are float, double, int, bool, bf16 or fp16");
    static_assert(detail::ragged_items<Items...> <= 1, "heed: a tensor holds one ragged pair");

    /// Zeros; a run-time axis has size 0.
    tensor() {
        int n = 0;
        ((size_[n] = extent_or_zero<Items>(), ++n), ...);
        if constexpr (detail::ragged_items<Items...> > 0) offsets_.assign(1, 0);
        allocate();
        elements_.zero();
    }
    /// Zeros, of these sizes, named in any order: `tensor<...> x(batch{2}, token{3})`, `x(texts{3, 1, 0, 5})`.
    template <item_type... Size>
        requires(sizeof...(Size) > 0)
    explicit tensor(const Size&... sizes) {
        static_assert((lists::has<Size, axes<Items...>> && ...), "heed: a size is given for an axis that the tensor has not");
        int n = 0;
        ((size_[n] = size_from<Items>(sizes...), ++n), ...);
        allocate();
        elements_.zero();
    }
    /// The elements as nested braces; a run-time axis takes its size from them.
    tensor(list elements)
        requires(rank > 0 && detail::ragged_items<Items...> == 0)
    {
        int n = 0;
        ((size_[n] = Items::extent, ++n), ...);
        T* nowhere = nullptr;
        detail::read_list<T, rank>(elements, size_, nowhere, true);
        for (index& size : size_) size = std::max<index>(size, 0);
        allocate();
        if constexpr (is_on_host<T>) {
            T* out = data();
            detail::read_list<T, rank>(elements, size_, out, false);
        } else {
            const std::unique_ptr<T[]> here(new T[static_cast<std::size_t>(size())]);
            T* out = here.get();
            detail::read_list<T, rank>(elements, size_, out, false);
            elements_.take_from_host(here.get());
        }
    }
    tensor(const tensor&) = default;
    /// What is moved from is empty; a scalar, which cannot be, is copied.
    tensor(tensor&& other) noexcept(rank > 0)
        : elements_(rank > 0 ? detail::buffer<T>(std::move(other.elements_)) : detail::buffer<T>(other.elements_)), offsets_(std::move(other.offsets_)) {
        take_sizes(other);
    }
    tensor& operator=(const tensor&) = default;
    tensor& operator=(tensor&& other) noexcept {
        elements_ = std::move(other.elements_);
        offsets_.swap(other.offsets_);
        index kept[rank > 0 ? rank : 1];
        std::copy(std::begin(size_), std::end(size_), kept);
        std::copy(std::begin(other.size_), std::end(other.size_), size_);
        std::copy(std::begin(kept), std::end(kept), other.size_);
        return *this;
    }

    /// The value of an expression, in this memory order whatever the order it came in.
    template <node_type E>
        requires(!std::is_same_v<std::remove_cvref_t<E>, tensor>)
    tensor(const E& e) : tensor() { detail::assign_to(*this, detail::capture(e), detail::destination::just_made); }
    template <operand E>
        requires(!std::is_same_v<std::remove_cvref_t<E>, tensor>)
    tensor& operator=(const E& e) { detail::assign_to(*this, detail::capture(e)); return *this; }
    template <operand E> tensor& operator+=(const E& e) { detail::assign_into(memory(), axes<Items...>{}, detail::capture(e), detail::update::add); return *this; }

    /// x(0, 3, 5): the element, numbers in the order of the axes. x(batch{0}, token{3}): the view of what is left; with all
    /// axes given, in any order, the element.
    template <class... I> decltype(auto) operator()(I... at) { return detail::indexed(memory(), axes<Items...>{}, at...); }
    template <class... I> decltype(auto) operator()(I... at) const { return detail::indexed(memory(), axes<Items...>{}, at...); }
    operator T() const requires(rank == 0 && is_on_host<T>) { return *data(); }

    /// Zeros, of the sizes that it has.
    void clear() { elements_.zero(); }

    T* begin() { return data(); }
    T* end() { return data() + size(); }
    const T* begin() const { return data(); }
    const T* end() const { return data() + size(); }
    T* data() { return elements_.data(); }
    const T* data() const { return elements_.data(); }
    index size() const { return elements_.size(); }

    detail::strided<T, rank> memory() { return describe<T>(elements_.data()); }
    detail::strided<const T, rank> memory() const { return describe<const T>(elements_.data()); }

    /// Sizes an item each, in the order of the items, and the offsets of the ragged one; the contents are lost if it must grow.
    [[gnu::noinline]] void resize(const index* sizes, [[maybe_unused]] const index* offsets, [[maybe_unused]] index segments) {
        std::copy(sizes, sizes + rank, size_);
        if constexpr (detail::ragged_items<Items...> > 0)
            if (offsets != offsets_.data()) offsets_.assign(offsets, offsets + segments + 1);
        allocate();
    }
    /// Sizes by name, in any order; the contents are lost if it must grow.
    template <item_type... Size>
    void resize(const Size&... sizes) {
        int n = 0;
        ((size_[n] = size_from<Items>(sizes...), ++n), ...);
        allocate();
    }
    /// The bounds of the sequences: sequence s is the rows offsets()[s] to offsets()[s + 1].
    const std::vector<index>& offsets() const
        requires(detail::ragged_items<Items...> > 0)
    {
        return offsets_;
    }

private:
    template <class U>
    detail::strided<U, rank> describe(U* data) const {
        detail::strided<U, rank> result;
        result.data = data;
        index step = 1;
        for (int i = rank; i-- > 0; step *= size_[i]) result.size[i] = size_[i], result.stride[i] = step;
        if constexpr (detail::ragged_items<Items...> > 0) result.offsets = offsets_.data(), result.segments = static_cast<index>(offsets_.size()) - 1;
        return result;
    }
    template <class A>
    static constexpr index extent_or_zero() {
        if constexpr (is_ragged<A>) return 0;
        else return A::extent >= 0 ? A::extent : 0;
    }
    template <class A, class... Size>
    index size_from(const Size&... sizes) {
        if constexpr (is_ragged<A>) {
            static_assert(lists::has<A, axes<Size...>>, "heed: a ragged tensor is made with the lengths of its sequences");
            static_cast<void>((take_lengths(sizes) || ...));
            return offsets_.back();
        } else {
            index size = A::extent;
            static_cast<void>(((std::is_same_v<A, Size> ? (size = number_in(sizes), true) : false) || ...));
            if (A::extent >= 0 && size != A::extent) detail::throw_wrong_static_size(axis_name<A>(), A::extent, size);
            if (size < 0) {
                if (lists::has<A, axes<Size...>>) detail::throw_negative_size(axis_name<A>(), size);
                detail::throw_size_unknown(axis_name<A>());
            }
            return size;
        }
    }
    template <class A>
    static index number_in(const A& size) {
        if constexpr (is_ragged<A>) return 0;
        else return detail::value_of_index(size);
    }
    template <class A>
    bool take_lengths(const A& item) {
        if constexpr (is_ragged<A>) {
            offsets_.resize(item.lengths.size() + 1);
            offsets_[0] = 0;
            for (std::size_t s = 0; s < item.lengths.size(); ++s) {
                if (item.lengths[s] < 0) detail::throw_negative_size(axis_name<typename A::inner>(), item.lengths[s]);
                offsets_[s + 1] = offsets_[s] + item.lengths[s];
            }
            return true;
        }
        return false;
    }
    void take_sizes(tensor& other) {
        std::copy(std::begin(other.size_), std::end(other.size_), size_);
        int n = 0;
        ((other.size_[n] = is_ragged<Items> ? 0 : other.size_[n], ++n), ...);
        if (rank > 0) std::fill(std::begin(other.size_), std::end(other.size_), 0);
    }
    void allocate() {
        index count = 1;
        for (int i = 0; i < rank; ++i) count *= size_[i];
        elements_.resize(count);
    }

    detail::buffer<T> elements_;
    index size_[rank > 0 ? rank : 1] = {};
    std::vector<index> offsets_;
};

template <class T, class... Items>
tensor(const expression<T, axes<Items...>>&) -> tensor<detail::settled<T>, Items...>;

namespace detail {
template <class T, class Items> struct tensor_type;
template <class T, class... I> struct tensor_type<T, axes<I...>> { using type = tensor<settled<T>, I...>; };
}  // namespace detail

/// The tensor that an expression is stored as where nothing else says it.
template <class X> using tensor_of = typename detail::tensor_type<detail::element_of<X>, detail::items_of<X>>::type;

/// The expression, evaluated once.
template <operand X>
tensor_of<X> eval(const X& x) {
    if constexpr (detail::absorbs<const X&>) return {};
    else {
        tensor_of<X> result;
        detail::assign_to(result, detail::capture(x), detail::destination::just_made);
        return result;
    }
}

}  // namespace heed::inline HEED_TARGET
