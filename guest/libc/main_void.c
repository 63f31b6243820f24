//! What `_start` calls: gets the program's arguments and calls `main(argc, argv)`, which clang
//! names `__main_argc_argv`. (A `main(void)` is named `__main_void` and takes this one's place.)
//!
//! wasi-libc's has the fallback of main_argc_argv.c in the same file. Then the linker knows a
//! `__main_argc_argv` as soon as it has this one, and never looks for the program's in a library.

#include <stdlib.h>
#include <sysexits.h>
#include <wasi/api.h>

int __main_argc_argv(int argc, char *argv[]);

__attribute__((weak, nodebug)) int __main_void(void)
{
	size_t argc, bytes;
	if (__wasi_args_sizes_get(&argc, &bytes) != 0)
		_Exit(EX_OSERR);
	// calloc checks the product, and its zeros end the array.
	char **argv = calloc(argc + 1, sizeof *argv);
	char *text = malloc(bytes + 1);
	if (!argv || !text)
		_Exit(EX_SOFTWARE);
	if (__wasi_args_get((uint8_t **)argv, (uint8_t *)text) != 0)
		_Exit(EX_OSERR);
	return __main_argc_argv((int)argc, argv);
}
