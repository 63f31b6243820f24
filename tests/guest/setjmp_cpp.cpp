// longjmp and exceptions in one program: each ends where it belongs.
#include "check.h"
#include <csetjmp>
#include <cstdio>
#include <stdexcept>

static std::jmp_buf env;

struct Plain {
	int value;
};

[[gnu::noinline]] static void jump(int value)
{
	std::longjmp(env, value);
}

[[gnu::noinline]] static void jump_through_try(int value)
{
	Plain plain = { value };
	try {
		jump(plain.value);
	} catch (int) {
		std::puts("a longjmp is not an exception");
	}
}

[[gnu::noinline]] static int jump_out()
{
	int seen = setjmp(env);
	if (seen == 0)
		jump_through_try(5);
	return seen;
}

[[gnu::noinline]] static int throw_past_setjmp()
{
	if (setjmp(env) == 0)
		throw std::runtime_error("past");
	return 0;
}

int main()
{
	CHECK(jump_out() == 5);
	bool caught = false;
	try {
		throw_past_setjmp();
	} catch (const std::runtime_error &) {
		caught = true;
	}
	CHECK(caught);
	CHECK(jump_out() == 5);
	return CHECK_DONE();
}
