#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>

/// What the public ops ask of their arguments; every failure names the argument, what it must be and what it was.
namespace infini::ops {

/// How a segment is written: "linear", "delta", or "none" (attention only).
enum class Update { none, linear, delta };

Update parse_update(std::string_view update, bool allow_none);

/// The dtype of all state arithmetic: double if the activations or the memory are, else float.
at::ScalarType state_dtype(const at::Tensor& activations, const at::Tensor& state);

/// `tensor` has `dims` dimensions, none of size 0, lies on `like`'s device, and is floating.
void check_tensor(const at::Tensor& tensor, const char* name, int64_t dims, const at::Tensor& like);
void check_not_empty(const at::Tensor& tensor, const char* name);
void check_same_dtype(const at::Tensor& tensor, const char* name, const at::Tensor& like, const char* like_name);
void check_size(const at::Tensor& tensor, const char* name, int64_t dim, const c10::SymInt& size, const char* meaning);

/// memory [B,G,D,E] and norm [B,G,D] are float32 or float64 and fit each other.
void check_state(const at::Tensor& memory, const at::Tensor& norm);
/// norm [B,G,D] is float32 or float64.
void check_norm(const at::Tensor& norm);
/// S: the segments of so many tokens, of which the last may be partial.
c10::SymInt segments_of(const c10::SymInt& tokens, int64_t segment_length);
/// heads is a multiple of the memory's heads.
void check_groups(const c10::SymInt& heads, const c10::SymInt& groups, const char* name);
/// starts [B,S] is bool.
void check_starts(const std::optional<at::Tensor>& starts, const at::Tensor& like, const c10::SymInt& segments);
/// gain [B,S] is floating and constant.
void check_gain(const std::optional<at::Tensor>& gain, const at::Tensor& like, const c10::SymInt& segments);

}  // namespace infini::ops
