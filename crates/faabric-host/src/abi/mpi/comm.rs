//! Groups and communicators (MPI 4.1, chapter 7).

use super::caller::{Caller, Code, Env, NO_COMM, call, call_on, not_null};
use super::direct;
use faabric_mpi::abi::{MPI_COMM_NULL, MPI_MAX_OBJECT_NAME, MPI_MAX_STRINGTAG_LEN};
use faabric_mpi::group::Range;
use faabric_mpi::handle::{CommHandle, ErrhandlerHandle, GroupHandle, InfoHandle};
use faabric_mpi::{Attached, Rank, Result};

/// Writes the communicator that `make` makes out of `comm`; null when it fails.
pub(super) fn create(
    env: Env<'_>,
    name: &str,
    comm: u32,
    newcomm: u32,
    make: impl FnOnce(&Rank, &mut Caller<'_>) -> Result<CommHandle>,
) -> Code {
    call(env, name, comm, |rank, guest| {
        not_null(newcomm)?;
        let made = make(rank, guest);
        let null = CommHandle(MPI_COMM_NULL);
        guest.put_handle(newcomm, *made.as_ref().unwrap_or(&null))?;
        made.map(|_| ())
    })
}

fn size(env: Env<'_>, comm: u32, size: u32) -> Code {
    call(env, "MPI_Comm_size", comm, |rank, guest| {
        guest.put_i32(size, rank.comm_size(CommHandle(comm))?)
    })
}

fn rank(env: Env<'_>, comm: u32, place: u32) -> Code {
    call(env, "MPI_Comm_rank", comm, |rank, guest| {
        guest.put_i32(place, rank.comm_rank(CommHandle(comm))?)
    })
}

fn compare(env: Env<'_>, comm: u32, other: u32, result: u32) -> Code {
    call(env, "MPI_Comm_compare", comm, |rank, guest| {
        let compared = rank.comm_compare(CommHandle(comm), CommHandle(other))?;
        guest.put_i32(result, compared)
    })
}

fn dup(env: Env<'_>, comm: u32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_dup", comm, newcomm, |rank, guest| {
        rank.comm_dup(guest, CommHandle(comm))
    })
}

fn dup_with_info(env: Env<'_>, comm: u32, info: u32, newcomm: u32) -> Code {
    create(
        env,
        "MPI_Comm_dup_with_info",
        comm,
        newcomm,
        |rank, guest| rank.comm_dup_with_info(guest, CommHandle(comm), InfoHandle(info)),
    )
}

fn idup(env: Env<'_>, comm: u32, newcomm: u32, request: u32) -> Code {
    call(env, "MPI_Comm_idup", comm, |rank, guest| {
        let (made, started) = rank.comm_idup(guest, CommHandle(comm))?;
        guest.put_handle(newcomm, made)?;
        guest.put_handle(request, started)
    })
}

fn idup_with_info(env: Env<'_>, comm: u32, info: u32, newcomm: u32, request: u32) -> Code {
    call(env, "MPI_Comm_idup_with_info", comm, |rank, guest| {
        let info = InfoHandle(info);
        let (made, started) = rank.comm_idup_with_info(guest, CommHandle(comm), info)?;
        guest.put_handle(newcomm, made)?;
        guest.put_handle(request, started)
    })
}

fn create_of(env: Env<'_>, comm: u32, group: u32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_create", comm, newcomm, |rank, guest| {
        rank.comm_create(guest, CommHandle(comm), GroupHandle(group))
    })
}

fn create_group(env: Env<'_>, comm: u32, group: u32, tag: i32, newcomm: u32) -> Code {
    create(
        env,
        "MPI_Comm_create_group",
        comm,
        newcomm,
        |rank, guest| rank.comm_create_group(guest, CommHandle(comm), GroupHandle(group), tag),
    )
}

