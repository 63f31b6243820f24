//! setjmp and longjmp over the exception instructions.
//!
//! clang rewrites a function that calls setjmp: each call gets a label, each call that might jump
//! is wrapped in a try block, and one loop dispatches on the label. These three functions are what
//! the rewritten code calls. `invocation` is an address on the C stack of that very activation, so
//! a jump to a function that has returned, or to another activation of it, is told apart.

#include <stdint.h>

/// The part of a jmp_buf that is used; the type in <setjmp.h> is larger.
struct jump {
	void *invocation;
	uint32_t label;
	/// What the exception carries; it has to outlive the thrower's stack frame.
	struct {
		struct jump *env;
		int value;
	} thrown;
};

/// The number clang gives the tag __c_longjmp.
enum { TAG_LONGJMP = 1 };

void __wasm_setjmp(void *env, uint32_t label, void *invocation)
{
	struct jump *jump = env;
	if (label == 0 || !invocation)
		__builtin_trap();
	jump->invocation = invocation;
	jump->label = label;
}

/// The label of the setjmp that a jump belongs to, 0 if it is not one of this activation.
uint32_t __wasm_setjmp_test(void *env, void *invocation)
{
	const struct jump *jump = env;
	if (jump->label == 0 || !invocation)
		__builtin_trap();
	return jump->invocation == invocation ? jump->label : 0;
}

void __wasm_longjmp(void *env, int value)
{
	struct jump *jump = env;
	jump->thrown.env = env;
	// C11, 7.13.2.1: setjmp never seems to return 0 twice.
	jump->thrown.value = value ? value : 1;
	__builtin_wasm_throw(TAG_LONGJMP, &jump->thrown);
}
