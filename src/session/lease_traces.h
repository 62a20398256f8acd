// LeaseTraces: what the statements of one lease may have left in the session of their server,
// gathered while they are sent, and what follows from it when the transaction is over: nothing, one
// change that is known from its text, or a question to the server. Pure; owned by one session,
// which has one only once a statement was suspicious.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/server/settings.h"
#include "pgsaba/session/pin.h"
#include "pgsaba/sql/statement.h"
#include "pgsaba/wire/error_fields.h"

namespace pgsaba::session {

// Effects that outlive a transaction. The others only matter while it runs.
inline constexpr sql::Effects kLasting = sql::effect::kSetting | sql::effect::kAnySetting |
                                         sql::effect::kTemporary | sql::effect::kAdvisoryLock |
                                         sql::effect::kHeldCursor | sql::effect::kListen |
                                         sql::effect::kPrepared | sql::effect::kSequence |
                                         sql::effect::kIrreversible | sql::effect::kUnknownCode;

// Channels of pgsaba's own begin with it.
inline constexpr std::string_view kMarkerPrefix = "_pgsaba_given_up_";

class LeaseTraces {
 public:
  // A suspicious statement is sent. `bind` is the body of the Bind that runs it, if there is one:
  // it may name a parameter.
  void add(std::string_view sql, sql::Effects effects, const sql::Dialect& dialect,
           std::optional<Bytes> bind = std::nullopt);
  // The value of a parameter has to be asked for.
  void reread(const std::string& name) {
    effects_ |= sql::effect::kSetting;
    plain_.reset();
    if (std::ranges::find(names_, name) == names_.end()) names_.push_back(name);
  }
  // A text too long to be read.
  void add_unread() { effects_ |= sql::effect::kAll; }
  // A statement failed: a parameter that was named may not have been set, and may be none that can.
  void failed() {
    if ((effects_ & sql::effect::kSetting) != 0) effects_ |= sql::effect::kAnySetting;
  }
  // The server confirmed a SET or RESET.
  void setting_done() { ++confirmed_; }
  void clear() { *this = {}; }

  // A portal is bound; if running it changes names of prepared statements, to this text.
  void bind_portal(std::string_view portal, std::string_view text);
  // Null: running that portal changes none.
  const std::string* text_of_portal(std::string_view portal) const;
  bool has_portals() const { return !portals_.empty(); }

  // The channels that texts of the lease gave up; they count once its transaction is committed.
  struct GivenUp {
    sql::Unlistened what;
    std::string
        marker;  // a channel that is listened to if, and only if, this was committed; or none
  };
  const std::vector<GivenUp>& given_up() const { return given_up_; }
  // The channel to listen to right behind the last one.
  std::string mark_last_given_up();

  sql::Effects effects() const { return effects_; }

  // The lease had this one statement, in its plain form, and it took effect.
  const sql::PlainSetting* sole_setting(std::uint32_t statements) const;

  // Names of parameters may have been made up by code: whatever is asked, some may be missed.
  bool may_miss_settings() const {
    return computes_names_ || (effects_ & sql::effect::kUnknownCode) != 0;
  }

  // What to ask the server now; empty if nothing need be asked. `known` are the client's
  // parameters so far, some of which no list of the server's shows; `custom` are others of that
  // kind which code out of sight may set.
  std::string question(const server::SettingsRef& known,
                       const std::vector<std::string>& custom = {}) const;

 private:
  void touch(const sql::TouchedSetting& touched, std::optional<Bytes> bind);
  void suspect(std::string_view sql, std::optional<Bytes> bind);
  std::vector<std::string> unlisted_names(const server::SettingsRef& known,
                                          const std::vector<std::string>& custom) const;

  sql::Effects effects_ = sql::effect::kNone;
  std::optional<sql::PlainSetting> plain_;
  std::vector<std::string> names_;  // of parameters
  std::vector<GivenUp> given_up_;
  std::map<std::string, std::string, std::less<>> portals_;  // that change names, with their texts
  std::uint32_t confirmed_ = 0;
  bool computes_names_ = false;  // set_config(expression)
};

// A prepared statement that a server has, as it says.
struct PreparedThere {
  std::string name;
  bool by_sql = false;
  // Text and parameter types as Parse carries them; without: only its name is known, which happens
  // to what was prepared by SQL, several times in one string.
  std::optional<std::string> rest;
};

// What the server said: the rows of a question, whose first column is their kind.
struct StateAnswer {
  bool failed = false;
  bool all_settings = false;  // `settings` is complete, but for those that no list shows
  std::vector<std::pair<std::string, std::optional<std::string>>> settings;
  Pins pins;  // the reasons found
  std::vector<std::string> channels;
  std::vector<PreparedThere> prepared;

  bool mentions(std::string_view name) const;
  bool listens_to(std::string_view channel) const {
    return std::ranges::find(channels, channel) != channels.end();
  }
};
StateAnswer read_answer(Bytes frames, const sql::Dialect& dialect);

// The error among what a server answered, if there is one.
std::optional<wire::ErrorFields> error_in(Bytes frames);

// The reasons that a question for these effects decides about.
Pins decided_pins(sql::Effects effects);

}  // namespace pgsaba::session
