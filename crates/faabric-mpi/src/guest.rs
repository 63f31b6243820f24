//! What the engine may ask of the Granule that calls it.

use crate::error::{Error, Trap};
use crate::memory::Addr;

/// An entry of the guest's function table: a C function pointer in wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuestFn(pub u32);

/// One argument of a guest function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `int`, `MPI_Aint`, a handle or a pointer.
    Word(u32),
    /// `MPI_Count` or `MPI_Offset`.
    Long(u64),
}

/// The calling Granule, on its own thread: every method runs there, while its guest
/// code stands in the MPI call.
pub trait Guest {
    /// Calls a function of the guest, with one 32-bit word an argument and at most
    /// one as the result (user operations, attribute callbacks, error handlers).
    ///
    /// # Errors
    /// [`Trap`] when the function trapped, or is not one of this signature.
    fn call(&mut self, f: GuestFn, args: &[u32]) -> Result<Option<u32>, Trap>;

    /// As [`Guest::call`], with arguments of different sizes. A guest that is only called
    /// with words need not implement it.
    ///
    /// # Errors
    /// As [`Guest::call`].
    fn call_with(&mut self, f: GuestFn, args: &[Argument]) -> Result<Option<u32>, Trap> {
        let words = args.iter().map(|argument| match *argument {
            Argument::Word(word) => Ok(word),
            Argument::Long(_) => Err(Trap("this guest takes no 64-bit arguments".to_owned())),
        });
        let words: Vec<u32> = words.collect::<Result<_, _>>()?;
        self.call(f, &words)
    }

    /// `len` bytes of guest memory that the guest does not use, for arguments that a
    /// callback takes by pointer. Valid until the next `scratch` of the same call.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when the guest's memory cannot grow by that much.
    fn scratch(&mut self, len: u64) -> Result<Addr, Error>;
}
