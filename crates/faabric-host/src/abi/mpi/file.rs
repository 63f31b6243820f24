//! Files (MPI 4.1, chapter 14).

use super::caller::{Code, Env, call_on};
use super::count::Count;
use super::p2p::buffer;
use crate::abi::functions;
use faabric_mpi::GuestFn;
use faabric_mpi::abi::{MPI_FILE_NULL, MPI_MAX_DATAREP_STRING};
use faabric_mpi::handle::{CommHandle, ErrhandlerHandle, FileHandle, InfoHandle, TypeHandle};
use faabric_mpi::io::{Access, FileName, Place, Registered};
use faabric_mpi::memory::Addr;

// The bits of an access's kind, which handlers are generic over.
const READ: u8 = 0;
const WRITE: u8 = 1;
const ALL: u8 = 2;
const SHARED: u8 = 4;
const ORDERED: u8 = ALL | SHARED;

/// The access of a kind, at the file pointer or at an offset.
fn access(kind: u8, at: Option<i64>) -> Access {
    Access {
        write: kind & WRITE != 0,
        place: match at {
            Some(offset) => Place::At(offset),
            None if kind & SHARED != 0 => Place::Shared,
            None => Place::Individual,
        },
        collective: kind & ALL != 0,
    }
}

/// The name of its function: what it does, and the ends that tell the forms apart.
fn name(start: &str, kind: u8, at: bool, end: &str) -> String {
    let verb = if kind & WRITE == 0 { "read" } else { "write" };
    let place = match (at, kind & !WRITE) {
        (true, ALL) => "_at_all",
        (true, _) => "_at",
        (false, ALL) => "_all",
        (false, SHARED) => "_shared",
        (false, ORDERED) => "_ordered",
        _ => "",
    };
    format!("MPI_File_{start}{verb}{place}{end}")
}

fn blocking<C: Count>(
    env: Env<'_>,
    fh: u32,
    (kind, at): (u8, Option<i64>),
    (buf, count, datatype): (u32, C, u32),
    status: u32,
) -> Code {
    let name = name("", kind, at.is_some(), "");
    call_on(env, &name, FileHandle(fh), |rank, guest| {
        let data = buffer(buf, count, datatype);
        let moved = rank.file_access(guest, FileHandle(fh), access(kind, at), &data)?;
        guest.put_status(status, &moved)
    })
}

fn started<C: Count>(
    env: Env<'_>,
    fh: u32,
    (kind, at): (u8, Option<i64>),
    (buf, count, datatype): (u32, C, u32),
    request: u32,
) -> Code {
    let name = name("i", kind, at.is_some(), "");
    call_on(env, &name, FileHandle(fh), |rank, guest| {
        let data = buffer(buf, count, datatype);
        let started = rank.file_start(guest, FileHandle(fh), access(kind, at), &data)?;
        guest.put_handle(request, started)
    })
}

fn begun<C: Count>(
    env: Env<'_>,
    fh: u32,
    (kind, at): (u8, Option<i64>),
    (buf, count, datatype): (u32, C, u32),
) -> Code {
    let name = name("", kind, at.is_some(), "_begin");
    call_on(env, &name, FileHandle(fh), |rank, guest| {
        let data = buffer(buf, count, datatype);
        rank.file_begin(guest, FileHandle(fh), access(kind, at), &data)
    })
}

fn ended(env: Env<'_>, fh: u32, (kind, at): (u8, Option<i64>), buf: u32, status: u32) -> Code {
    let name = name("", kind, at.is_some(), "_end");
    call_on(env, &name, FileHandle(fh), |rank, guest| {
        let ended = rank.file_end(FileHandle(fh), access(kind, at), Addr(buf.into()))?;
        guest.put_status(status, &ended)
    })
}

fn at_blocking<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    offset: i64,
    buf: u32,
    count: C,
    datatype: u32,
    status: u32,
) -> Code {
    let data = (buf, count, datatype);
    blocking(env, fh, (KIND, Some(offset)), data, status)
}

fn here_blocking<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    buf: u32,
    count: C,
    datatype: u32,
    status: u32,
) -> Code {
    blocking(env, fh, (KIND, None), (buf, count, datatype), status)
}

fn at_started<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    offset: i64,
    buf: u32,
    count: C,
    datatype: u32,
    request: u32,
) -> Code {
    let data = (buf, count, datatype);
    started(env, fh, (KIND, Some(offset)), data, request)
}

