//! Host functions that run on the guest's own stack.
//!
//! wasmer calls a host function by way of a switch to the thread's stack, a borrow of
//! the store and a look whether the guest is interrupted: 75 ns, as much as a short
//! message takes for all the rest. A *direct* function is called as one guest function
//! calls another. It does what needs none of that - no guest code, no waiting, no store
//! - or declines, and then the ordinary function of the same name is called:
//!
//! ```text
//!   guest --call--> direct --done----------------------> guest
//!                      '---declined--> ordinary (wasmer) --> guest
//! ```
//! Two dangers, and what is done about them. The guest decides how much stack is left:
//! a direct function first touches what it may need, so that an overflow traps before
//! anything is held. An interrupt unwinds the guest's stack without running
//! destructors: [`super::filter_signals`] lets it through only inside compiled code.
#![allow(
    unsafe_code,
    reason = "compiled code calls these by C convention, with a raw pointer to their data"
)]

use crate::granule::{Granule, Shared};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasmer::{AsStoreMut, FunctionEnv, FunctionType, StoreMut, Type};
use wasmer_vm::{StoreObject, VMFunction, VMFunctionBody, VMFunctionContext};

/// Where compiled code calls a function.
type Code = *const VMFunctionBody;

/// What a direct function finds behind its first argument.
pub(crate) struct Direct {
    shared: Arc<Shared>,
    /// The ordinary function, and its first argument.
    ordinary: Code,
    context: VMFunctionContext,
    /// What `context` points to.
    _data: Box<dyn Any>,
}

/// A direct function as compiled code calls it; [`direct`] makes them.
pub(crate) struct Body {
    code: Code,
    /// Of the arguments after the [`Direct`], and of the result.
    ty: FunctionType,
}

/// Puts `body` before the ordinary function that was made last in `store`, which must be
/// of the same type.
pub(crate) fn attach(store: &mut StoreMut<'_>, env: &FunctionEnv<Granule>, body: Body) {
    if cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
        // How to touch the stack there has not been written.
        return;
    }
    let shared = Arc::clone(env.as_ref(store).shared());
    let functions = VMFunction::list_mut(store.objects_mut().as_sys_mut());
    let made = functions
        .last_mut()
        .filter(|made| made.signature == body.ty)
        .expect("the ABI's tables pair functions of one type");
    // SAFETY: the store owns the description, and nothing refers to it before an
    // instance is linked with the function.
    let anyfunc = unsafe { made.anyfunc.as_ptr().as_mut() };
    let direct = Box::new(Direct {
        shared,
        ordinary: anyfunc.func_ptr,
        context: anyfunc.vmctx,
        _data: std::mem::replace(&mut made.host_data, Box::new(())),
    });
    anyfunc.func_ptr = body.code;
    anyfunc.vmctx = VMFunctionContext {
        host_env: std::ptr::from_ref(&*direct).cast_mut().cast(),
    };
    // There it lives as long as the store, hence as long as any instance.
    made.host_data = direct;
}

/// Touches the 32 KiB of stack below the caller, ten times what the deepest direct
/// function needs: if they are not there, the guest traps here, where nothing is held.
/// The guard below a stack is one page, so every page on the way is touched; the steps
/// are a cache line less than a page, or all would compete for one set of the cache.
#[inline(always)]
fn probe_stack() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it only reads; what lies below the stack pointer nobody relies on, and a
    // fault is a guest's stack overflow, which wasmer's handler unwinds.
    unsafe {
        std::arch::asm!(
            "movzx {sink:e}, byte ptr [rsp - 4032]",
            "movzx {sink:e}, byte ptr [rsp - 8064]",
            "movzx {sink:e}, byte ptr [rsp - 12096]",
            "movzx {sink:e}, byte ptr [rsp - 16128]",
            "movzx {sink:e}, byte ptr [rsp - 20160]",
            "movzx {sink:e}, byte ptr [rsp - 24192]",
            "movzx {sink:e}, byte ptr [rsp - 28224]",
            "movzx {sink:e}, byte ptr [rsp - 32256]",
            sink = out(reg) _,
            options(readonly, nostack, preserves_flags)
        );
    }
    #[cfg(target_arch = "aarch64")]
    for depth in (4032..=32256).step_by(4032) {
        // SAFETY: as above.
        unsafe {
            std::arch::asm!(
                "sub {at}, sp, {at}",
                "ldrb {at:w}, [{at}]",
                at = inout(reg) depth => _,
                options(readonly, nostack, preserves_flags)
            );
        }
    }
}

