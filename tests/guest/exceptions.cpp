// C++ exceptions: through many frames, with destructors, rethrown, nested, by type, from a
// constructor, through C frames, and never caught in the wrong place.
#include "check.h"
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

static int alive;

struct Counted {
	Counted() { alive++; }
	Counted(const Counted &) { alive++; }
	~Counted() { alive--; }
};

struct Base {
	virtual ~Base() = default;
	virtual int id() const { return 1; }
};

struct Derived : Base {
	int id() const override { return 2; }
};

[[gnu::noinline]] static int deep(int n)
{
	Counted counted;
	if (n == 0)
		throw std::runtime_error("bottom");
	return deep(n - 1) + 1;
}

struct Throwing {
	Counted member;
	Throwing() { throw 7; }
};

extern "C" int call_back(int (*f)(int), int n)
{
	return f(n) + 1;
}

static int nested()
{
	try {
		try {
			throw 1;
		} catch (int &) {
			Counted counted;
			throw std::string("two");
		}
	} catch (const std::string &text) {
		return text == "two" ? 2 : 0;
	}
	return 0;
}

static void by_noexcept_query() noexcept {}

int main()
{
	std::string what;
	try {
		deep(1000);
	} catch (const std::exception &e) {
		what = e.what();
	}
	CHECK(what == "bottom");
	CHECK(alive == 0);

	int id = 0;
	try {
		throw Derived();
	} catch (const Base &base) {
		id = base.id();
	}
	CHECK(id == 2);

	int caught = 0;
	try {
		try {
			throw 3;
		} catch (const char *) {
			caught = -1;
		}
	} catch (int value) {
		caught = value;
	}
	CHECK(caught == 3);

	bool rethrown = false;
	try {
		try {
			throw std::out_of_range("x");
		} catch (const std::logic_error &) {
			throw;
		}
	} catch (const std::out_of_range &) {
		rethrown = true;
	}
	CHECK(rethrown);
	CHECK(nested() == 2);

	int from_constructor = 0;
	try {
		Throwing t;
	} catch (int value) {
		from_constructor = value;
	}
	CHECK(from_constructor == 7);
	CHECK(alive == 0);

	bool through_c = false;
	try {
		call_back(deep, 3);
	} catch (...) {
		through_c = true;
	}
	CHECK(through_c);

	std::exception_ptr kept;
	try {
		throw std::invalid_argument("kept");
	} catch (...) {
		kept = std::current_exception();
	}
	std::string from_pointer;
	try {
		std::rethrow_exception(kept);
	} catch (const std::invalid_argument &e) {
		from_pointer = e.what();
	}
	CHECK(from_pointer == "kept");

	bool out_of_range = false;
	try {
		std::vector<int>(3).at(5);
	} catch (const std::out_of_range &) {
		out_of_range = true;
	}
	CHECK(out_of_range);

	Base *base = new Derived;
	CHECK(dynamic_cast<Derived *>(base) != nullptr);
	CHECK(typeid(*base) == typeid(Derived));
	delete base;
	CHECK(noexcept(by_noexcept_query()));
	CHECK(std::uncaught_exceptions() == 0);

	int many = 0;
	for (int i = 0; i < 10000; i++) {
		try {
			if (i % 2)
				throw i;
		} catch (int) {
			many++;
		}
	}
	CHECK(many == 5000);
	return CHECK_DONE();
}