fn here_started<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    buf: u32,
    count: C,
    datatype: u32,
    request: u32,
) -> Code {
    started(env, fh, (KIND, None), (buf, count, datatype), request)
}

fn at_begun<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    offset: i64,
    buf: u32,
    count: C,
    datatype: u32,
) -> Code {
    begun(env, fh, (KIND, Some(offset)), (buf, count, datatype))
}

fn here_begun<C: Count, const KIND: u8>(
    env: Env<'_>,
    fh: u32,
    buf: u32,
    count: C,
    datatype: u32,
) -> Code {
    begun(env, fh, (KIND, None), (buf, count, datatype))
}

fn at_ended<const KIND: u8>(env: Env<'_>, fh: u32, buf: u32, status: u32) -> Code {
    ended(env, fh, (KIND, Some(0)), buf, status)
}

fn here_ended<const KIND: u8>(env: Env<'_>, fh: u32, buf: u32, status: u32) -> Code {
    ended(env, fh, (KIND, None), buf, status)
}

fn file_name(directory: i32, path: String) -> FileName {
    FileName {
        directory: directory.cast_unsigned(),
        path,
    }
}

fn open(
    env: Env<'_>,
    comm: u32,
    directory: i32,
    path: u32,
    amode: i32,
    info: u32,
    fh: u32,
) -> Code {
    call_on(
        env,
        "MPI_File_open",
        FileHandle(MPI_FILE_NULL),
        |rank, guest| {
            let name = file_name(directory, guest.path(path)?);
            let (comm, info) = (CommHandle(comm), InfoHandle(info));
            let opened = rank.file_open(guest, comm, &name, amode, info)?;
            guest.put_handle(fh, opened)
        },
    )
}

fn close(env: Env<'_>, fh: u32) -> Code {
    let on = env.data().memory().read_u32(fh).unwrap_or(MPI_FILE_NULL);
    call_on(env, "MPI_File_close", FileHandle(on), |rank, guest| {
        let mut handle = guest.get_handle(fh)?;
        let closed = rank.file_close(guest, &mut handle);
        guest.put_handle(fh, handle)?;
        closed
    })
}

fn delete(env: Env<'_>, directory: i32, path: u32, info: u32) -> Code {
    call_on(
        env,
        "MPI_File_delete",
        FileHandle(MPI_FILE_NULL),
        |rank, guest| {
            let name = file_name(directory, guest.path(path)?);
            rank.file_delete(&name, InfoHandle(info))
        },
    )
}

fn get_size(env: Env<'_>, fh: u32, size: u32) -> Code {
    call_on(env, "MPI_File_get_size", FileHandle(fh), |rank, guest| {
        guest.put_i64(size, rank.file_get_size(FileHandle(fh))?)
    })
}

fn set_size(env: Env<'_>, fh: u32, size: i64) -> Code {
    call_on(env, "MPI_File_set_size", FileHandle(fh), |rank, guest| {
        rank.file_set_size(guest, FileHandle(fh), size)
    })
}

fn preallocate(env: Env<'_>, fh: u32, size: i64) -> Code {
    call_on(
        env,
        "MPI_File_preallocate",
        FileHandle(fh),
        |rank, guest| rank.file_preallocate(guest, FileHandle(fh), size),
    )
}

fn get_group(env: Env<'_>, fh: u32, group: u32) -> Code {
    call_on(env, "MPI_File_get_group", FileHandle(fh), |rank, guest| {
        guest.put_handle(group, rank.file_get_group(FileHandle(fh))?)
    })
}

fn get_amode(env: Env<'_>, fh: u32, amode: u32) -> Code {
    call_on(env, "MPI_File_get_amode", FileHandle(fh), |rank, guest| {
        guest.put_i32(amode, rank.file_get_amode(FileHandle(fh))?)
    })
}

fn set_info(env: Env<'_>, fh: u32, info: u32) -> Code {
    call_on(env, "MPI_File_set_info", FileHandle(fh), |rank, guest| {
        rank.file_set_info(guest, FileHandle(fh), InfoHandle(info))
    })
}

fn get_info(env: Env<'_>, fh: u32, info: u32) -> Code {
    call_on(env, "MPI_File_get_info", FileHandle(fh), |rank, guest| {
        guest.put_handle(info, rank.file_get_info(FileHandle(fh))?)
    })
}

