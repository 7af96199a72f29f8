#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/run_checkpoints.h"
#include "report/head_reading.h"
#include "report/memory_record.h"
#include "report/needle_record.h"
#include "report/recall_record.h"

namespace infini::report {

/// One line of metrics.jsonl. Losses are in nats per token. A skipped step has no loss.
struct RecordedStep {
  int64_t step = 0;
  int64_t tokens = 0;  ///< trained on since the run began
  std::optional<double> loss, learning_rate, gradient_norm, tokens_per_second, padding_share;
  std::optional<double> validation_loss;
  std::optional<double> auxiliary_loss;            ///< of the model itself, per token
  std::optional<double> answer_loss, exact_match;  ///< of a task
  int64_t peak_memory_bytes = 0;
  int64_t skipped_steps = 0;  ///< since the run began
  HeadReadings readings;      ///< empty where the step took none
};

/// The mean loss (nats per token) over text tokens `from` to `to` (inclusive, counted from 0) of all documents.
struct PositionLoss {
  int64_t from = 0, to = 0;
  double loss = 0;
};

/// What a document contributed to the loss.
struct DocumentLoss {
  std::string name;
  int64_t tokens = 0;
  double nats = 0;
};

/// The output of `infini eval --json`.
struct Evaluation {
  double perplexity = 0;
  std::optional<double> word_perplexity, bits_per_byte;
  std::optional<double> loss_standard_error;  ///< in nats per token, over documents
  std::optional<double> tokens_per_second;
  std::vector<DocumentLoss> documents_read;  ///< empty in a file of an older version
  int64_t tokens = 0, documents = 0;
  int64_t unknown_tokens = 0;  ///< of text that the tokenizer cannot express
  std::vector<PositionLoss> positions;
};

/// The model as a checkpoint's config.json describes it.
struct ModelSummary {
  int64_t vocab_size = 0, layers = 0, width = 0, heads = 0, key_value_heads = 0;
  int64_t segment_length = 0;  ///< 0: full attention
  /// "linear", "delta", "none" (local attention), "full" (attention over the whole input), or the name of another kind
  /// of memory, which has no update rule
  std::string update;
  bool has_memory() const { return update != "none" && update != "full"; }
};

/// The memory of a run's model, which the report cannot compute: it does not know the models.
struct ContextMemory {
  int64_t floats = 0;          ///< by the formula of the paper's Table 1
  int64_t carried_floats = 0;  ///< in the state that one text hands from segment to segment
  int64_t measured_bytes = 0;  ///< of that state
};

/// The row of the paper's Table 2 for a model of the same kind.
struct PaperRow {
  std::string model;
  std::optional<double> pg19, arxiv_math;  ///< perplexities
};

/// All that the report knows about a run. If the folder lacks something, its field is empty and `notes` names it.
struct RunRecord {
  std::string name;  ///< the folder's name
  std::filesystem::path folder;
  std::string configuration;                    ///< the text of config.yaml
  std::string data_path;                        ///< its data.path
  std::filesystem::path checkpoint;             ///< the newest one
  std::optional<BestCheckpoint> best;           ///< where the run watched a metric
  std::optional<ModelSummary> model;            ///< of that checkpoint
  std::optional<int64_t> parameters;            ///< of that checkpoint
  std::optional<ContextMemory> context_memory;  ///< not read from the folder: whoever knows the models adds it
  std::optional<PaperRow> paper;                ///< likewise
  std::vector<RecordedStep> steps;              ///< in order, each step once
  std::optional<Evaluation> evaluation;
  std::optional<Evaluation> evaluation_without_memory;  ///< read only for a model that has a memory
  std::vector<NeedleGrid> needles;
  std::vector<MemoryRecord> memory;  ///< in the order of their segments
  std::optional<RecallRecord> recall;
  std::string sample;
  std::vector<std::string> notes;  ///< what is missing or cannot be read, one sentence each
};

/// Reads a run's folder: config.yaml, metrics.jsonl, evaluation.json, evaluation-no-memory.json, best.json,
/// recall.json, passkey*.jsonl, memory.json, sample.txt and the newest of checkpoints/step-N. If the last line of
/// metrics.jsonl is still being written, it is left out. Throws UserError only if the folder is missing or has none of
/// the first three files.
RunRecord read_run(const std::filesystem::path& folder);

}  // namespace infini::report
