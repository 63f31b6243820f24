// The C++ library without threads: streams, strings, containers, regex, filesystem, locale, chrono,
// random numbers, formatting, static initialisation and destruction.
#include "check.h"
#include <algorithm>
#include <any>
#include <charconv>
#include <chrono>
#include <complex>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <valarray>
#include <variant>

static std::string built_before_main = std::string(100, 'x') + "y";

static void filesystem()
{
	namespace fs = std::filesystem;
	fs::path root = fs::path("cxxlib_test_dir");
	fs::remove_all(root);
	CHECK(fs::create_directories(root / "a" / "b"));
	{
		std::ofstream out(root / "a" / "file.txt");
		out << "one\ntwo\n" << 3.5 << '\n';
	}
	CHECK(fs::file_size(root / "a" / "file.txt") == 12);
	std::ifstream in(root / "a" / "file.txt");
	std::string first, second;
	double third = 0;
	std::getline(in, first);
	std::getline(in, second);
	in >> third;
	CHECK(first == "one" && second == "two" && third == 3.5);
	in.close();
	fs::rename(root / "a" / "file.txt", root / "moved.txt");
	CHECK(fs::exists(root / "moved.txt") && !fs::exists(root / "a" / "file.txt"));
	int entries = 0;
	for (const auto &entry : fs::recursive_directory_iterator(root))
		entries += !entry.path().empty();
	CHECK(entries == 3);
	std::error_code error;
	fs::create_directory(root / "missing" / "x", error);
	CHECK(error);
	bool thrown = false;
	try {
		fs::file_size(root / "nowhere");
	} catch (const fs::filesystem_error &) {
		thrown = true;
	}
	CHECK(thrown);
	CHECK(fs::remove_all(root) == 4);
	CHECK((root / "x" / ".." / "y").lexically_normal() == root / "y");
}

int main()
{
	CHECK(built_before_main.size() == 101);
	std::ostringstream out;
	out << std::setprecision(17) << 0.1 << ' ' << std::hex << 255 << ' ' << std::setw(5) << "ab";
	CHECK(out.str() == "0.10000000000000001 ff    ab");
	std::istringstream in("12 3.5 word");
	int i;
	double d;
	std::string w;
	CHECK((in >> i >> d >> w) && i == 12 && d == 3.5 && w == "word");
	CHECK(std::stod("2.5e3") == 2500 && std::to_string(-7) == "-7");
	CHECK(std::format("{:>6.2f}|{:#x}|{}", 3.14159, 255, "s") == "  3.14|0xff|s");
	double parsed = 0;
	std::string text = "1.25";
	std::from_chars(text.data(), text.data() + text.size(), parsed);
	CHECK(parsed == 1.25);

	std::regex pattern("(\\w+)@(\\w+)\\.com");
	std::smatch match;
	std::string mail = "write to someone@example.com now";
	CHECK(std::regex_search(mail, match, pattern) && match[2] == "example");
	CHECK(std::regex_replace(std::string("a-b-c"), std::regex("-"), "+") == "a+b+c");

	std::map<std::string, int> ordered{{"b", 2}, {"a", 1}};
	std::unordered_map<int, std::string> hashed;
	for (int k = 0; k < 1000; k++)
		hashed[k] = std::to_string(k);
	CHECK(ordered.begin()->first == "a" && hashed.at(500) == "500");
	std::vector<int> values{5, 3, 1, 4};
	std::ranges::sort(values);
	CHECK(values == std::vector<int>({1, 3, 4, 5}));
	std::variant<int, std::string> variant = "text";
	CHECK(std::get<std::string>(variant) == "text");
	std::optional<int> none;
	CHECK(!none && none.value_or(3) == 3);
	std::any any = 5;
	CHECK(std::any_cast<int>(any) == 5);
	auto shared = std::make_shared<int>(4);
	std::weak_ptr<int> weak = shared;
	shared.reset();
	CHECK(weak.expired());
	CHECK(std::abs(std::complex<double>(3, 4)) == 5);
	CHECK(std::valarray<int>({1, 2, 3}).sum() == 6);

	std::mt19937 random(5489);
	random.discard(9999);
	CHECK(random() == 4123659995u);
	CHECK(std::random_device()() != std::random_device()());
	CHECK(std::locale("C").name() == "C" && std::toupper('a', std::locale()) == 'A');
	auto now = std::chrono::system_clock::now();
	CHECK(now.time_since_epoch() > std::chrono::hours(24 * 365 * 50));
	CHECK(std::chrono::steady_clock::now() <= std::chrono::steady_clock::now());
	std::mutex mutex;
	std::lock_guard lock(mutex);
	std::wstring wide = L"wide";
	CHECK(wide.size() == 4);
	filesystem();
	std::cout << "streams are flushed" << std::endl;
	return CHECK_DONE();
}
