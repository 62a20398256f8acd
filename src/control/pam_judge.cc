#include <security/pam_appl.h>

#include <cstdlib>
#include <cstring>

#include "control/password_judges.h"

namespace pgsaba::control {
namespace {

struct Conversation {
  const auth::SecretBytes& password;
};

// A copy for PAM, which wipes and frees it.
char* copy_of(std::string_view text) {
  auto* copy = static_cast<char*>(std::calloc(text.size() + 1, 1));  // NOLINT: PAM calls free
  if (copy != nullptr) std::memcpy(copy, text.data(), text.size());
  return copy;
}

// Whatever is asked without an echo is the password; questions with one have no answer.
int converse(int count, const pam_message** messages, pam_response** responses, void* data) {
  const auto& conversation = *static_cast<const Conversation*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* replies = static_cast<pam_response*>(  // NOLINT: PAM calls free
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (replies == nullptr) return PAM_CONV_ERR;
  bool usable = true;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style == PAM_PROMPT_ECHO_OFF)
      replies[i].resp = copy_of(conversation.password.text());
    else if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO)
      replies[i].resp = copy_of("");
    usable = usable && replies[i].resp != nullptr;
  }
  *responses = replies;
  if (usable) return PAM_SUCCESS;
  for (int i = 0; i < count; ++i) {
    if (replies[i].resp != nullptr) auth::wipe(replies[i].resp, std::strlen(replies[i].resp));
    std::free(replies[i].resp);  // NOLINT
  }
  std::free(replies);  // NOLINT
  *responses = nullptr;
  return PAM_CONV_ERR;
}

}  // namespace

std::string judge_by_pam(const auth::PamCheck& by, const auth::PasswordCheck& check) {
  Conversation conversation{check.password};
  const pam_conv talk = {&converse, &conversation};
  pam_handle_t* pam = nullptr;
  int result = ::pam_start(by.service.c_str(), check.user.c_str(), &talk, &pam);
  if (result != PAM_SUCCESS) return "PAM cannot be used: " + std::to_string(result);
  std::string_view step = "pam_set_item";
  if (!by.host.empty()) result = ::pam_set_item(pam, PAM_RHOST, by.host.c_str());
  if (result == PAM_SUCCESS) {
    step = "pam_authenticate";
    result = ::pam_authenticate(pam, 0);
  }
  if (result == PAM_SUCCESS) {
    step = "pam_acct_mgmt";
    result = ::pam_acct_mgmt(pam, 0);
  }
  std::string why;
  if (result != PAM_SUCCESS)
    why = std::string(step) + " failed: " + ::pam_strerror(pam, result) + " (service \"" +
          by.service + "\")";
  ::pam_end(pam, result);
  return why;
}

}  // namespace pgsaba::control
