// The C++ library's view of files: streams and std::filesystem. Leaves nothing behind.
#include "check.h"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace fs = std::filesystem;

int main()
{
	fs::path root = fs::current_path() / "filesystem_test";
	CHECK(fs::create_directories(root / "a" / "b" / "c"));
	CHECK(fs::is_directory(root / "a/b/c") && !fs::exists(root / "none"));
	{
		std::ofstream out(root / "a" / "numbers");
		for (int i = 0; i < 1000; i++)
			out << i << '\n';
	}
	std::ifstream in(root / "a" / "numbers");
	long sum = 0, number;
	while (in >> number)
		sum += number;
	CHECK(sum == 499500 && in.eof());
	CHECK(fs::file_size(root / "a/numbers") == 3890);

	CHECK(fs::copy_file(root / "a/numbers", root / "a/b/copy"));
	CHECK(fs::file_size(root / "a/b/copy") == 3890);
	fs::rename(root / "a/b/copy", root / "moved");
	CHECK(fs::exists(root / "moved") && !fs::exists(root / "a/b/copy"));
	fs::resize_file(root / "moved", 10);
	CHECK(fs::file_size(root / "moved") == 10);
	fs::create_symlink("moved", root / "link");
	CHECK(fs::is_symlink(root / "link") && fs::read_symlink(root / "link") == "moved");
	CHECK(fs::equivalent(root / "link", root / "moved"));
	fs::create_hard_link(root / "moved", root / "twin");
	CHECK(fs::hard_link_count(root / "moved") == 2);

	std::set<std::string> found;
	for (const auto &entry : fs::recursive_directory_iterator(root))
		found.insert(entry.path().lexically_relative(root).string());
	std::set<std::string> expected = { "a", "a/b", "a/b/c", "a/numbers", "link", "moved", "twin" };
	CHECK(found == expected);

	CHECK(fs::canonical(root / "a/../a/./b") == root / "a/b");
	CHECK(fs::weakly_canonical(root / "a/../none/x") == root / "none/x");
	std::error_code error;
	fs::remove(root / "a", error);
	CHECK(error == std::errc::directory_not_empty);
	CHECK(fs::file_size(root / "none", error) == static_cast<std::uintmax_t>(-1));
	CHECK(error == std::errc::no_such_file_or_directory);
	bool thrown = false;
	try {
		fs::create_directory(root / "none" / "deep");
	} catch (const fs::filesystem_error &failure) {
		thrown = failure.code() == std::errc::no_such_file_or_directory;
	}
	CHECK(thrown);
	auto time = fs::last_write_time(root / "moved");
	fs::last_write_time(root / "moved", time - std::chrono::hours(1));
	CHECK(fs::last_write_time(root / "moved") == time - std::chrono::hours(1));

	auto before = fs::current_path();
	fs::current_path(root / "a");
	CHECK(fs::exists("numbers") && fs::current_path() == root / "a");
	fs::current_path(before);
	CHECK(fs::remove_all(root) == 8 && !fs::exists(root));
	return CHECK_DONE();
}
