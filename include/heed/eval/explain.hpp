/// explain(expression): the kernels that it would run, its temporaries, bytes and FLOPs, without running any of it.
#pragma once

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/evaluate.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace heed::inline HEED_TARGET {

/// One kernel of a plan.
struct plan_step {
    enum class kernel { elementwise, row_program, reduction, contraction, attention };
    kernel what;
    std::string sizes;              ///< of its loops, in words
    double flops = 0;               ///< operations on floating numbers; a multiply-add is two, a function such as exp is one
    double bytes = 0;               ///< read and written, each operand once
    std::string by = {};            ///< where a backend has several ways: which
};

/// What an expression would run as.
class plan {
public:
    const std::vector<plan_step>& steps() const { return steps_; }
    int kernels() const { return static_cast<int>(steps_.size()); }
    int count(plan_step::kernel what) const {
        int n = 0;
        for (const plan_step& s : steps_) n += s.what == what;
        return n;
    }
    int temporaries() const { return temporaries_; }
    /// Bytes of the temporaries together.
    double temporary_bytes() const { return temporary_bytes_; }
    double bytes() const {
        double sum = 0;
        for (const plan_step& s : steps_) sum += s.bytes;
        return sum;
    }
    double flops() const {
        double sum = 0;
        for (const plan_step& s : steps_) sum += s.flops;
        return sum;
    }
    static std::string instruction_set() { return HEED_TEXT(HEED_INSTRUCTIONS); }
    static int threads() { return cpu::thread_count(); }

    static std::string name_of(plan_step::kernel what) {
        constexpr const char* names[] = {"elementwise", "row program", "reduction", "contraction", "attention"};
        return names[static_cast<int>(what)];
    }
    /// A number with the unit that keeps it short: 1.5 Mi, 12 Ki, 17.
    static std::string short_number(double x, double base) {
        const char* units = base == 1024 ? "KMGT" : "kMGT";
        int unit = -1;
        for (; x >= base && unit < 3; x /= base) ++unit;
        std::string digits = std::to_string(x);
        digits.resize(std::min<std::size_t>(digits.size(), 4));
        if (digits.find('.') != std::string::npos)
            while (digits.back() == '0' || digits.back() == '.') {
                const bool point = digits.back() == '.';
                digits.pop_back();
                if (point) break;
            }
        if (unit < 0) return digits + " ";
        return digits + " " + units[unit] + (base == 1024 ? "i" : "");
    }
    friend std::ostream& operator<<(std::ostream& out, const plan& p) {
        for (const plan_step& s : p.steps_)
            out << name_of(s.what) << "  " << s.sizes << (s.by.empty() ? "" : ", " + s.by) << "  " << short_number(s.flops, 1000) << "FLOP  " << short_number(s.bytes, 1024) << "B\n";
        out << p.kernels() << (p.kernels() == 1 ? " kernel, " : " kernels, ") << p.temporaries_ << (p.temporaries_ == 1 ? " temporary of " : " temporaries of ")
            << short_number(p.temporary_bytes_, 1024) << "B, " << short_number(p.flops(), 1000) << "FLOP, " << short_number(p.bytes(), 1024) << "B; "
            << p.machine_;
        return out;
    }

private:
    template <class> friend class recorder;
    static std::string host_machine() { return instruction_set() + ", " + std::to_string(threads()) + (threads() == 1 ? " thread" : " threads"); }

    std::string machine_ = host_machine();
    std::vector<plan_step> steps_;
    int temporaries_ = 0;
    double temporary_bytes_ = 0;
};

namespace costs {

using namespace lowered;

/// Operations on an element, and bytes of the leaves, each read once.
struct cost {
    double operations = 0, bytes = 0;
    cost operator+(cost o) const { return {operations + o.operations, bytes + o.bytes}; }
};
struct extents {
    const loops& l;
    std::vector<const void*>& seen;
    /// Bytes of an operand, once however often the tree reads it.
    double bytes(const void* base, unsigned slots, std::size_t each) const {
        if (std::find(seen.begin(), seen.end(), base) != seen.end()) return 0;
        seen.push_back(base);
        return places(slots) * static_cast<double>(each);
    }
    double places(unsigned slots) const {
        double n = 1;
        for (int s = 0; s < l.slots; ++s) {
            if (!(slots >> s & 1)) continue;
            if (s == l.segment && (slots >> l.within & 1)) continue;
            n *= s == l.within ? static_cast<double>(l.offsets[l.segments()]) : static_cast<double>(l.size[s]);
        }
        return n;
    }
};

template <class X> cost of(const X&, const extents&) { return {}; }
template <class X> cost of(const uniform<X>& x, const extents& e);
template <kind K, class X> cost of(const converted<K, X>& x, const extents& e);
template <class Op, kind K, class X> cost of(const unary<Op, K, X>& x, const extents& e);
template <class Op, kind K, class L, class R> cost of(const binary<Op, K, L, R>& x, const extents& e);
template <kind K, class M, class L, class R> cost of(const choice<K, M, L, R>& x, const extents& e);
template <class Op, int K, class X> cost of(const reduction<Op, K, X>& x, const extents& e);
template <class T, unsigned S> cost of(const leaf<T, S>& x, const extents& e) { return {0, e.bytes(x.base, S, sizeof(T))}; }
template <class T, unsigned S, class Ids> cost of(const gathered<T, S, Ids>& x, const extents& e) { return cost{0, e.bytes(x.base, S | Ids::slots, sizeof(T))} + of(x.ids, e); }
template <class X> cost of(const uniform<X>& x, const extents& e) { return of(x.x, e); }
template <kind K, class X> cost of(const converted<K, X>& x, const extents& e) { return of(x.x, e); }
template <class Op, kind K, class X> cost of(const unary<Op, K, X>& x, const extents& e) { return cost{1, 0} + of(x.x, e); }
template <class Op, kind K, class L, class R> cost of(const binary<Op, K, L, R>& x, const extents& e) { return cost{1, 0} + of(x.left, e) + of(x.right, e); }
template <kind K, class M, class L, class R> cost of(const choice<K, M, L, R>& x, const extents& e) { return cost{1, 0} + of(x.condition, e) + of(x.yes, e) + of(x.no, e); }
template <class Op, int K, class X> cost of(const reduction<Op, K, X>& x, const extents& e) { return cost{1, 0} + of(x.x, e); }

}  // namespace costs

/// What is planned for the host, whatever its backend.
struct plan_for_host {
    static constexpr bool finishes_tiles = true;
    template <class T> static constexpr bool multiplies = detail::multiplies_floats<T>;
    template <class T, class Tree> static constexpr bool finishes_products = false;
};
template <class Space> struct planned_for { using type = backend_of<Space>; };
template <> struct planned_for<host> { using type = plan_for_host; };

/// An executor that runs nothing and writes down everything, as a backend would run it. Of several ways of its own the backend
/// tells: way_of(call).
template <class Backend>
class recorder {
    using index = detail::index;

public:
    recorder() {
        if constexpr (requires { Backend::machine(); }) plan_.machine_ = Backend::machine();
    }
    static constexpr bool runs() { return false; }
    static constexpr bool finishes_tiles = Backend::finishes_tiles;
    template <class T> static constexpr bool multiplies = Backend::template multiplies<T>;
    template <class T, class Tree> static constexpr bool finishes_products = Backend::template finishes_products<T, Tree>;
    template <class T> T* temporary(index count) {
        ++plan_.temporaries_;
        plan_.temporary_bytes_ += static_cast<double>(count) * sizeof(T);
        tags_.push_back(std::make_unique<std::max_align_t>());          // an address of its own, never read
        return reinterpret_cast<T*>(tags_.back().get());
    }
    template <bool Wide, class Shape, class Tree, class T>
    void rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>&) {
        using kernel = plan_step::kernel;
        std::vector<const void*> seen;
        const costs::extents e{l, seen};
        const unsigned all = (1u << l.slots) - 1, outer = (1u << l.outer) - 1;
        const auto cost = costs::of(tree, e);
        plan_step s{l.reduces ? Shape::writes_inner ? kernel::row_program : kernel::reduction : kernel::elementwise, {}, 0, 0};
        s.flops = cost.operations * e.places(all);
        s.bytes = cost.bytes + e.places(Shape::writes_inner ? all : outer) * sizeof(T);
        if (l.reduces) s.sizes = count_text(e.places(outer)) + " rows of " + count_text(e.places(all & ~outer));
        else s.sizes = count_text(e.places(all)) + " elements";
        plan_.steps_.push_back(std::move(s));
    }
    template <class T, class Factor> void contract(const detail::contraction_call<T, Factor>& call) { add(call, static_cast<const detail::product_finish<T>*>(nullptr)); }
    /// With what a library does to the sums by itself; false where it does not.
    template <class T, class Factor> bool contract(const detail::contraction_call<T, Factor>& call, const detail::product_finish<T>& finish) {
        if constexpr (!requires { Backend::takes(call, finish); }) return false;
        else {
            if (!Backend::takes(call, finish)) return false;
            add(call, &finish);
            return true;
        }
    }
    template <class T, class Factor> void add(const detail::contraction_call<T, Factor>& call, const detail::product_finish<T>* finish) {
        const index g = call.batch.total(), m = call.rows.total(), n = call.columns.total(), k = call.depth.total();
        plan_step s{plan_step::kernel::contraction, std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k), call.flops(), 0};
        if (g != 1) s.sizes = std::to_string(g) + " times " + s.sizes;
        if (call.packs) s.sizes += ", packed before,";
        if (call.bias) s.sizes += " with a bias";
        if (call.finish.apply) s.sizes += " with an epilogue";
        if constexpr (requires { Backend::way_of(call); }) s.by = finish ? "finished by the library" : Backend::way_of(call);
        s.bytes = static_cast<double>(g) * (static_cast<double>(m * k + k * n) * sizeof(Factor) + static_cast<double>(m * n) * sizeof(T));
        plan_.steps_.push_back(std::move(s));
    }
    template <class Slots, class T, class Tree, class Mask>
    void attend(const detail::attention_call<T>& call, const Tree&, const Mask&) {
        const double value = static_cast<double>(call.value[0] * call.value[1]), depth = static_cast<double>(call.depth);
        double rows = 0, keys = 0;
        for (index p = 0; p < call.batches(); ++p) {
            index at[4];
            call.place_of(p, at);
            rows += static_cast<double>(call.rows_of(at));
            keys += static_cast<double>(call.keys_of(at));
        }
        plan_step s{plan_step::kernel::attention, {}, 2 * call.pairs() * (depth + value), (rows + keys) * (depth + value) * sizeof(T)};
        s.sizes = std::to_string(call.batches()) + " times, " + count_text(call.pairs()) + " pairs" + (std::is_same_v<Mask, detail::no_mask> ? "" : " before the mask");
        if constexpr (requires { Backend::template way_of<Slots>(call); }) s.by = Backend::template way_of<Slots>(call);
        plan_.steps_.push_back(std::move(s));
    }
    template <int Lane, class Tree, class T> static void finish_row(const Tree&, T*, index, index, bool, int, index) {}

    const plan& result() const { return plan_; }

private:
    static std::string count_text(double n) { return std::to_string(static_cast<long long>(n)); }
    plan plan_;
    std::vector<std::unique_ptr<std::max_align_t>> tags_;
};

/// The plan of an expression, stored as `tensor t = expression` would store it.
template <operand X>
plan explain(const X& x) {
    const auto node = detail::capture(x);
    using node_type = std::remove_cvref_t<decltype(node)>;
    using space = typename detail::space_within<node_type>::type;
    recorder<typename planned_for<std::conditional_t<std::is_void_v<space>, host, space>>::type> record;
    if constexpr (!std::is_same_v<node_type, stand_in>) {
        using items = typename node_type::items;
        using T = detail::settled<typename node_type::element_type>;
        detail::statement<detail::statement_names<items, node_type>> sizes;
        detail::take_sizes(sizes, node);
        const auto to = detail::dense_memory<T>(items{}, sizes);
        detail::assign_node(record, to, items{}, node, sizes, std::false_type());
    }
    return record.result();
}

}  // namespace heed::inline HEED_TARGET
