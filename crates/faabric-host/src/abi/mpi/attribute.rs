//! Attributes and info objects (MPI 4.1, section 7.7 and chapter 10).

use super::caller::{Code, Env, NO_COMM, call};
use faabric_mpi::GuestFn;
use faabric_mpi::abi::{
    MPI_INFO_ENV, MPI_INFO_NULL, MPI_KEYVAL_INVALID, MPI_MAX_INFO_KEY, MPI_MAX_INFO_VAL,
};
use faabric_mpi::attribute::{Object, Value};
use faabric_mpi::handle::{CommHandle, InfoHandle, KeyvalHandle, TypeHandle};

const COMM: u8 = 0;
const TYPE: u8 = 1;

/// What kind of object the key of a generic handler is for, and the handler's name.
const fn object(of: u8) -> Object {
    match of {
        COMM => Object::Comm,
        _ => Object::Type,
    }
}

fn create_keyval<const OF: u8>(
    env: Env<'_>,
    copy: u32,
    delete: u32,
    keyval: u32,
    state: u32,
) -> Code {
    let name = ["MPI_Comm_create_keyval", "MPI_Type_create_keyval"][usize::from(OF)];
    call(env, name, NO_COMM, |rank, guest| {
        let made = rank.create_keyval(object(OF), GuestFn(copy), GuestFn(delete), state)?;
        guest.put_handle(keyval, made)
    })
}

fn free_keyval<const OF: u8>(env: Env<'_>, keyval: u32) -> Code {
    let name = ["MPI_Comm_free_keyval", "MPI_Type_free_keyval"][usize::from(OF)];
    call(env, name, NO_COMM, |rank, guest| {
        rank.free_keyval(object(OF), guest.get_handle(keyval)?)?;
        guest.put_i32(keyval, MPI_KEYVAL_INVALID)
    })
}

fn comm_set_attr(env: Env<'_>, comm: u32, keyval: u32, value: u32) -> Code {
    call(env, "MPI_Comm_set_attr", comm, |rank, guest| {
        rank.comm_set_attr(guest, CommHandle(comm), KeyvalHandle(keyval), value)
    })
}

/// A predefined attribute is written as its value; `libmpi.a` makes it the address of
/// an `int` that holds it.
fn comm_get_attr(env: Env<'_>, comm: u32, keyval: u32, value: u32, flag: u32) -> Code {
    call(env, "MPI_Comm_get_attr", comm, |rank, guest| {
        let found = rank.comm_get_attr(CommHandle(comm), KeyvalHandle(keyval))?;
        guest.put_flag(flag, found.is_some())?;
        match found {
            Some(Value::Word(word)) => guest.put_u32(value, word),
            Some(Value::Int(int)) => guest.put_i32(value, int),
            None => Ok(()),
        }
    })
}

fn comm_delete_attr(env: Env<'_>, comm: u32, keyval: u32) -> Code {
    call(env, "MPI_Comm_delete_attr", comm, |rank, guest| {
        rank.comm_delete_attr(guest, CommHandle(comm), KeyvalHandle(keyval))
    })
}

fn type_set_attr(env: Env<'_>, datatype: u32, keyval: u32, value: u32) -> Code {
    call(env, "MPI_Type_set_attr", NO_COMM, |rank, guest| {
        rank.type_set_attr(guest, TypeHandle(datatype), KeyvalHandle(keyval), value)
    })
}

fn type_get_attr(env: Env<'_>, datatype: u32, keyval: u32, value: u32, flag: u32) -> Code {
    call(env, "MPI_Type_get_attr", NO_COMM, |rank, guest| {
        let found = rank.type_get_attr(TypeHandle(datatype), KeyvalHandle(keyval))?;
        guest.put_flag(flag, found.is_some())?;
        found.map_or(Ok(()), |word| guest.put_u32(value, word))
    })
}

fn type_delete_attr(env: Env<'_>, datatype: u32, keyval: u32) -> Code {
    call(env, "MPI_Type_delete_attr", NO_COMM, |rank, guest| {
        rank.type_delete_attr(guest, TypeHandle(datatype), KeyvalHandle(keyval))
    })
}

fn info_create(env: Env<'_>, info: u32) -> Code {
    call(env, "MPI_Info_create", NO_COMM, |rank, guest| {
        guest.put_handle(info, rank.info_create()?)
    })
}

/// The program's arguments say nothing that `MPI_INFO_ENV` does not.
fn info_create_env(env: Env<'_>, _argc: i32, _argv: u32, info: u32) -> Code {
    call(env, "MPI_Info_create_env", NO_COMM, |rank, guest| {
        guest.put_handle(info, rank.info_dup(InfoHandle(MPI_INFO_ENV))?)
    })
}

fn info_free(env: Env<'_>, info: u32) -> Code {
    call(env, "MPI_Info_free", NO_COMM, |rank, guest| {
        rank.info_free(guest.get_handle(info)?)?;
        guest.put_handle(info, InfoHandle(MPI_INFO_NULL))
    })
}

