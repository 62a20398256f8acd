// Bytes are a sequence of messages sent and replies received, possible or not. The ledger's
// promises hold throughout: nothing is owed by an empty one, and whatever happens a Sync and its
// ReadyForQuery end it all.
#include <cstdlib>

#include "pgsaba/server/pipeline.h"

namespace {

using namespace pgsaba;
using server::Disposition;
using server::Pipeline;
using server::Request;

void require(bool holds) {
  if (!holds) std::abort();
}

bool pgsaba_answers(Request request) {
  return request == Request::kClose || request == Request::kParse;
}

bool pgsaba_sends(Request request) {
  return request == Request::kQuery || request == Request::kParse || request == Request::kClose;
}

// As ServerConnection does after each step.
void follow_up(Pipeline& pipeline) {
  while (const auto skipped = pipeline.take_skipped())
    require(skipped->statement != 0 || skipped->change != 0 || server::alters_statements(*skipped));
  while (const auto answer = pipeline.take_synthesis())
    require(answer->disposition == Disposition::kSynthesize);
  require(!pipeline.synthesis_due());
  require(pipeline.owed_ready() <= pipeline.size());
  require(!pipeline.empty() || (pipeline.size() == 0 && !pipeline.skipping()));
  require(!pipeline.skipping() || pipeline.size() == 0);
  require(!pipeline.copying_in() || pipeline.size() > 0);
}

void expect(Pipeline& pipeline, std::uint8_t byte) {
  server::Expected entry;
  entry.request = static_cast<Request>(byte % 9);
  const auto wanted = static_cast<Disposition>((byte / 9) % 3);
  if (wanted == Disposition::kSwallow && pgsaba_sends(entry.request)) entry.disposition = wanted;
  if (wanted == Disposition::kSynthesize && pgsaba_answers(entry.request))
    entry.disposition = wanted;
  entry.statement = byte % 4;
  entry.teaches = entry.request == Request::kParse;
  if (!pipeline.full()) pipeline.expect(entry);
}

void receive(Pipeline& pipeline, std::uint8_t byte) {
  constexpr std::string_view kTags = "123TDCIstnEGHdcNSAVWEEGC";
  constexpr std::string_view kStatus = "ITE";
  const std::size_t before = pipeline.size();
  const std::size_t choice = byte % (kTags.size() + kStatus.size());
  const Pipeline::Verdict verdict =
      choice < kTags.size()
          ? pipeline.reply(kTags[choice])
          : pipeline.ready(static_cast<wire::TransactionStatus>(kStatus[choice - kTags.size()]));
  require(pipeline.size() <= before);
  if (verdict.action == Pipeline::Action::kUnexpected) require(!verdict.finished);
}

// Whoever answers properly from here on gets the ledger empty.
void finish(Pipeline& pipeline) {
  pipeline.expect({Request::kCopyEnd});
  pipeline.expect({Request::kSync});
  follow_up(pipeline);
  for (std::size_t left = pipeline.size() + 1; left > 0 && pipeline.size() > 0; --left) {
    const bool ended =
        pipeline.ready(wire::TransactionStatus::kIdle).action != Pipeline::Action::kUnexpected;
    if (!ended) require(pipeline.reply('E').action != Pipeline::Action::kUnexpected);
    follow_up(pipeline);
  }
  require(pipeline.empty());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Pipeline pipeline;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] < 128) {
      expect(pipeline, data[i]);
    } else {
      receive(pipeline, data[i]);
    }
    follow_up(pipeline);
  }
  finish(pipeline);
  return 0;
}
