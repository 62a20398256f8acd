// The ledger of what a server owes: one transaction's messages entered, and its replies judged.
#include "pgsaba/server/pipeline.h"

#include "part.h"

namespace bench {
namespace {

using pgsaba::server::Pipeline;
using pgsaba::server::Request;

Part judging(std::string name, std::vector<Request> requests, std::string replies) {
  return part(std::move(name), [pipeline = Pipeline(), requests = std::move(requests),
                                replies = std::move(replies)]() mutable {
    for (const Request request : requests) pipeline.expect({.request = request});
    for (const char tag : replies) keep(pipeline.reply(tag));
    keep(pipeline.ready(pgsaba::wire::TransactionStatus::kIdle));
    keep(pipeline.empty());
  });
}

}  // namespace

void add_pipeline(Parts& parts) {
  parts.push_back(judging("server/pipeline-simple", {Request::kQuery}, "TDC"));
  parts.push_back(judging(
      "server/pipeline-extended",
      {Request::kParse, Request::kBind, Request::kDescribe, Request::kExecute, Request::kSync},
      "12TDC"));
}

}  // namespace bench
