// Where a thread begins and ends. The C stack and the thread's own data have to be in place before
// the first C instruction, and the last word is written without touching the stack: from then on
// another thread may free it.
#ifdef _REENTRANT

	.globaltype __stack_pointer, i32
	.globaltype __tls_base, i32
	.functype __wasm_init_tls (i32) -> ()
	.functype __faabric_thread_main (i32, i32) -> (i32)

// wasi_thread_start(tid, struct start *): what the host calls in the new instance.
	.section .text.wasi_thread_start,"",@
	.globl wasi_thread_start
	.export_name wasi_thread_start, wasi_thread_start
	.type wasi_thread_start,@function
wasi_thread_start:
	.functype wasi_thread_start (i32, i32) -> ()
	.local i32
	local.get 1
	i32.load 0
	global.set __stack_pointer
	local.get 1
	i32.load 4
	global.set __tls_base
	local.get 0
	local.get 1
	call __faabric_thread_main
	local.tee 2
	i32.const 0
	i32.atomic.store 0
	local.get 2
	i32.const -1
	memory.atomic.notify 0
	drop
	end_function

// __faabric_copy_tls(memory): a fresh copy of the thread-local data, for a thread to come.
	.section .text.__faabric_copy_tls,"",@
	.hidden __faabric_copy_tls
	.globl __faabric_copy_tls
	.type __faabric_copy_tls,@function
__faabric_copy_tls:
	.functype __faabric_copy_tls (i32) -> ()
	.local i32
	global.get __tls_base
	local.set 1
	local.get 0
	call __wasm_init_tls
	local.get 1
	global.set __tls_base
	end_function

#endif