fn create_from_group(
    env: Env<'_>,
    group: u32,
    tag: u32,
    info: u32,
    errhandler: u32,
    newcomm: u32,
) -> Code {
    let name = "MPI_Comm_create_from_group";
    call_on(env, name, ErrhandlerHandle(errhandler), |rank, guest| {
        let tag = guest.string(tag, MPI_MAX_STRINGTAG_LEN)?;
        let attached = attached(&tag, info, errhandler);
        let made = rank.comm_create_from_group(guest, GroupHandle(group), attached)?;
        guest.put_handle(newcomm, made)
    })
}

fn create_from_groups(
    env: Env<'_>,
    local_group: u32,
    local_leader: i32,
    remote_group: u32,
    remote_leader: i32,
    tag: u32,
    info: u32,
    errhandler: u32,
    newcomm: u32,
) -> Code {
    let name = "MPI_Intercomm_create_from_groups";
    call_on(env, name, ErrhandlerHandle(errhandler), |rank, guest| {
        let tag = guest.string(tag, MPI_MAX_STRINGTAG_LEN)?;
        let attached = attached(&tag, info, errhandler);
        let local = (GroupHandle(local_group), local_leader);
        let remote = (GroupHandle(remote_group), remote_leader);
        let made = rank.intercomm_create_from_groups(guest, local, remote, attached)?;
        guest.put_handle(newcomm, made)
    })
}

fn attached(tag: &str, info: u32, errhandler: u32) -> Attached<'_> {
    Attached {
        tag,
        info: InfoHandle(info),
        errhandler: ErrhandlerHandle(errhandler),
    }
}

fn split(env: Env<'_>, comm: u32, color: i32, key: i32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_split", comm, newcomm, |rank, guest| {
        rank.comm_split(guest, CommHandle(comm), color, key)
    })
}

fn split_type(env: Env<'_>, comm: u32, split: i32, key: i32, info: u32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_split_type", comm, newcomm, |rank, guest| {
        rank.comm_split_type(guest, CommHandle(comm), split, key, InfoHandle(info))
    })
}

fn free(env: Env<'_>, comm: u32) -> Code {
    let on = env.data().memory().read_u32(comm).unwrap_or(NO_COMM);
    call(env, "MPI_Comm_free", on, |rank, guest| {
        let mut handle = guest.get_handle(comm)?;
        rank.comm_free(guest, &mut handle)?;
        guest.put_handle(comm, CommHandle(MPI_COMM_NULL))
    })
}

fn disconnect(env: Env<'_>, comm: u32) -> Code {
    let on = env.data().memory().read_u32(comm).unwrap_or(NO_COMM);
    call(env, "MPI_Comm_disconnect", on, |rank, guest| {
        let mut handle = guest.get_handle(comm)?;
        rank.comm_disconnect(guest, &mut handle)?;
        guest.put_handle(comm, CommHandle(MPI_COMM_NULL))
    })
}

fn set_name(env: Env<'_>, comm: u32, name: u32) -> Code {
    call(env, "MPI_Comm_set_name", comm, |rank, guest| {
        let name = guest.string(name, MPI_MAX_OBJECT_NAME)?;
        rank.comm_set_name(CommHandle(comm), &name)
    })
}

fn get_name(env: Env<'_>, comm: u32, name: u32, len: u32) -> Code {
    call(env, "MPI_Comm_get_name", comm, |rank, guest| {
        let text = rank.comm_get_name(CommHandle(comm))?;
        let written = guest.put_string(name, &text, MPI_MAX_OBJECT_NAME)?;
        guest.put_i32(len, written)
    })
}

fn set_info(env: Env<'_>, comm: u32, info: u32) -> Code {
    call(env, "MPI_Comm_set_info", comm, |rank, _| {
        rank.comm_set_info(CommHandle(comm), InfoHandle(info))
    })
}

fn get_info(env: Env<'_>, comm: u32, info: u32) -> Code {
    call(env, "MPI_Comm_get_info", comm, |rank, guest| {
        guest.put_handle(info, rank.comm_get_info(CommHandle(comm))?)
    })
}

fn group(env: Env<'_>, comm: u32, group: u32) -> Code {
    call(env, "MPI_Comm_group", comm, |rank, guest| {
        guest.put_handle(group, rank.comm_group(CommHandle(comm))?)
    })
}

