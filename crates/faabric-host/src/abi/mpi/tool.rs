//! The tool interface (MPI 4.1, chapter 15). Results that the caller does not want are
//! null pointers here, and errors are only returned.

use super::caller::{Caller, Code, Env, call_tool, not_null};
use faabric_mpi::abi::{
    MPI_DOUBLE, MPI_INT, MPI_T_BIND_NO_OBJECT, MPI_T_ENUM_NULL, MPI_T_PVAR_HANDLE_NULL,
    MPI_T_VERBOSITY_USER_BASIC, MPI_UNSIGNED_LONG_LONG,
};
use faabric_mpi::handle::{CvarHandle, PvarHandle, PvarSessionHandle};
use faabric_mpi::tool::{Code as ToolCode, EVENT_SOURCE_TICKS, PvarValue};
use faabric_mpi::{Error, Rank, Result};

/// The handle of the one enumeration, the two positions of a switch.
const SWITCH: u32 = 1;

/// `MPI_T_SOURCE_ORDERED`.
const ORDERED: i32 = 1;

/// The longest name that is looked up, with its NUL.
const MAX_NAME: i32 = 256;

impl Caller<'_> {
    /// Writes a result, if the caller wants it.
    fn offer_i32(&self, at: u32, value: i32) -> Result<()> {
        if at == 0 {
            Ok(())
        } else {
            self.put_i32(at, value)
        }
    }

    fn offer_u32(&self, at: u32, value: u32) -> Result<()> {
        self.offer_i32(at, value.cast_signed())
    }

    fn offer_i64(&self, at: u32, value: i64) -> Result<()> {
        if at == 0 {
            Ok(())
        } else {
            self.put_i64(at, value)
        }
    }

    /// Writes a string as section 15.3.3 says: `len` is how much room there is, and
    /// becomes how much is needed, the NUL included.
    fn offer_text(&self, at: u32, len: u32, text: &str) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let room = self.get_i32(len)?;
        if at != 0 && room > 0 {
            self.put_string(at, text, room)?;
        }
        self.put_i32(len, text.len() as i32 + 1)
    }

    /// Writes as many of `indices` as fit into an array of `len`.
    fn offer_indices(&self, at: u32, len: i32, indices: &[i32]) -> Result<()> {
        let fit = usize::try_from(len).unwrap_or(0).min(indices.len());
        self.put_ints(at, &indices[..fit])
    }

    fn put_pvar(&self, at: u32, value: PvarValue) -> Result<()> {
        match value {
            PvarValue::Count(count) => self.put_i64(at, count.cast_signed()),
            PvarValue::Seconds(seconds) => self.put_i64(at, seconds.to_bits().cast_signed()),
        }
    }

    fn get_u64(&self, at: u32) -> Result<u64> {
        let words = self.ints(at, 2)?;
        let [low, high] = [words[0], words[1]].map(|word| u64::from(word.cast_unsigned()));
        Ok(high << 32 | low)
    }
}

fn init_thread(env: Env<'_>, required: i32, provided: u32) -> Code {
    call_tool(env, "MPI_T_init_thread", |rank, guest| {
        not_null(provided)?;
        guest.put_i32(provided, rank.tool_init(required)?)
    })
}

fn finalize(env: Env<'_>) -> Code {
    call_tool(env, "MPI_T_finalize", |rank, _| rank.tool_finalize())
}

fn no_enum(enumtype: u32) -> Error {
    let message = format!("{enumtype:#x} is not an enumeration");
    Error::new(ToolCode::INVALID_HANDLE, message)
}

fn enum_get_info(env: Env<'_>, enumtype: u32, num: u32, name: u32, name_len: u32) -> Code {
    call_tool(env, "MPI_T_enum_get_info", |rank, guest| {
        let (text, items) = rank.tool_switch()?;
        if enumtype != SWITCH {
            return Err(no_enum(enumtype));
        }
        guest.offer_i32(num, items.len() as i32)?;
        guest.offer_text(name, name_len, text)
    })
}

