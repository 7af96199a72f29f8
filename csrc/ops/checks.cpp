#include "ops/checks.h"

namespace infini::ops {

Update parse_update(std::string_view update, bool allow_none) {
  if (update == "linear") return Update::linear;
  if (update == "delta") return Update::delta;
  if (allow_none && update == "none") return Update::none;
  TORCH_CHECK(false, "update must be 'linear'", allow_none ? ", 'delta' or 'none'" : " or 'delta'", ", but is '",
              update, "'");
}

at::ScalarType state_dtype(const at::Tensor& activations, const at::Tensor& state) {
  return activations.scalar_type() == at::kDouble || state.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

void check_tensor(const at::Tensor& tensor, const char* name, int64_t dims, const at::Tensor& like) {
  TORCH_CHECK(tensor.dim() == dims, name, " must have ", dims, " dimensions, but has shape ", tensor.sym_sizes());
  TORCH_CHECK(at::isFloatingType(tensor.scalar_type()), name, " must be floating, but is ", tensor.scalar_type());
  check_not_empty(tensor, name);
  TORCH_CHECK(tensor.device() == like.device(), name, " must be on ", like.device(),
              " like the first argument, but is on ", tensor.device());
}

void check_not_empty(const at::Tensor& tensor, const char* name) {
  for (const auto& size : tensor.sym_sizes()) {
    TORCH_CHECK(size > 0, name, " must have at least one element in each dimension, but has shape ",
                tensor.sym_sizes());
  }
}

void check_same_dtype(const at::Tensor& tensor, const char* name, const at::Tensor& like, const char* like_name) {
  TORCH_CHECK(tensor.scalar_type() == like.scalar_type(), name, " must be ", like.scalar_type(), " like ", like_name,
              ", but is ", tensor.scalar_type());
}

void check_size(const at::Tensor& tensor, const char* name, int64_t dim, const c10::SymInt& size, const char* meaning) {
  TORCH_CHECK(tensor.sym_size(dim) == size, name, " must have size ", size, " (", meaning, ") in dimension ", dim,
              ", but has shape ", tensor.sym_sizes());
}

void check_norm(const at::Tensor& norm) {
  TORCH_CHECK(norm.scalar_type() == at::kFloat || norm.scalar_type() == at::kDouble,
              "norm must be float32 or float64, whatever the activations are, but is ", norm.scalar_type());
}

void check_state(const at::Tensor& memory, const at::Tensor& norm) {
  TORCH_CHECK(memory.scalar_type() == at::kFloat || memory.scalar_type() == at::kDouble,
              "memory must be float32 or float64, whatever the activations are, but is ", memory.scalar_type());
  check_norm(norm);
  check_size(norm, "norm", 0, memory.sym_size(0), "memory's batch");
  check_size(norm, "norm", 1, memory.sym_size(1), "memory's heads");
  check_size(norm, "norm", 2, memory.sym_size(2), "memory's key width");
}

c10::SymInt segments_of(const c10::SymInt& tokens, int64_t segment_length) {
  return (tokens - 1) / segment_length + 1;  // without tokens + segment_length, which may be more than an integer holds
}

void check_groups(const c10::SymInt& heads, const c10::SymInt& groups, const char* name) {
  TORCH_CHECK(heads % groups == 0, name, " must have a multiple of ", groups,
              " heads, one or more to each memory, but has ", heads);
}

void check_starts(const std::optional<at::Tensor>& starts, const at::Tensor& like, const c10::SymInt& segments) {
  if (!starts) return;
  TORCH_CHECK(starts->scalar_type() == at::kBool, "starts must be bool, but is ", starts->scalar_type());
  TORCH_CHECK(starts->dim() == 2, "starts must be [batch, segments], but has shape ", starts->sym_sizes());
  TORCH_CHECK(starts->device() == like.device(), "starts must be on ", like.device(), ", but is on ", starts->device());
  check_size(*starts, "starts", 0, like.sym_size(0), "batch");
  check_size(*starts, "starts", 1, segments, "segments");
}

void check_gain(const std::optional<at::Tensor>& gain, const at::Tensor& like, const c10::SymInt& segments) {
  if (!gain) return;
  check_tensor(*gain, "gain", 2, like);
  TORCH_CHECK(!gain->requires_grad(), "gain is a constant, but requires a gradient");
  check_size(*gain, "gain", 0, like.sym_size(0), "batch");
  check_size(*gain, "gain", 1, segments, "segments");
}

}  // namespace infini::ops
