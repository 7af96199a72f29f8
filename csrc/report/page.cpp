#include "report/page.h"

#include <algorithm>
#include <filesystem>

#include "report/comparison.h"
#include "report/figure_data.h"
#include "report/markup.h"
#include "report/page_parts.h"
#include "report/perplexity_table.h"
#include "text/token_length.h"

namespace infini::report {
namespace {

namespace fs = std::filesystem;

/// The colours --series-N of template.css; figures.js takes them in the same order.
constexpr size_t kSeriesColors = 6;

constexpr const char* kPerplexity =
    "Perplexity is exp of the mean loss over every token of the test documents; bits per byte and word perplexity "
    "spread the same loss over the bytes and the words of the text, so they compare across tokenizers. "
    "Memory off: the same weights, with every segment read as the first of its document.";
constexpr const char* kNeedles =
    "An answer is right if each of its tokens is the most probable one, given the right ones before: what greedy "
    "generation would write. The share is over all depths at the greatest length that was measured.";

std::string element(const std::string& name, const std::string& content) {
  return "<" + name + ">" + content + "</" + name + ">";
}

/// Each cell carries its column's name: a narrow screen shows a row as a list of names and values.
std::string table_html(const Table& table) {
  std::string head, body;
  for (const auto& column : table.columns) head += "<th scope=\"col\">" + escape_html(column) + "</th>";
  for (const auto& row : table.rows) {
    std::string cells = "<th scope=\"row\">" + escape_html(row.front()) + "</th>";
    for (size_t column = 1; column < row.size(); ++column) {
      cells += "<td data-column=\"" + escape_html(table.columns[column]) + "\">" + escape_html(row[column]) + "</td>";
    }
    body += element("tr", cells) + "\n";
  }
  return element("table", element("thead", element("tr", head)) + "\n" + element("tbody", body));
}

/// One tile with the most important number for each run.
std::string tiles_html(const std::vector<RunRecord>& runs) {
  std::string tiles;
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i];
    const std::string color = "series-" + std::to_string(i % kSeriesColors);
    std::string tile = element("h2", "<span class=\"swatch " + color + "\"></span>" + escape_html(run.name));
    if (!run.evaluation && !run.needles.empty()) {
      const LongestNeedles longest = longest_needles(run.needles.front());
      tile += "<p class=\"figure\">" + format_percent(longest.share) + "</p>";
      tile += "<p class=\"unit\">of the answers right at " + format_length(longest.length) + " tokens</p>";
    } else {
      tile += "<p class=\"figure\">" + (run.evaluation ? format_perplexity(run.evaluation->perplexity) : "–") + "</p>";
      tile += "<p class=\"unit\">test perplexity</p>";
    }
    if (run.evaluation_without_memory) {
      tile += "<p>" + format_perplexity(run.evaluation_without_memory->perplexity) + " with its memory off</p>";
    }
    tiles += "<div class=\"tile\">" + tile + "</div>\n";
  }
  return tiles;
}

std::string notes_html(const std::vector<RunRecord>& runs) {
  std::string items;
  for (const auto& note : notes(runs)) items += element("li", escape_html(note)) + "\n";
  return items.empty() ? "" : "<ul class=\"notes\">" + items + "</ul>";
}

std::string samples_html(const std::vector<RunRecord>& runs) {
  std::string samples;
  for (const auto& run : runs) {
    if (run.sample.empty()) continue;
    samples += "<figure class=\"card\"><figcaption><h3>" + escape_html(run.name) + "</h3></figcaption><pre>" +
               escape_html(run.sample) + "</pre></figure>\n";
  }
  if (samples.empty()) return "";
  return "<section><h2>What it writes</h2>\n<div class=\"grid\">\n" + samples + "</div></section>";
}

