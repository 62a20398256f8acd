// A doubly linked list whose links live in its elements: no allocation, O(1) removal, and an
// element knows by itself whether it is on a list. One thread; the list never owns.
//
//   struct Session { ListHook wait_hook; };
//   IntrusiveList<Session, &Session::wait_hook> waiters;
#pragma once

#include <cassert>
#include <cstddef>

namespace pgsaba {

struct ListHook {
  ListHook* prev = nullptr;
  ListHook* next = nullptr;

  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { assert(!linked()); }

  bool linked() const { return next != nullptr; }
};

template <class T, ListHook T::*Hook>
class IntrusiveList {
 public:
  IntrusiveList() { head_.prev = head_.next = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) pop_front();
    head_.prev = head_.next = nullptr;
  }

  bool empty() const { return head_.next == &head_; }
  std::size_t size() const { return size_; }

  T& front() { return *owner(head_.next); }
  T& back() { return *owner(head_.prev); }

  void push_back(T& element) { insert_before(head_, element.*Hook); }
  void push_front(T& element) { insert_before(*head_.next, element.*Hook); }

  void remove(T& element) {
    ListHook& hook = element.*Hook;
    assert(hook.linked());
    hook.prev->next = hook.next;
    hook.next->prev = hook.prev;
    hook.prev = hook.next = nullptr;
    --size_;
  }

  T& pop_front() {
    T& element = front();
    remove(element);
    return element;
  }

  T* next(T& element) {
    ListHook* hook = (element.*Hook).next;
    return hook == &head_ ? nullptr : owner(hook);
  }
  T* first() { return empty() ? nullptr : &front(); }

  // Visits every element; `visit` may remove the element it is given, and no other.
  template <class Visit>
  void for_each(Visit visit) {
    for (ListHook* hook = head_.next; hook != &head_;) {
      ListHook* following = hook->next;
      visit(*owner(hook));
      hook = following;
    }
  }

 private:
  void insert_before(ListHook& at, ListHook& hook) {
    assert(!hook.linked());
    hook.prev = at.prev;
    hook.next = &at;
    at.prev->next = &hook;
    at.prev = &hook;
    ++size_;
  }

  static T* owner(ListHook* hook) {
    alignas(T) static unsigned char image[sizeof(T)];  // never a T: only measures the offset
    T* origin = reinterpret_cast<T*>(image);
    const auto offset = reinterpret_cast<char*>(&(origin->*Hook)) - reinterpret_cast<char*>(origin);
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
  }

  ListHook head_;
  std::size_t size_ = 0;
};

}  // namespace pgsaba
