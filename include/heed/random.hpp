/// Random numbers that are a function of where they stand, not of what was drawn before: Philox4x32-10.
///
/// Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
/// A block of four words is a bijection of its 128-bit counter under a 64-bit key. So element i of anything can be
/// drawn without the elements before it, by any thread, in any order, with the same bits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <heed/error.hpp>
#include <heed/target.hpp>

namespace heed {

/// Words of 32 bits.
template <int N>
struct philox_words {
    std::uint32_t word[N];
    HEED_HOST_DEVICE constexpr std::uint32_t& operator[](std::size_t i) noexcept { return word[i]; }
    HEED_HOST_DEVICE constexpr std::uint32_t operator[](std::size_t i) const noexcept { return word[i]; }
    bool operator==(const philox_words&) const = default;
};
using philox_key = philox_words<2>;
using philox_block = philox_words<4>;

/// The four random words of a counter under a key, after the ten rounds of Philox4x32-10.
HEED_HOST_DEVICE constexpr philox_block philox(philox_key key, philox_block counter) noexcept {
    constexpr std::uint64_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
    constexpr std::uint32_t golden_ratio = 0x9E3779B9, square_root_of_three_less_one = 0xBB67AE85;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product_0 = multiplier_0 * counter[0];
        const std::uint64_t product_1 = multiplier_1 * counter[2];
        counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
                   static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product_0)};
        key[0] += golden_ratio;
        key[1] += square_root_of_three_less_one;
    }
    return counter;
}

/// The same of N counters at once, word w of counter i at words[w][i], in place: a loop that compilers vectorise.
template <int N>
HEED_HOST_DEVICE inline void philox(philox_key key, std::uint32_t (&words)[4][N]) noexcept {
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < N; ++i) {
            const std::uint64_t product_0 = std::uint64_t(0xD2511F53) * words[0][i], product_1 = std::uint64_t(0xCD9E8D57) * words[2][i];
            words[0][i] = static_cast<std::uint32_t>(product_1 >> 32) ^ words[1][i] ^ key[0];
            words[1][i] = static_cast<std::uint32_t>(product_1);
            words[2][i] = static_cast<std::uint32_t>(product_0 >> 32) ^ words[3][i] ^ key[1];
            words[3][i] = static_cast<std::uint32_t>(product_0);
        }
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
}

HEED_HOST_DEVICE constexpr std::uint32_t low_word(std::uint64_t value) noexcept { return static_cast<std::uint32_t>(value); }
HEED_HOST_DEVICE constexpr std::uint32_t high_word(std::uint64_t value) noexcept { return static_cast<std::uint32_t>(value >> 32); }

/// A word as a float in [0, 1): its 24 upper bits, so that every value is exact and 1 is never reached.
HEED_HOST_DEVICE constexpr float uniform_from(std::uint32_t word) noexcept { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// Two words as a double in [0, 1), of 53 bits.
HEED_HOST_DEVICE constexpr double uniform_from(std::uint32_t upper, std::uint32_t lower) noexcept {
    return static_cast<double>(((static_cast<std::uint64_t>(upper) << 32) | lower) >> 11) * 0x1p-53;
}

/// The four words of a block as one standard normal number, by Box and Muller's
///     z = sqrt(-2 log(1 - u)) cos(2 pi v)    with u, v uniform in [0, 1), so that the logarithm is finite.
inline double normal_from(const philox_block& words) noexcept {
    const double radius = std::sqrt(-2 * std::log(1 - uniform_from(words[0], words[1])));
    return radius * std::cos(2 * std::numbers::pi * uniform_from(words[2], words[3]));
}

/// The key of a seed and a step. What draws from it in a manner of its own has a purpose of its own.
HEED_HOST_DEVICE constexpr philox_key key_of(std::uint64_t seed, std::uint64_t step, std::uint32_t purpose = 0) noexcept {
    const philox_block mixed = philox({low_word(seed), high_word(seed)}, {low_word(step), high_word(step), 0, purpose});
    return {mixed[0], mixed[1]};
}

/// An endless sequence of random numbers that (seed, step, position) names.
///
/// Of one seed and step the sequences of different positions never share a block; another step has another key. A
/// copy goes on from where the original stood. Nothing is remembered but how many words were drawn: the current block
/// is kept only to save its second computation.
class random_stream {
public:
    explicit constexpr random_stream(std::uint64_t seed, std::uint64_t step = 0, std::uint64_t position = 0) noexcept
        : key_(key_of(seed, step)), position_(position) {}

    /// 32 random bits.
    constexpr std::uint32_t bits() noexcept {
        const auto place = drawn_ % 4;
        if (place == 0) {
            const std::uint64_t block = drawn_ / 4;
            block_ = philox(key_, {low_word(block), high_word(block), low_word(position_), high_word(position_)});
        }
        ++drawn_;
        return block_[place];
    }

    /// In [0, 1), of 24 bits: one word.
    constexpr float uniform() noexcept { return uniform_from(bits()); }

    /// In [0, 1), of 53 bits: two words.
    constexpr double uniform_double() noexcept {
        const std::uint32_t upper = bits();
        return uniform_from(upper, bits());
    }

    /// Mean 0 and variance 1: four words.
    double normal() noexcept {
        philox_block words{};
        for (std::uint32_t& word : words.word) word = bits();
        return normal_from(words);
    }

    /// A whole number in [0, n), every one equally likely. Throws value_error where n is 0.
    ///
    /// Source: D. Lemire, "Fast Random Integer Generation in an Interval", TOMACS 2019. The upper half of word * n is
    /// in [0, n); the 2^32 mod n lowest lower halves would make some results more likely, and are drawn again.
    constexpr std::uint32_t below(std::uint32_t n) {
        if (n == 0) throw value_error("random_stream::below(0): there is no whole number in [0, 0).");
        std::uint64_t product = static_cast<std::uint64_t>(bits()) * n;
        if (low_word(product) < n) {
            const std::uint32_t surplus = (0U - n) % n;
            while (low_word(product) < surplus) product = static_cast<std::uint64_t>(bits()) * n;
        }
        return high_word(product);
    }

private:
    philox_key key_{};
    std::uint64_t position_ = 0;
    std::uint64_t drawn_ = 0;
    philox_block block_{};
};

}  // namespace heed
