// The equation of attention on a GPU, beside the same in double on the host.
//
//     nvcc -std=c++20 -O3 -arch=native -Iinclude examples/on_a_gpu.cu -lcublasLt -o on_a_gpu
#include <heed/cuda.hpp>

#include <cmath>
#include <iostream>

using namespace heed;

struct batch : axis<>   {};
struct query : axis<>   {};
struct key   : axis<>   {};
struct depth : axis<64> {};

/// Every query reads the keys up to its own place. Not a word of it says where its tensors live.
auto causal(const auto& q, const auto& k, const auto& v) {
    auto scores = dot<depth>(q, k) / std::sqrt(double(depth::extent));
    return dot<key>(softmax<key>(where(position<key>() <= position<query>(), scores, -infinity)), v);
}

int main() {
    try {
        tensor<float, batch, query, depth> q(batch{2}, query{300});
        tensor<float, batch, key, depth> k(batch{2}, key{300}), v(batch{2}, key{300});
        q = random_uniform(1, 0, place_in(q)), k = random_uniform(2, 0, place_in(k)), v = random_uniform(3, 0, place_in(v));

        const cuda::tensor<float, batch, query, depth> q_there = q;              // copies to the device ...
        const cuda::tensor<float, batch, key, depth> k_there = k, v_there = v;
        std::cout << explain(causal(q_there, k_there, v_there)) << "\n";
        const tensor<float, batch, query, depth> out = causal(q_there, k_there, v_there);      // ... and back

        const auto expected = reference::eval(causal(q, k, v));
        std::cout << "the largest difference from the host: " << float(max<batch, query, depth>(abs(out - expected))) << "\n";
        return 0;
    } catch (const device_error& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
