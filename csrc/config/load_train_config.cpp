#include "config/load_train_config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "config/check_train_config.h"
#include "config/config_keys.h"
#include "config/nearest_key.h"
#include "config/parameter_rules.h"
#include "config/yaml_value.h"
#include "log/error.h"

namespace infini {
namespace {

std::string at_line(const std::filesystem::path& file, const YAML::Mark& mark) {
  return mark.is_null() ? file.string() : file.string() + ":" + std::to_string(mark.line + 1);
}

std::string read_text(const std::filesystem::path& file) {
  std::error_code unknown;  // ignored: opening the file fails too, and names the reason
  if (std::filesystem::is_directory(file, unknown)) throw UserError(file.string() + " is a folder; give a YAML file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw UserError("cannot read the configuration " + file.string() + ": " + std::strerror(errno));
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

YAML::Node parse(const std::filesystem::path& file) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(read_text(file));
    if (documents.size() > 1) {
      throw UserError(at_line(file, documents[1].Mark()) + ": a second YAML document; a configuration is one");
    }
    return documents.empty() ? YAML::Node() : documents.front();
  } catch (const YAML::Exception& error) {
    const bool alias = error.msg.find("anchor") != std::string::npos;
    throw UserError(at_line(file, error.mark) + ": not valid YAML: " + error.msg +
                    (alias ? "; a value that begins with * or & wants quotes" : ""));
  }
}

/// Fills a TrainConfig key by key and remembers where each value came from.
class Reader {
 public:
  /// Reads the base of the file first, so the file's own values win.
  void read_file(const std::filesystem::path& path) {
    File file{path, {}};
    const YAML::Node root = parse(path);
    chain_.push_back(std::filesystem::weakly_canonical(path));
    if (root.IsMap()) {
      for (const auto& entry : root) {
        if (entry.first.IsScalar() && entry.first.Scalar() == kBaseKey) read_base(entry.second, file, entry.first);
      }
    }
    if (!root.IsNull()) read_section(root, "", at_line(path, root.Mark()), file);
    ++source_;
    file_ = path;
  }

  void read_override(const std::string& text) {
    const std::string where = "--set " + text;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UserError(where + ": expected key=value, as in model.memory.update=delta");
    }
    const std::string path = text.substr(0, equals), value = text.substr(equals + 1);
    if (path == kBaseKey) throw UserError(where + ": base is said in a file; give that file in place of --set base");
    if (path == kParametersKey) return read_rules_override(value, where);
    // The first part of the key that does not exist is the misspelt one.
    for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
      const std::string section = path.substr(0, dot);
      if (find_key(section) != nullptr) throw UserError(where + ": " + section + " has a value and no keys");
      if (!is_section(section)) refuse_unknown(section, where);
    }
    if (is_section(path)) throw UserError(where + ": " + path + " is a section; set one of its keys");
    const ConfigKey* const key = find_key(path);
    if (key == nullptr) refuse_unknown(path, where);
    if (const std::optional<std::string> wanted = set_field(key->field(config_), value)) {
      throw UserError(where + ": " + path + " " + *wanted + ", is \"" + value + "\"");
    }
    place_of_[path] = {where, source_};
  }

  /// Fills in values that depend on other keys, checks the whole configuration, and returns it.
  TrainConfig finish() {
    ModelConfig& model = config_.model;
    if (!given("model.vocab_size")) model.vocab_size = 0;
    if (!given("model.num_key_value_heads")) model.num_key_value_heads = model.num_attention_heads;
    if (!given("model.head_dim") && model.num_attention_heads > 0) {
      if (model.hidden_size % model.num_attention_heads != 0) {
        throw UserError(place({"model.num_attention_heads", "model.hidden_size"}) +
                        ": model.num_attention_heads must divide model.hidden_size (" +
                        std::to_string(model.hidden_size) + ") where model.head_dim is not given, is " +
                        std::to_string(model.num_attention_heads));
      }
      model.head_dim = model.hidden_size / model.num_attention_heads;
    }
    if (!given("model.max_position_embeddings")) {
      const int64_t segment_length = model.memory.segment_length;
      model.max_position_embeddings = segment_length > 0 ? segment_length : config_.train_length;
    }
    if (const std::optional<TrainConfigFault> fault = find_fault(config_)) {
      throw UserError(place(fault->keys) + ": " + fault->message);
    }
    return config_;
  }

 private:
  struct File {
    std::filesystem::path path;
    std::map<std::string, std::string> line_of;  ///< of every key and section in the file: "configs/a.yaml:12"
  };
  struct Place {
    std::string text;  ///< "configs/a.yaml:12" or "--set steps=0"
    int source = 0;    ///< order of reading: bases first, then the file, then the overrides
  };

