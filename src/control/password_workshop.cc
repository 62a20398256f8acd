#include "control/password_workshop.h"

#include "pgsaba/base/log.h"

namespace pgsaba::control {

PasswordWorkshop::PasswordWorkshop(Judge judge, Answer answer)
    : door_(std::make_shared<Door>()),
      workshop_("passwords", [judge = std::move(judge), door = door_](const Order& order) {
        work(judge, *door, order);
      }) {
  door_->answer = std::move(answer);
}

void PasswordWorkshop::work(const Judge& judge, Door& door, const Order& order) {
  if (order.wanted.expired()) return;
  const std::string why = judge(order.check);
  if (!why.empty()) log::info("C-{} {}: {}", order.client, order.check.user, why);
  const std::lock_guard lock(door.mutex);
  if (door.answer) door.answer(order.worker, {order.client, why.empty()});
}

bool PasswordWorkshop::stop() {
  {
    const std::lock_guard lock(door_->mutex);
    door_->answer = nullptr;
  }
  return workshop_.leave();
}

}  // namespace pgsaba::control
