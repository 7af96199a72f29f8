#pragma once

#include <cuda_runtime_api.h>

#include "ops/attention_schema.h"

/// The internal ops `infini::_attention_forward` and `infini::_attention_backward` (attention_schema.h) by CUDA kernels
/// on one stream, without a synchronisation. There are kernels for q in float, bfloat16 or half, a memory in float, and
/// D and E of 64 or 128. Anything else is composed of ATen's ops (composed_attention.h), and said once.
namespace infini::ops::cuda {

AttentionForward attention_forward(const AttentionArguments& arguments, cudaStream_t stream);

AttentionBackward attention_backward(const AttentionOutputGradients& gradients, const AttentionArguments& arguments,
                                     const AttentionSaved& saved, cudaStream_t stream);

}  // namespace infini::ops::cuda
