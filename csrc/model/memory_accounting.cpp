#include "model/memory_accounting.h"

#include <algorithm>

#include "model/memory_kinds.h"

namespace infini {
namespace {

/// The letters of the paper's formulas.
struct Letters {
  int64_t d_model, d_k, d_v;
  int64_t H;       ///< key/value heads
  int64_t l;       ///< layers
  int64_t N, S;    ///< tokens in a segment, segments
  int64_t cached;  ///< tokens; also N in the paper, whose cache is one segment
  int64_t c, r;    ///< compressed slots, tokens in each
  int64_t slots;   ///< to look up
  int64_t p;       ///< vectors that a segment hands on
  bool operator==(const Letters&) const = default;
};

/// The kind to which the paper compares the others.
constexpr std::string_view kReference = "memorizing";

struct Row {
  std::string_view kind;
  std::string_view memory_formula;
  int64_t (*memory)(const Letters& of);
  std::string_view effective_formula;
  int64_t (*effective_context)(const Letters& of);
  int64_t (*carried)(const Letters& of);
  std::string (*sizes)(const Letters& of);
  std::string_view paper_memory, paper_ratio;
};

std::string number(int64_t value) { return std::to_string(value); }
int64_t cache(const Letters& of) { return (of.d_k + of.d_v) * of.H * of.cached * of.l; }
int64_t compressed(const Letters& of) { return of.d_model * (of.c + of.cached) * of.l; }
int64_t looked_up(const Letters& of) { return (of.d_k + of.d_v) * of.H * of.slots + cache(of); }
int64_t matrices(const Letters& of) { return of.d_k * (of.d_v + 1) * of.H * of.l; }
int64_t whole_sequence(const Letters& of) { return of.N * of.S; }

/// In the order of the paper's table.
const std::vector<Row>& rows() {
  static const std::vector<Row> rows = {
      {"transformer_xl", "(d_k + d_v)·H·N·l", cache, "N·l", [](const Letters& of) { return of.cached * of.l; }, cache,
       [](const Letters& of) { return "N = " + number(of.cached) + " cached tokens"; }, "50M", "3.7x"},
      {"compressive", "d_model·(c + N)·l", compressed, "(c·r + N)·l",
       [](const Letters& of) { return (of.c * of.r + of.cached) * of.l; }, compressed,
       [](const Letters& of) {
         return "N = " + number(of.cached) + " cached tokens, c = " + number(of.c) + " slots of r = " + number(of.r) +
                " tokens";
       },
       "", ""},
      {"memorizing", "(d_k + d_v)·H·(slots + N·l)", looked_up, "N·S", whole_sequence, looked_up,
       [](const Letters& of) {
         return number(of.slots) + " slots at one layer, N = " + number(of.cached) + " cached tokens";
       },
       "183M", "1x"},
      // What is carried is the p vectors alone. The paper counts the keys and values that all layers make of them.
      {"rmt", "d_model·p·l·2", [](const Letters& of) { return of.d_model * of.p * of.l * 2; }, "N·S", whole_sequence,
       [](const Letters& of) { return of.d_model * of.p; },
       [](const Letters& of) { return "p = " + number(of.p) + " vectors"; }, "2.5M", "73x"},
      {"autocompressors", "d_model·p·(m + 1)·l",
       [](const Letters& of) { return of.d_model * of.p * (of.S + 1) * of.l; }, "N·S", whole_sequence,
       [](const Letters& of) { return of.d_model * of.p * of.S; },
       [](const Letters& of) { return "p = " + number(of.p) + " vectors, m = " + number(of.S) + " segments"; }, "", ""},
      {"infini", "d_k·(d_v + 1)·H·l", matrices, "N·S", whole_sequence, matrices,
       [](const Letters&) { return std::string(); }, "1.6M", "114x"},
  };
  return rows;
}

/// Of a model with one kind of memory, so it has one of the two numbers of vectors.
Letters letters(const ModelConfig& config, int64_t segments) {
  const MemoryConfig& memory = config.memory;
  return {.d_model = config.hidden_size,
          .d_k = config.head_dim,
          .d_v = config.head_dim,
          .H = config.num_key_value_heads,
          .l = config.num_hidden_layers,
          .N = memory.segment_length,
          .S = segments,
          .cached = memory.cache_length,
          .c = memory.compressed_length,
          .r = memory.compression_rate,
          .slots = memory.slots,
          .p = std::max(memory.memory_tokens, memory.summary_tokens)};
}

/// The inputs of the short convolutions that the state holds, which no formula of the table counts.
int64_t convolution_floats(const ModelConfig& config) {
  if (config.short_convolution == 0) return 0;
  const int64_t channels = (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;
  return (config.short_convolution - 1) * channels * config.num_hidden_layers;
}

const Row& row_of(std::string_view kind) {
  const auto found = std::ranges::find(rows(), kind, &Row::kind);
  TORCH_CHECK(found != rows().end(), "Table 1 has no row for the kind of memory ", kind);
  return *found;
}

Letters letters_of_kind(const ModelConfig& config, std::string_view kind, int64_t segments) {
  return letters(with_kind(config, kind), segments);
}

/// Whether the paper's figures for this kind are about these sizes.
bool is_the_papers(const ModelConfig& config, std::string_view kind, int64_t segments) {
  const ModelConfig paper = paper_model();
  const Letters papers = letters_of_kind(paper, kind, kPaperLength / paper.memory.segment_length);
  return letters_of_kind(config, kind, segments) == papers;
}

MemoryAccount account(const Row& row, const ModelConfig& config, int64_t segments) {
  const Letters of = letters_of_kind(config, row.kind, segments);
  const bool has_paper_memory = is_the_papers(config, row.kind, segments);
  const bool has_paper_ratio = has_paper_memory && is_the_papers(config, kReference, segments);
  const int64_t floats = row.memory(of);
  const int64_t reference = row_of(kReference).memory(letters_of_kind(config, kReference, segments));
  return {.kind = row.kind,
          .memory_formula = row.memory_formula,
          .memory_floats = floats,
          .ratio = static_cast<double>(reference) / static_cast<double>(floats),
          .effective_formula = row.effective_formula,
          .effective_context = row.effective_context(of),
          .sizes = row.sizes(of),
          .carried_floats = row.carried(of) + convolution_floats(with_kind(config, row.kind)),
          .paper_memory = has_paper_memory ? row.paper_memory : "",
          .paper_ratio = has_paper_ratio ? row.paper_ratio : ""};
}

}  // namespace

ModelConfig paper_model() {
  ModelConfig config;  // whose defaults are the paper's sizes
  config.memory = {2048, "linear"};
  return config;
}

std::vector<MemoryAccount> memory_accounts(const ModelConfig& config, int64_t segments) {
  std::vector<MemoryAccount> accounts;
  for (const Row& row : rows()) accounts.push_back(account(row, config, segments));
  return accounts;
}

std::optional<OwnMemory> own_memory(const ModelConfig& config, int64_t segments) {
  if (config.memory.segment_length == 0) return std::nullopt;
  const bool only_local = config.memory.kind == MemoryConfig().kind && config.memory.update == "none";
  if (only_local) return OwnMemory{.carried_floats = convolution_floats(config)};
  const MemoryAccount own = account(row_of(config.memory.kind), config, segments);
  return OwnMemory{own.memory_floats, own.carried_floats};
}

ModelConfig with_kind(const ModelConfig& config, std::string_view name) {
  const MemoryConfig& given = config.memory;
  const int64_t segment = given.segment_length;
  const MemoryKind& kind = find_memory_kind(std::string(name));
  MemoryConfig paper{.segment_length = segment, .kind = std::string(name)};
  if (paper.kind == MemoryConfig().kind) paper.update = given.update == "none" ? "linear" : given.update;
  paper.cache_length = segment;
  paper.compressed_length = segment;
  paper.compression_rate = segment % 2 == 0 ? 2 : 1;
  paper.layer = std::max<int64_t>(3 * config.num_hidden_layers / 4 - 1, 0);
  paper.slots = std::max<int64_t>((65000 * segment + 1024) / 2048, 1);
  paper.neighbours = std::min<int64_t>(paper.slots, 32);
  paper.memory_tokens = 100;
  paper.summary_tokens = 50;

  ModelConfig result = config;
  result.memory = paper;
  if (!kind.has_convolution) result.short_convolution = 0;
  for (const MemoryField& field : memory_fields()) {
    const int64_t absent = MemoryConfig().*field.value;
    if (!kind.has(field)) {
      result.memory.*field.value = absent;
    } else if (given.*field.value != absent) {
      result.memory.*field.value = given.*field.value;
    }
  }
  return result;
}

}  // namespace infini
