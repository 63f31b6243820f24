//! A guest's MPI call under way: decoding its arguments, calling guest functions back,
//! and what becomes of errors.
//!
//! ```text
//! guest --MPI_X--> handler --call(..)--> engine --Ok-----------------------> 0
//!                     |                    |----Err--> error handler --code-> guest
//!                     |                                     '--fatal--> Stop: job ends
//!                     '--Guest::call--> guest function (user op, attribute, ...)
//! ```

use super::count::Count;
use crate::caller::Caller as Callbacks;
use crate::ending::Stop;
use crate::granule::Granule;
use crate::memory::GuestMemory;
use faabric_mpi::error::Trap;
use faabric_mpi::handle::{CommHandle, Handle};
use faabric_mpi::memory::{Addr, OutOfBounds};
use faabric_mpi::{Argument, Class, Error, Guest, GuestFn, On, Rank, Result, Status, abi};
use wasmer::FunctionEnvMut;

pub(super) type Env<'a> = FunctionEnvMut<'a, Granule>;

/// What a handler returns: the call's error code, or how the guest is left.
pub(super) type Code = std::result::Result<i32, Stop>;

/// The most elements of an array that a call may take: what 4 GiB of memory could hold
/// of the smallest handle is more, but no program has that many requests.
const MAX_ARRAY: i64 = 1 << 28;

/// Longest path with its NUL, in bytes: PATH_MAX of Linux.
const MAX_PATH: u32 = 4096;

/// What stands for the communicator in calls that name none.
pub(super) const NO_COMM: u32 = abi::MPI_COMM_NULL;

/// The calling Granule, while the host serves its call.
pub(super) struct Caller<'a> {
    env: Env<'a>,
}

/// Runs the body of MPI function `name`. Errors go to the error handler of `comm`.
pub(super) fn call<'a>(
    env: Env<'a>,
    name: &str,
    comm: u32,
    body: impl FnOnce(&Rank, &mut Caller<'a>) -> Result<()>,
) -> Code {
    call_on(env, name, CommHandle(comm), body)
}

/// Runs the body of MPI function `name`. Errors go to the error handler of `on`.
pub(super) fn call_on<'a>(
    env: Env<'a>,
    name: &str,
    on: impl Into<On>,
    body: impl FnOnce(&Rank, &mut Caller<'a>) -> Result<()>,
) -> Code {
    let Some(rank) = env.data().mpi().cloned() else {
        return Err(outside(name));
    };
    let on = on.into();
    let entered = rank.enter(env.data().thread());
    let mut caller = Caller { env };
    let code = match body(&rank, &mut caller) {
        Ok(()) => Ok(abi::MPI_SUCCESS),
        Err(error) => caller.fail(&rank, name, on, error),
    };
    if let Some(entered) = entered {
        rank.leave(entered, name, on);
    }
    code
}

/// Runs the body of function `name` of the tool interface, whose errors are returned
/// and go to no error handler (MPI 4.1, section 15.3.10).
pub(super) fn call_tool<'a>(
    env: Env<'a>,
    name: &str,
    body: impl FnOnce(&Rank, &mut Caller<'a>) -> Result<()>,
) -> Code {
    let Some(rank) = env.data().mpi().cloned() else {
        return Err(outside(name));
    };
    let mut caller = Caller { env };
    Ok(match body(&rank, &mut caller) {
        Ok(()) => abi::MPI_SUCCESS,
        // Of a pointer: the tool interface has one code for all that is wrong.
        Err(error) if error.class.0 < abi::MPI_T_ERR_CANNOT_INIT => abi::MPI_T_ERR_INVALID,
        Err(error) => error.class.0,
    })
}

#[cold]
fn outside(name: &str) -> Stop {
    Stop::Trap(format!(
        "{name} was called, but this process is not part of an MPI job"
    ))
}

