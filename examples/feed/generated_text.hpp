/// The language of generated posts: which word plays which part, how a text is drawn, and what a text says.
///
/// Words are numbered by how frequent they are, and their frequencies follow Zipf's law. Three eighths of a text are
/// content words, of 1,024 kinds in 16 classes; a class is a topic (one of 8) and a direction, for or against. A few of
/// the frequent words point and turn; all others have but an effect of their own.
///
///     words        part       what it does
///     4 .. 6       cue        counts as far as targets come after it, anywhere in the text
///     7 .. 10      target
///     12 .. 14     negator    turns the content words after it, to the end of the text
///     15 .. 1038   content    by kind an effect of its own; its topic agrees or quarrels with the others of the text
///     the rest     general    an effect of its own, the smaller the rarer it is
///
/// How the words of a post are arranged is drawn apart from which words they are, and as often one way as the other.
/// So who counts words, however cleverly, learns of negation and cues next to nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "feed/weighted_choice.hpp"
#include "heed/random.hpp"

namespace feed {

/// What the words of one text add to the logit, before scaling. Each is close to zero on average.
struct text_effects {
    double additive = 0;  ///< single words, wherever they stand
    double negation = 0;  ///< words that a negator turns
    double pairs = 0;     ///< pairs of topics
    double cues = 0;      ///< cues before or after their targets
};

class generated_language {
public:
    static constexpr int vocabulary = 50'000, shortest = 4, longest = 256;
    static constexpr int first_cue = 4, first_target = 7, end_of_targets = 11;
    static constexpr int first_negator = 12, first_content = 15;
    static constexpr int topics = 8, classes = 2 * topics, kinds_in_class = 64;
    static constexpr int end_of_content = first_content + classes * kinds_in_class;

