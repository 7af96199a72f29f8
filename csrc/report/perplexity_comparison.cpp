#include "report/perplexity_comparison.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "report/comparison.h"
#include "report/loss_statistics.h"

namespace infini::report {
namespace {

/// The runs of one row. The first ones are the most important: what is read from one run is read from the first.
struct SeedGroup {
  std::string model;
  std::vector<const RunRecord*> runs;
};

/// The losses of one row, by document.
struct DocumentLosses {
  std::vector<double> nats;  ///< mean over seeds
  std::vector<double> tokens;
};

std::vector<SeedGroup> group_by_model(const std::vector<RunRecord>& runs) {
  static const std::regex seed("-seed[0-9]+$");
  std::vector<SeedGroup> groups;
  for (const RunRecord& run : runs) {
    const std::string model = std::regex_replace(run.name, seed, "");
    auto group = std::ranges::find(groups, model, &SeedGroup::model);
    if (group == groups.end()) group = groups.insert(groups.end(), {model, {}});
    group->runs.push_back(&run);
  }
  return groups;
}

/// What must be the same in all seeds of a model.
std::string settings_of(const RunRecord& run) {
  try {
    YAML::Node settings = YAML::Load(run.configuration);
    if (!settings.IsMap()) return run.configuration;
    for (const char* const own : {"name", "seed"}) settings.remove(own);
    return YAML::Dump(settings);
  } catch (const YAML::Exception&) {
    return run.configuration;  // read_run has noted why it cannot be read
  }
}

bool same_documents(const Evaluation& a, const Evaluation& b) {
  if (a.documents_read.empty() || b.documents_read.empty()) {
    return a.tokens == b.tokens && a.documents == b.documents;
  }
  return std::ranges::equal(a.documents_read, b.documents_read, [](const DocumentLoss& one, const DocumentLoss& other) {
    return one.name == other.name && one.tokens == other.tokens;
  });
}

/// Nothing if an evaluation does not say what was read. All have read the same documents.
std::optional<DocumentLosses> mean_losses(const std::vector<const Evaluation*>& evaluations) {
  DocumentLosses losses;
  for (const DocumentLoss& document : evaluations.front()->documents_read) {
    losses.tokens.push_back(static_cast<double>(document.tokens));
  }
  losses.nats.resize(losses.tokens.size());
  for (const Evaluation* evaluation : evaluations) {
    if (evaluation->documents_read.empty()) return std::nullopt;
    for (size_t i = 0; i < losses.nats.size(); ++i) {
      losses.nats[i] += evaluation->documents_read[i].nats / static_cast<double>(evaluations.size());
    }
  }
  return losses;
}

std::optional<double> mean_if_any(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

/// The error of exp(loss), from that of the loss.
std::optional<double> perplexity_error(double perplexity, std::optional<double> loss_error) {
  return loss_error ? std::optional(perplexity * *loss_error) : std::nullopt;
}

/// Builds one row after the other, and keeps what the first is compared by.
class Comparing {
 public:
  void add(const SeedGroup& group) {
    PerplexityRow row;
    row.model = group.model;
    for (const RunRecord* run : group.runs) row.runs.push_back(run->name);
    note_other_settings(group);
    add_model(group, row);
    add_evaluations(evaluations_of(group), row);
    result_.rows.push_back(std::move(row));
  }

  PerplexityComparison take() { return std::move(result_); }

 private:
  void note(const std::string& text) { result_.notes.push_back(text); }

  void note_other_settings(const SeedGroup& group) {
    for (const RunRecord* run : group.runs) {
      if (settings_of(*run) == settings_of(*group.runs.front())) continue;
      note(group.runs.front()->name + " and " + run->name +
           " differ in more than the seed (see their config.yaml), but stand in one row: rename one of them.");
    }
  }

  void add_model(const SeedGroup& group, PerplexityRow& row) {
    std::vector<double> speeds;
    for (const RunRecord* run : group.runs) {
      if (const auto speed = median_tokens_per_second(*run)) {
        speeds.push_back(*speed);
      } else {
        note(run->name + " has no training speed: there is no step in metrics.jsonl.");
      }
    }
    row.training_speed = mean_if_any(speeds);
    const RunRecord& first = *group.runs.front();
    row.parameters = first.parameters;
    row.memory = first.context_memory;
    row.paper = first.paper;
    if (!row.parameters) note(first.name + " has no checkpoint that can be read: its parameters are unknown.");
    if (!row.memory)
      note(first.name +
           " has no context memory to count: no checkpoint can be read, or its attention has no segments.");
  }

  /// Those of the seeds that have read the same documents as the first.
  std::vector<const Evaluation*> evaluations_of(const SeedGroup& group) {
    std::vector<const Evaluation*> evaluations;
    for (const RunRecord* run : group.runs) {
      if (!run->evaluation) {
        note(run->name + " has no evaluation.json that can be read: infini eval --checkpoint " + run->folder.string() +
             " --out " + (run->folder / "evaluation.json").string() + " --data … makes it.");
      } else if (!evaluations.empty() && !same_documents(*evaluations.front(), *run->evaluation)) {
        note(run->name + " was evaluated on other documents than the first seed of its row: it is left out.");
      } else {
        evaluations.push_back(&*run->evaluation);
        if (run->evaluation->unknown_tokens > 0) {
          note(run->name + ": " + std::to_string(run->evaluation->unknown_tokens) +
               " test tokens stand for text that the tokenizer cannot express: its perplexity compares with none.");
        }
      }
    }
    return evaluations;
  }

  void add_evaluations(const std::vector<const Evaluation*>& evaluations, PerplexityRow& row) {
    const bool is_first = result_.rows.empty();
    if (evaluations.empty()) return;
    std::vector<double> perplexities, speeds;
    for (const Evaluation* evaluation : evaluations) {
      perplexities.push_back(evaluation->perplexity);
      if (evaluation->tokens_per_second) speeds.push_back(*evaluation->tokens_per_second);
    }
    row.seeds = static_cast<int64_t>(evaluations.size());
    row.tokens = evaluations.front()->tokens;
    row.documents = evaluations.front()->documents;
    row.evaluation_speed = mean_if_any(speeds);
    row.perplexity = mean(perplexities);
    row.seed_deviation = standard_deviation(perplexities);

    const std::optional<DocumentLosses> losses = mean_losses(evaluations);
    if (losses) {
      row.standard_error =
          perplexity_error(*row.perplexity, estimate_ratio(losses->nats, losses->tokens).standard_error);
    } else {
      if (evaluations.size() == 1) {
        row.standard_error = perplexity_error(*row.perplexity, evaluations.front()->loss_standard_error);
      }
      note("The evaluation of " + row.model +
           " lacks the loss of each document (documents_read): it has no paired difference.");
    }
    if (is_first) {
      reference_ = evaluations.front();
      reference_losses_ = losses;
    } else if (reference_ != nullptr && !same_documents(*reference_, *evaluations.front())) {
      note(row.model + " was evaluated on other documents than " + result_.rows.front().model +
           ": their perplexities do not compare.");
    } else if (losses && reference_losses_) {
      add_difference(*losses, row);
    }
  }

  void add_difference(const DocumentLosses& losses, PerplexityRow& row) const {
    std::vector<double> more(losses.nats.size());
    std::ranges::transform(losses.nats, reference_losses_->nats, more.begin(), std::minus<>());
    const RatioEstimate estimate = estimate_ratio(more, losses.tokens);
    row.difference = estimate.ratio;
    row.difference_standard_error = estimate.standard_error;
  }

  PerplexityComparison result_;
  const Evaluation* reference_ = nullptr;  // of the first row; null if it was not evaluated
  std::optional<DocumentLosses> reference_losses_;
};

}  // namespace

PerplexityComparison compare_perplexities(const std::vector<RunRecord>& runs) {
  Comparing comparing;
  for (const SeedGroup& group : group_by_model(runs)) comparing.add(group);
  return comparing.take();
}

}  // namespace infini::report