impl Caller<'_> {
    /// Runs the error handler; without one that returns, the guest is left.
    #[cold]
    fn fail(&mut self, rank: &Rank, name: &str, on: On, mut error: Error) -> Code {
        if error.class != Class::INTERRUPTED {
            error.message = format!("{name}: {}", error.message);
        }
        rank.raise(self, on, error).map_err(|error| {
            let left = Callbacks::new(&mut self.env).left();
            left.unwrap_or(Stop::Trap(error.message))
        })
    }

    pub(super) fn memory(&self) -> &GuestMemory {
        self.env.data().memory()
    }

    /// Writes to where a result goes. A null pointer would be address 0, which exists.
    pub(super) fn put_i32(&self, at: u32, value: i32) -> Result<()> {
        not_null(at)?;
        self.memory().write_i32(at, value).map_err(bad_pointer)
    }

    pub(super) fn put_u32(&self, at: u32, value: u32) -> Result<()> {
        not_null(at)?;
        self.memory().write_u32(at, value).map_err(bad_pointer)
    }

    pub(super) fn put_i64(&self, at: u32, value: i64) -> Result<()> {
        not_null(at)?;
        self.memory().write_i64(at, value).map_err(bad_pointer)
    }

    pub(super) fn put_flag(&self, at: u32, value: bool) -> Result<()> {
        self.put_i32(at, i32::from(value))
    }

    pub(super) fn put_handle(&self, at: u32, handle: impl Handle) -> Result<()> {
        self.put_u32(at, handle.raw())
    }

    pub(super) fn put_handles<H: Handle>(&self, at: u32, handles: &[H]) -> Result<()> {
        if !handles.is_empty() {
            not_null(at)?;
        }
        let words: Vec<u32> = handles.iter().map(|h| h.raw()).collect();
        self.memory().write_u32s(at, &words).map_err(bad_pointer)
    }

    pub(super) fn put_ints(&self, at: u32, values: &[i32]) -> Result<()> {
        if !values.is_empty() {
            not_null(at)?;
        }
        let words: Vec<u32> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.memory().write_u32s(at, &words).map_err(bad_pointer)
    }

    /// Writes a C string of at most `max` bytes with its NUL; gives its length.
    pub(super) fn put_string(&self, at: u32, text: &str, max: i32) -> Result<i32> {
        not_null(at)?;
        let room = usize::try_from(max - 1).unwrap_or(0);
        let text = &text.as_bytes()[..text.floor_char_boundary(room)];
        let bytes = [text, &[0]].concat();
        self.memory().write(at, &bytes).map_err(bad_pointer)?;
        Ok(text.len() as i32)
    }

    pub(super) fn get_i32(&self, at: u32) -> Result<i32> {
        not_null(at)?;
        self.memory().read_i32(at).map_err(bad_pointer)
    }

    pub(super) fn get_handle<H: Handle>(&self, at: u32) -> Result<H> {
        not_null(at)?;
        let raw = self.memory().read_u32(at).map_err(bad_pointer)?;
        Ok(H::from_raw(raw))
    }

    /// Reads an array of `count` 32-bit words.
    fn words(&self, at: u32, count: impl Into<i64>) -> Result<Vec<u32>> {
        let count = count.into();
        if !(0..=MAX_ARRAY).contains(&count) {
            return Err(Error::new(
                Class::COUNT,
                format!("the number of array elements is {count}"),
            ));
        }
        let words = self.memory().read_u32s(at, count as u32);
        words.map_err(bad_pointer)
    }

    pub(super) fn handles<H: Handle>(&self, at: u32, count: impl Into<i64>) -> Result<Vec<H>> {
        let words = self.words(at, count)?;
        Ok(words.into_iter().map(H::from_raw).collect())
    }

    pub(super) fn ints(&self, at: u32, count: impl Into<i64>) -> Result<Vec<i32>> {
        let words = self.words(at, count)?;
        Ok(words.into_iter().map(u32::cast_signed).collect())
    }

    pub(super) fn flags(&self, at: u32, count: impl Into<i64>) -> Result<Vec<bool>> {
        let words = self.words(at, count)?;
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    /// An array of `int` or `MPI_Aint`, widened.
    pub(super) fn addresses(&self, at: u32, count: impl Into<i64>) -> Result<Vec<i64>> {
        let words = self.words(at, count)?;
        Ok(words.into_iter().map(|w| w.cast_signed().into()).collect())
    }

    /// An array of counts of the call's width.
    pub(super) fn counts<C: Count>(&self, at: u32, count: impl Into<i64>) -> Result<Vec<i64>> {
        let count = count.into();
        match C::LARGE {
            false => self.addresses(at, count),
            true => {
                let words = self.words(at, count.saturating_mul(2))?;
                let pairs = words.as_chunks::<2>().0.iter();
                Ok(pairs
                    .map(|[low, high]| (u64::from(*high) << 32 | u64::from(*low)).cast_signed())
                    .collect())
            }
        }
    }

    /// A C string of fewer than `max` bytes. What is not UTF-8 is replaced.
    pub(super) fn string(&self, at: u32, max: i32) -> Result<String> {
        not_null(at)?;
        let bytes = self.memory().read_c_string(at, max.cast_unsigned());
        Ok(String::from_utf8_lossy(&bytes.map_err(bad_pointer)?).into_owned())
    }

    /// The name of a file: at most 4095 bytes of UTF-8.
    pub(super) fn path(&self, at: u32) -> Result<String> {
        not_null(at)?;
        let bytes = self.memory().read_c_string(at, MAX_PATH);
        let bytes = bytes.map_err(bad_pointer)?;
        let refused = |why| Error::new(Class::BAD_FILE, format!("filename: it is {why}"));
        if bytes.len() >= MAX_PATH as usize {
            return Err(refused("longer than 4095 bytes"));
        }
        String::from_utf8(bytes).map_err(|_| refused("not UTF-8"))
    }

    /// Reads a status that the guest holds.
    pub(super) fn status(&self, at: u32) -> Result<Status> {
        if at == abi::MPI_STATUS_IGNORE {
            return Err(Error::new(
                Class::ARG,
                "status: MPI_STATUS_IGNORE has no contents",
            ));
        }
        let words = self.ints(at, 8)?;
        let mut array = [0; 8];
        array.copy_from_slice(&words);
        Ok(Status::from_words(array))
    }

    /// Writes a status, unless it is `MPI_STATUS_IGNORE`. `MPI_ERROR` stays as it was:
    /// only calls that end several requests set it (MPI 4.1, section 3.2.5).
    pub(super) fn put_status(&self, at: u32, status: &Status) -> Result<()> {
        if at == abi::MPI_STATUS_IGNORE {
            return Ok(());
        }
        write_status(self.memory(), at, status).map_err(bad_pointer)
    }

    /// Writes a status with its `MPI_ERROR`.
    pub(super) fn put_status_with_error(&self, at: u32, status: &Status) -> Result<()> {
        if at == abi::MPI_STATUS_IGNORE {
            return Ok(());
        }
        self.put_ints(at, &status.to_words())
    }

    /// Element `index` of an array of `size`-byte elements at `at`.
    pub(super) fn element(at: u32, index: usize, size: u64) -> Result<u32> {
        let address = u64::from(at) + index as u64 * size;
        u32::try_from(address).map_err(|_| wrapped(at))
    }
}

