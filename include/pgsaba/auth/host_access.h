// HostAccess: all that decides who may log in from where: the rules, the maps of names they
// mention, and the machine's own networks. Made at start and at each reload by the control thread,
// then shared as const.
#pragma once

#include <vector>

#include "pgsaba/auth/hba.h"
#include "pgsaba/auth/ident_map.h"

namespace pgsaba::auth {

struct HostAccess {
  HbaRules rules;
  IdentMaps maps;
  std::vector<IpNetwork> own;  // for samehost and samenet
  bool from_type = false;      // auth.type stands for the one rule: nobody has written any

  HbaVerdict match(const HbaClient& client) const { return rules.match(client, own); }
};

}  // namespace pgsaba::auth
