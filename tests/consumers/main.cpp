// A stranger's program: it must be built with what the CMake targets that it names promise, and with no more.
#include <heed/heed.hpp>

#include <cmath>
#include <cstdio>
#include <string_view>

#ifdef EVERYTHING
#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <utf8proc.h>
#include <zlib.h>
#endif

struct query : heed::axis<1> {};
struct key   : heed::axis<2> {};
struct depth : heed::axis<3> {};

int main() {
    using namespace heed;
    tensor<float, query, depth> q{{1, 0, 0}};
    tensor<float, key, depth> k{{1, 0, 0}, {0, 1, 0}};
    tensor<float, query, depth> read = dot<key>(softmax<key>(dot<depth>(q, k)), k);
    const bool attends = std::abs(read(0, 0) / read(0, 1) - std::exp(1.0f)) < 1e-5f;

    const std::string_view target = HEED_TEXT(HEED_TARGET);
#ifdef EVERYTHING
    const bool promised = target.starts_with("target_openmp_") && zlibVersion() && utf8proc_version() && Eigen::Vector2f(3, 4).norm() == 5 &&
                       nlohmann::json::parse("[1]").size() == 1;
#else
    const bool promised = target == "target_sse2" || target == "target_generic";
#endif
    std::printf("%s: %s\n", target.data(), !attends ? "attention is wrong" : !promised ? "not what the CMake targets promise" : "ok");
    return !(attends && promised);
}
