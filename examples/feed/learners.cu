// The two models behind the interface of learner.hpp, on a GPU: the same layers, elements of another space.
#include <feed/learner_of.hpp>

namespace feed {

std::unique_ptr<learner> make_cuda_learner(model_kind kind, const model_shape& shape) { return make_learner_of<heed::cuda::on<float>>(kind, shape); }

std::string cuda_machine() { return heed::cuda::device::name(); }

}  // namespace feed
