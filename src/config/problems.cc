#include "pgsaba/config/problems.h"

namespace pgsaba::config {
namespace {

Problem problem_at(Severity severity, const Place& place, std::string message, std::string hint) {
  return {severity, place.file ? *place.file : std::string(), place.line, std::move(message),
          std::move(hint)};
}

std::string where(const std::string& file, int line) {
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

}  // namespace

std::string text_of(const Place& place) {
  return where(place.file ? *place.file : std::string(), place.line);
}

std::string Problem::text() const {
  std::string text = message;
  if (!file.empty()) text += " (" + where(file, line) + ")";
  if (!hint.empty()) text += "; " + hint;
  return text;
}

void Problems::error(const Place& place, std::string message, std::string hint) {
  if (full()) return;
  ++errors_;
  problems_.push_back(problem_at(Severity::kError, place, std::move(message), std::move(hint)));
  if (full()) {
    problems_.push_back(problem_at(Severity::kError, {}, "there may be more errors", {}));
  }
}

void Problems::warning(const Place& place, std::string message, std::string hint) {
  if (warnings_++ >= kMaxWarnings) return;
  problems_.push_back(problem_at(Severity::kWarning, place, std::move(message), std::move(hint)));
}

}  // namespace pgsaba::config