fn enum_get_item(
    env: Env<'_>,
    enumtype: u32,
    index: i32,
    value: u32,
    name: u32,
    name_len: u32,
) -> Code {
    call_tool(env, "MPI_T_enum_get_item", |rank, guest| {
        let (_, items) = rank.tool_switch()?;
        if enumtype != SWITCH {
            return Err(no_enum(enumtype));
        }
        let item = usize::try_from(index)
            .ok()
            .and_then(|index| items.get(index));
        let &(text, number) = item.ok_or_else(|| {
            Error::new(ToolCode::INVALID_ITEM, format!("there is no item {index}"))
        })?;
        guest.offer_i32(value, number)?;
        guest.offer_text(name, name_len, text)
    })
}

fn cvar_get_num(env: Env<'_>, num: u32) -> Code {
    call_tool(env, "MPI_T_cvar_get_num", |rank, guest| {
        guest.put_i32(num, rank.cvar_get_num()?)
    })
}

fn cvar_get_info(
    env: Env<'_>,
    index: i32,
    name: u32,
    name_len: u32,
    verbosity: u32,
    datatype: u32,
    enumtype: u32,
    desc: u32,
    desc_len: u32,
    bind: u32,
    scope: u32,
) -> Code {
    call_tool(env, "MPI_T_cvar_get_info", |rank, guest| {
        let control = rank.cvar_get_info(index)?;
        let (ty, values) = match control.switch {
            true => (MPI_INT, SWITCH),
            false => (MPI_UNSIGNED_LONG_LONG, MPI_T_ENUM_NULL),
        };
        guest.offer_text(name, name_len, control.name)?;
        guest.offer_i32(verbosity, control.verbosity)?;
        guest.offer_u32(datatype, ty)?;
        guest.offer_u32(enumtype, values)?;
        guest.offer_text(desc, desc_len, control.about)?;
        guest.offer_i32(bind, MPI_T_BIND_NO_OBJECT)?;
        guest.offer_i32(scope, control.scope)
    })
}

fn cvar_get_index(env: Env<'_>, name: u32, index: u32) -> Code {
    call_tool(env, "MPI_T_cvar_get_index", |rank, guest| {
        let name = guest.string(name, MAX_NAME)?;
        guest.put_i32(index, rank.cvar_get_index(&name)?)
    })
}

fn cvar_handle_alloc(env: Env<'_>, index: i32, _object: u32, handle: u32, count: u32) -> Code {
    call_tool(env, "MPI_T_cvar_handle_alloc", |rank, guest| {
        not_null(handle)?;
        guest.put_handle(handle, rank.cvar_handle_alloc(index)?)?;
        guest.offer_i32(count, 1)
    })
}

fn cvar_handle_free(env: Env<'_>, handle: u32) -> Code {
    call_tool(env, "MPI_T_cvar_handle_free", |rank, guest| {
        rank.cvar_handle_free(guest.get_handle(handle)?)?;
        guest.put_u32(handle, 0)
    })
}

fn cvar_read(env: Env<'_>, handle: u32, buf: u32) -> Code {
    call_tool(env, "MPI_T_cvar_read", |rank, guest| {
        let handle = CvarHandle(handle);
        let value = rank.cvar_read(handle)?;
        match rank.cvar_is_switch(handle)? {
            true => guest.put_i32(buf, value as i32),
            false => guest.put_i64(buf, value.cast_signed()),
        }
    })
}

fn cvar_write(env: Env<'_>, handle: u32, buf: u32) -> Code {
    call_tool(env, "MPI_T_cvar_write", |rank, guest| {
        let handle = CvarHandle(handle);
        let value = match rank.cvar_is_switch(handle)? {
            true => u64::from(guest.get_i32(buf)?.cast_unsigned()),
            false => guest.get_u64(buf)?,
        };
        rank.cvar_write(handle, value)
    })
}

fn pvar_get_num(env: Env<'_>, num: u32) -> Code {
    call_tool(env, "MPI_T_pvar_get_num", |rank, guest| {
        guest.put_i32(num, rank.pvar_get_num()?)
    })
}

