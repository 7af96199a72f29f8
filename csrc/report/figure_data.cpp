#include "report/figure_data.h"

#include <algorithm>
#include <set>
#include <string>

#include "report/curve.h"

namespace infini::report {
namespace {

using nlohmann::json;

constexpr size_t kCurvePoints = 400;
constexpr size_t kReadings = 100;
/// A point of a smoothed curve is a mean over this share of the training.
constexpr size_t kSmoothingWindows = 50;

json curve_json(const Curve& curve) {
  json points = json::array();
  for (size_t i = 0; i < curve.size(); ++i) {
    points.push_back({curve.step[i], curve.tokens[i], rounded(curve.value[i])});
  }
  return points;
}

/// A model without memory may have a reading of no head in each layer.
bool has_values(const HeadReading& reading) {
  return std::any_of(reading.begin(), reading.end(), [](const std::vector<double>& heads) { return !heads.empty(); });
}

/// The readings of one name over the training.
json readings_json(const std::vector<RecordedStep>& steps, const std::string& name) {
  std::vector<const RecordedStep*> with_reading;
  for (const auto& metrics : steps) {
    const auto found = metrics.readings.find(name);
    if (found != metrics.readings.end() && has_values(found->second)) with_reading.push_back(&metrics);
  }
  json readings = json::array();
  const size_t count = std::min(with_reading.size(), kReadings);
  for (size_t i = 0; i < count; ++i) {
    const RecordedStep& step = *with_reading[count < 2 ? 0 : i * (with_reading.size() - 1) / (count - 1)];
    readings.push_back({step.step, step.tokens, rounded_json(step.readings.at(name))});
  }
  return readings;
}

/// Old runs without memory have recorded readings of one.
json readings_json(const RunRecord& run) {
  std::set<std::string> names;
  for (const auto& step : run.steps) {
    for (const auto& [name, reading] : step.readings) names.insert(name);
  }
  json readings = json::object();
  for (const auto& name : names) {
    const bool is_of_memory = name != "depth_accuracy";
    if (is_of_memory && run.model && !run.model->has_memory()) continue;
    const json values = readings_json(run.steps, name);
    if (!values.empty()) readings[name] = values;
  }
  return readings;
}

json memory_json(const std::vector<MemoryRecord>& records) {
  json points = json::array();
  for (const auto& record : records) {
    json readings = json::object();
    for (const auto& [name, reading] : record.readings) readings[name] = rounded_json(reading);
    points.push_back({record.segments, record.documents, readings});
  }
  return points;
}

json positions_json(const std::optional<Evaluation>& evaluation) {
  json positions = json::array();
  if (!evaluation) return positions;
  for (const auto& position : evaluation->positions) {
    positions.push_back({position.from, position.to, rounded(position.loss)});
  }
  return positions;
}

/// The largest share of any head of each layer.
json share_json(const MeasuredCell& cell) {
  json layers = json::array();
  for (const auto& heads : cell.evidence_share)
    layers.push_back(rounded(*std::max_element(heads.begin(), heads.end())));
  return layers;
}

json needles_json(const RunRecord& run) {
  json grids = json::array();
  for (const auto& grid : run.needles) {
    json cells = json::array();
    for (const auto& cell : grid.cells) {
      cells.push_back({{"length", cell.length},
                       {"depth", cell.depth},
                       {"trials", cell.trials},
                       {"exact", cell.exact},
                       {"share", share_json(cell)}});
    }
    grids.push_back({{"name", grid.name}, {"settings", grid.settings}, {"cells", cells}});
  }
  return grids;
}

json recall_json(const RunRecord& run) {
  if (!run.recall) return nullptr;
  json models = json::array();
  for (const RecallLine& line : run.recall->models) {
    json points = json::array();
    for (const RecallPoint& point : line.points) {
      points.push_back({point.from ? json(*point.from) : json(nullptr), point.to ? json(*point.to) : json(nullptr),
                        point.words, rounded(point.nats), rounded(point.standard_error)});
    }
    models.push_back({{"name", line.name}, {"memory_off", line.memory_off}, {"points", points}});
  }
  return {{"segment_length", run.recall->segment_length}, {"rare", kRareWordCount}, {"models", models}};
}

json run_json(const RunRecord& run) {
  const size_t window = std::max<size_t>(1, run.steps.size() / kSmoothingWindows);
  const auto smooth = [&](std::optional<double> RecordedStep::*quantity) {
    const Curve curve = curve_of(run.steps, [=](const RecordedStep& step) { return step.*quantity; });
    return curve_json(thinned(smoothed(curve, window), kCurvePoints));
  };
  const auto exact = [&](std::optional<double> RecordedStep::*quantity) {
    return curve_json(
        thinned(curve_of(run.steps, [=](const RecordedStep& step) { return step.*quantity; }), kCurvePoints));
  };
  return {{"name", run.name},
          {"segment_length", run.model ? run.model->segment_length : 0},
          {"smoothing", window},
          {"training", smooth(&RecordedStep::loss)},
          {"validation", exact(&RecordedStep::validation_loss)},
          {"learning_rate", exact(&RecordedStep::learning_rate)},
          {"gradient_norm", smooth(&RecordedStep::gradient_norm)},
          {"tokens_per_second", smooth(&RecordedStep::tokens_per_second)},
          {"auxiliary_loss", smooth(&RecordedStep::auxiliary_loss)},
          {"answer_loss", smooth(&RecordedStep::answer_loss)},
          {"exact_match", smooth(&RecordedStep::exact_match)},
          {"needles", needles_json(run)},
          {"positions", positions_json(run.evaluation)},
          {"positions_without_memory", positions_json(run.evaluation_without_memory)},
          {"recall", recall_json(run)},
          {"readings", readings_json(run)},
          {"memory", memory_json(run.memory)}};
}

}  // namespace

json figure_data(const std::vector<RunRecord>& runs) {
  json data = {{"runs", json::array()}};
  for (const auto& run : runs) data["runs"].push_back(run_json(run));
  return data;
}

}  // namespace infini::report
