// Checkpoints: what is read has numbers in all its tensors.
#include "checkpoint/safetensors.h"

#include "fuzz/scratch_file.h"
#include "log/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const infini::fuzz::ScratchFolder folder;
  try {
    for (const auto& [name, tensor] : infini::read_safetensors(folder.write("model.safetensors", data, size))) {
      static_cast<void>(tensor.numel() > 0 && tensor.view(-1)[0].is_nonzero());
    }
  } catch (const infini::UserError&) {
  }
  return 0;
}