fn pvar_get_info(
    env: Env<'_>,
    index: i32,
    name: u32,
    name_len: u32,
    verbosity: u32,
    class: u32,
    datatype: u32,
    enumtype: u32,
    desc: u32,
    desc_len: u32,
    bind: u32,
    readonly: u32,
    continuous: u32,
    atomic: u32,
) -> Code {
    call_tool(env, "MPI_T_pvar_get_info", |rank, guest| {
        let variable = rank.pvar_get_info(index)?;
        let ty = match variable.seconds {
            true => MPI_DOUBLE,
            false => MPI_UNSIGNED_LONG_LONG,
        };
        guest.offer_text(name, name_len, variable.name)?;
        guest.offer_i32(verbosity, MPI_T_VERBOSITY_USER_BASIC)?;
        guest.offer_i32(class, variable.class)?;
        guest.offer_u32(datatype, ty)?;
        guest.offer_u32(enumtype, MPI_T_ENUM_NULL)?;
        guest.offer_text(desc, desc_len, variable.about)?;
        guest.offer_i32(bind, MPI_T_BIND_NO_OBJECT)?;
        guest.offer_i32(readonly, i32::from(variable.fixed))?;
        guest.offer_i32(continuous, i32::from(variable.fixed))?;
        guest.offer_i32(atomic, i32::from(!variable.fixed))
    })
}

fn pvar_get_index(env: Env<'_>, name: u32, class: i32, index: u32) -> Code {
    call_tool(env, "MPI_T_pvar_get_index", |rank, guest| {
        let name = guest.string(name, MAX_NAME)?;
        guest.put_i32(index, rank.pvar_get_index(&name, class)?)
    })
}

fn pvar_session_create(env: Env<'_>, session: u32) -> Code {
    call_tool(env, "MPI_T_pvar_session_create", |rank, guest| {
        not_null(session)?;
        guest.put_handle(session, rank.pvar_session_create()?)
    })
}

fn pvar_session_free(env: Env<'_>, session: u32) -> Code {
    call_tool(env, "MPI_T_pvar_session_free", |rank, guest| {
        rank.pvar_session_free(guest.get_handle(session)?)?;
        guest.put_u32(session, 0)
    })
}

fn pvar_handle_alloc(
    env: Env<'_>,
    session: u32,
    index: i32,
    _object: u32,
    handle: u32,
    count: u32,
) -> Code {
    call_tool(env, "MPI_T_pvar_handle_alloc", |rank, guest| {
        not_null(handle)?;
        let made = rank.pvar_handle_alloc(PvarSessionHandle(session), index)?;
        guest.put_handle(handle, made)?;
        guest.offer_i32(count, 1)
    })
}

fn pvar_handle_free(env: Env<'_>, session: u32, handle: u32) -> Code {
    call_tool(env, "MPI_T_pvar_handle_free", |rank, guest| {
        let freed: PvarHandle = guest.get_handle(handle)?;
        rank.pvar_handle_free(PvarSessionHandle(session), freed)?;
        guest.put_handle(handle, PvarHandle(MPI_T_PVAR_HANDLE_NULL))
    })
}

/// A call on one handle of a session, or on all.
fn on_pvar<'a>(
    env: Env<'a>,
    name: &str,
    session: u32,
    handle: u32,
    body: impl FnOnce(&Rank, &Caller<'a>, PvarSessionHandle, PvarHandle) -> Result<()>,
) -> Code {
    call_tool(env, name, |rank, guest| {
        body(rank, guest, PvarSessionHandle(session), PvarHandle(handle))
    })
}

fn pvar_start(env: Env<'_>, session: u32, handle: u32) -> Code {
    on_pvar(env, "MPI_T_pvar_start", session, handle, |rank, _, s, h| {
        rank.pvar_start(s, h)
    })
}

fn pvar_stop(env: Env<'_>, session: u32, handle: u32) -> Code {
    on_pvar(env, "MPI_T_pvar_stop", session, handle, |rank, _, s, h| {
        rank.pvar_stop(s, h)
    })
}

