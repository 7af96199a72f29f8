#pragma once

#include <filesystem>
#include <optional>

#include "data/batches.h"
#include "data/token_dataset.h"
#include "objective/objective.h"

namespace infini {

struct DocumentOptions {
  std::filesystem::path data;  ///< a folder that `infini prepare` wrote
  BatchOptions batches;
  bool validates = true;           ///< reads the validation split, which must then exist
  int64_t validation_tokens = 0;   ///< read from the beginning of the split
  int64_t segments_per_chunk = 1;  ///< in a forward pass of validation
};

/// Language modelling: each token of every document is predicted from those before it.
class DocumentObjective : public Objective {
 public:
  explicit DocumentObjective(const DocumentOptions& options);

  TrainingBatch next() override { return TrainingBatch(batches_.next()); }
  nlohmann::json position() const override { return batches_.position(); }
  void seek(const nlohmann::json& position) override { batches_.seek(position); }
  std::optional<Metrics> validate(CausalLanguageModel& model, const StopRequest& stopped) const override;

 private:
  DocumentOptions options_;
  BatchStream batches_;
  std::optional<TokenDataset> validation_;
};

}  // namespace infini
