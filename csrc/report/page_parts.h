#pragma once

#include <string_view>

/// The text of the files that make up the page, embedded by the build (embed_page_parts.cmake).
namespace infini::report::page_parts {

extern const std::string_view template_html;
extern const std::string_view template_css;
extern const std::string_view charts_js;
extern const std::string_view figures_js;

}  // namespace infini::report::page_parts