fn pvar_reset(env: Env<'_>, session: u32, handle: u32) -> Code {
    on_pvar(env, "MPI_T_pvar_reset", session, handle, |rank, _, s, h| {
        rank.pvar_reset(s, h)
    })
}

fn pvar_read(env: Env<'_>, session: u32, handle: u32, buf: u32) -> Code {
    on_pvar(
        env,
        "MPI_T_pvar_read",
        session,
        handle,
        |rank, guest, s, h| guest.put_pvar(buf, rank.pvar_read(s, h)?),
    )
}

fn pvar_readreset(env: Env<'_>, session: u32, handle: u32, buf: u32) -> Code {
    on_pvar(
        env,
        "MPI_T_pvar_readreset",
        session,
        handle,
        |rank, guest, s, h| {
            not_null(buf)?;
            guest.put_pvar(buf, rank.pvar_readreset(s, h)?)
        },
    )
}

fn pvar_write(env: Env<'_>, session: u32, handle: u32, buf: u32) -> Code {
    on_pvar(
        env,
        "MPI_T_pvar_write",
        session,
        handle,
        |rank, guest, s, h| {
            let bits = guest.get_u64(buf)?;
            let value = match rank.pvar_is_seconds(s, h)? {
                true => PvarValue::Seconds(f64::from_bits(bits)),
                false => PvarValue::Count(bits),
            };
            rank.pvar_write(s, h, value)
        },
    )
}

fn category_get_num(env: Env<'_>, num: u32) -> Code {
    call_tool(env, "MPI_T_category_get_num", |rank, guest| {
        guest.put_i32(num, rank.category_get_num()?)
    })
}

fn category_get_info(
    env: Env<'_>,
    index: i32,
    name: u32,
    name_len: u32,
    desc: u32,
    desc_len: u32,
    num_cvars: u32,
    num_pvars: u32,
    num_categories: u32,
) -> Code {
    call_tool(env, "MPI_T_category_get_info", |rank, guest| {
        let category = rank.category_get_info(index)?;
        guest.offer_text(name, name_len, category.name)?;
        guest.offer_text(desc, desc_len, category.about)?;
        guest.offer_i32(num_cvars, rank.category_get_cvars(index)?.len() as i32)?;
        guest.offer_i32(num_pvars, rank.category_get_pvars(index)?.len() as i32)?;
        guest.offer_i32(num_categories, 0)
    })
}

fn category_get_index(env: Env<'_>, name: u32, index: u32) -> Code {
    call_tool(env, "MPI_T_category_get_index", |rank, guest| {
        let name = guest.string(name, MAX_NAME)?;
        guest.put_i32(index, rank.category_get_index(&name)?)
    })
}

fn category_get_cvars(env: Env<'_>, index: i32, len: i32, indices: u32) -> Code {
    call_tool(env, "MPI_T_category_get_cvars", |rank, guest| {
        guest.offer_indices(indices, len, &rank.category_get_cvars(index)?)
    })
}

fn category_get_pvars(env: Env<'_>, index: i32, len: i32, indices: u32) -> Code {
    call_tool(env, "MPI_T_category_get_pvars", |rank, guest| {
        guest.offer_indices(indices, len, &rank.category_get_pvars(index)?)
    })
}

/// No category has others in it.
fn category_get_categories(env: Env<'_>, index: i32, _len: i32, _indices: u32) -> Code {
    call_tool(env, "MPI_T_category_get_categories", |rank, _| {
        rank.category_get_info(index).map(|_| ())
    })
}

fn category_get_num_events(env: Env<'_>, index: i32, num: u32) -> Code {
    call_tool(env, "MPI_T_category_get_num_events", |rank, guest| {
        rank.category_get_info(index)?;
        guest.put_i32(num, 0)
    })
}

fn category_get_events(env: Env<'_>, index: i32, _len: i32, _indices: u32) -> Code {
    call_tool(env, "MPI_T_category_get_events", |rank, _| {
        rank.category_get_info(index).map(|_| ())
    })
}