/// Quotes a text so that a shell reads it as one word.
std::string shell_quoted(const std::string& word) {
  const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,+@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char character : word) {
    if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

/// The commands that train the run again under another name and evaluate the result.
std::string commands(const RunRecord& run) {
  const fs::path again = run.folder.parent_path() / (run.name + "-again");
  const auto quoted = [](const fs::path& path) { return shell_quoted(path.string()); };
  std::string text = "infini train " + quoted(run.folder / "config.yaml") + " --set " +
                     shell_quoted("name=" + again.filename().string()) + "\n";
  if (run.data_path.empty() || run.checkpoint.empty()) return text;
  const std::string evaluation =
      "infini eval --checkpoint " + quoted(again) + " \\\n    --data " + quoted(fs::path(run.data_path) / "test");
  text += evaluation + " --json > " + quoted(again / "evaluation.json") + "\n";
  if (run.model && run.model->has_memory()) {
    text += evaluation + " --no-memory --json > " + quoted(again / "evaluation-no-memory.json") + "\n";
  }
  if (!run.memory.empty()) {
    text += "infini memory --checkpoint " + quoted(again) + " \\\n    --data " +
            quoted(fs::path(run.data_path) / "test") + " --out " + quoted(again / "memory.json") + "\n";
  }
  return text;
}

std::string reproduction_html(const std::vector<RunRecord>& runs) {
  std::string all_commands, configurations, report = "infini report";
  for (const auto& run : runs) {
    report += " " + shell_quoted((run.folder.parent_path() / (run.name + "-again")).string());
    if (run.configuration.empty()) continue;
    all_commands += commands(run);
    configurations += "<details><summary>" + escape_html((run.folder / "config.yaml").string()) + "</summary><pre>" +
                      escape_html(run.configuration) + "</pre></details>\n";
  }
  if (configurations.empty()) return "";
  return "<section><h2>Repeat it</h2>\n<pre>" + escape_html(all_commands + report + "\n") + "</pre>\n" +
         configurations + "</section>";
}

/// The runs in the form of the paper's Table 2, if some evaluation says what each document contributed.
std::string perplexity_html(const std::vector<RunRecord>& runs) {
  const bool has_documents = std::ranges::any_of(
      runs, [](const RunRecord& run) { return run.evaluation && !run.evaluation->documents_read.empty(); });
  if (!has_documents) return "";
  const PerplexityComparison comparison = compare_perplexities(runs);
  std::string items;
  for (const auto& note : comparison.notes) items += element("li", escape_html(note)) + "\n";
  return "<section><h2>Perplexity and memory, as in the paper's Table 2</h2>\n<div class=\"table\">" +
         table_html(perplexity_table(comparison)) + "</div>\n<p class=\"explanation\">" + kPerplexityLegend + "</p>\n" +
         (items.empty() ? "" : "<ul class=\"notes\">" + items + "</ul>") + "</section>";
}

std::string title(const std::vector<RunRecord>& runs) {
  std::string names = runs.front().name;
  for (size_t i = 1; i < runs.size(); ++i) names += (i + 1 == runs.size() ? " and " : ", ") + runs[i].name;
  return names;
}

}  // namespace

std::string report_page(const std::vector<RunRecord>& runs) {
  return fill_template(page_parts::template_html, {{"title", escape_html(title(runs))},
                                                   {"headline", escape_html(headline(runs))},
                                                   {"tiles", tiles_html(runs)},
                                                   {"results", table_html(results_table(runs))},
                                                   {"explanation", shows_perplexity(runs) ? kPerplexity : kNeedles},
                                                   {"perplexity", perplexity_html(runs)},
                                                   {"settings", table_html(settings_table(runs))},
                                                   {"notes", notes_html(runs)},
                                                   {"samples", samples_html(runs)},
                                                   {"reproduction", reproduction_html(runs)},
                                                   {"data", json_for_script(figure_data(runs))},
                                                   {"css", std::string(page_parts::template_css)},
                                                   {"charts_js", std::string(page_parts::charts_js)},
                                                   {"figures_js", std::string(page_parts::figures_js)}});
}

}  // namespace infini::report
