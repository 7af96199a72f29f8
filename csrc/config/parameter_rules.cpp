#include "config/parameter_rules.h"

#include <algorithm>
#include <optional>
#include <set>

#include "config/config_keys.h"
#include "config/yaml_value.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr const char* kExample = "as in - {match: \"*.bias\", learning_rate: 0.001, weight_decay: 0, trainable: true}";

bool has_match(const std::vector<ParameterRule>& rules, const std::string& match) {
  return std::any_of(rules.begin(), rules.end(), [&](const ParameterRule& rule) { return rule.match == match; });
}

/// The fault of the value, or empty.
std::optional<std::string> set_value(ParameterRule& rule, const std::string& key, const YAML::Node& value) {
  const auto set_rate = [&](std::optional<double>& rate) {
    const Field field = &rate.emplace();
    if (const auto fault = set_from_yaml(field, value)) return fault;
    const auto fault = limit_fault(field, {.minimum = 0});
    return fault ? std::optional(*fault + ", is " + field_text(field)) : std::nullopt;
  };
  if (key == "match") return set_from_yaml(&rule.match, value);
  if (key == "learning_rate") return set_rate(rule.learning_rate);
  if (key == "weight_decay") return set_rate(rule.weight_decay);
  if (key == "trainable") return set_from_yaml(&rule.trainable, value);
  return "is unknown; a rule has match, learning_rate, weight_decay and trainable";
}

}  // namespace

std::vector<ParameterRule> read_parameter_rules(const YAML::Node& list,
                                                const std::function<std::string(const YAML::Mark&)>& place) {
  const std::string name(kParametersKey);
  if (!list.IsSequence()) throw UserError(place(list.Mark()) + ": " + name + " must be a list of rules, " + kExample);
  std::vector<ParameterRule> rules;
  for (const YAML::Node& item : list) {
    const std::string where = place(item.Mark());
    if (!item.IsMap()) throw UserError(where + ": a rule of " + name + " must be keys with values, " + kExample);
    ParameterRule rule;
    std::set<std::string> given;
    for (const auto& entry : item) {
      const std::string here = place(entry.first.Mark());
      if (!entry.first.IsScalar()) throw UserError(here + ": a key must be a word");
      const std::string key = entry.first.Scalar();
      if (!given.insert(key).second) throw UserError(here + ": " + name + ": " + key + " is given twice in one rule");
      if (const auto fault = set_value(rule, key, entry.second)) {
        throw UserError(here + ": " + name + ": " + key + " " + *fault);
      }
    }
    if (rule.match.empty()) throw UserError(where + ": a rule of " + name + " must say what it matches, " + kExample);
    if (has_match(rules, rule.match)) {
      throw UserError(where + ": " + name + ": an earlier rule matches \"" + rule.match +
                      "\" too, and the first match wins; leave one of them out");
    }
    rules.push_back(rule);
  }
  return rules;
}

std::vector<ParameterRule> put_before(std::vector<ParameterRule> rules, const std::vector<ParameterRule>& others) {
  const std::vector<ParameterRule> first = rules;
  std::copy_if(others.begin(), others.end(), std::back_inserter(rules),
               [&](const ParameterRule& rule) { return !has_match(first, rule.match); });
  return rules;
}

YAML::Node to_yaml_value(const std::vector<ParameterRule>& rules) {
  YAML::Node list(YAML::NodeType::Sequence);
  for (ParameterRule rule : rules) {
    YAML::Node item(YAML::NodeType::Map);
    item.SetStyle(YAML::EmitterStyle::Flow);
    item["match"] = to_yaml_value(Field(&rule.match));
    if (rule.learning_rate) item["learning_rate"] = to_yaml_value(Field(&*rule.learning_rate));
    if (rule.weight_decay) item["weight_decay"] = to_yaml_value(Field(&*rule.weight_decay));
    item["trainable"] = to_yaml_value(Field(&rule.trainable));
    list.push_back(item);
  }
  return list;
}

}  // namespace infini