fn remote_group(env: Env<'_>, comm: u32, group: u32) -> Code {
    call(env, "MPI_Comm_remote_group", comm, |rank, guest| {
        guest.put_handle(group, rank.comm_remote_group(CommHandle(comm))?)
    })
}

fn remote_size(env: Env<'_>, comm: u32, size: u32) -> Code {
    call(env, "MPI_Comm_remote_size", comm, |rank, guest| {
        guest.put_i32(size, rank.comm_remote_size(CommHandle(comm))?)
    })
}

fn test_inter(env: Env<'_>, comm: u32, flag: u32) -> Code {
    call(env, "MPI_Comm_test_inter", comm, |rank, guest| {
        guest.put_flag(flag, rank.comm_test_inter(CommHandle(comm))?)
    })
}

fn intercomm_create(
    env: Env<'_>,
    comm: u32,
    leader: i32,
    peer: u32,
    remote_leader: i32,
    tag: i32,
    newcomm: u32,
) -> Code {
    create(env, "MPI_Intercomm_create", comm, newcomm, |rank, guest| {
        let (comm, peer) = (CommHandle(comm), CommHandle(peer));
        rank.intercomm_create(guest, comm, leader, peer, remote_leader, tag)
    })
}

fn intercomm_merge(env: Env<'_>, comm: u32, high: i32, newcomm: u32) -> Code {
    create(env, "MPI_Intercomm_merge", comm, newcomm, |rank, guest| {
        rank.intercomm_merge(guest, CommHandle(comm), high != 0)
    })
}

fn group_size(env: Env<'_>, group: u32, size: u32) -> Code {
    call(env, "MPI_Group_size", NO_COMM, |rank, guest| {
        guest.put_i32(size, rank.group_size(GroupHandle(group))?)
    })
}

fn group_rank(env: Env<'_>, group: u32, place: u32) -> Code {
    call(env, "MPI_Group_rank", NO_COMM, |rank, guest| {
        guest.put_i32(place, rank.group_rank(GroupHandle(group))?)
    })
}

fn group_translate_ranks(
    env: Env<'_>,
    group: u32,
    n: i32,
    ranks: u32,
    other: u32,
    translated: u32,
) -> Code {
    call(env, "MPI_Group_translate_ranks", NO_COMM, |rank, guest| {
        let ranks = guest.ints(ranks, n)?;
        let result = rank.group_translate_ranks(GroupHandle(group), &ranks, GroupHandle(other))?;
        guest.put_ints(translated, &result)
    })
}

fn group_compare(env: Env<'_>, group: u32, other: u32, result: u32) -> Code {
    call(env, "MPI_Group_compare", NO_COMM, |rank, guest| {
        let compared = rank.group_compare(GroupHandle(group), GroupHandle(other))?;
        guest.put_i32(result, compared)
    })
}

/// `MPI_Group_union`, `MPI_Group_intersection`, `MPI_Group_difference`.
fn group_of_two(
    env: Env<'_>,
    name: &str,
    (group, other): (u32, u32),
    newgroup: u32,
    make: fn(&Rank, GroupHandle, GroupHandle) -> Result<GroupHandle>,
) -> Code {
    call(env, name, NO_COMM, |rank, guest| {
        let made = make(rank, GroupHandle(group), GroupHandle(other))?;
        guest.put_handle(newgroup, made)
    })
}

fn group_union(env: Env<'_>, group: u32, other: u32, newgroup: u32) -> Code {
    group_of_two(
        env,
        "MPI_Group_union",
        (group, other),
        newgroup,
        Rank::group_union,
    )
}

fn group_intersection(env: Env<'_>, group: u32, other: u32, newgroup: u32) -> Code {
    let make = Rank::group_intersection;
    group_of_two(
        env,
        "MPI_Group_intersection",
        (group, other),
        newgroup,
        make,
    )
}

fn group_difference(env: Env<'_>, group: u32, other: u32, newgroup: u32) -> Code {
    let make = Rank::group_difference;
    group_of_two(env, "MPI_Group_difference", (group, other), newgroup, make)
}

