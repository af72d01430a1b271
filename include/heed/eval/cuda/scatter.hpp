/// scatter_add on a GPU: ids are sorted, and the rows of one id added in the order in which they stood.
///
/// The sorted places are cut into chunks of fixed length. A thread adds one column of a chunk, run by run; a run that reaches
/// beyond its chunk leaves a part, and a second kernel adds those up in order. So nothing is added atomically, and the bits
/// follow from the ids alone.
#pragma once

#include <heed/eval/cuda/ids.hpp>
#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/cuda/launch.hpp>
#include <heed/eval/cuda/places.hpp>
#include <heed/eval/cuda/sort.hpp>
#include <heed/eval/scatter.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Sorted places that a thread adds up.
inline constexpr index scatter_chunk = 256;

/// The id of each place and its number. One outside the table is noted, and counts as one beyond its end.
template <class Shape, class Ids>
struct number_ids {
    static constexpr int threads = 256;
    lowered::loops l;
    Ids ids;
    index count;
    id_limit limit;
    std::int32_t* id;
    std::int32_t* place;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        lowered::cursor c;
        find_place<0, Shape::outer>(l, static_cast<number>(n), c);
        Ids at = ids;
        at.template seek<lowered::no_lane>(c.at, c.row);
        const index found = at.template get<lowered::numbers<lowered::no_lane>>(lowered::spot{});
        id[n] = static_cast<std::int32_t>(limit.excludes(block, found) ? limit.rows : found);
        place[n] = static_cast<std::int32_t>(n);
    }
};

/// What both kernels share: sorted ids, the places that they had, and where rows lie and go.
template <class Shape, class Source, class T>
struct sorted_rows {
    using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
    using one = lanes<F, lowered::no_lane>;
    lowered::loops l;
    Source source;
    lowered::target<T> target;
    index count, columns, limit, step;
    const std::int32_t* id;
    const std::int32_t* place;
    F* parts;                           // of each chunk the part of the run that it begins with, and of the one it ends with

    HEED_HOST_DEVICE index chunks() const { return (count + scatter_chunk - 1) / scatter_chunk; }
    HEED_HOST_DEVICE index end_of(index chunk) const { return (chunk + 1) * scatter_chunk < count ? (chunk + 1) * scatter_chunk : count; }
    /// Whether the run of a sorted place began in an earlier chunk, or goes on in a later one.
    HEED_HOST_DEVICE bool came_from_before(index chunk) const { return chunk > 0 && id[chunk * scatter_chunk] == id[chunk * scatter_chunk - 1]; }
    HEED_HOST_DEVICE bool goes_on_after(index chunk) const { return end_of(chunk) < count && id[end_of(chunk)] == id[end_of(chunk) - 1]; }
    HEED_HOST_DEVICE F value(index sorted, lowered::cursor& c) const {
        find_place<0, Shape::outer>(l, static_cast<number>(place[sorted]), c);
        Source s = source;
        s.template seek<lowered::no_lane>(c.at, c.row);
        return one::read(*s.here);
    }
    HEED_HOST_DEVICE void add(index row, F sum, const lowered::cursor& c) const {
        if (row >= limit) return;
        lowered::target<T> to = target;
        to.template seek<lowered::no_lane>(c.at, 0);
        T* const p = to.here + row * step;
        one::store(p, 0, pack<F, 1>(one::read(*p) + sum));
    }
};

template <class Shape, class Source, class T>
struct add_chunks : sorted_rows<Shape, Source, T> {
    static constexpr int threads = 128;
    using F = typename sorted_rows<Shape, Source, T>::F;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread(), column = n % this->columns, chunk = n / this->columns;
        if (chunk >= this->chunks()) return;
        lowered::cursor c;
        find_place<Shape::outer, Shape::last + 1>(this->l, static_cast<number>(column), c);
        const index begin = chunk * scatter_chunk, end = this->end_of(chunk);
        bool from_before = this->came_from_before(chunk);
        const bool goes_on = this->goes_on_after(chunk);
        F sum = 0;
        for (index i = begin; i < end; ++i) {
            sum += this->value(i, c);
            const bool last = i + 1 == end;
            if (!last && this->id[i + 1] == this->id[i]) continue;
            if (from_before) this->parts[2 * chunk * this->columns + column] = sum;
            else if (last && goes_on) this->parts[(2 * chunk + 1) * this->columns + column] = sum;
            else this->add(this->id[i], sum, c);
            from_before = false;
            sum = 0;
        }
    }
};

/// Runs that several chunks have parts of, by the chunk in which they begin.
template <class Shape, class Source, class T>
struct add_parts : sorted_rows<Shape, Source, T> {
    static constexpr int threads = 128;
    using F = typename sorted_rows<Shape, Source, T>::F;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread(), column = n % this->columns;
        index chunk = n / this->columns;
        if (chunk >= this->chunks() || !this->goes_on_after(chunk)) return;
        const std::int32_t row = this->id[this->end_of(chunk) - 1];
        if (this->came_from_before(chunk) && this->id[chunk * scatter_chunk] == row) return;
        lowered::cursor c;
        find_place<Shape::outer, Shape::last + 1>(this->l, static_cast<number>(column), c);
        F sum = this->parts[(2 * chunk + 1) * this->columns + column];
        for (bool more = true; more;) {
            ++chunk;
            sum += this->parts[2 * chunk * this->columns + column];
            more = this->goes_on_after(chunk) && this->id[this->end_of(chunk) - 1] == row;
        }
        this->add(row, sum, c);
    }
};

template <class Device, class Shape, class Source, class Ids, class T>
void scatter_add(heed::detail::scatter_call<Shape, Source, Ids, T> call) {
    using rows_type = sorted_rows<Shape, Source, T>;
    const index count = call.places(), columns = lowered::count_places(call.l, call.l.outer, call.l.slots);
    if (count == 0 || columns == 0) return;
    if (count > most_places) throw_too_large(count);
    typename Device::temporaries memory;
    auto* const id = memory.template temporary<std::int32_t>(count);
    auto* const place = memory.template temporary<std::int32_t>(count);
    move_bounds<Device>(call.ids);
    move_bounds<Device>(call.l);
    Device::launch_each(number_ids<Shape, Ids>{call.l, call.ids, count, {call.limit, call.axis, Device::note()}, id, place}, count);
    sort<Device>(id, place, count, call.limit);
    rows_type rows{call.l, call.source, call.target, count, columns, call.limit, call.step, id, place, nullptr};
    rows.parts = memory.template temporary<typename rows_type::F>(2 * rows.chunks() * columns);
    Device::launch_each(add_chunks<Shape, Source, T>{rows}, rows.chunks() * columns);
    if (rows.chunks() > 1) Device::launch_each(add_parts<Shape, Source, T>{rows}, rows.chunks() * columns);
}

}  // namespace heed::inline HEED_TARGET::cuda
