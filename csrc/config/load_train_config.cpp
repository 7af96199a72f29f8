#include "config/load_train_config.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "config/check_train_config.h"
#include "config/config_key.h"
#include "log/error.h"

namespace infini {
namespace {

std::string at_line(const std::filesystem::path& file, const YAML::Mark& mark) {
  return mark.is_null() ? file.string() : file.string() + ":" + std::to_string(mark.line + 1);
}

std::string read_text(const std::filesystem::path& file) {
  std::error_code unknown;  // what cannot be looked at cannot be opened either, and that names the reason
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
    throw UserError(at_line(file, error.mark) + ": not valid YAML: " + error.msg);
  }
}

/// Fills a TrainConfig key by key and remembers where each value came from.
class Reader {
 public:
  explicit Reader(std::filesystem::path file) : file_(std::move(file)) {}

  void read_file() {
    const YAML::Node root = parse(file_);
    if (!root.IsNull()) read_section(root, "", at_line(file_, root.Mark()));
  }

  void read_override(const std::string& text) {
    const std::string where = "--set " + text;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UserError(where + ": expected key=value, as in model.memory.update=delta");
    }
    const std::string path = text.substr(0, equals);
    // The first part that does not exist is the one that is misspelt.
    for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
      const std::string section = path.substr(0, dot);
      if (find_key(section) != nullptr) throw UserError(where + ": " + section + " has a value and no keys");
      if (!is_section(section)) refuse_unknown(section, where);
    }
    if (is_section(path)) throw UserError(where + ": " + path + " is a section; set one of its keys");
    set(path, text.substr(equals + 1), where);
  }

  /// Fills in what depends on other keys, checks the whole and returns it.
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
  void read_section(const YAML::Node& section, const std::string& path, const std::string& where) {
    if (!section.IsMap()) {
      throw UserError(where + ": " + (path.empty() ? "a configuration" : path) + " must be keys with values, as in " +
                      (path.empty() ? "steps: 1000" : std::string(first_key_of(path)) + ": …"));
    }
    for (const auto& entry : section) {
      const std::string here = at_line(file_, entry.first.Mark());
      if (!entry.first.IsScalar()) throw UserError(here + ": a key must be a word");
      const std::string key = (path.empty() ? "" : path + ".") + entry.first.Scalar();
      if (const auto [before, is_new] = line_of_.emplace(key, here); !is_new) {
        throw UserError(here + ": " + key + " is given twice, before at " + before->second);
      }
      if (is_section(key)) {
        if (!entry.second.IsNull()) read_section(entry.second, key, here);
      } else {
        read_value(key, entry.second, here);
      }
    }
  }

  void read_value(const std::string& path, const YAML::Node& value, const std::string& where) {
    const ConfigKey* const key = find_key(path);
    if (key == nullptr) refuse_unknown(path, where);
    const Field field = key->field(config_);
    const bool is_text =
        std::holds_alternative<std::string*>(field) || std::holds_alternative<std::filesystem::path*>(field);
    if (is_list(field) && value.IsSequence()) {
      std::string text;
      for (const YAML::Node& item : value) text += (text.empty() ? "" : ", ") + (item.IsScalar() ? item.Scalar() : "");
      set(path, "[" + text + "]", where);
      return;
    }
    const std::string shown = value.IsNull()       ? "nothing"
                              : value.IsSequence() ? "a list"
                              : value.IsMap()      ? "a section"
                                                   : "\"" + value.Scalar() + "\"";
    // yaml-cpp tags a quoted scalar "!"; a quoted number is a text.
    if (!value.IsScalar() || (!is_text && value.Tag() == "!")) {
      const std::string wanted = is_text ? "must be a text" : *set_field(field, "");
      throw UserError(where + ": " + path + " " + wanted + ", is " + shown);
    }
    set(path, value.Scalar(), where);
  }

  void set(const std::string& path, const std::string& text, const std::string& where) {
    const ConfigKey* const key = find_key(path);
    if (key == nullptr) refuse_unknown(path, where);
    if (const std::optional<std::string> wanted = set_field(key->field(config_), text)) {
      throw UserError(where + ": " + path + " " + *wanted + ", is \"" + text + "\"");
    }
    place_of_[path] = where;
  }

  [[noreturn]] static void refuse_unknown(const std::string& path, const std::string& where) {
    throw UserError(where + ": unknown key " + path + "; did you mean " + nearest_key(path) + "?");
  }

  static std::string_view first_key_of(std::string_view section) {
    for (const ConfigKey& key : config_keys()) {
      if (key.section() == section) return key.name();
    }
    return "key";
  }

  bool given(const std::string& path) const { return place_of_.contains(path); }

  /// Where the first of these keys that was given stands, an override before a line; the file, if none was given.
  std::string place(const std::vector<std::string>& keys) const {
    std::string first = file_.string();
    bool in_file = false;
    for (const std::string& key : keys) {
      const auto found = place_of_.find(key);
      if (found == place_of_.end()) continue;
      if (!line_of_.contains(key) || line_of_.at(key) != found->second) return found->second;
      if (!in_file) first = found->second;
      in_file = true;
    }
    return first;
  }

  std::filesystem::path file_;
  TrainConfig config_;
  std::map<std::string, std::string> line_of_;   ///< of every key and section in the file: "configs/a.yaml:12"
  std::map<std::string, std::string> place_of_;  ///< of every value: its line, or "--set steps=0" if that replaced it
};

}  // namespace

TrainConfig load_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  Reader reader(file);
  reader.read_file();
  for (const std::string& text : overrides) reader.read_override(text);
  return reader.finish();
}

}  // namespace infini
