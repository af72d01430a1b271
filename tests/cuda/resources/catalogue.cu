// The kernels whose registers, memory and spills resources/recorded holds: those of layers, as they launch them.
#include <heed/cuda.hpp>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct key   : axis<> {};
struct model : axis<> {};
struct inner : axis<> {};
struct head  : axis<8> {};
struct depth : axis<32> {};
struct value : axis<32> {};

template <class T> struct activations {
    cuda::tensor<T, batch, token, model> x, y, dy;
    cuda::tensor<T, batch, token, inner> hidden;
    cuda::tensor<T, model> weight, bias;
    cuda::tensor<T, batch, token, head, depth> q;
    cuda::tensor<T, batch, key, head, depth> k, dk;
    cuda::tensor<T, batch, key, head, value> v, dv;
    cuda::tensor<T, batch, token, head, depth> dq;
    cuda::tensor<T, batch, token, head, value> o, d_o;
    cuda::tensor<float, batch, token, head> log_sum_exp;
};

/// Kernels of one element type.
template <class T> void elementwise(activations<T>& a) {
    a.hidden = gelu(a.hidden);
    a.hidden = gelu_tanh(a.hidden);
    a.y = a.x + a.weight * a.dy;
}
template <class T> void rows(activations<T>& a) {
    const auto centred = a.x - mean<model>(a.x);
    a.y = a.weight * centred * rsqrt(mean<model>(centred * centred) + 1e-5) + a.bias;
    a.y = softmax<model>(a.x);
    a.bias = sum<batch, token>(a.dy);
}
template <class T> void products(activations<T>& a) {
    a.y = a.x + dot<inner>(a.hidden, cuda::tensor<T, inner, model>());
    a.hidden = dot<model>(a.x, cuda::tensor<T, model, inner>());
}
template <class T> void attention(activations<T>& a) {
    const auto scores = where(position<key>() <= position<token>(), dot<depth>(a.q, a.k) / 5.65685f, -infinity);
    attention_forward<key>(scores, a.v, a.o, a.log_sum_exp);
    attention_backward<key>(scores, a.v, a.o, a.log_sum_exp, a.d_o, a.dq, a.dk, a.dv);
}

}  // namespace

void catalogue(activations<float>& floats, activations<bf16>& halves) {
    elementwise(floats), rows(floats), products(floats), attention(floats);
    elementwise(halves), rows(halves), products(halves), attention(halves);
}