    explicit generated_language(heed::random_stream random)
        : general_(zipf_weights([](int word) { return !is_special(word); })),
          pointer_(zipf_weights([](int word) { return first_cue <= word && word < end_of_targets; })),
          negator_(zipf_weights([](int word) { return first_negator <= word && word < first_content; })),
          block_(block_weights()), kind_(classes * kinds_in_class), weight_(vocabulary) {
        // Of sixteen words that follow each other in frequency each class gets one, so that classes are equally frequent.
        std::array<int, classes> order{};
        std::iota(order.begin(), order.end(), 0);
        for (int block = 0; block < kinds_in_class; ++block) {
            for (std::uint32_t i = classes - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
            for (int place = 0; place < classes; ++place) {
                kind_[index(order[index(place)] * kinds_in_class + block)] = first_content + block * classes + place;
                class_of_[index(block * classes + place)] = order[index(place)];
            }
        }
        for (int word = 0; word < vocabulary; ++word)
            weight_[index(word)] = is_content(word) ? class_weight(class_of(word)) + 0.45 * random.normal()
                                                    : 0.5 * random.normal() / (1 + word / 1000.0);
        for (double& strength : strength_) strength = 0.6 + 0.8 * random.uniform_double();
    }

    static constexpr bool is_content(int word) { return first_content <= word && word < end_of_content; }
    static constexpr bool is_negator(int word) { return first_negator <= word && word < first_content; }
    static constexpr bool is_cue(int word) { return first_cue <= word && word < first_target; }
    static constexpr bool is_target(int word) { return first_target <= word && word < end_of_targets; }

    /// The class of a content word, 2 * topic + (0 for, 1 against).
    int class_of(int word) const { return class_of_[index(word - first_content)]; }

    /// Replaces tokens by a new text: log-normal length (median 40, sigma 1), clipped to 4 .. 256.
    void draw(heed::random_stream& random, std::vector<int>& tokens) const {
        struct placed {
            float place;
            int word;
            auto operator<=>(const placed&) const = default;
        };
        std::array<placed, longest> words;
        const auto length = static_cast<std::size_t>(std::clamp<long>(std::lround(40 * std::exp(random.normal())), shortest, longest));

        // What the post is about, which decides its words ...
        const float share_for = random.uniform();
        const std::array<std::uint32_t, 2> topic{random.below(topics), random.below(topics)};
        // ... and how it is told, which decides their order.
        const float for_comes_late = random.below(2) == 0 ? 0.02F : 0.98F;
        const float cues_come_first = random.below(2) == 0 ? 0.02F : 0.98F;
        const float turning_point = 0.25F + 0.5F * random.uniform();

        std::size_t count = 0;
        if (random.uniform() < chance_of_negator) words[count++] = {turning_point, negator_(random)};
        for (; count < length; ++count) {
            const double part = random.uniform();
            if (part < pointer_share_) {
                const int word = pointer_(random);
                const bool first_half = (random.uniform() < cues_come_first) == is_cue(word);
                words[count] = {(random.uniform() + (first_half ? 0.0F : 1.0F)) / 2, word};
            } else if (part < pointer_share_ + content_share_) {
                const bool against = random.uniform() >= share_for;
                const std::uint32_t about = random.below(4) == 0 ? random.below(topics) : topic[random.below(2)];
                const bool late = (random.uniform() < for_comes_late) != against;
                const float within = random.uniform();
                words[count] = {late ? turning_point + (1 - turning_point) * within : turning_point * within,
                                kind_[(2 * about + (against ? 1 : 0)) * kinds_in_class + index(block_(random))]};
            } else {
                words[count] = {random.uniform(), general_(random)};
            }
        }
        std::sort(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
        tokens.clear();
        for (std::size_t i = 0; i < length; ++i) tokens.push_back(words[i].word);
    }

    /// What a text of n words says; w is the weight of a word, g the strength of a cue or target, v the stance of a topic.
    ///
    ///     additive = 1/n sum w
    ///     negation = 1/n sum over content words of w (P(turned) - [a negator came before])
    ///     pairs    = mean over pairs of content words of v v', 0 for a pair of the same topic
    ///     cues     = mean over pairs of a cue and a target of g g' ([the cue comes first] - 1/2)
    ///
    /// P(turned) and 1/2 take off what words expect of the order on average, and so belongs to their additive effect.
    text_effects read(std::span<const int> tokens) const {
        text_effects said;
        std::array<double, topics> of_topic{};
        double content = 0, cues = 0, targets = 0, cue_strength = 0, target_strength = 0;
        bool turned = false;
        for (const int word : tokens) {
            said.additive += weight_[index(word)];
            if (is_content(word)) {
                said.negation += weight_[index(word)] * (chance_of_negator / 2 - (turned ? 1 : 0));
                ++of_topic[index(class_of(word) / 2)];
                ++content;
            } else if (is_negator(word)) {
                turned = true;
            } else if (is_cue(word)) {
                said.cues -= strength(word) * target_strength / 2;
                cue_strength += strength(word);
                ++cues;
            } else if (is_target(word)) {
                said.cues += strength(word) * cue_strength / 2;
                target_strength += strength(word);
                ++targets;
            }
        }
        const auto n = static_cast<double>(tokens.size());
        said.additive /= n;
        said.negation /= n;
        if (cues * targets > 0) said.cues /= cues * targets;
        if (content > 1) {
            double all = 0, same = 0;
            for (int topic = 0; topic < topics; ++topic) {
                const double stances = stance(topic) * of_topic[index(topic)];
                all += stances;
                same += stances * stances;
            }
            said.pairs = (all * all - same) / (content * (content - 1));
        }
        return said;
    }

private:
    static constexpr float chance_of_negator = 0.9F;

    static constexpr std::size_t index(int number) { return static_cast<std::size_t>(number); }
    static constexpr bool is_special(int word) {
        return is_content(word) || is_negator(word) || is_cue(word) || is_target(word);
    }

    static std::vector<double> zipf_weights(bool (*plays_the_part)(int)) {
        std::vector<double> weights(vocabulary);
        for (int word = 0; word < vocabulary; ++word) weights[index(word)] = plays_the_part(word) ? 1.0 / (word + 1) : 0.0;
        return weights;
    }
    static std::vector<double> block_weights() {
        std::vector<double> weights(kinds_in_class);
        for (int block = 0; block < kinds_in_class; ++block)
            weights[index(block)] = 1.0 / (first_content + block * classes + classes / 2.0);
        return weights;
    }
    static double zipf_share(int first, int end) {
        double part = 0, all = 0;
        for (int word = 0; word < vocabulary; ++word) {
            all += 1.0 / (word + 1);
            if (first <= word && word < end) part += 1.0 / (word + 1);
        }
        return part / all;
    }

    /// Half the topics agree with each other, and quarrel with the other half.
    static constexpr double stance(int topic) { return (topic % 2 == 0 ? 1 : -1) * (0.7 + 0.2 * (topic / 2)); }
    static constexpr double class_weight(int number) {
        const int topic = number / 2;
        return 1.5 * ((number % 2 == 0 ? 1 : -1) * (0.7 + 0.05 * (topic ^ 3)) + 0.4 * stance(topic));
    }
    double strength(int word) const { return strength_[index(word - first_cue)]; }

    weighted_choice general_, pointer_, negator_, block_;
    std::vector<int> kind_;  // the word of {class, block}
    std::array<int, classes * kinds_in_class> class_of_{};
    std::vector<double> weight_;
    std::array<double, end_of_targets - first_cue> strength_{};
    double pointer_share_ = zipf_share(first_cue, end_of_targets);
    double content_share_ = zipf_share(first_content, end_of_content);
};

}  // namespace feed