/// Categories never change.
fn category_changed(env: Env<'_>, update: u32) -> Code {
    call_tool(env, "MPI_T_category_changed", |rank, guest| {
        rank.tool_check()?;
        guest.put_i32(update, 0)
    })
}

fn source_get_num(env: Env<'_>, num: u32) -> Code {
    call_tool(env, "MPI_T_source_get_num", |rank, guest| {
        guest.put_i32(num, rank.source_get_num()?)
    })
}

fn source_get_info(
    env: Env<'_>,
    index: i32,
    name: u32,
    name_len: u32,
    desc: u32,
    desc_len: u32,
    ordering: u32,
    ticks: u32,
    max_ticks: u32,
    info: u32,
) -> Code {
    call_tool(env, "MPI_T_source_get_info", |rank, guest| {
        let source = rank.source_get_info(index)?;
        guest.offer_text(name, name_len, source.name)?;
        guest.offer_text(desc, desc_len, source.about)?;
        guest.offer_i32(ordering, ORDERED)?;
        guest.offer_i64(ticks, EVENT_SOURCE_TICKS)?;
        guest.offer_i64(max_ticks, i64::MAX)?;
        match info {
            0 => Ok(()),
            wanted => guest.put_handle(wanted, rank.info_create()?),
        }
    })
}

fn source_get_timestamp(env: Env<'_>, index: i32, timestamp: u32) -> Code {
    call_tool(env, "MPI_T_source_get_timestamp", |rank, guest| {
        guest.put_i64(timestamp, rank.source_get_timestamp(index)?)
    })
}

fn event_get_num(env: Env<'_>, num: u32) -> Code {
    call_tool(env, "MPI_T_event_get_num", |rank, guest| {
        rank.tool_check()?;
        guest.put_i32(num, 0)
    })
}

fn event_get_index(env: Env<'_>, name: u32, index: u32) -> Code {
    call_tool(env, "MPI_T_event_get_index", |rank, guest| {
        not_null(index)?;
        let name = guest.string(name, MAX_NAME)?;
        rank.event_get_index(&name).map(|_| ())
    })
}

fn event_get_info(
    env: Env<'_>,
    index: i32,
    _name: u32,
    _name_len: u32,
    _verbosity: u32,
    _datatypes: u32,
    _displacements: u32,
    _num_elements: u32,
    _enumtype: u32,
    _info: u32,
    _desc: u32,
    _desc_len: u32,
    _bind: u32,
) -> Code {
    call_tool(env, "MPI_T_event_get_info", |rank, _| {
        Err(rank.no_event_type(index))
    })
}

fn event_handle_alloc(env: Env<'_>, index: i32, _object: u32, _info: u32, _made: u32) -> Code {
    call_tool(env, "MPI_T_event_handle_alloc", |rank, _| {
        Err(rank.no_event_type(index))
    })
}

/// A call on a registration or an instance of an event, of which there can be none.
fn no_event(env: Env<'_>, name: &str, event: u32) -> Code {
    call_tool(env, name, |rank, _| Err(rank.no_event(event)))
}

fn event_handle_free(env: Env<'_>, event: u32, _data: u32, _function: u32) -> Code {
    no_event(env, "MPI_T_event_handle_free", event)
}

fn event_handle_get_info(env: Env<'_>, event: u32, _info: u32) -> Code {
    no_event(env, "MPI_T_event_handle_get_info", event)
}

fn event_handle_set_info(env: Env<'_>, event: u32, _info: u32) -> Code {
    no_event(env, "MPI_T_event_handle_set_info", event)
}

fn event_callback_get_info(env: Env<'_>, event: u32, _safety: i32, _info: u32) -> Code {
    no_event(env, "MPI_T_event_callback_get_info", event)
}

fn event_callback_set_info(env: Env<'_>, event: u32, _safety: i32, _info: u32) -> Code {
    no_event(env, "MPI_T_event_callback_set_info", event)
}

fn event_register_callback(
    env: Env<'_>,
    event: u32,
    _safety: i32,
    _info: u32,
    _data: u32,
    _function: u32,
) -> Code {
    no_event(env, "MPI_T_event_register_callback", event)
}

