/// What a mask can be over a rectangle of rows and keys: the same expression, evaluated on intervals.
///
/// So a tile that the mask rules out is never computed, and one that it lets through whole is not tested.
#pragma once

#include <heed/eval/lowered.hpp>

#include <cmath>

namespace heed::inline HEED_TARGET::intervals {

using lowered::index, lowered::kind;

/// Every value from low to high; a mask is 0, 1, or both.
struct interval {
    double low = negative_infinity(), high = positive_infinity();
    HEED_HOST_DEVICE bool exact() const { return low == high; }
};

/// What is known of the slots: those of the rectangle have a range, all others the place that the tree was sought to.
struct rectangle {
    unsigned open = 0;                                  // slots that vary over the rectangle
    interval range[lowered::most_slots];
};

HEED_HOST_DEVICE inline double least_of(double a, double b) { return b < a ? b : a; }
HEED_HOST_DEVICE inline double greatest_of(double a, double b) { return a < b ? b : a; }
HEED_HOST_DEVICE inline interval truth(bool can_be_false, bool can_be_true) { return {can_be_false ? 0.0 : 1.0, can_be_true ? 1.0 : 0.0}; }

template <class T, unsigned Slots>
HEED_HOST_DEVICE interval over(const lowered::leaf<T, Slots>& x, const rectangle& r) {
    if (Slots & r.open) return {};
    const double v = static_cast<double>(lowered::numbers<lowered::no_lane>::same(*x.here));
    return v == v ? interval{v, v} : interval{};
}
template <int Slot>
HEED_HOST_DEVICE interval over(const lowered::place<Slot>& x, const rectangle& r) {
    if (r.open >> Slot & 1) return r.range[Slot];
    return {static_cast<double>(x.here), static_cast<double>(x.here)};
}
template <int Slot>
HEED_HOST_DEVICE interval over(const lowered::lengths<Slot>& x, const rectangle& r) {
    if (r.open >> Slot & 1) return {};
    const double n = static_cast<double>(x.here[1] - x.here[0]);
    return {n, n};
}
template <kind K> HEED_HOST_DEVICE interval over(const lowered::constant<K>& x, const rectangle&) { return {x.value, x.value}; }
template <class T> HEED_HOST_DEVICE interval over(const lowered::accumulated<T>&, const rectangle&) { return {}; }
template <unsigned Slots> HEED_HOST_DEVICE interval over(const lowered::offset<Slots>&, const rectangle&) { return {}; }
template <class X> HEED_HOST_DEVICE interval over(const lowered::uniform<X>&, const rectangle&) { return {0, 1}; }
template <class T, unsigned Slots, class Ids> HEED_HOST_DEVICE interval over(const lowered::gathered<T, Slots, Ids>&, const rectangle&) { return {}; }
template <class Op, int K, class X> HEED_HOST_DEVICE interval over(const lowered::reduction<Op, K, X>&, const rectangle&) { return {}; }

template <class Op, kind K, class X>
HEED_HOST_DEVICE interval over(const lowered::unary<Op, K, X>& e, const rectangle& r) {
    const interval x = over(e.x, r);
    if constexpr (std::is_same_v<Op, operations::negate>) return {-x.high, -x.low};
    else if constexpr (std::is_same_v<Op, operations::opposite>) return {1 - x.high, 1 - x.low};
    else if constexpr (std::is_same_v<Op, operations::absolute>) {
        const double far = greatest_of(-x.low, x.high);
        return {x.low > 0 ? x.low : x.high < 0 ? -x.high : 0.0, far};
    } else return {};
}
template <kind K, class X>
HEED_HOST_DEVICE interval over(const lowered::converted<K, X>& e, const rectangle& r) {
    const interval x = over(e.x, r);
    if constexpr (K == kind::floating || X::result == kind::mask) return x;
    else return {};
}
template <class Op, kind K, class L, class R>
HEED_HOST_DEVICE interval over(const lowered::binary<Op, K, L, R>& e, const rectangle& r) {
    using namespace operations;
    const interval a = over(e.left, r), b = over(e.right, r);
    if constexpr (std::is_same_v<Op, add>) return {a.low + b.low, a.high + b.high};
    else if constexpr (std::is_same_v<Op, subtract>) return {a.low - b.high, a.high - b.low};
    else if constexpr (std::is_same_v<Op, multiply>) {
        const double p[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
        for (double x : p) if (x != x) return {};
        return {least_of(least_of(p[0], p[1]), least_of(p[2], p[3])), greatest_of(greatest_of(p[0], p[1]), greatest_of(p[2], p[3]))};
    } else if constexpr (std::is_same_v<Op, divide>) {
        if (!b.exact() || b.low == 0 || a.low != a.low) return {};
        double low = least_of(a.low / b.low, a.high / b.low), high = greatest_of(a.low / b.low, a.high / b.low);
        if constexpr (K == kind::integer) low = std::trunc(low), high = std::trunc(high);
        return {low, high};
    } else if constexpr (std::is_same_v<Op, minimum>) return {least_of(a.low, b.low), least_of(a.high, b.high)};
    else if constexpr (std::is_same_v<Op, maximum>) return {greatest_of(a.low, b.low), greatest_of(a.high, b.high)};
    else if constexpr (std::is_same_v<Op, less>) return truth(a.high >= b.low, a.low < b.high);
    else if constexpr (std::is_same_v<Op, less_equal>) return truth(a.high > b.low, a.low <= b.high);
    else if constexpr (std::is_same_v<Op, greater>) return truth(a.low <= b.high, a.high > b.low);
    else if constexpr (std::is_same_v<Op, greater_equal>) return truth(a.low < b.high, a.high >= b.low);
    else if constexpr (std::is_same_v<Op, equal>) return truth(!(a.exact() && b.exact() && a.low == b.low), a.low <= b.high && b.low <= a.high);
    else if constexpr (std::is_same_v<Op, not_equal>) return truth(a.low <= b.high && b.low <= a.high, !(a.exact() && b.exact() && a.low == b.low));
    else if constexpr (std::is_same_v<Op, both>) return {least_of(a.low, b.low), least_of(a.high, b.high)};
    else if constexpr (std::is_same_v<Op, either>) return {greatest_of(a.low, b.low), greatest_of(a.high, b.high)};
    else return {};
}
template <kind K, class M, class L, class R>
HEED_HOST_DEVICE interval over(const lowered::choice<K, M, L, R>& e, const rectangle& r) {
    const interval m = over(e.condition, r), a = over(e.yes, r), b = over(e.no, r);
    if (m.low > 0) return a;
    if (m.high <= 0) return b;
    return {least_of(a.low, b.low), greatest_of(a.high, b.high)};
}

}  // namespace heed::inline HEED_TARGET::intervals
