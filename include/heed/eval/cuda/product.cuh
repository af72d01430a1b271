/// Products by cuBLASLt: a program that multiplies on a GPU is linked with -lcublasLt.
///
/// Which algorithm runs is asked of the library once for each distinct problem, and never found by timing: the same problem
/// takes the same algorithm, and gives the same bits.
#pragma once

#include <heed/error.hpp>
#include <heed/eval/cuda/precision.hpp>
#include <heed/eval/cuda/product.hpp>
#include <heed/eval/cuda/stream.cuh>

#include <cublasLt.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>

namespace heed::inline HEED_TARGET::cuda {

inline void check(cublasStatus_t status, const char* call, const std::source_location& place = std::source_location::current()) {
    if (status == CUBLAS_STATUS_SUCCESS) [[likely]] return;
    throw device_error(std::string(call) + ": " + cublasLtGetStatusString(status) + " (" + cublasLtGetStatusName(status) + ", " + place.file_name() + ":" + std::to_string(place.line()) + ")");
}

namespace detail {

template <auto Destroy> struct destroyed_by {
    void operator()(auto* p) const { Destroy(p); }
};
template <class T, auto Destroy> using owned = std::unique_ptr<std::remove_pointer_t<T>, destroyed_by<Destroy>>;
using matmul_description = owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using matrix_layout = owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;

template <class T> inline constexpr cudaDataType_t data_type = CUDA_R_32F;
template <> inline constexpr cudaDataType_t data_type<double> = CUDA_R_64F;
template <> inline constexpr cudaDataType_t data_type<bf16> = CUDA_R_16BF;
template <> inline constexpr cudaDataType_t data_type<fp16> = CUDA_R_16F;

/// All that an algorithm is chosen by: no pointer, but how they are aligned.
struct product_problem {
    std::array<std::int64_t, 24> numbers{};
    auto operator<=>(const product_problem&) const = default;
};

/// A problem as the library is told it, and the algorithm that it chose; none where it has none.
struct product_recipe {
    matmul_description description;
    matrix_layout a, b, c, d;
    cublasLtMatmulAlgo_t algorithm{};
    bool found = false;
};

/// What a thread keeps of the library for each of its streams: memory to work in.
class product_library {
public:
    /// As cuBLAS recommends for compute capability 9.0; enough for 8.0.
    static constexpr std::size_t workspace_bytes = 32 << 20;

    static constexpr std::size_t most_recipes = 4096;           // of batches whose sizes never repeat

    static product_library& here() {
        thread_local product_library library;
        return library;
    }
    product_library(const product_library&) = delete;
    product_library& operator=(const product_library&) = delete;
    ~product_library() {
        for (auto& [stream, memory] : workspaces_) cudaFree(memory);
        recipes_.clear();
        if (handle_) cublasLtDestroy(handle_);
    }

    cublasLtHandle_t handle() const { return handle_; }
    /// Of a stream, since products of different streams may run at the same time.
    void* workspace(cudaStream_t stream) {
        void*& memory = workspaces_[stream];
        if (!memory) HEED_CUDA(cudaMallocAsync(&memory, workspace_bytes, stream));
        return memory;
    }
    const product_recipe& recipe(const product_problem& problem, auto&& make) {
        if (recipes_.size() == most_recipes) recipes_.clear();
        const auto [at, fresh] = recipes_.try_emplace(problem);
        if (fresh) {
            try {
                make(at->second);
            } catch (...) {
                recipes_.erase(at);
                throw;
            }
        }
        return at->second;
    }

private:
    product_library() { HEED_CUDA(cublasLtCreate(&handle_)); }
    cublasLtHandle_t handle_ = nullptr;
    std::map<cudaStream_t, void*> workspaces_;
    std::map<product_problem, product_recipe> recipes_;
};

inline void set(const matmul_description& description, cublasLtMatmulDescAttributes_t name, const auto& value) {
    HEED_CUDA(cublasLtMatmulDescSetAttribute(description.get(), name, &value, sizeof(value)));
}
inline void set(const matrix_layout& layout, cublasLtMatrixLayoutAttribute_t name, const auto& value) {
    HEED_CUDA(cublasLtMatrixLayoutSetAttribute(layout.get(), name, &value, sizeof(value)));
}
inline void lay_out(matrix_layout& layout, cudaDataType_t type, const product_matrix& m, index rows, index columns, index batches) {
    cublasLtMatrixLayout_t made;
    if (m.transposed) std::swap(rows, columns);
    HEED_CUDA(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), m.leading));
    layout.reset(made);
    set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batches));
    set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, static_cast<std::int64_t>(m.apart));
}

