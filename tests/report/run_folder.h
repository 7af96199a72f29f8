#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "log/error.h"

namespace infini::report {

/// A folder of runs under the system's temporary folder, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "infini-report-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file below the folder, with the folders it needs.
  void write(const std::filesystem::path& file, std::string_view text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A safetensors file as the format describes it: the header's length in 8 little-endian bytes, then the header.
inline std::string safetensors_file(const std::string& header) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i) & 0xFF);
  return file + header;
}

inline const std::string kDeltaConfig = R"({"model_type": "infini_llama", "vocab_size": 256, "hidden_size": 192,
  "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
  "infini": {"segment_length": 128, "update": "delta"}})";
inline const std::string kLocalConfig = R"({"model_type": "infini_llama", "vocab_size": 256, "hidden_size": 192,
  "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
  "infini": {"segment_length": 128, "update": "none"}})";

/// A finished run named `name`: three steps (the second skipped), one checkpoint, both evaluations, a sample.
inline void write_finished_run(const TemporaryFolder& folder, const std::string& name, const std::string& config,
                               const std::string& evaluation_loss = "1.5") {
  folder.write(name + "/config.yaml", "name: " + name + "\ndata:\n  path: data/books\n");
  folder.write(name + "/metrics.jsonl",
               R"({"step":1,"tokens":1000,"loss":5.5,"learning_rate":0.001,)"
               R"("gradient_norm":2.0,"tokens_per_second":900.0,"peak_memory_bytes":1073741824,"padding_share":0.0,)"
               R"("skipped":false,"skipped_steps":0,"gates":[[0.25,0.5]],"memory_share":[[0.125,0.375]]})"
               "\n"
               R"({"step":2,"tokens":2000,"loss":null,"learning_rate":0.002,)"
               R"("gradient_norm":null,"tokens_per_second":1300.0,"peak_memory_bytes":2147483648,"padding_share":0.02,)"
               R"("skipped":true,"skipped_steps":1})"
               "\n"
               R"({"step":3,"tokens":3000,"loss":4.5,"learning_rate":0.003,)"
               R"("gradient_norm":1.0,"tokens_per_second":1000.0,"peak_memory_bytes":1610612736,"padding_share":0.01,)"
               R"("skipped":false,"skipped_steps":1,"validation":{"loss":4.75,"perplexity":115.58,"tokens":4096}})"
               "\n");
  folder.write(name + "/checkpoints/step-3/config.json", config);
  // 256·192 + 4·192 + 6 parameters
  folder.write(name + "/checkpoints/step-3/model.safetensors",
               safetensors_file(R"({"__metadata__":{"format":"pt"},)"
                                R"("a":{"dtype":"F32","shape":[256,192],"data_offsets":[0,196608]},)"
                                R"("b":{"dtype":"BF16","shape":[4,192],"data_offsets":[196608,198144]},)"
                                R"("c":{"dtype":"F32","shape":[6],"data_offsets":[198144,198168]}})"));
  // exp(1.5) = 4.4816890703…, 1.5 / ln 2 = 2.1640425613…; exp(1.75) = 5.7546026760…
  const bool usual = evaluation_loss == "1.5";
  folder.write(name + "/evaluation.json",
               R"({"perplexity":)" + std::string(usual ? "4.4816890703" : "5.7546026760") +
                   R"(,"word_perplexity":3641.9503,"bits_per_byte":2.1640425613,"loss":)" + evaluation_loss +
                   R"(,"tokens":123456,"words":20000,"bytes":123452,"documents":4,"memory":true,)"
                   R"("tokens_per_second":5000.0,"positions":[{"from":0,"to":255,"loss":1.75,"tokens":1024},)"
                   R"({"from":256,"to":511,"loss":1.625,"tokens":1024},)"
                   R"({"from":512,"to":1023,"loss":null,"tokens":0}]})");
  folder.write(name + "/evaluation-no-memory.json",
               R"({"perplexity":5.7546026760,"loss":1.75,"tokens":123456,"documents":4,"memory":false,)"
               R"("positions":[{"from":0,"to":255,"loss":1.875,"tokens":1024}]})");
  folder.write(name + "/sample.txt", "KING HENRY.\nWhat says the duke?\n");
}

/// The message of the UserError that `call` throws, or "" if it throws none.
template <typename Call>
std::string user_error(const Call& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace infini::report
