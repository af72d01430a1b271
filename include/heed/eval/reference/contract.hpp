/// Contractions by plain loops, summed in double.
#pragma once

#include <heed/eval/calls.hpp>

namespace heed::inline HEED_TARGET::reference {

template <class T>
void contract(const detail::contraction_call<T>& call) {
    using detail::index;
    const auto &batch = call.batch, &rows = call.rows, &columns = call.columns, &depth = call.depth;
    const index batches = batch.total(), m = rows.total(), n = columns.total(), k = depth.total();
    for (index g = 0; g < batches; ++g)
        for (index i = 0; i < m; ++i)
            for (index j = 0; j < n; ++j) {
                const T* a = call.a + batch.offset(batch.a, g) + rows.offset(rows.a, i);
                const T* b = call.b + batch.offset(batch.b, g) + columns.offset(columns.b, j);
                T& c = call.c[batch.offset(batch.c, g) + rows.offset(rows.c, i) + columns.offset(columns.c, j)];
                double sum = call.bias ? static_cast<double>(call.bias[j]) : 0;
                for (index d = 0; d < k; ++d) sum += static_cast<double>(a[depth.offset(depth.a, d)]) * static_cast<double>(b[depth.offset(depth.b, d)]);
                T value = static_cast<T>(call.accumulate ? static_cast<double>(c) + sum : sum);
                if (call.finish.apply) call.finish.apply(call.finish.context, g, i, j, 1, 1, &value, 1);
                c = value;
            }
}

}  // namespace heed::inline HEED_TARGET::reference