  void read_base(const YAML::Node& value, const File& file, const YAML::Node& key) {
    const std::string here = at_line(file.path, key.Mark());
    std::string name;
    if (const auto fault = set_from_yaml(&name, value)) throw UserError(here + ": base " + *fault);
    const std::filesystem::path base = (file.path.parent_path() / name).lexically_normal();
    if (!std::filesystem::is_regular_file(base)) {
      throw UserError(here + ": base is \"" + name + "\", but there is no file " + base.string() +
                      "; it is looked for beside the file that names it");
    }
    if (std::find(chain_.begin(), chain_.end(), std::filesystem::weakly_canonical(base)) != chain_.end()) {
      throw UserError(here + ": base leads back to " + base.string() + "; a configuration cannot begin from itself");
    }
    read_file(base);
  }

  void read_section(const YAML::Node& section, const std::string& path, const std::string& where, File& file) {
    if (!section.IsMap()) {
      throw UserError(where + ": " + (path.empty() ? "a configuration" : path) + " must be keys with values, as in " +
                      (path.empty() ? "steps: 1000" : std::string(first_key_of(path)) + ": …"));
    }
    for (const auto& entry : section) {
      const std::string here = at_line(file.path, entry.first.Mark());
      if (!entry.first.IsScalar()) throw UserError(here + ": a key must be a word");
      const std::string key = (path.empty() ? "" : path + ".") + entry.first.Scalar();
      if (const auto [before, is_new] = file.line_of.emplace(key, here); !is_new) {
        throw UserError(here + ": " + key + " is given twice, before at " + before->second);
      }
      if (is_section(key)) {
        if (!entry.second.IsNull()) read_section(entry.second, key, here, file);
      } else if (key == kParametersKey) {
        read_rules(entry.second, [&](const YAML::Mark& mark) { return at_line(file.path, mark); });
      } else if (key != kBaseKey) {
        read_value(key, entry.second, here);
      }
    }
  }

  void read_value(const std::string& path, const YAML::Node& value, const std::string& where) {
    const ConfigKey* const key = find_key(path);
    if (key == nullptr) refuse_unknown(path, where);
    if (const auto fault = set_from_yaml(key->field(config_), value)) {
      throw UserError(where + ": " + path + " " + *fault);
    }
    place_of_[path] = {where, source_};
  }

  void read_rules(const YAML::Node& list, const std::function<std::string(const YAML::Mark&)>& place) {
    config_.parameters = put_before(read_parameter_rules(list, place), config_.parameters);
  }

  void read_rules_override(const std::string& text, const std::string& where) {
    try {
      read_rules(YAML::Load(text), [&](const YAML::Mark&) { return where; });
    } catch (const YAML::Exception& error) {
      throw UserError(where + ": not valid YAML: " + error.msg);
    }
  }

  [[noreturn]] static void refuse_unknown(const std::string& path, const std::string& where) {
    if (path == "gate.learning_rate") {
      throw UserError(where + ": unknown key gate.learning_rate; give the rate to a rule of parameters: " +
                      "- {match: \"*.memory_gate\", learning_rate: 0.01, weight_decay: 0}");
    }
    throw UserError(where + ": unknown key " + path + "; did you mean " + nearest_key(path) + "?");
  }

  static std::string_view first_key_of(std::string_view section) {
    for (const ConfigKey& key : config_keys()) {
      if (key.section() == section) return key.name();
    }
    return "key";
  }

  bool given(const std::string& path) const { return place_of_.contains(path); }

  /// The place of the wrong value. If several of `keys` were given, it is the one that was read last: overrides come
  /// after the file, and the file after its base. If none was given, it is the file.
  std::string place(const std::vector<std::string>& keys) const {
    Place last{file_.string(), -1};
    for (const std::string& key : keys) {
      const auto found = place_of_.find(key);
      if (found != place_of_.end() && found->second.source > last.source) last = found->second;
    }
    return last.text;
  }

  TrainConfig config_;
  std::filesystem::path file_;                ///< the file to load, after it was read
  std::vector<std::filesystem::path> chain_;  ///< the file and its bases
  int source_ = 0;
  std::map<std::string, Place> place_of_;  ///< the place of every value that was given
};

}  // namespace

TrainConfig load_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  Reader reader;
  reader.read_file(file);
  for (const std::string& text : overrides) reader.read_override(text);
  return reader.finish();
}

}  // namespace infini
