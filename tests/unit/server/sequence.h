// A Pipeline driven as ServerConnection drives it, written in short:
//
//   send("P7 B E S")   messages of the client: Q F P B D E C S, and c for the end of a COPY;
//                      ~ in front: one of pgsaba's own, = : pgsaba answers it itself;
//                      + behind P: its success teaches the server; a number: the statement
//   reply("1 2 C ZI")  what the server says; ReadyForQuery with its status
//
// reply() tells what the client got of it: the tag, =1 or =3 for an answer of ours, - for what was
// swallowed, ? for what nobody expected.
#pragma once

#include <sstream>
#include <string>

#include "pgsaba/server/pipeline.h"

namespace pgsaba::testing {

class Sequence {
 public:
  void send(const std::string& messages) {
    std::istringstream words(messages);
    for (std::string word; words >> word;) send_one(word);
  }

  std::string reply(const std::string& tags) {
    std::istringstream words(tags);
    for (std::string word; words >> word;) reply_one(word);
    return take(told_);
  }

  // The statements whose Parse or Close was skipped: "P7 C3", the latest first.
  std::string skipped() { return take(skipped_); }
  // What the client got without a reply of the server: answers of ours that were due at once.
  std::string told() { return take(told_); }

  // "empty", or entries/ReadyForQuery owed; then what else holds.
  std::string state() const {
    std::string text = pipeline.empty() ? "empty"
                                        : std::to_string(pipeline.size()) + "/" +
                                              std::to_string(pipeline.owed_ready());
    if (pipeline.skipping()) text += " skipping";
    if (pipeline.copying_in()) text += " copying";
    if (pipeline.doubtful()) text += " doubtful";
    return text;
  }

  server::Pipeline pipeline;

 private:
  using Request = server::Request;

  static Request request_of(char letter) {
    switch (letter) {
      case 'Q':
        return Request::kQuery;
      case 'F':
        return Request::kFunctionCall;
      case 'P':
        return Request::kParse;
      case 'B':
        return Request::kBind;
      case 'D':
        return Request::kDescribe;
      case 'E':
        return Request::kExecute;
      case 'C':
        return Request::kClose;
      case 'S':
        return Request::kSync;
      default:
        return Request::kCopyEnd;
    }
  }

  void send_one(std::string word) {
    server::Expected entry;
    if (word[0] == '~') entry.disposition = server::Disposition::kSwallow;
    if (word[0] == '=') entry.disposition = server::Disposition::kSynthesize;
    if (word[0] == '~' || word[0] == '=') word.erase(0, 1);
    entry.request = request_of(word[0]);
    word.erase(0, 1);
    entry.teaches = word.starts_with('+');
    if (entry.teaches) word.erase(0, 1);
    if (!word.empty()) entry.statement = static_cast<std::uint32_t>(std::stoul(word));
    pipeline.expect(entry);
    follow_up();
  }

  void reply_one(const std::string& word) {
    const server::Pipeline::Verdict verdict =
        word[0] == 'Z' ? pipeline.ready(static_cast<wire::TransactionStatus>(word[1]))
                       : pipeline.reply(word[0]);
    using Action = server::Pipeline::Action;
    tell(verdict.action == Action::kUnexpected ? "?"
         : verdict.action == Action::kSwallow  ? "-"
                                               : word);
    follow_up();
  }

  void follow_up() {
    while (const auto entry = pipeline.take_skipped())
      add(skipped_, std::string(entry->request == Request::kClose ? "C" : "P") +
                        std::to_string(entry->statement));
    while (const auto entry = pipeline.take_synthesis())
      tell(entry->request == Request::kClose ? "=3" : "=1");
  }

  void tell(const std::string& word) { add(told_, word); }
  static void add(std::string& words, const std::string& word) {
    words += (words.empty() ? "" : " ") + word;
  }
  static std::string take(std::string& words) { return std::exchange(words, {}); }

  std::string told_;
  std::string skipped_;
};

}  // namespace pgsaba::testing
