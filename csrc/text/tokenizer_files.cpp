#include "text/tokenizer_files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "log/error.h"
#include "text/tokenizer.h"

namespace infini {

std::string read_tokenizer_file(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) throw UserError("cannot read " + file.string() + ": " + std::strerror(errno));
  std::string content((std::istreambuf_iterator<char>(input)), std::istreambuf_iterator<char>());
  if (input.bad()) throw UserError("cannot read " + file.string() + ": is it a file?");
  return content;
}

void write_tokenizer_file(const std::filesystem::path& file, std::string_view content) {
  const std::filesystem::path partial = file.parent_path() / ("." + file.filename().string() + ".partial");
  std::ofstream output(partial, std::ios::binary);
  output.write(content.data(), static_cast<std::streamsize>(content.size()));
  output.close();
  if (!output) {
    const std::string reason = std::strerror(errno);
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw std::runtime_error("cannot write " + file.string() + ": " + reason);
  }
  std::filesystem::rename(partial, file);
}

void write_tokenizer_config(const std::filesystem::path& folder, const nlohmann::json& config) {
  write_tokenizer_file(folder / kTokenizerConfigFile, config.dump(2) + "\n");
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw UserError("no such folder: " + folder.string());
  if (std::filesystem::exists(folder / kSentencepieceFile)) return load_sentencepiece(folder / kSentencepieceFile);
  const std::filesystem::path file = folder / kTokenizerConfigFile;
  const std::string expected =
      "; expected tokenizer.model (sentencepiece), or tokenizer_config.json with "
      "\"tokenizer_class\": \"ByteTokenizer\"";
  if (!std::filesystem::exists(file)) throw UserError("no tokenizer in " + folder.string() + expected);
  const nlohmann::json config = nlohmann::json::parse(read_tokenizer_file(file), nullptr, false);
  if (config.is_discarded() || !config.is_object()) throw UserError(file.string() + " is not a JSON object");
  if (config.value("tokenizer_class", nlohmann::json()) == kByteTokenizerClass) return make_byte_tokenizer();
  throw UserError("the tokenizer in " + folder.string() + " is of a kind that cannot be read" + expected);
}

}  // namespace infini