impl Direct {
    /// Runs a direct function's body; none when it declines.
    ///
    /// # Safety
    /// Only called by a direct function, which compiled code called with this.
    #[inline(always)]
    unsafe fn run(&self, body: impl FnOnce(&Shared) -> Option<i32>) -> Option<i32> {
        probe_stack();
        match catch_unwind(AssertUnwindSafe(|| body(&self.shared))) {
            Ok(code) => code,
            // SAFETY: guest code called this, and no frame up to there has a destructor.
            Err(panic) => unsafe { wasmer_vm::resume_panic(panic) },
        }
    }
}

/// A plain function that can be a direct one: it takes the [`Shared`] and words, and
/// returns the call's code or declines.
pub(crate) trait DirectFunction<Args> {
    /// Compiled code's way to it.
    fn body(self) -> Body;
}

/// The [`Body`] of a plain function.
pub(crate) fn direct<Args>(function: impl DirectFunction<Args>) -> Body {
    function.body()
}

/// A 32-bit word in a register of its own, in C's convention and compiled code's.
pub(crate) trait Word: Copy + 'static {}
impl Word for u32 {}
impl Word for i32 {}

/// The one value of a function item's type, which has no bytes.
const fn conjure<F: Copy>() -> F {
    const {
        assert!(
            size_of::<F>() == 0,
            "a closure that captures cannot be direct"
        )
    };
    // SAFETY: a value of no bytes may be read from any aligned address; that the type has
    // a value is known, because `body` was given one.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}

macro_rules! direct_functions {
    ($($arg:ident)*) => {
        impl<F, $($arg: Word),*> DirectFunction<($($arg,)*)> for F
        where
            F: Fn(&Shared, $($arg),*) -> Option<i32> + Copy + 'static,
        {
            #[allow(non_snake_case, reason = "arguments are named as their types")]
            fn body(self) -> Body {
                unsafe extern "C" fn body<F, $($arg: Word),*>(direct: &Direct, $($arg: $arg),*) -> i32
                where
                    F: Fn(&Shared, $($arg),*) -> Option<i32> + Copy + 'static,
                {
                    type Ordinary<$($arg),*> =
                        unsafe extern "C" fn(VMFunctionContext, $($arg),*) -> i32;
                    // SAFETY: compiled code calls this.
                    let done = unsafe { direct.run(|shared| conjure::<F>()(shared, $($arg),*)) };
                    if let Some(code) = done {
                        return code;
                    }
                    let code = direct.ordinary;
                    // SAFETY: `attach` found the ordinary function to have this type.
                    let ordinary = unsafe { std::mem::transmute::<Code, Ordinary<$($arg),*>>(code) };
                    // SAFETY: as compiled code would call it, with its own context.
                    unsafe { ordinary(direct.context, $($arg),*) }
                }
                let arguments: &[&str] = &[$(stringify!($arg)),*];
                Body {
                    code: body::<F, $($arg),*> as Code,
                    ty: FunctionType::new(vec![Type::I32; arguments.len()], [Type::I32]),
                }
            }
        }
    };
}

direct_functions!(A);
direct_functions!(A B);
direct_functions!(A B C);
direct_functions!(A B C D E);
direct_functions!(A B C D E G);
direct_functions!(A B C D E G H);
