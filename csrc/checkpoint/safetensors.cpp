#include "checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "io/atomic_file.h"
#include "io/mapped_file.h"
#include "log/error.h"

// The format (Hugging Face's safetensors): 8 bytes, the header's length N, little-endian; N bytes of JSON that
// map each name to {"dtype", "shape", "data_offsets": [begin, end]}; then the data, without holes.

namespace infini {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;  // the limit of the reference implementation
constexpr const char* kMetadata = "__metadata__";

struct DtypeName {
  const char* name;
  torch::Dtype dtype;
};

constexpr DtypeName kDtypes[] = {
    {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool},
};

struct Entry {
  std::string name;
  torch::Dtype dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

std::string supported_dtypes() {
  std::string names;
  for (const DtypeName& known : kDtypes) names += (names.empty() ? "" : ", ") + std::string(known.name);
  return names;
}

/// A JSON parser callback that refuses two equal keys in one object.
class DuplicateKeys {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    const size_t level = static_cast<size_t>(depth);
    if (event == nlohmann::json::parse_event_t::object_start) {
      if (keys_.size() <= level + 1) keys_.resize(level + 2);
      keys_[level + 1].clear();
    } else if (event == nlohmann::json::parse_event_t::key) {
      const std::string key = value.get<std::string>();
      if (!keys_[level].insert(key).second) throw UserError("its header names " + key + " twice");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

Entry parse_entry(const std::string& name, const nlohmann::json& json) {
  Entry entry{.name = name, .dtype = torch::kFloat32, .shape = {}, .begin = 0, .end = 0};
  const auto fault = [&](const std::string& what) { return UserError("tensor " + name + " " + what); };
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets")) {
    throw fault("needs dtype, shape and data_offsets");
  }
  const auto* const known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                         [&](const DtypeName& candidate) { return json["dtype"] == candidate.name; });
  if (known == std::end(kDtypes)) {
    throw fault("has the dtype " + json["dtype"].dump() + "; supported are " + supported_dtypes());
  }
  entry.dtype = known->dtype;

  const auto is_size = [](const nlohmann::json& value) { return value.is_number_unsigned(); };
  const nlohmann::json& shape = json["shape"];
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_size)) {
    throw fault("has the shape " + shape.dump() + ", expected a list of sizes");
  }
  uint64_t bytes = c10::elementSize(entry.dtype);
  for (const nlohmann::json& size : shape) {
    if (__builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes) ||
        size.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      throw fault("has the impossible shape " + shape.dump());
    }
    entry.shape.push_back(size.get<int64_t>());
  }

  const nlohmann::json& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !is_size(offsets[0]) || !is_size(offsets[1]) ||
      offsets[0].get<uint64_t>() > offsets[1].get<uint64_t>()) {
    throw fault("has the data_offsets " + offsets.dump() + ", expected [begin, end]");
  }
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  if (entry.end - entry.begin != bytes) {
    throw fault("of shape " + shape.dump() + " and dtype " + known->name + " takes " + std::to_string(bytes) +
                " bytes, but its data_offsets span " + std::to_string(entry.end - entry.begin));
  }
  return entry;
}

/// The tensors in the order of their data. Throws UserError (without the file's name) if anything is wrong.
std::vector<Entry> parse_header(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) {
    throw UserError("it is truncated: " + std::to_string(file.size()) + " bytes, a safetensors file has at least 8");
  }
  uint64_t header_length = 0;
  std::memcpy(&header_length, file.data(), kLengthBytes);
  if (header_length > kLargestHeader) {
    throw UserError("it claims a header of " + std::to_string(header_length) + " bytes; is it a safetensors file?");
  }
  if (header_length > file.size() - kLengthBytes) {
    throw UserError("it is truncated: its header takes " + std::to_string(kLengthBytes + header_length) +
                    " bytes, the file has " + std::to_string(file.size()));
  }
  const char* const begin = reinterpret_cast<const char*>(file.data()) + kLengthBytes;
  const nlohmann::json header = [&] {
    try {
      return nlohmann::json::parse(begin, begin + header_length, DuplicateKeys());
    } catch (const nlohmann::json::exception&) {
      throw UserError("its header is not valid JSON; is it a safetensors file?");
    }
  }();
  if (!header.is_object()) throw UserError("its header is not a JSON object; is it a safetensors file?");

  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name != kMetadata) entries.push_back(parse_entry(name, json));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < end) throw UserError("tensor " + entry.name + " overlaps the one before it");
    if (entry.begin > end) {
      throw UserError("tensor " + entry.name + " begins at byte " + std::to_string(entry.begin) +
                      " of the data, but the one before it ends at " + std::to_string(end));
    }
    end = entry.end;
  }
  const uint64_t data_size = file.size() - kLengthBytes - header_length;
  if (end != data_size) {
    throw UserError(std::string(end > data_size ? "it is truncated" : "it has bytes after its last tensor") +
                    ": its header describes " + std::to_string(kLengthBytes + header_length + end) +
                    " bytes, the file has " + std::to_string(file.size()));
  }
  return entries;
}

torch::Tensor copy_tensor(const Entry& entry, const std::byte* data) {
  // A bool with a byte other than 0 or 1 is undefined behaviour, so read bools as bytes and check them.
  const bool is_bool = entry.dtype == torch::kBool;
  torch::Tensor tensor = torch::empty(entry.shape, is_bool ? torch::kUInt8 : entry.dtype);
  if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data + entry.begin, entry.end - entry.begin);
  return is_bool ? tensor.ne(0) : tensor;
}

const char* dtype_name(const std::string& tensor, torch::Dtype dtype) {
  for (const DtypeName& known : kDtypes) {
    if (known.dtype == dtype) return known.name;
  }
  throw std::runtime_error("tensor " + tensor + " has the dtype " + c10::toString(dtype) +
                           ", which safetensors cannot hold here; supported are " + supported_dtypes());
}

}  // namespace

NamedTensors read_safetensors(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const std::span<const std::byte> bytes = mapped.bytes();
  try {
    const std::vector<Entry> entries = parse_header(bytes);
    const std::byte* const data = bytes.data() + (entries.empty() ? bytes.size() : bytes.size() - entries.back().end);
    NamedTensors tensors;
    for (const Entry& entry : entries) tensors.emplace(entry.name, copy_tensor(entry, data));
    return tensors;
  } catch (const UserError& error) {
    throw UserError("cannot read " + file.string() + ": " + error.what());
  }
}

void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Write the widest elements first, as in the reference implementation, so every tensor is aligned to the size of its
  // elements.
  std::vector<NamedTensors::const_iterator> order;
  for (auto tensor = tensors.begin(); tensor != tensors.end(); ++tensor) order.push_back(tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](auto a, auto b) { return a->second.element_size() > b->second.element_size(); });

  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t end = 0;
  for (const auto& tensor : order) {
    const auto& [name, values] = *tensor;
    if (name == kMetadata) throw std::runtime_error("a tensor cannot be called " + name);
    const uint64_t begin = end;
    end += values.nbytes();
    header[name] = {{"dtype", dtype_name(name, values.scalar_type())},
                    {"shape", values.sizes().vec()},
                    {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t header_length = text.size();

  AtomicFile output(file);
  output.write(&header_length, kLengthBytes);
  output.write(text);
  for (const auto& tensor : order) {  // one at a time: no second copy of the model in host memory
    const torch::Tensor values = tensor->second.detach().to(torch::kCPU).contiguous();
    output.write(values.data_ptr(), values.nbytes());
  }
  output.commit();
}

}  // namespace infini
