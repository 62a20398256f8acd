// Buffer: a FIFO of bytes that owns a block only while it holds bytes, and BufferPool: the blocks
// of one worker. An idle connection therefore costs no buffer, and steady traffic reuses the same
// few blocks, still warm in the cache, without asking the allocator.
// Owned by one worker thread. A Buffer must be emptied (`clear`) before it is destroyed.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pgsaba/base/bytes.h"

namespace pgsaba {

class BufferPool {
 public:
  struct Block {
    std::uint8_t* data = nullptr;
    std::size_t capacity = 0;
  };

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  Block take(std::size_t at_least);
  void give(Block block);

 private:
  static constexpr std::array<std::size_t, 4> kClassBytes = {4'096, 16'384, 65'536, 262'144};
  static constexpr std::array<std::size_t, 4> kKeep = {256, 64, 16,
                                                       8};  // free blocks kept, a class

  std::array<std::vector<std::uint8_t*>, 4> free_;
};

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { assert(block_.data == nullptr); }

  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  Bytes view() const { return {block_.data + head_, size()}; }

  void append(BufferPool& pool, Bytes bytes) {
    if (bytes.empty()) return;  // memcpy takes no null pointer, even for nothing
    std::memcpy(reserve(pool, bytes.size()), bytes.data(), bytes.size());
    tail_ += bytes.size();
  }
  // Before all that is here; copies it.
  void prepend(BufferPool& pool, Bytes bytes);
  // Room for `count` bytes behind the last one; `commit` makes them part of the buffer.
  std::uint8_t* reserve(BufferPool& pool, std::size_t count);
  void commit(std::size_t count) { tail_ += count; }

  // Forgets the first `count` bytes; the block goes back when none are left.
  void consume(BufferPool& pool, std::size_t count) {
    assert(count <= size());
    head_ += count;
    if (head_ == tail_) clear(pool);
  }
  void clear(BufferPool& pool);

 private:
  BufferPool::Block block_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace pgsaba