fn set_view(
    env: Env<'_>,
    fh: u32,
    disp: i64,
    etype: u32,
    filetype: u32,
    datarep: u32,
    info: u32,
) -> Code {
    call_on(env, "MPI_File_set_view", FileHandle(fh), |rank, guest| {
        let datarep = guest.string(datarep, MPI_MAX_DATAREP_STRING)?;
        let (types, info) = ((TypeHandle(etype), TypeHandle(filetype)), InfoHandle(info));
        rank.file_set_view(guest, FileHandle(fh), disp, types, &datarep, info)
    })
}

fn get_view(env: Env<'_>, fh: u32, disp: u32, etype: u32, filetype: u32, datarep: u32) -> Code {
    call_on(env, "MPI_File_get_view", FileHandle(fh), |rank, guest| {
        let view = rank.file_get_view(FileHandle(fh))?;
        guest.put_i64(disp, view.disp)?;
        guest.put_handle(etype, view.etype)?;
        guest.put_handle(filetype, view.filetype)?;
        guest.put_string(datarep, &view.datarep, MPI_MAX_DATAREP_STRING)?;
        Ok(())
    })
}

fn get_type_extent<C: Count>(env: Env<'_>, fh: u32, datatype: u32, extent: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_type_extent",
        FileHandle(fh),
        |rank, guest| {
            let found = rank.file_get_type_extent(guest, FileHandle(fh), TypeHandle(datatype))?;
            C::put_exact(guest, extent, found)
        },
    )
}

fn set_atomicity(env: Env<'_>, fh: u32, flag: i32) -> Code {
    call_on(
        env,
        "MPI_File_set_atomicity",
        FileHandle(fh),
        |rank, guest| rank.file_set_atomicity(guest, FileHandle(fh), flag != 0),
    )
}

fn get_atomicity(env: Env<'_>, fh: u32, flag: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_atomicity",
        FileHandle(fh),
        |rank, guest| guest.put_flag(flag, rank.file_get_atomicity(FileHandle(fh))?),
    )
}

fn sync(env: Env<'_>, fh: u32) -> Code {
    call_on(env, "MPI_File_sync", FileHandle(fh), |rank, guest| {
        rank.file_sync(guest, FileHandle(fh))
    })
}

fn seek(env: Env<'_>, fh: u32, offset: i64, whence: i32) -> Code {
    call_on(env, "MPI_File_seek", FileHandle(fh), |rank, _| {
        rank.file_seek(FileHandle(fh), offset, whence)
    })
}

fn seek_shared(env: Env<'_>, fh: u32, offset: i64, whence: i32) -> Code {
    call_on(
        env,
        "MPI_File_seek_shared",
        FileHandle(fh),
        |rank, guest| rank.file_seek_shared(guest, FileHandle(fh), offset, whence),
    )
}

fn get_position(env: Env<'_>, fh: u32, offset: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_position",
        FileHandle(fh),
        |rank, guest| guest.put_i64(offset, rank.file_get_position(FileHandle(fh))?),
    )
}

fn get_position_shared(env: Env<'_>, fh: u32, offset: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_position_shared",
        FileHandle(fh),
        |rank, guest| {
            let position = rank.file_get_position_shared(guest, FileHandle(fh))?;
            guest.put_i64(offset, position)
        },
    )
}

fn get_byte_offset(env: Env<'_>, fh: u32, offset: i64, disp: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_byte_offset",
        FileHandle(fh),
        |rank, guest| guest.put_i64(disp, rank.file_get_byte_offset(FileHandle(fh), offset)?),
    )
}

fn create_errhandler(env: Env<'_>, function: u32, errhandler: u32) -> Code {
    let name = "MPI_File_create_errhandler";
    call_on(env, name, FileHandle(MPI_FILE_NULL), |rank, guest| {
        guest.put_handle(errhandler, rank.file_create_errhandler(GuestFn(function))?)
    })
}

fn set_errhandler(env: Env<'_>, fh: u32, errhandler: u32) -> Code {
    call_on(env, "MPI_File_set_errhandler", FileHandle(fh), |rank, _| {
        rank.file_set_errhandler(FileHandle(fh), ErrhandlerHandle(errhandler))
    })
}