/// Writes a status except its `MPI_ERROR`.
pub(super) fn write_status(
    memory: &GuestMemory,
    at: u32,
    status: &Status,
) -> std::result::Result<(), OutOfBounds> {
    memory.check(at, abi::STATUS_SIZE as u32)?;
    let words = status.to_words().map(i32::to_le_bytes);
    memory.write(at, words[..2].as_flattened())?;
    // In bounds, as was checked, so that the address does not overflow.
    memory.write(at + 12, words[3..].as_flattened())
}

#[cold]
fn wrapped(at: u32) -> Error {
    Error::new(
        Class::ARG,
        format!("the array at {at:#x} goes beyond the memory"),
    )
}

/// Fails for a null pointer: address 0 exists, and nothing of a program lies there.
pub(super) fn not_null(at: u32) -> Result<()> {
    if at == 0 {
        return Err(Error::new(Class::ARG, "a pointer argument is null"));
    }
    Ok(())
}

#[cold]
pub(super) fn bad_pointer(error: OutOfBounds) -> Error {
    Error::new(Class::ARG, format!("a pointer argument is wrong: {error}"))
}

impl Guest for Caller<'_> {
    fn call(&mut self, f: GuestFn, args: &[u32]) -> std::result::Result<Option<u32>, Trap> {
        Callbacks::new(&mut self.env).call(f, args)
    }

    fn call_with(
        &mut self,
        f: GuestFn,
        args: &[Argument],
    ) -> std::result::Result<Option<u32>, Trap> {
        Callbacks::new(&mut self.env).call_with(f, args)
    }

    fn scratch(&mut self, len: u64) -> Result<Addr> {
        Callbacks::new(&mut self.env).scratch(len)
    }
}
