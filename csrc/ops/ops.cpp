#include "ops/ops.h"

#include "ops/attention_schema.h"

namespace infini::ops {

using torch::Tensor;
using OptionalTensor = std::optional<Tensor>;

Tensor memory_retrieve(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  return dispatch<"infini::memory_retrieve", Tensor(const Tensor&, const Tensor&, const Tensor&)>(q, memory, norm);
}

std::tuple<Tensor, Tensor> memory_update(const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& norm,
                                         std::string_view update) {
  using Signature =
      std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::string_view);
  return dispatch<"infini::memory_update", Signature>(k, v, memory, norm, update);
}

Tensor memory_combine(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&);
  return dispatch<"infini::memory_combine", Signature>(local, retrieved, beta, norm);
}

std::tuple<Tensor, Tensor, Tensor> memory_summary(const Tensor& k, const Tensor& v, const Tensor& norm,
                                                  int64_t segment_length, std::string_view update,
                                                  const OptionalTensor& starts) {
  using Signature = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, int64_t,
                                                       std::string_view, const OptionalTensor&);
  return dispatch<"infini::memory_summary", Signature>(k, v, norm, segment_length, update, starts);
}

std::tuple<Tensor, Tensor, Tensor> attention(const AttentionArguments& arguments) {
  return attention_schema::call<"infini::attention", std::tuple<Tensor, Tensor, Tensor>>(arguments);
}

Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return dispatch<"infini::rotate", Tensor(const Tensor&, const Tensor&, const Tensor&)>(x, cos, sin);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return dispatch<"infini::rms_norm", Tensor(const Tensor&, const Tensor&, double)>(x, weight, eps);
}

Tensor swiglu(const Tensor& gate, const Tensor& up) {
  return dispatch<"infini::swiglu", Tensor(const Tensor&, const Tensor&)>(gate, up);
}

Tensor short_convolution(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                         const OptionalTensor& starts) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&, int64_t, const OptionalTensor&);
  return dispatch<"infini::short_convolution", Signature>(x, before, weight, segment_length, starts);
}

Tensor affine_map(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  using Signature = Tensor(const Tensor&, const Tensor&, const OptionalTensor&);
  return dispatch<"infini::affine_map", Signature>(x, weight, bias);
}

Tensor embed_tokens(const Tensor& weight, const Tensor& tokens, torch::Dtype dtype) {
  return dispatch<"infini::embed_tokens", Tensor(const Tensor&, const Tensor&, torch::Dtype)>(weight, tokens, dtype);
}

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            const OptionalTensor& row_weights) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&, const OptionalTensor&);
  return dispatch<"infini::linear_cross_entropy", Signature>(hidden, weight, targets, row_weights);
}

Tensor linear_token_losses(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Tensor&);
  return dispatch<"infini::linear_token_losses", Signature>(hidden, weight, targets);
}

}  // namespace infini::ops