fn get_errhandler(env: Env<'_>, fh: u32, errhandler: u32) -> Code {
    call_on(
        env,
        "MPI_File_get_errhandler",
        FileHandle(fh),
        |rank, guest| guest.put_handle(errhandler, rank.file_get_errhandler(FileHandle(fh))?),
    )
}

fn call_errhandler(env: Env<'_>, fh: u32, code: i32) -> Code {
    call_on(
        env,
        "MPI_File_call_errhandler",
        FileHandle(fh),
        |rank, guest| rank.file_call_errhandler(guest, FileHandle(fh), code),
    )
}

fn register_datarep<C: Count>(
    env: Env<'_>,
    datarep: u32,
    read: u32,
    write: u32,
    extent: u32,
    state: u32,
) -> Code {
    // Its errors have no file: they are those of MPI_FILE_NULL, as of other file calls.
    call_on(
        env,
        "MPI_Register_datarep",
        FileHandle(MPI_FILE_NULL),
        |rank, guest| {
            // One byte more, so that a name which is too long is seen to be.
            let name = guest.string(datarep, MPI_MAX_DATAREP_STRING + 1)?;
            rank.register_datarep(Registered {
                name,
                read: GuestFn(read),
                write: GuestFn(write),
                extent: GuestFn(extent),
                state,
                large: C::LARGE,
            })
        },
    )
}

/// Everything but reading and writing.
pub(super) const FUNCTIONS: &[crate::abi::Import] = functions![
    ("MPI_File_open", open),
    ("MPI_File_close", close),
    ("MPI_File_delete", delete),
    ("MPI_File_get_size", get_size),
    ("MPI_File_set_size", set_size),
    ("MPI_File_preallocate", preallocate),
    ("MPI_File_get_group", get_group),
    ("MPI_File_get_amode", get_amode),
    ("MPI_File_set_info", set_info),
    ("MPI_File_get_info", get_info),
    ("MPI_File_set_view", set_view),
    ("MPI_File_get_view", get_view),
    ("MPI_File_get_type_extent", get_type_extent::<i32>),
    ("MPI_File_get_type_extent_c", get_type_extent::<i64>),
    ("MPI_File_set_atomicity", set_atomicity),
    ("MPI_File_get_atomicity", get_atomicity),
    ("MPI_File_sync", sync),
    ("MPI_File_seek", seek),
    ("MPI_File_seek_shared", seek_shared),
    ("MPI_File_get_position", get_position),
    ("MPI_File_get_position_shared", get_position_shared),
    ("MPI_File_get_byte_offset", get_byte_offset),
    ("MPI_File_create_errhandler", create_errhandler),
    ("MPI_File_set_errhandler", set_errhandler),
    ("MPI_File_get_errhandler", get_errhandler),
    ("MPI_File_call_errhandler", call_errhandler),
    ("MPI_Register_datarep", register_datarep::<i32>),
    ("MPI_Register_datarep_c", register_datarep::<i64>),
];

