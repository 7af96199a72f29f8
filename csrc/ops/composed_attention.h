#pragma once

#include "ops/attention_schema.h"

/// `infini::_attention_forward` and `infini::_attention_backward` composed of ATen's ops, one segment after the other:
/// any device, dtype and width, slower than kernels, with one segment's L x L scores of all heads in memory. The two
/// return and take the same as kernels do, so that one may go with the kernels' other.
namespace infini::ops {

AttentionForward composed_attention_forward(const AttentionArguments& arguments);
AttentionBackward composed_attention_backward(const AttentionOutputGradients& gradients,
                                              const AttentionArguments& arguments, const AttentionSaved& saved);

}  // namespace infini::ops
