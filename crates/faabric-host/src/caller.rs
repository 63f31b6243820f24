//! Calls from the host back into the guest, in the middle of a host call.
//!
//! ```text
//!  guest --MPI_Reduce--> host call --Caller::call--> guest's MPI_User_function
//!                           |<------ result, or left in `callbacks` as the reason
//!                           v        why the guest did not return
//!                     Caller::left --> Err(Stop): out of the guest altogether
//! ```

use crate::ending::{Reason, Stop};
use crate::granule::Granule;
use faabric_mpi::error::Trap;
use faabric_mpi::memory::Addr;
use faabric_mpi::{Argument, Class, Error, Guest, GuestFn};
use wasmer::{FunctionEnvMut, RuntimeError, Type, Value};

/// How many callbacks may be under way, each within the one before. Programs nest two or three;
/// one that nests without end, as an error handler does that fails itself, would use up the
/// stack of the host's thread, of which each takes a part ([`crate::HOST_STACK`]).
const NESTED: usize = 64;

/// What a Granule keeps between callbacks.
#[derive(Default)]
pub(crate) struct Callbacks {
    /// Why the last callback did not return.
    left: Option<RuntimeError>,
    /// How many callbacks are under way, each within the one before.
    depth: usize,
    /// Pages that the host added to the memory for itself, address and length: one
    /// region for each depth. A guest function that calls MPI again must not find its
    /// arguments overwritten when it goes on.
    scratch: Vec<(u32, u32)>,
}

/// The Granule in a host call, as the MPI engine may use it.
pub(crate) struct Caller<'a, 'b> {
    env: &'a mut FunctionEnvMut<'b, Granule>,
}

impl<'a, 'b> Caller<'a, 'b> {
    pub(crate) fn new(env: &'a mut FunctionEnvMut<'b, Granule>) -> Self {
        Self { env }
    }

    /// Whether the host call must leave the guest instead of returning to it: because
    /// of a callback that did not return, or because the process or its job ended. To be
    /// asked when the engine returns an error.
    pub(crate) fn left(&mut self) -> Option<Stop> {
        let granule = self.env.data_mut();
        if let Some(error) = granule.callbacks.left.take() {
            return Some(Stop::Callback(error));
        }
        if granule.ending().has_begun() {
            return Some(Stop::Ended);
        }
        let ended = granule.mpi()?.world().ended()?;
        let reason = Reason {
            code: ended.code,
            text: Some(ended.reason.clone()),
        };
        granule.ending().begin(reason);
        Some(Stop::Ended)
    }

    /// The function at `index` of the guest's table, if it takes `args` and returns at
    /// most one word.
    fn function(&mut self, index: u32, args: &[Value]) -> Result<wasmer::Function, Trap> {
        let Some(table) = self.env.data().table().cloned() else {
            return Err(Trap(
                "the guest does not export its function table, so it cannot be called back; link \
                 it with `faabric cc`, or with -Wl,--export-table"
                    .to_owned(),
            ));
        };
        let function = match table.get(self.env, index) {
            Some(Value::FuncRef(Some(function))) => function,
            _ => return Err(Trap(format!("{index} is not a function pointer"))),
        };
        let ty = function.ty(self.env);
        let wanted = args.iter().map(Value::ty);
        let words = ty.results().iter().all(|ty| *ty == Type::I32);
        if !ty.params().iter().copied().eq(wanted.clone()) || !words {
            let wanted: Vec<_> = wanted.collect();
            return Err(Trap(format!(
                "the function at {index} has the type {ty}; wanted is one that takes {wanted:?} and \
                 returns nothing or an int"
            )));
        }
        Ok(function)
    }

    fn call_values(&mut self, f: GuestFn, args: &[Value]) -> Result<Option<u32>, Trap> {
        let function = match self.env.data().callbacks.depth {
            0..NESTED => self.function(f.0, args),
            _ => Err(Trap(format!(
                "{NESTED} callbacks (error handlers, user operations, attribute functions) called \
                 MPI, each from the one before; is there one that calls itself through MPI?"
            ))),
        };
        let function = function.inspect_err(|trap| {
            // The guest's error: it traps, as if its own call had done so.
            self.env.data_mut().callbacks.left = Some(RuntimeError::new(trap.0.clone()));
        })?;
        self.env.data_mut().callbacks.depth += 1;
        let returned = function.call(self.env, args);
        self.env.data_mut().callbacks.depth -= 1;
        match returned {
            Ok(results) => Ok(results.first().and_then(Value::i32).map(i32::cast_unsigned)),
            Err(error) => {
                let text = error.message();
                self.env.data_mut().callbacks.left = Some(error);
                Err(Trap(text))
            }
        }
    }
}

impl Guest for Caller<'_, '_> {
    fn call(&mut self, f: GuestFn, args: &[u32]) -> Result<Option<u32>, Trap> {
        let args: Vec<_> = args
            .iter()
            .map(|arg| Value::I32(arg.cast_signed()))
            .collect();
        self.call_values(f, &args)
    }

    fn call_with(&mut self, f: GuestFn, args: &[Argument]) -> Result<Option<u32>, Trap> {
        let args: Vec<_> = args
            .iter()
            .map(|arg| match *arg {
                Argument::Word(word) => Value::I32(word.cast_signed()),
                Argument::Long(long) => Value::I64(long.cast_signed()),
            })
            .collect();
        self.call_values(f, &args)
    }

    fn scratch(&mut self, len: u64) -> Result<Addr, Error> {
        let refuse = |why: String| Error::new(Class::NO_MEM, why);
        let Callbacks { depth, scratch, .. } = &self.env.data().callbacks;
        let depth = *depth;
        let (at, have) = scratch.get(depth).copied().unwrap_or_default();
        if len <= u64::from(have) {
            return Ok(Addr(u64::from(at)));
        }
        let Some(memory) = self.env.data().linear().cloned() else {
            return Err(refuse("the guest does not export its memory".to_owned()));
        };
        let page = crate::memory::PAGE as u64;
        let pages = len.div_ceil(page);
        let before = u32::try_from(pages)
            .ok()
            .and_then(|pages| memory.grow(self.env, pages).ok())
            .ok_or_else(|| refuse(format!("the guest's memory cannot grow by {len} bytes")))?;
        // Fits: the memory grew to it, and it has at most 2^32 bytes.
        let at = u32::try_from(u64::from(before.0) * page)
            .map_err(|_| refuse("the guest's memory is full".to_owned()))?;
        let have = u32::try_from(pages * page).unwrap_or(u32::MAX);
        let scratch = &mut self.env.data_mut().callbacks.scratch;
        if scratch.len() <= depth {
            scratch.resize(depth + 1, (0, 0));
        }
        scratch[depth] = (at, have);
        Ok(Addr(u64::from(at)))
    }
}