/// Reading and writing in all forms.
pub(super) const ACCESSES: &[crate::abi::Import] = functions![
    ("MPI_File_read_at", at_blocking::<i32, READ>),
    ("MPI_File_read_at_c", at_blocking::<i64, READ>),
    ("MPI_File_read_at_all", at_blocking::<i32, ALL>),
    ("MPI_File_read_at_all_c", at_blocking::<i64, ALL>),
    ("MPI_File_read", here_blocking::<i32, READ>),
    ("MPI_File_read_c", here_blocking::<i64, READ>),
    ("MPI_File_read_all", here_blocking::<i32, ALL>),
    ("MPI_File_read_all_c", here_blocking::<i64, ALL>),
    ("MPI_File_read_shared", here_blocking::<i32, SHARED>),
    ("MPI_File_read_shared_c", here_blocking::<i64, SHARED>),
    ("MPI_File_read_ordered", here_blocking::<i32, ORDERED>),
    ("MPI_File_read_ordered_c", here_blocking::<i64, ORDERED>),
    ("MPI_File_iread_at", at_started::<i32, READ>),
    ("MPI_File_iread_at_c", at_started::<i64, READ>),
    ("MPI_File_iread_at_all", at_started::<i32, ALL>),
    ("MPI_File_iread_at_all_c", at_started::<i64, ALL>),
    ("MPI_File_iread", here_started::<i32, READ>),
    ("MPI_File_iread_c", here_started::<i64, READ>),
    ("MPI_File_iread_all", here_started::<i32, ALL>),
    ("MPI_File_iread_all_c", here_started::<i64, ALL>),
    ("MPI_File_iread_shared", here_started::<i32, SHARED>),
    ("MPI_File_iread_shared_c", here_started::<i64, SHARED>),
    ("MPI_File_read_at_all_begin", at_begun::<i32, ALL>),
    ("MPI_File_read_at_all_begin_c", at_begun::<i64, ALL>),
    ("MPI_File_read_at_all_end", at_ended::<ALL>),
    ("MPI_File_read_all_begin", here_begun::<i32, ALL>),
    ("MPI_File_read_all_begin_c", here_begun::<i64, ALL>),
    ("MPI_File_read_all_end", here_ended::<ALL>),
    ("MPI_File_read_ordered_begin", here_begun::<i32, ORDERED>),
    ("MPI_File_read_ordered_begin_c", here_begun::<i64, ORDERED>),
    ("MPI_File_read_ordered_end", here_ended::<ORDERED>),
    ("MPI_File_write_at", at_blocking::<i32, WRITE>),
    ("MPI_File_write_at_c", at_blocking::<i64, WRITE>),
    ("MPI_File_write_at_all", at_blocking::<i32, { ALL | WRITE }>),
    (
        "MPI_File_write_at_all_c",
        at_blocking::<i64, { ALL | WRITE }>
    ),
    ("MPI_File_write", here_blocking::<i32, WRITE>),
    ("MPI_File_write_c", here_blocking::<i64, WRITE>),
    ("MPI_File_write_all", here_blocking::<i32, { ALL | WRITE }>),
    (
        "MPI_File_write_all_c",
        here_blocking::<i64, { ALL | WRITE }>
    ),
    (
        "MPI_File_write_shared",
        here_blocking::<i32, { SHARED | WRITE }>
    ),
    (
        "MPI_File_write_shared_c",
        here_blocking::<i64, { SHARED | WRITE }>
    ),
    (
        "MPI_File_write_ordered",
        here_blocking::<i32, { ORDERED | WRITE }>
    ),
    (
        "MPI_File_write_ordered_c",
        here_blocking::<i64, { ORDERED | WRITE }>
    ),
    ("MPI_File_iwrite_at", at_started::<i32, WRITE>),
    ("MPI_File_iwrite_at_c", at_started::<i64, WRITE>),
    ("MPI_File_iwrite_at_all", at_started::<i32, { ALL | WRITE }>),
    (
        "MPI_File_iwrite_at_all_c",
        at_started::<i64, { ALL | WRITE }>
    ),
    ("MPI_File_iwrite", here_started::<i32, WRITE>),
    ("MPI_File_iwrite_c", here_started::<i64, WRITE>),
    ("MPI_File_iwrite_all", here_started::<i32, { ALL | WRITE }>),
    (
        "MPI_File_iwrite_all_c",
        here_started::<i64, { ALL | WRITE }>
    ),
    (
        "MPI_File_iwrite_shared",
        here_started::<i32, { SHARED | WRITE }>
    ),
    (
        "MPI_File_iwrite_shared_c",
        here_started::<i64, { SHARED | WRITE }>
    ),
    (
        "MPI_File_write_at_all_begin",
        at_begun::<i32, { ALL | WRITE }>
    ),
    (
        "MPI_File_write_at_all_begin_c",
        at_begun::<i64, { ALL | WRITE }>
    ),
    ("MPI_File_write_at_all_end", at_ended::<{ ALL | WRITE }>),
    (
        "MPI_File_write_all_begin",
        here_begun::<i32, { ALL | WRITE }>
    ),
    (
        "MPI_File_write_all_begin_c",
        here_begun::<i64, { ALL | WRITE }>
    ),
    ("MPI_File_write_all_end", here_ended::<{ ALL | WRITE }>),
    (
        "MPI_File_write_ordered_begin",
        here_begun::<i32, { ORDERED | WRITE }>
    ),
    (
        "MPI_File_write_ordered_begin_c",
        here_begun::<i64, { ORDERED | WRITE }>
    ),
    (
        "MPI_File_write_ordered_end",
        here_ended::<{ ORDERED | WRITE }>
    ),
];
