/// A whole classifier of ragged texts, as small as it can be, and a stream of texts that it can learn.
#pragma once

#include <heed/heed.hpp>
#include <heed/nn/embedding.hpp>
#include <heed/nn/linear.hpp>
#include <heed/nn/loss.hpp>
#include <heed/nn/pooling.hpp>
#include <heed/nn/transformer.hpp>
#include <heed/random.hpp>

#include <cstdint>
#include <vector>

namespace small {

using namespace heed;

struct text       : axis<> {};
struct token      : axis<> {};
struct vocabulary : axis<> {};
struct place      : axis<> {};
struct model      : axis<16> {};
struct head       : axis<2> {};
struct depth      : axis<8> {};
struct hidden     : axis<32> {};
struct answer     : axis<1> {};
using texts = ragged<text, token>;

template <class T>
struct classifier {
    using vectors = tensor<T, texts, model>;
    using ids_type = tensor<int, texts>;
    using encoder_type = nn::transformer_encoder<T, token, model, head, depth, hidden>;

    nn::embedding<T, vocabulary, model> words{vocabulary{50}};
    nn::learned_positions<T, token, place, model> positions{place{40}};
    encoder_type encoder{1};
    nn::mean_pooling<token> pooling;
    nn::linear<T, model, answer> last;

    struct trace {
        typename nn::embedding<T, vocabulary, model>::template trace_of<ids_type> words;
        vectors x;
        typename encoder_type::template trace_of<vectors> encoder;
        nn::mean_pooling<token>::trace_of<vectors> pooling;
        typename nn::linear<T, model, answer>::template trace_of<tensor<T, text, model>> last;
        tensor<T, text, answer> dlogits;
    };

    const auto& forward(const ids_type& ids, trace& t) const {
        t.x = words(ids) + positions();
        return last.forward(pooling.forward(encoder.forward(t.x, nn::everything{}, t.encoder), t.pooling), t.last);
    }

    /// Forward and backward: the summed loss, and its gradients.
    nn::summed_loss learn(const ids_type& ids, const tensor<T, text, answer>& labels, trace& t, std::optional<nn::random_key> key = {}) {
        t.x = words(ids) + positions();
        const auto& read = encoder.forward(t.x, nn::everything{}, t.encoder, key);
        const auto& pooled = pooling.forward(read, t.pooling);
        const auto loss = nn::binary_cross_entropy::forward(last.forward(pooled, t.last), labels, t.dlogits);
        const auto& dpooled = last.backward(t.dlogits, pooled, t.last);
        const auto& dx = encoder.backward(pooling.backward(dpooled, read, t.pooling), t.x, nn::everything{}, t.encoder, key);
        positions.backward(dx);
        words.backward(dx, ids, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("positions", self.positions);
        part("encoder", self.encoder);
        part("last", self.last);
    }
};

/// Texts of 1 to 40 tokens; yes, if token 1 stands somewhere before a token 2: an effect of order.
template <class T>
struct batch_of {
    tensor<int, texts> ids;
    tensor<T, text, answer> labels;

    explicit batch_of(std::uint64_t number, int size = 16, int longest = 40)
        : ids(texts(lengths(number, size, longest))), labels(text{size}) {
        random_stream random(9, number, 1);
        for (int b = 0; b < size; ++b) {
            bool first = false, yes = false;
            for (auto t = ids.offsets()[static_cast<std::size_t>(b)]; t < ids.offsets()[static_cast<std::size_t>(b) + 1]; ++t) {
                const int id = random.below(4) == 0 ? static_cast<int>(1 + random.below(2)) : static_cast<int>(3 + random.below(47));
                ids.data()[t] = id;
                first = first || id == 1;
                yes = yes || (id == 2 && first);
            }
            labels(b, 0) = yes ? T(1) : T(0);
        }
    }
    static std::vector<int> lengths(std::uint64_t number, int size, int longest) {
        random_stream random(9, number, 0);
        std::vector<int> all(static_cast<std::size_t>(size));
        for (int& n : all) n = 1 + static_cast<int>(random.below(static_cast<std::uint32_t>(longest)));
        return all;
    }
};

}  // namespace small
