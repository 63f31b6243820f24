//! For a `main` that was not compiled from C or C++, and so kept its name.

int faabric_plain_main(int argc, char *argv[]) __asm__("main");

__attribute__((weak, nodebug)) int __main_argc_argv(int argc, char *argv[])
{
	return faabric_plain_main(argc, argv);
}
