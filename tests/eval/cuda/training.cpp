// A model on a GPU learns what it learns on the host: the same program, another element type.
#include "simulator.hpp"

#include <heed/heed.hpp>
#include <heed/nn/copy.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <string>

using namespace heed;

namespace {

struct post : axis<> {};
struct token : axis<> {};
struct vocabulary : axis<40> {};
struct place : axis<16> {};
struct model : axis<8> {};
struct hidden : axis<12> {};
struct head : axis<2> {};
struct depth : axis<4> {};
using posts = ragged<post, token>;

template <class T>
struct classifier {
    nn::embedding<T, vocabulary, model> words;
    nn::learned_positions<T, token, place, model> where;
    nn::transformer_block<T, token, model, head, depth, hidden> block;
    nn::mean_pooling<token> pool;
    nn::parameter<T, model> readout{nn::role::weight, nn::xavier_uniform(8, 1)};
    nn::parameter<T> bias{nn::role::bias, nn::constant(0)};

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("where", self.where);
        part("block", self.block);
        part("readout", self.readout);
        part("bias", self.bias);
    }
};

template <class T>
struct training {
    using X = tensor<T, posts, model>;
    classifier<T> net;
    typename nn::embedding<T, vocabulary, model>::template trace_of<tensor<in_space_of<int, T>, posts>> looked_up;
    tensor<T, posts, model> x, dx;
    typename nn::transformer_block<T, token, model, head, depth, hidden>::template trace_of<X> of_block;
    typename nn::mean_pooling<token>::template trace_of<X> pooled;
    tensor<T, post> logits, dlogits;
    train::adamw<T> optimizer;

    double step(const tensor<in_space_of<int, T>, posts>& ids, const tensor<T, post>& labels) {
        nn::clear_gradients(net);
        x = net.words.forward(ids, looked_up) + net.where();
        const auto& y = net.block.forward(x, nn::everything{}, of_block);
        const auto& mean = net.pool.forward(y, pooled);
        logits = dot<model>(mean, net.readout) + net.bias;
        const auto loss = nn::binary_cross_entropy::forward(logits, labels, dlogits);
        net.readout.accumulate(mean * dlogits);
        net.bias.accumulate(dlogits);
        tensor<T, post, model> dmean = dlogits * net.readout;
        const auto& dy = net.pool.backward(dmean, y, pooled);
        dx = net.block.backward(dy, x, nn::everything{}, of_block);
        net.where.backward(dx);
        net.words.backward(dx, ids, looked_up);
        const auto clipped = train::clip_by_global_norm(net, 1.0, 1 / loss.count);
        optimizer.step(net, 1e-2, clipped.scale);
        return loss.mean();
    }
};

}  // namespace

TEST_CASE("a model on a GPU learns what it learns on the host") {
    training<float> here;
    training<cuda::on<float>> there;
    nn::initialise(here.net, 3);
    nn::initialise(there.net, 3);
    tensor<int, posts> ids(posts{5, 1, 9, 0, 3});
    for (std::ptrdiff_t i = 0; i < ids.size(); ++i) ids.data()[i] = int(i * i * 7 % 13);
    const tensor<float, post> labels{1, 0, 1, 1, 0};
    const tensor<cuda::on<int>, posts> ids_there = ids;
    const cuda::tensor<float, post> labels_there = labels;
    for (int i = 0; i < 4; ++i) {
        const double loss = here.step(ids, labels), loss_there = there.step(ids_there, labels_there);
        INFO("step " << i);
        CHECK(loss_there == Approx(loss).epsilon(1e-5));
    }
    classifier<float> back;
    nn::copy_values(there.net, back);
    double worst = 0;
    std::size_t count = 0;
    nn::visit(back, [&](std::string_view name, const auto& parameter) {
        nn::visit(here.net, [&](std::string_view other, const auto& same) {
            if (name != other) return;
            for (std::size_t i = 0; i < parameter.values().size(); ++i, ++count) worst = std::max(worst, double(std::abs(parameter.values()[i] - same.values()[i])));
        });
    });
    CHECK(count == nn::parameter_count(back));
    CHECK(worst < 2e-4);
}
