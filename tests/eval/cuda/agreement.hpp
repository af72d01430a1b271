// Cases on the simulated GPU, which is slow: those of few tokens.
#pragma once

#include "simulator.hpp"

#include "../agreement.hpp"
#include "device_agreement.hpp"

template <class T, template <class> class Operands = cases::operands>
struct simulated_agreement : device_agreement<T, Operands> {
    simulated_agreement() : device_agreement<T, Operands>(60) {}
};
