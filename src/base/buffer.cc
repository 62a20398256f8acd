#include "pgsaba/base/buffer.h"

#include <algorithm>
#include <new>

namespace pgsaba {

BufferPool::~BufferPool() {
  for (auto& blocks : free_)
    for (std::uint8_t* data : blocks) ::operator delete(data);
}

BufferPool::Block BufferPool::take(std::size_t at_least) {
  for (std::size_t i = 0; i < kClassBytes.size(); ++i) {
    if (at_least > kClassBytes[i]) continue;
    if (free_[i].empty())
      return {static_cast<std::uint8_t*>(::operator new(kClassBytes[i])), kClassBytes[i]};
    std::uint8_t* data = free_[i].back();
    free_[i].pop_back();
    return {data, kClassBytes[i]};
  }
  return {static_cast<std::uint8_t*>(::operator new(at_least)), at_least};
}

void BufferPool::give(Block block) {
  for (std::size_t i = 0; i < kClassBytes.size(); ++i) {
    if (block.capacity != kClassBytes[i] || free_[i].size() >= kKeep[i]) continue;
    free_[i].push_back(block.data);
    return;
  }
  ::operator delete(block.data);
}

std::uint8_t* Buffer::reserve(BufferPool& pool, std::size_t count) {
  if (block_.capacity - tail_ >= count) return block_.data + tail_;
  const std::size_t held = size();
  if (block_.data != nullptr && block_.capacity >= held + count && head_ >= held) {
    std::memcpy(block_.data, block_.data + head_, held);
  } else {
    const std::size_t wanted = held + count;
    BufferPool::Block larger = pool.take(std::max(wanted, wanted > 262'144 ? 2 * held : 0));
    if (held > 0) std::memcpy(larger.data, block_.data + head_, held);
    if (block_.data != nullptr) pool.give(block_);
    block_ = larger;
  }
  head_ = 0;
  tail_ = held;
  return block_.data + tail_;
}

void Buffer::prepend(BufferPool& pool, Bytes bytes) {
  if (bytes.empty()) return;
  BufferPool::Block larger = pool.take(bytes.size() + size());
  std::memcpy(larger.data, bytes.data(), bytes.size());
  if (!empty()) std::memcpy(larger.data + bytes.size(), block_.data + head_, size());
  tail_ = bytes.size() + size();
  head_ = 0;
  if (block_.data != nullptr) pool.give(block_);
  block_ = larger;
}

void Buffer::clear(BufferPool& pool) {
  if (block_.data != nullptr) pool.give(std::exchange(block_, {}));
  head_ = tail_ = 0;
}

}  // namespace pgsaba