inline cublasLtEpilogue_t epilogue_of(product_bend bend, bool bias) {
    switch (bend) {
        case product_bend::gelu_by_tanh: return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
        case product_bend::times_gelu_by_tanh_slope: return CUBLASLT_EPILOGUE_DGELU;
        case product_bend::none: break;
    }
    return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

/// Asks the library how it would run a product.
template <class T, class Factor>
void choose(product_recipe& recipe, const product<T, Factor>& p, cublasComputeType_t compute) {
    const product_plan& plan = p.plan;
    constexpr cudaDataType_t type = data_type<value_of<T>>, factor = data_type<value_of<Factor>>;
    cublasLtMatmulDesc_t made;
    HEED_CUDA(cublasLtMatmulDescCreate(&made, compute, type == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F));
    recipe.description.reset(made);
    set(recipe.description, CUBLASLT_MATMUL_DESC_TRANSA, plan.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(recipe.description, CUBLASLT_MATMUL_DESC_TRANSB, plan.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(recipe.description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p.bend, p.bias));
    if (p.bias) {
        set(recipe.description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<std::int32_t>(type));
        set(recipe.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(p.bias));
    }
    if (p.slope_of) {
        set(recipe.description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<const void*>(p.slope_of));
        set(recipe.description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, static_cast<std::int64_t>(plan.added.leading));
        set(recipe.description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, static_cast<std::int64_t>(plan.added.apart));
    }
    lay_out(recipe.a, factor, plan.a, plan.m, plan.k, plan.batches);
    lay_out(recipe.b, factor, plan.b, plan.k, plan.n, plan.batches);
    lay_out(recipe.c, type, p.added ? plan.added : plan.c, plan.m, plan.n, plan.batches);
    lay_out(recipe.d, type, plan.c, plan.m, plan.n, plan.batches);

    cublasLtMatmulPreference_t made_preference;
    HEED_CUDA(cublasLtMatmulPreferenceCreate(&made_preference));
    const owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> preference(made_preference);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) { HEED_CUDA(cublasLtMatmulPreferenceSetAttribute(made_preference, name, &value, sizeof(value))); };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(product_library::workspace_bytes));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(p.alignment[in_a]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(p.alignment[in_b]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(p.added ? p.alignment[beside_first] : p.alignment[in_c]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(p.alignment[in_c]));
    cublasLtMatmulHeuristicResult_t best{};
    int count = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(product_library::here().handle(), recipe.description.get(), recipe.a.get(), recipe.b.get(), recipe.c.get(), recipe.d.get(),
                                                                 made_preference, 1, &best, &count);
    recipe.found = status == CUBLAS_STATUS_SUCCESS && count > 0 && best.state == CUBLAS_STATUS_SUCCESS;
    // A finish that it has not for these types may be refused as a wrong value: then the product runs without.
    const bool refused = status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_INVALID_VALUE && (p.bias || p.bend != product_bend::none));
    if (!refused) check(status, "cublasLtMatmulAlgoGetHeuristic(...)");
    recipe.algorithm = best.algo;
}

}  // namespace detail

/// One launch of a product on a stream; false where the library has no kernel for it, and nothing was done.
template <class T, class Factor>
bool multiply(const product<T, Factor>& p, cudaStream_t stream) {
    using value = value_of<T>;
    const product_plan& plan = p.plan;
    const bool is_tf32 = std::is_same_v<value_of<Factor>, float> && thread_precision() == precision::tf32;
    // The library does not say how exact its GELU is: exact products do without. Its slope wants a matrix in eights.
    if (p.bend != product_bend::none && std::is_same_v<value, double>) return false;
    if (p.bend != product_bend::none && std::is_same_v<value_of<Factor>, float> && !is_tf32) return false;
    if (p.slope_of && (plan.added.leading % 8 != 0 || p.alignment[beside_first] < 16)) return false;
    if (p.bias && p.alignment[beside_second] < 16) return false;
    constexpr index most = 0x7fffffff;
    if (plan.m > most || plan.n > most || plan.k > most || plan.batches > most) return false;

    const cublasComputeType_t compute = std::is_same_v<value, double> ? CUBLAS_COMPUTE_64F : is_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    int device = 0;
    HEED_CUDA(cudaGetDevice(&device));
    const unsigned flags = plan.a.transposed | plan.b.transposed << 1 | (p.bias ? 4 : 0) | (p.added ? 8 : 0) | (p.slope_of ? 16 : 0);
    const detail::product_problem problem{{device, detail::data_type<value>, detail::data_type<value_of<Factor>>, compute, static_cast<int>(p.bend), flags, plan.m, plan.n, plan.k,
                                           plan.batches, plan.a.leading, plan.b.leading, plan.c.leading, plan.added.leading, plan.a.apart, plan.b.apart, plan.c.apart, plan.added.apart,
                                           p.alignment[in_a], p.alignment[in_b], p.alignment[in_c], p.alignment[beside_first]}};
    auto& library = detail::product_library::here();
    const detail::product_recipe& recipe = library.recipe(problem, [&](detail::product_recipe& r) { detail::choose(r, p, compute); });
    if (!recipe.found) return false;
    if (p.bias) detail::set(recipe.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(p.bias));
    if (p.slope_of) detail::set(recipe.description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<const void*>(p.slope_of));
    const auto run = [&](auto scale, auto beta) {
        HEED_CUDA(cublasLtMatmul(library.handle(), recipe.description.get(), &scale, p.a, recipe.a.get(), p.b, recipe.b.get(), &beta, p.added ? p.added : p.d, recipe.c.get(), p.d, recipe.d.get(),
                                 &recipe.algorithm, library.workspace(stream), detail::product_library::workspace_bytes, stream));
    };
    if constexpr (std::is_same_v<value, double>) run(p.scale, p.added ? 1.0 : 0.0);
    else run(static_cast<float>(p.scale), p.added ? 1.0f : 0.0f);
    return true;
}

}  // namespace heed::inline HEED_TARGET::cuda