fn info_dup(env: Env<'_>, info: u32, newinfo: u32) -> Code {
    call(env, "MPI_Info_dup", NO_COMM, |rank, guest| {
        guest.put_handle(newinfo, rank.info_dup(InfoHandle(info))?)
    })
}

fn info_set(env: Env<'_>, info: u32, key: u32, value: u32) -> Code {
    call(env, "MPI_Info_set", NO_COMM, |rank, guest| {
        // One byte more than allowed, so that the engine sees what is too long.
        let key = guest.string(key, MPI_MAX_INFO_KEY + 1)?;
        let value = guest.string(value, MPI_MAX_INFO_VAL + 1)?;
        rank.info_set(InfoHandle(info), &key, &value)
    })
}

fn info_get(env: Env<'_>, info: u32, key: u32, valuelen: i32, value: u32, flag: u32) -> Code {
    call(env, "MPI_Info_get", NO_COMM, |rank, guest| {
        let key = guest.string(key, MPI_MAX_INFO_KEY + 1)?;
        let found = rank.info_get(InfoHandle(info), &key)?;
        guest.put_flag(flag, found.is_some())?;
        // The array has one byte more than `valuelen`, for the NUL.
        let room = valuelen.saturating_add(1);
        found.map_or(Ok(()), |text| {
            guest.put_string(value, &text, room).map(|_| ())
        })
    })
}

fn info_get_valuelen(env: Env<'_>, info: u32, key: u32, valuelen: u32, flag: u32) -> Code {
    call(env, "MPI_Info_get_valuelen", NO_COMM, |rank, guest| {
        let key = guest.string(key, MPI_MAX_INFO_KEY + 1)?;
        let found = rank.info_get(InfoHandle(info), &key)?;
        guest.put_flag(flag, found.is_some())?;
        found.map_or(Ok(()), |text| guest.put_i32(valuelen, text.len() as i32))
    })
}

fn info_get_string(env: Env<'_>, info: u32, key: u32, buflen: u32, value: u32, flag: u32) -> Code {
    call(env, "MPI_Info_get_string", NO_COMM, |rank, guest| {
        let key = guest.string(key, MPI_MAX_INFO_KEY + 1)?;
        let found = rank.info_get(InfoHandle(info), &key)?;
        guest.put_flag(flag, found.is_some())?;
        let Some(text) = found else { return Ok(()) };
        let room = guest.get_i32(buflen)?;
        if room > 0 {
            guest.put_string(value, &text, room)?;
        }
        guest.put_i32(buflen, text.len() as i32 + 1)
    })
}

fn info_delete(env: Env<'_>, info: u32, key: u32) -> Code {
    call(env, "MPI_Info_delete", NO_COMM, |rank, guest| {
        let key = guest.string(key, MPI_MAX_INFO_KEY + 1)?;
        rank.info_delete(InfoHandle(info), &key)
    })
}

fn info_get_nkeys(env: Env<'_>, info: u32, nkeys: u32) -> Code {
    call(env, "MPI_Info_get_nkeys", NO_COMM, |rank, guest| {
        guest.put_i32(nkeys, rank.info_get_nkeys(InfoHandle(info))?)
    })
}

fn info_get_nthkey(env: Env<'_>, info: u32, n: i32, key: u32) -> Code {
    call(env, "MPI_Info_get_nthkey", NO_COMM, |rank, guest| {
        let text = rank.info_get_nthkey(InfoHandle(info), n)?;
        guest.put_string(key, &text, MPI_MAX_INFO_KEY).map(|_| ())
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Comm_create_keyval", create_keyval::<COMM>),
    ("MPI_Comm_free_keyval", free_keyval::<COMM>),
    ("MPI_Comm_set_attr", comm_set_attr),
    ("MPI_Comm_get_attr", comm_get_attr),
    ("MPI_Comm_delete_attr", comm_delete_attr),
    ("MPI_Type_create_keyval", create_keyval::<TYPE>),
    ("MPI_Type_free_keyval", free_keyval::<TYPE>),
    ("MPI_Type_set_attr", type_set_attr),
    ("MPI_Type_get_attr", type_get_attr),
    ("MPI_Type_delete_attr", type_delete_attr),
    ("MPI_Info_create", info_create),
    ("MPI_Info_create_env", info_create_env),
    ("MPI_Info_free", info_free),
    ("MPI_Info_dup", info_dup),
    ("MPI_Info_set", info_set),
    ("MPI_Info_get", info_get),
    ("MPI_Info_get_valuelen", info_get_valuelen),
    ("MPI_Info_get_string", info_get_string),
    ("MPI_Info_delete", info_delete),
    ("MPI_Info_get_nkeys", info_get_nkeys),
    ("MPI_Info_get_nthkey", info_get_nthkey),
];