fn group_incl(env: Env<'_>, group: u32, n: i32, ranks: u32, newgroup: u32) -> Code {
    call(env, "MPI_Group_incl", NO_COMM, |rank, guest| {
        let ranks = guest.ints(ranks, n)?;
        guest.put_handle(newgroup, rank.group_incl(GroupHandle(group), &ranks)?)
    })
}

fn group_excl(env: Env<'_>, group: u32, n: i32, ranks: u32, newgroup: u32) -> Code {
    call(env, "MPI_Group_excl", NO_COMM, |rank, guest| {
        let ranks = guest.ints(ranks, n)?;
        guest.put_handle(newgroup, rank.group_excl(GroupHandle(group), &ranks)?)
    })
}

/// Reads `int ranges[][3]`.
fn ranges(guest: &Caller<'_>, n: i32, at: u32) -> Result<Vec<Range>> {
    let words = guest.ints(at, i64::from(n) * 3)?;
    let triplets = words.as_chunks::<3>().0.iter();
    Ok(triplets
        .map(|&[first, last, stride]| Range {
            first,
            last,
            stride,
        })
        .collect())
}

fn group_range_incl(env: Env<'_>, group: u32, n: i32, at: u32, newgroup: u32) -> Code {
    call(env, "MPI_Group_range_incl", NO_COMM, |rank, guest| {
        let ranges = ranges(guest, n, at)?;
        guest.put_handle(
            newgroup,
            rank.group_range_incl(GroupHandle(group), &ranges)?,
        )
    })
}

fn group_range_excl(env: Env<'_>, group: u32, n: i32, at: u32, newgroup: u32) -> Code {
    call(env, "MPI_Group_range_excl", NO_COMM, |rank, guest| {
        let ranges = ranges(guest, n, at)?;
        guest.put_handle(
            newgroup,
            rank.group_range_excl(GroupHandle(group), &ranges)?,
        )
    })
}

fn group_free(env: Env<'_>, group: u32) -> Code {
    call(env, "MPI_Group_free", NO_COMM, |rank, guest| {
        let mut handle = guest.get_handle(group)?;
        rank.group_free(&mut handle)?;
        guest.put_handle(group, handle)
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Comm_size", size, direct::comm_size),
    ("MPI_Comm_rank", rank, direct::comm_rank),
    ("MPI_Comm_compare", compare),
    ("MPI_Comm_dup", dup),
    ("MPI_Comm_dup_with_info", dup_with_info),
    ("MPI_Comm_idup", idup),
    ("MPI_Comm_idup_with_info", idup_with_info),
    ("MPI_Comm_create", create_of),
    ("MPI_Comm_create_from_group", create_from_group),
    ("MPI_Intercomm_create_from_groups", create_from_groups),
    ("MPI_Comm_create_group", create_group),
    ("MPI_Comm_split", split),
    ("MPI_Comm_split_type", split_type),
    ("MPI_Comm_free", free),
    ("MPI_Comm_disconnect", disconnect),
    ("MPI_Comm_set_name", set_name),
    ("MPI_Comm_get_name", get_name),
    ("MPI_Comm_set_info", set_info),
    ("MPI_Comm_get_info", get_info),
    ("MPI_Comm_group", group),
    ("MPI_Comm_remote_group", remote_group),
    ("MPI_Comm_remote_size", remote_size),
    ("MPI_Comm_test_inter", test_inter),
    ("MPI_Intercomm_create", intercomm_create),
    ("MPI_Intercomm_merge", intercomm_merge),
    ("MPI_Group_size", group_size),
    ("MPI_Group_rank", group_rank),
    ("MPI_Group_translate_ranks", group_translate_ranks),
    ("MPI_Group_compare", group_compare),
    ("MPI_Group_union", group_union),
    ("MPI_Group_intersection", group_intersection),
    ("MPI_Group_difference", group_difference),
    ("MPI_Group_incl", group_incl),
    ("MPI_Group_excl", group_excl),
    ("MPI_Group_range_incl", group_range_incl),
    ("MPI_Group_range_excl", group_range_excl),
    ("MPI_Group_free", group_free),
];
