#include "ops/ops.h"

#include "ops/attention_schema.h"

namespace infini::ops {

using torch::Tensor;
using OptionalTensor = std::optional<Tensor>;

Tensor memory_retrieve(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  return dispatch<Tensor(const Tensor&, const Tensor&, const Tensor&)>("infini::memory_retrieve", q, memory, norm);
}

std::tuple<Tensor, Tensor> memory_update(const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& norm,
                                         std::string_view update) {
  using Signature =
      std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::string_view);
  return dispatch<Signature>("infini::memory_update", k, v, memory, norm, update);
}

Tensor memory_combine(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&);
  return dispatch<Signature>("infini::memory_combine", local, retrieved, beta, norm);
}

std::tuple<Tensor, Tensor, Tensor> memory_summary(const Tensor& k, const Tensor& v, const Tensor& norm,
                                                  int64_t segment_length, std::string_view update,
                                                  const OptionalTensor& starts) {
  using Signature = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, int64_t,
                                                       std::string_view, const OptionalTensor&);
  return dispatch<Signature>("infini::memory_summary", k, v, norm, segment_length, update, starts);
}

std::tuple<Tensor, Tensor, Tensor> attention(const AttentionArguments& arguments) {
  return attention_schema::call<std::tuple<Tensor, Tensor, Tensor>>("infini::attention", arguments);
}

Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return dispatch<Tensor(const Tensor&, const Tensor&, const Tensor&)>("infini::rotate", x, cos, sin);
}

}  // namespace infini::ops