fn event_set_dropped_handler(env: Env<'_>, event: u32, _function: u32) -> Code {
    no_event(env, "MPI_T_event_set_dropped_handler", event)
}

fn event_read(env: Env<'_>, event: u32, _element: i32, _buffer: u32) -> Code {
    no_event(env, "MPI_T_event_read", event)
}

fn event_copy(env: Env<'_>, event: u32, _buffer: u32) -> Code {
    no_event(env, "MPI_T_event_copy", event)
}

fn event_get_timestamp(env: Env<'_>, event: u32, _timestamp: u32) -> Code {
    no_event(env, "MPI_T_event_get_timestamp", event)
}

fn event_get_source(env: Env<'_>, event: u32, _source: u32) -> Code {
    no_event(env, "MPI_T_event_get_source", event)
}

pub(crate) const VARIABLES: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_T_init_thread", init_thread),
    ("MPI_T_finalize", finalize),
    ("MPI_T_enum_get_info", enum_get_info),
    ("MPI_T_enum_get_item", enum_get_item),
    ("MPI_T_cvar_get_num", cvar_get_num),
    ("MPI_T_cvar_get_info", cvar_get_info),
    ("MPI_T_cvar_get_index", cvar_get_index),
    ("MPI_T_cvar_handle_alloc", cvar_handle_alloc),
    ("MPI_T_cvar_handle_free", cvar_handle_free),
    ("MPI_T_cvar_read", cvar_read),
    ("MPI_T_cvar_write", cvar_write),
    ("MPI_T_pvar_get_num", pvar_get_num),
    ("MPI_T_pvar_get_info", pvar_get_info),
    ("MPI_T_pvar_get_index", pvar_get_index),
    ("MPI_T_pvar_session_create", pvar_session_create),
    ("MPI_T_pvar_session_free", pvar_session_free),
    ("MPI_T_pvar_handle_alloc", pvar_handle_alloc),
    ("MPI_T_pvar_handle_free", pvar_handle_free),
    ("MPI_T_pvar_start", pvar_start),
    ("MPI_T_pvar_stop", pvar_stop),
    ("MPI_T_pvar_read", pvar_read),
    ("MPI_T_pvar_readreset", pvar_readreset),
    ("MPI_T_pvar_reset", pvar_reset),
    ("MPI_T_pvar_write", pvar_write),
];

pub(crate) const CATEGORIES_AND_EVENTS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_T_category_get_num", category_get_num),
    ("MPI_T_category_get_info", category_get_info),
    ("MPI_T_category_get_index", category_get_index),
    ("MPI_T_category_get_cvars", category_get_cvars),
    ("MPI_T_category_get_pvars", category_get_pvars),
    ("MPI_T_category_get_categories", category_get_categories),
    ("MPI_T_category_get_num_events", category_get_num_events),
    ("MPI_T_category_get_events", category_get_events),
    ("MPI_T_category_changed", category_changed),
    ("MPI_T_source_get_num", source_get_num),
    ("MPI_T_source_get_info", source_get_info),
    ("MPI_T_source_get_timestamp", source_get_timestamp),
    ("MPI_T_event_get_num", event_get_num),
    ("MPI_T_event_get_index", event_get_index),
    ("MPI_T_event_get_info", event_get_info),
    ("MPI_T_event_handle_alloc", event_handle_alloc),
    ("MPI_T_event_handle_free", event_handle_free),
    ("MPI_T_event_handle_get_info", event_handle_get_info),
    ("MPI_T_event_handle_set_info", event_handle_set_info),
    ("MPI_T_event_callback_get_info", event_callback_get_info),
    ("MPI_T_event_callback_set_info", event_callback_set_info),
    ("MPI_T_event_register_callback", event_register_callback),
    ("MPI_T_event_set_dropped_handler", event_set_dropped_handler),
    ("MPI_T_event_read", event_read),
    ("MPI_T_event_copy", event_copy),
    ("MPI_T_event_get_timestamp", event_get_timestamp),
    ("MPI_T_event_get_source", event_get_source),
];
