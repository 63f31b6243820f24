// build: -pthread
// The C++ library with threads: std::thread, futures, condition variables, call_once, atomics,
// thread_local with destructors, exceptions that cross a future.
#include "check.h"
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <numeric>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static std::atomic<int> destroyed;

struct Local {
	int value = 3;
	~Local() { destroyed++; }
};

static thread_local Local local;

static long long sum(const std::vector<int> &values, size_t from, size_t to)
{
	return std::accumulate(values.begin() + from, values.begin() + to, 0LL);
}

int main()
{
	std::vector<int> values(100000);
	std::iota(values.begin(), values.end(), 0);
	std::vector<std::future<long long>> parts;
	for (size_t i = 0; i < 8; i++)
		parts.push_back(std::async(std::launch::async, sum, std::cref(values), i * 12500, (i + 1) * 12500));
	long long total = 0;
	for (auto &part : parts)
		total += part.get();
	CHECK(total == 4999950000LL);

	auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("inside"); });
	bool caught = false;
	try {
		failing.get();
	} catch (const std::runtime_error &) {
		caught = true;
	}
	CHECK(caught);

	std::atomic<long> counter{0};
	std::mutex mutex;
	std::once_flag once;
	int runs = 0, guarded = 0;
	std::vector<std::thread> threads;
	for (int i = 0; i < 8; i++)
		threads.emplace_back([&] {
			local.value++;
			std::call_once(once, [&] { runs++; });
			for (int k = 0; k < 1000; k++) {
				counter++;
				std::lock_guard lock(mutex);
				guarded++;
			}
		});
	for (auto &thread : threads)
		thread.join();
	CHECK(counter == 8000 && guarded == 8000 && runs == 1);
	CHECK(destroyed == 8 && local.value == 3);

	std::condition_variable ready;
	bool flag = false;
	std::jthread setter([&] {
		std::lock_guard lock(mutex);
		flag = true;
		ready.notify_all();
	});
	{
		std::unique_lock lock(mutex);
		ready.wait(lock, [&] { return flag; });
		CHECK(flag);
		CHECK(!ready.wait_for(lock, std::chrono::milliseconds(5), [] { return false; }));
	}

	std::shared_mutex shared;
	std::latch latch(4);
	std::barrier barrier(4);
	std::counting_semaphore<4> semaphore(0);
	std::atomic<int> rounds{0};
	{
		std::vector<std::jthread> group;
		for (int i = 0; i < 4; i++)
			group.emplace_back([&] {
				latch.arrive_and_wait();
				for (int k = 0; k < 50; k++) {
					barrier.arrive_and_wait();
					std::shared_lock lock(shared);
					rounds++;
				}
				semaphore.release();
			});
		for (int i = 0; i < 4; i++)
			semaphore.acquire();
	}
	CHECK(rounds == 200);
	CHECK(std::thread::hardware_concurrency() >= 1);

	std::atomic<int> waited{0};
	std::jthread waker([&] {
		waited = 1;
		waited.notify_all();
	});
	waited.wait(0);
	CHECK(waited == 1);
	return CHECK_DONE();
}
