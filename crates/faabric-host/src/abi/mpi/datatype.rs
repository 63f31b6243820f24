//! Datatypes (MPI 4.1, chapter 5).

use super::caller::{Caller, Code, Env, NO_COMM, call};
use super::count::Count;
use super::p2p::buffer;
use faabric_mpi::abi::{MPI_DATATYPE_NULL, MPI_MAX_DATAREP_STRING, MPI_MAX_OBJECT_NAME};
use faabric_mpi::datatype::{
    Constructor, Contents, Counts, Darray, Datatype, MAX_BLOCKS, Order, Packed, Subarray,
};
use faabric_mpi::handle::{CommHandle, TypeHandle};
use faabric_mpi::memory::Addr;
use faabric_mpi::{Class, Error, Rank, Result};
use std::sync::Arc;

/// Builds a type and writes its handle to `newtype`.
fn create(
    env: Env<'_>,
    name: &str,
    counts: Counts,
    newtype: u32,
    constructor: impl FnOnce(&Rank, &Caller<'_>) -> Result<Constructor>,
) -> Code {
    call(env, name, NO_COMM, |rank, guest| {
        let constructor = constructor(rank, guest)?;
        let made = rank.type_create(constructor, counts)?;
        guest.put_handle(newtype, made)
    })
}

fn old(rank: &Rank, datatype: u32) -> Result<Arc<Datatype>> {
    rank.type_of(TypeHandle(datatype))
}

/// A number of blocks, refused before their lists are read if it is out of range.
fn blocks(count: impl Into<i64>) -> Result<i64> {
    let count = count.into();
    if (0..=MAX_BLOCKS as i64).contains(&count) {
        return Ok(count);
    }
    Err(Error::new(
        Class::COUNT,
        format!("count is {count}, must be from 0 to {MAX_BLOCKS}"),
    ))
}

/// Displacements in bytes: `MPI_Aint`, or `MPI_Count` in the large form.
fn displacements<C: Count>(guest: &Caller<'_>, at: u32, count: i64) -> Result<Vec<i64>> {
    guest.counts::<C>(at, count)
}

fn contiguous<C: Count>(env: Env<'_>, count: C, oldtype: u32, newtype: u32) -> Code {
    create(env, "MPI_Type_contiguous", C::COUNTS, newtype, |rank, _| {
        Ok(Constructor::Contiguous {
            count: count.into(),
            old: old(rank, oldtype)?,
        })
    })
}

fn vector<C: Count>(
    env: Env<'_>,
    count: C,
    blocklength: C,
    stride: C,
    oldtype: u32,
    newtype: u32,
) -> Code {
    create(env, "MPI_Type_vector", C::COUNTS, newtype, |rank, _| {
        Ok(Constructor::Vector {
            count: count.into(),
            blocklength: blocklength.into(),
            stride: stride.into(),
            old: old(rank, oldtype)?,
        })
    })
}

fn hvector<C: Count>(
    env: Env<'_>,
    count: C,
    blocklength: C,
    stride: C,
    oldtype: u32,
    newtype: u32,
) -> Code {
    create(
        env,
        "MPI_Type_create_hvector",
        C::COUNTS,
        newtype,
        |rank, _| {
            Ok(Constructor::Hvector {
                count: count.into(),
                blocklength: blocklength.into(),
                stride: stride.into(),
                old: old(rank, oldtype)?,
            })
        },
    )
}

fn indexed<C: Count, const BYTES: bool>(
    env: Env<'_>,
    count: C,
    blocklengths: u32,
    displs: u32,
    oldtype: u32,
    newtype: u32,
) -> Code {
    let name = if BYTES {
        "MPI_Type_create_hindexed"
    } else {
        "MPI_Type_indexed"
    };
    create(env, name, C::COUNTS, newtype, |rank, guest| {
        let count = blocks(count)?;
        let blocklengths = guest.counts::<C>(blocklengths, count)?;
        let displacements = displacements::<C>(guest, displs, count)?;
        let old = old(rank, oldtype)?;
        Ok(if BYTES {
            Constructor::Hindexed {
                blocklengths,
                displacements,
                old,
            }
        } else {
            Constructor::Indexed {
                blocklengths,
                displacements,
                old,
            }
        })
    })
}

fn indexed_block<C: Count, const BYTES: bool>(
    env: Env<'_>,
    count: C,
    blocklength: C,
    displs: u32,
    oldtype: u32,
    newtype: u32,
) -> Code {
    let name = if BYTES {
        "MPI_Type_create_hindexed_block"
    } else {
        "MPI_Type_create_indexed_block"
    };
    create(env, name, C::COUNTS, newtype, |rank, guest| {
        let displacements = displacements::<C>(guest, displs, blocks(count)?)?;
        let blocklength = blocklength.into();
        let old = old(rank, oldtype)?;
        Ok(if BYTES {
            Constructor::HindexedBlock {
                blocklength,
                displacements,
                old,
            }
        } else {
            Constructor::IndexedBlock {
                blocklength,
                displacements,
                old,
            }
        })
    })
}

fn structure<C: Count>(
    env: Env<'_>,
    count: C,
    blocklengths: u32,
    displs: u32,
    types: u32,
    newtype: u32,
) -> Code {
    create(
        env,
        "MPI_Type_create_struct",
        C::COUNTS,
        newtype,
        |rank, guest| {
            let count = blocks(count)?;
            let types = guest.handles::<TypeHandle>(types, count)?;
            Ok(Constructor::Struct {
                blocklengths: guest.counts::<C>(blocklengths, count)?,
                displacements: displacements::<C>(guest, displs, count)?,
                types: types
                    .into_iter()
                    .map(|ty| rank.type_of(ty))
                    .collect::<Result<_>>()?,
            })
        },
    )
}

fn subarray<C: Count>(
    env: Env<'_>,
    ndims: i32,
    sizes: u32,
    subsizes: u32,
    starts: u32,
    order: i32,
    oldtype: u32,
    newtype: u32,
) -> Code {
    create(
        env,
        "MPI_Type_create_subarray",
        C::COUNTS,
        newtype,
        |rank, guest| {
            let ndims = blocks(ndims)?;
            Ok(Constructor::Subarray(Subarray {
                sizes: guest.counts::<C>(sizes, ndims)?,
                subsizes: guest.counts::<C>(subsizes, ndims)?,
                starts: guest.counts::<C>(starts, ndims)?,
                order: Order::from_raw(order)?,
                old: old(rank, oldtype)?,
            }))
        },
    )
}

fn darray<C: Count>(
    env: Env<'_>,
    size: i32,
    process: i32,
    ndims: i32,
    gsizes: u32,
    distribs: u32,
    dargs: u32,
    psizes: u32,
    order: i32,
    oldtype: u32,
    newtype: u32,
) -> Code {
    create(
        env,
        "MPI_Type_create_darray",
        C::COUNTS,
        newtype,
        |rank, guest| {
            let ndims = blocks(ndims)?;
            Ok(Constructor::Darray(Darray {
                size,
                rank: process,
                gsizes: guest.counts::<C>(gsizes, ndims)?,
                distribs: guest.ints(distribs, ndims)?,
                dargs: guest.ints(dargs, ndims)?,
                psizes: guest.ints(psizes, ndims)?,
                order: Order::from_raw(order)?,
                old: old(rank, oldtype)?,
            }))
        },
    )
}

fn resized<C: Count>(env: Env<'_>, oldtype: u32, lb: C, extent: C, newtype: u32) -> Code {
    create(
        env,
        "MPI_Type_create_resized",
        C::COUNTS,
        newtype,
        |rank, _| {
            Ok(Constructor::Resized {
                lb: lb.into(),
                extent: extent.into(),
                old: old(rank, oldtype)?,
            })
        },
    )
}

fn f90_integer(env: Env<'_>, r: i32, newtype: u32) -> Code {
    create(
        env,
        "MPI_Type_create_f90_integer",
        Counts::Int,
        newtype,
        |_, _| Ok(Constructor::F90Integer(r)),
    )
}

fn f90_real(env: Env<'_>, p: i32, r: i32, newtype: u32) -> Code {
    create(
        env,
        "MPI_Type_create_f90_real",
        Counts::Int,
        newtype,
        |_, _| Ok(Constructor::F90Real(p, r)),
    )
}

fn f90_complex(env: Env<'_>, p: i32, r: i32, newtype: u32) -> Code {
    create(
        env,
        "MPI_Type_create_f90_complex",
        Counts::Int,
        newtype,
        |_, _| Ok(Constructor::F90Complex(p, r)),
    )
}

fn dup(env: Env<'_>, oldtype: u32, newtype: u32) -> Code {
    call(env, "MPI_Type_dup", NO_COMM, |rank, guest| {
        let made = rank.type_dup(guest, TypeHandle(oldtype));
        let null = TypeHandle(MPI_DATATYPE_NULL);
        guest.put_handle(newtype, *made.as_ref().unwrap_or(&null))?;
        made.map(|_| ())
    })
}

fn commit(env: Env<'_>, datatype: u32) -> Code {
    call(env, "MPI_Type_commit", NO_COMM, |rank, guest| {
        rank.type_commit(guest.get_handle(datatype)?)
    })
}

fn free(env: Env<'_>, datatype: u32) -> Code {
    call(env, "MPI_Type_free", NO_COMM, |rank, guest| {
        let mut handle = guest.get_handle(datatype)?;
        rank.type_free(guest, &mut handle)?;
        guest.put_handle(datatype, TypeHandle(MPI_DATATYPE_NULL))
    })
}

fn size<C: Count>(env: Env<'_>, datatype: u32, size: u32) -> Code {
    call(env, "MPI_Type_size", NO_COMM, |rank, guest| {
        C::put(guest, size, Some(old(rank, datatype)?.size()))
    })
}

/// Writes a lower bound and an extent. In the `int` form both are `MPI_Aint`, and one
/// that does not fit is `MPI_UNDEFINED` (MPI 4.1, section 5.1.7).
fn put_bounds<C: Count>(guest: &Caller<'_>, places: [u32; 2], values: [i64; 2]) -> Result<()> {
    for (at, value) in places.into_iter().zip(values) {
        match C::LARGE {
            true => guest.put_i64(at, value)?,
            false => {
                let fits = i32::try_from(value).unwrap_or(faabric_mpi::abi::MPI_UNDEFINED);
                guest.put_i32(at, fits)?;
            }
        }
    }
    Ok(())
}

fn extent<C: Count>(env: Env<'_>, datatype: u32, lb: u32, extent: u32) -> Code {
    call(env, "MPI_Type_get_extent", NO_COMM, |rank, guest| {
        let datatype = old(rank, datatype)?;
        put_bounds::<C>(guest, [lb, extent], [datatype.lb(), datatype.extent()])
    })
}

fn true_extent<C: Count>(env: Env<'_>, datatype: u32, lb: u32, extent: u32) -> Code {
    call(env, "MPI_Type_get_true_extent", NO_COMM, |rank, guest| {
        let datatype = old(rank, datatype)?;
        put_bounds::<C>(
            guest,
            [lb, extent],
            [datatype.true_lb(), datatype.true_extent()],
        )
    })
}

fn envelope<C: Count>(
    env: Env<'_>,
    datatype: u32,
    integers: u32,
    addresses: u32,
    datatypes: u32,
    combiner: u32,
) -> Code {
    call(env, "MPI_Type_get_envelope", NO_COMM, |rank, guest| {
        let envelope = rank.type_get_envelope(TypeHandle(datatype))?;
        only_small(envelope.large_counts as usize)?;
        C::put(guest, integers, Some(envelope.integers))?;
        C::put(guest, addresses, Some(envelope.addresses))?;
        C::put(guest, datatypes, Some(envelope.datatypes))?;
        guest.put_i32(combiner, envelope.combiner)
    })
}

fn envelope_large(
    env: Env<'_>,
    datatype: u32,
    integers: u32,
    addresses: u32,
    large_counts: u32,
    datatypes: u32,
    combiner: u32,
) -> Code {
    call(env, "MPI_Type_get_envelope_c", NO_COMM, |rank, guest| {
        let envelope = rank.type_get_envelope(TypeHandle(datatype))?;
        guest.put_i64(integers, envelope.integers as i64)?;
        guest.put_i64(addresses, envelope.addresses as i64)?;
        guest.put_i64(large_counts, envelope.large_counts as i64)?;
        guest.put_i64(datatypes, envelope.datatypes as i64)?;
        guest.put_i32(combiner, envelope.combiner)
    })
}

/// The `int` calls cannot tell about a type made with large counts.
fn only_small(large_counts: usize) -> Result<()> {
    if large_counts == 0 {
        return Ok(());
    }
    Err(Error::new(
        Class::TYPE,
        "the datatype was made with large counts: use the call's _c form",
    ))
}

/// Writes what a type was made from: lists and how many elements each has room for.
fn put_contents(
    guest: &Caller<'_>,
    contents: &Contents,
    handles: &[TypeHandle],
    room: [i64; 4],
    places: [u32; 4],
) -> Result<()> {
    let lens = [
        contents.integers.len(),
        contents.addresses.len(),
        contents.large_counts.len(),
        handles.len(),
    ];
    for (len, room) in lens.into_iter().zip(room) {
        if (len as i64) > room {
            return Err(Error::new(
                Class::ARG,
                format!("an array has room for {room} elements, the contents are {len}"),
            ));
        }
    }
    let [integers, addresses, large_counts, datatypes] = places;
    // Addresses of wasm32 fit: the guest gave them as such.
    let narrow: Vec<i32> = contents.addresses.iter().map(|&a| a as i32).collect();
    guest.put_ints(integers, &contents.integers)?;
    guest.put_ints(addresses, &narrow)?;
    for (index, &value) in contents.large_counts.iter().enumerate() {
        guest.put_i64(Caller::element(large_counts, index, 8)?, value)?;
    }
    guest.put_handles(datatypes, handles)
}

fn contents(
    env: Env<'_>,
    datatype: u32,
    max_integers: i32,
    max_addresses: i32,
    max_datatypes: i32,
    integers: u32,
    addresses: u32,
    datatypes: u32,
) -> Code {
    call(env, "MPI_Type_get_contents", NO_COMM, |rank, guest| {
        let (contents, handles) = rank.type_get_contents(TypeHandle(datatype))?;
        only_small(contents.large_counts.len())?;
        let room = [max_integers, max_addresses, 0, max_datatypes].map(i64::from);
        put_contents(
            guest,
            &contents,
            &handles,
            room,
            [integers, addresses, 0, datatypes],
        )
    })
}

fn contents_large(
    env: Env<'_>,
    datatype: u32,
    max_integers: i64,
    max_addresses: i64,
    max_large_counts: i64,
    max_datatypes: i64,
    integers: u32,
    addresses: u32,
    large_counts: u32,
    datatypes: u32,
) -> Code {
    call(env, "MPI_Type_get_contents_c", NO_COMM, |rank, guest| {
        let (contents, handles) = rank.type_get_contents(TypeHandle(datatype))?;
        let room = [max_integers, max_addresses, max_large_counts, max_datatypes];
        let places = [integers, addresses, large_counts, datatypes];
        put_contents(guest, &contents, &handles, room, places)
    })
}

fn set_name(env: Env<'_>, datatype: u32, name: u32) -> Code {
    call(env, "MPI_Type_set_name", NO_COMM, |rank, guest| {
        let name = guest.string(name, MPI_MAX_OBJECT_NAME)?;
        old(rank, datatype)?.set_name(&name);
        Ok(())
    })
}

fn get_name(env: Env<'_>, datatype: u32, name: u32, len: u32) -> Code {
    call(env, "MPI_Type_get_name", NO_COMM, |rank, guest| {
        let text = old(rank, datatype)?.name();
        let written = guest.put_string(name, &text, MPI_MAX_OBJECT_NAME)?;
        guest.put_i32(len, written)
    })
}

fn match_size(env: Env<'_>, typeclass: i32, size: i32, datatype: u32) -> Code {
    call(env, "MPI_Type_match_size", NO_COMM, |rank, guest| {
        guest.put_handle(datatype, rank.type_match_size(typeclass, size.into())?)
    })
}

fn value_index(env: Env<'_>, value: u32, index: u32, pair: u32) -> Code {
    call(env, "MPI_Type_get_value_index", NO_COMM, |rank, guest| {
        let found = rank.type_get_value_index(TypeHandle(value), TypeHandle(index))?;
        guest.put_handle(pair, found)
    })
}

/// The position within a packed buffer, which the guest holds as `int` or `MPI_Count`.
fn packed<C: Count>(guest: &Caller<'_>, addr: u32, size: C, position: u32) -> Result<Packed> {
    let at = guest.counts::<C>(position, 1)?;
    Ok(Packed {
        addr: Addr(addr.into()),
        size: size.into(),
        position: at.first().copied().unwrap_or(0),
    })
}

fn pack<C: Count>(
    env: Env<'_>,
    inbuf: u32,
    incount: C,
    datatype: u32,
    outbuf: u32,
    outsize: C,
    position: u32,
    comm: u32,
) -> Code {
    call(env, "MPI_Pack", comm, |rank, guest| {
        rank.comm_size(CommHandle(comm))?;
        let to = packed(guest, outbuf, outsize, position)?;
        C::put_exact(
            guest,
            position,
            rank.pack(&buffer(inbuf, incount, datatype), to)?,
        )
    })
}

fn unpack<C: Count>(
    env: Env<'_>,
    inbuf: u32,
    insize: C,
    position: u32,
    outbuf: u32,
    outcount: C,
    datatype: u32,
    comm: u32,
) -> Code {
    call(env, "MPI_Unpack", comm, |rank, guest| {
        rank.comm_size(CommHandle(comm))?;
        let from = packed(guest, inbuf, insize, position)?;
        C::put_exact(
            guest,
            position,
            rank.unpack(from, &buffer(outbuf, outcount, datatype))?,
        )
    })
}

fn pack_size<C: Count>(env: Env<'_>, incount: C, datatype: u32, comm: u32, size: u32) -> Code {
    call(env, "MPI_Pack_size", comm, |rank, guest| {
        rank.comm_size(CommHandle(comm))?;
        C::put(
            guest,
            size,
            Some(rank.pack_size(incount.into(), TypeHandle(datatype))?),
        )
    })
}

/// `MPI_Pack_external` has `MPI_Aint` sizes and positions where its large form has
/// `MPI_Count`: the width of `C` in either.
fn pack_external<C: Count>(
    env: Env<'_>,
    datarep: u32,
    inbuf: u32,
    incount: C,
    datatype: u32,
    outbuf: u32,
    outsize: C,
    position: u32,
) -> Code {
    call(env, "MPI_Pack_external", NO_COMM, |rank, guest| {
        let form = guest.string(datarep, MPI_MAX_DATAREP_STRING)?;
        let to = packed(guest, outbuf, outsize, position)?;
        let end = rank.pack_external(&form, &buffer(inbuf, incount, datatype), to)?;
        C::put_exact(guest, position, end)
    })
}

fn unpack_external<C: Count>(
    env: Env<'_>,
    datarep: u32,
    inbuf: u32,
    insize: C,
    position: u32,
    outbuf: u32,
    outcount: C,
    datatype: u32,
) -> Code {
    call(env, "MPI_Unpack_external", NO_COMM, |rank, guest| {
        let form = guest.string(datarep, MPI_MAX_DATAREP_STRING)?;
        let from = packed(guest, inbuf, insize, position)?;
        let end = rank.unpack_external(&form, from, &buffer(outbuf, outcount, datatype))?;
        C::put_exact(guest, position, end)
    })
}

fn pack_external_size<C: Count>(
    env: Env<'_>,
    datarep: u32,
    incount: C,
    datatype: u32,
    size: u32,
) -> Code {
    call(env, "MPI_Pack_external_size", NO_COMM, |rank, guest| {
        let form = guest.string(datarep, MPI_MAX_DATAREP_STRING)?;
        let bytes = rank.pack_external_size(&form, incount.into(), TypeHandle(datatype))?;
        C::put(guest, size, Some(bytes))
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Type_contiguous", contiguous::<i32>),
    ("MPI_Type_contiguous_c", contiguous::<i64>),
    ("MPI_Type_vector", vector::<i32>),
    ("MPI_Type_vector_c", vector::<i64>),
    ("MPI_Type_create_hvector", hvector::<i32>),
    ("MPI_Type_create_hvector_c", hvector::<i64>),
    ("MPI_Type_indexed", indexed::<i32, false>),
    ("MPI_Type_indexed_c", indexed::<i64, false>),
    ("MPI_Type_create_hindexed", indexed::<i32, true>),
    ("MPI_Type_create_hindexed_c", indexed::<i64, true>),
    ("MPI_Type_create_indexed_block", indexed_block::<i32, false>),
    (
        "MPI_Type_create_indexed_block_c",
        indexed_block::<i64, false>
    ),
    ("MPI_Type_create_hindexed_block", indexed_block::<i32, true>),
    (
        "MPI_Type_create_hindexed_block_c",
        indexed_block::<i64, true>
    ),
    ("MPI_Type_create_struct", structure::<i32>),
    ("MPI_Type_create_struct_c", structure::<i64>),
    ("MPI_Type_create_subarray", subarray::<i32>),
    ("MPI_Type_create_subarray_c", subarray::<i64>),
    ("MPI_Type_create_darray", darray::<i32>),
    ("MPI_Type_create_darray_c", darray::<i64>),
    ("MPI_Type_create_resized", resized::<i32>),
    ("MPI_Type_create_resized_c", resized::<i64>),
    ("MPI_Type_create_f90_integer", f90_integer),
    ("MPI_Type_create_f90_real", f90_real),
    ("MPI_Type_create_f90_complex", f90_complex),
    ("MPI_Type_dup", dup),
    ("MPI_Type_commit", commit),
    ("MPI_Type_free", free),
    ("MPI_Type_size", size::<i32>),
    ("MPI_Type_size_c", size::<i64>),
    ("MPI_Type_size_x", size::<i64>),
    ("MPI_Type_get_extent", extent::<i32>),
    ("MPI_Type_get_extent_c", extent::<i64>),
    ("MPI_Type_get_extent_x", extent::<i64>),
    ("MPI_Type_get_true_extent", true_extent::<i32>),
    ("MPI_Type_get_true_extent_c", true_extent::<i64>),
    ("MPI_Type_get_true_extent_x", true_extent::<i64>),
    ("MPI_Type_get_envelope", envelope::<i32>),
    ("MPI_Type_get_envelope_c", envelope_large),
    ("MPI_Type_get_contents", contents),
    ("MPI_Type_get_contents_c", contents_large),
    ("MPI_Type_set_name", set_name),
    ("MPI_Type_get_name", get_name),
    ("MPI_Type_match_size", match_size),
    ("MPI_Type_get_value_index", value_index),
    ("MPI_Pack", pack::<i32>),
    ("MPI_Pack_c", pack::<i64>),
    ("MPI_Unpack", unpack::<i32>),
    ("MPI_Unpack_c", unpack::<i64>),
    ("MPI_Pack_size", pack_size::<i32>),
    ("MPI_Pack_size_c", pack_size::<i64>),
    ("MPI_Pack_external", pack_external::<i32>),
    ("MPI_Pack_external_c", pack_external::<i64>),
    ("MPI_Unpack_external", unpack_external::<i32>),
    ("MPI_Unpack_external_c", unpack_external::<i64>),
    ("MPI_Pack_external_size", pack_external_size::<i32>),
    ("MPI_Pack_external_size_c", pack_external_size::<i64>),
];
