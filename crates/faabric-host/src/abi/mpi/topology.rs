//! Process topologies (MPI 4.1, chapter 8).

use super::caller::{Caller, Code, Env, NO_COMM, call};
use super::comm::create;
use faabric_mpi::abi::{
    MPI_CART, MPI_DIST_GRAPH, MPI_GRAPH, MPI_UNDEFINED, MPI_UNWEIGHTED, MPI_WEIGHTS_EMPTY,
};
use faabric_mpi::handle::CommHandle;
use faabric_mpi::topology::{Cart, Graph, dims_create};
use faabric_mpi::{Class, Error, Rank, Result};

fn test(env: Env<'_>, comm: u32, status: u32) -> Code {
    call(env, "MPI_Topo_test", comm, |rank, guest| {
        guest.put_i32(status, rank.topo_test(CommHandle(comm))?)
    })
}

fn dims(env: Env<'_>, nnodes: i32, ndims: i32, at: u32) -> Code {
    call(env, "MPI_Dims_create", NO_COMM, |_, guest| {
        let mut dims = guest.ints(at, ndims)?;
        dims_create(nnodes, &mut dims)?;
        guest.put_ints(at, &dims)
    })
}

fn cart_create(
    env: Env<'_>,
    comm: u32,
    ndims: i32,
    dims: u32,
    periods: u32,
    _reorder: i32,
    newcomm: u32,
) -> Code {
    create(env, "MPI_Cart_create", comm, newcomm, |rank, guest| {
        let (dims, periods) = (guest.ints(dims, ndims)?, guest.flags(periods, ndims)?);
        rank.cart_create(guest, CommHandle(comm), &dims, &periods)
    })
}

fn cartdim_get(env: Env<'_>, comm: u32, ndims: u32) -> Code {
    call(env, "MPI_Cartdim_get", comm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        guest.put_i32(ndims, cart.dims().len() as i32)
    })
}

/// As many elements as the guest has room for.
fn put_up_to(guest: &Caller<'_>, at: u32, room: i32, values: &[i32]) -> Result<()> {
    let room = usize::try_from(room).map_err(|_| {
        Error::new(
            Class::ARG,
            format!("an array cannot have room for {room} elements"),
        )
    })?;
    guest.put_ints(at, &values[..values.len().min(room)])
}

fn signed(values: &[u32]) -> Vec<i32> {
    values.iter().map(|&value| value as i32).collect()
}

fn cart_get(env: Env<'_>, comm: u32, maxdims: i32, dims: u32, periods: u32, coords: u32) -> Code {
    call(env, "MPI_Cart_get", comm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        let at = cart.coords(rank.comm_rank(CommHandle(comm))?)?;
        let periodic: Vec<i32> = cart.periodic().iter().map(|&p| i32::from(p)).collect();
        put_up_to(guest, dims, maxdims, &signed(cart.dims()))?;
        put_up_to(guest, periods, maxdims, &periodic)?;
        put_up_to(guest, coords, maxdims, &signed(&at))
    })
}

fn cart_rank(env: Env<'_>, comm: u32, coords: u32, place: u32) -> Code {
    call(env, "MPI_Cart_rank", comm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        let coords = guest.ints(coords, cart.dims().len() as i64)?;
        guest.put_u32(place, cart.rank(&coords)?)
    })
}

fn cart_coords(env: Env<'_>, comm: u32, of: i32, maxdims: i32, coords: u32) -> Code {
    call(env, "MPI_Cart_coords", comm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        put_up_to(guest, coords, maxdims, &signed(&cart.coords(of)?))
    })
}

fn cart_shift(env: Env<'_>, comm: u32, direction: i32, disp: i32, source: u32, dest: u32) -> Code {
    call(env, "MPI_Cart_shift", comm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        let (from, to) = cart.shift(rank.comm_rank(CommHandle(comm))?, direction, disp)?;
        guest.put_i32(source, from)?;
        guest.put_i32(dest, to)
    })
}

fn cart_sub(env: Env<'_>, comm: u32, remain: u32, newcomm: u32) -> Code {
    create(env, "MPI_Cart_sub", comm, newcomm, |rank, guest| {
        let cart = rank.cart(CommHandle(comm))?;
        let remain = guest.flags(remain, cart.dims().len() as i64)?;
        rank.cart_sub(guest, CommHandle(comm), &remain)
    })
}

fn cart_map(env: Env<'_>, comm: u32, ndims: i32, dims: u32, periods: u32, place: u32) -> Code {
    call(env, "MPI_Cart_map", comm, |rank, guest| {
        let (dims, periods) = (guest.ints(dims, ndims)?, guest.flags(periods, ndims)?);
        let cart = Cart::new(&dims, &periods, rank.comm_size(CommHandle(comm))? as u32)?;
        guest.put_i32(place, mapped(rank, comm, cart.size())?)
    })
}

/// The caller's rank in a topology of `size` places: its own, as long as there is one.
fn mapped(rank: &Rank, comm: u32, size: u32) -> Result<i32> {
    let own = rank.comm_rank(CommHandle(comm))?;
    Ok(if (own as u32) < size {
        own
    } else {
        MPI_UNDEFINED
    })
}

/// The nodes' edges: as many as the last entry of `index` says.
fn edges(guest: &Caller<'_>, nnodes: i32, index: u32, edges: u32) -> Result<(Vec<i32>, Vec<i32>)> {
    let index = guest.ints(index, nnodes)?;
    let count = index.last().copied().unwrap_or(0);
    Ok((index, guest.ints(edges, count)?))
}

fn graph_create(
    env: Env<'_>,
    comm: u32,
    nnodes: i32,
    index: u32,
    edge_list: u32,
    _reorder: i32,
    newcomm: u32,
) -> Code {
    create(env, "MPI_Graph_create", comm, newcomm, |rank, guest| {
        let (index, edges) = edges(guest, nnodes, index, edge_list)?;
        rank.graph_create(guest, CommHandle(comm), &index, &edges)
    })
}

fn graphdims_get(env: Env<'_>, comm: u32, nnodes: u32, nedges: u32) -> Code {
    call(env, "MPI_Graphdims_get", comm, |rank, guest| {
        let graph = rank.graph(CommHandle(comm))?;
        guest.put_u32(nnodes, graph.nodes())?;
        guest.put_i32(nedges, graph.edges().len() as i32)
    })
}

fn graph_get(
    env: Env<'_>,
    comm: u32,
    maxindex: i32,
    maxedges: i32,
    index: u32,
    edges: u32,
) -> Code {
    call(env, "MPI_Graph_get", comm, |rank, guest| {
        let graph = rank.graph(CommHandle(comm))?;
        put_up_to(guest, index, maxindex, graph.index())?;
        put_up_to(guest, edges, maxedges, graph.edges())
    })
}

fn neighbours_of(graph: &Graph, rank: i32) -> Result<&[i32]> {
    let found = u32::try_from(rank)
        .ok()
        .and_then(|rank| graph.neighbours(rank));
    found.ok_or_else(|| {
        Error::new(
            Class::RANK,
            format!(
                "rank: {rank} is not one of the graph's {} nodes",
                graph.nodes()
            ),
        )
    })
}

fn graph_neighbors_count(env: Env<'_>, comm: u32, of: i32, count: u32) -> Code {
    call(env, "MPI_Graph_neighbors_count", comm, |rank, guest| {
        let graph = rank.graph(CommHandle(comm))?;
        guest.put_i32(count, neighbours_of(&graph, of)?.len() as i32)
    })
}

fn graph_neighbors(env: Env<'_>, comm: u32, of: i32, room: i32, neighbours: u32) -> Code {
    call(env, "MPI_Graph_neighbors", comm, |rank, guest| {
        let graph = rank.graph(CommHandle(comm))?;
        put_up_to(guest, neighbours, room, neighbours_of(&graph, of)?)
    })
}

fn graph_map(env: Env<'_>, comm: u32, nnodes: i32, index: u32, edge_list: u32, place: u32) -> Code {
    call(env, "MPI_Graph_map", comm, |rank, guest| {
        let (index, edges) = edges(guest, nnodes, index, edge_list)?;
        let graph = Graph::new(&index, &edges, rank.comm_size(CommHandle(comm))? as u32)?;
        guest.put_i32(place, mapped(rank, comm, graph.nodes())?)
    })
}

/// The weights of edges; none for `MPI_UNWEIGHTED`.
fn weights(guest: &Caller<'_>, at: u32, count: i64) -> Result<Option<Vec<i32>>> {
    match at {
        MPI_UNWEIGHTED => Ok(None),
        MPI_WEIGHTS_EMPTY => Ok(Some(Vec::new())),
        _ => guest.ints(at, count).map(Some),
    }
}

fn dist_graph_create(
    env: Env<'_>,
    comm: u32,
    n: i32,
    sources: u32,
    degrees: u32,
    destinations: u32,
    weight_list: u32,
    _info: u32,
    _reorder: i32,
    newcomm: u32,
) -> Code {
    create(
        env,
        "MPI_Dist_graph_create",
        comm,
        newcomm,
        |rank, guest| {
            let (sources, degrees) = (guest.ints(sources, n)?, guest.ints(degrees, n)?);
            let count = degrees.iter().map(|&d| i64::from(d)).sum::<i64>();
            let destinations = guest.ints(destinations, count)?;
            let weights = weights(guest, weight_list, count)?;
            let leaving = (&destinations[..], weights.as_deref());
            rank.dist_graph_create(guest, CommHandle(comm), &sources, &degrees, leaving)
        },
    )
}

fn dist_graph_create_adjacent(
    env: Env<'_>,
    comm: u32,
    indegree: i32,
    sources: u32,
    source_weights: u32,
    outdegree: i32,
    destinations: u32,
    destination_weights: u32,
    _info: u32,
    _reorder: i32,
    newcomm: u32,
) -> Code {
    create(
        env,
        "MPI_Dist_graph_create_adjacent",
        comm,
        newcomm,
        |rank, guest| {
            let sources = guest.ints(sources, indegree)?;
            let destinations = guest.ints(destinations, outdegree)?;
            let arriving = weights(guest, source_weights, indegree.into())?;
            let leaving = weights(guest, destination_weights, outdegree.into())?;
            rank.dist_graph_create_adjacent(
                guest,
                CommHandle(comm),
                (&sources, arriving.as_deref()),
                (&destinations, leaving.as_deref()),
            )
        },
    )
}

fn dist_graph_neighbors_count(
    env: Env<'_>,
    comm: u32,
    indegree: u32,
    outdegree: u32,
    weighted: u32,
) -> Code {
    call(
        env,
        "MPI_Dist_graph_neighbors_count",
        comm,
        |rank, guest| {
            let graph = rank.dist_graph(CommHandle(comm))?;
            guest.put_i32(indegree, graph.sources.len() as i32)?;
            guest.put_i32(outdegree, graph.destinations.len() as i32)?;
            guest.put_flag(weighted, graph.weighted)
        },
    )
}

fn dist_graph_neighbors(
    env: Env<'_>,
    comm: u32,
    maxindegree: i32,
    sources: u32,
    source_weights: u32,
    maxoutdegree: i32,
    destinations: u32,
    destination_weights: u32,
) -> Code {
    call(env, "MPI_Dist_graph_neighbors", comm, |rank, guest| {
        let graph = rank.dist_graph(CommHandle(comm))?;
        put_up_to(guest, sources, maxindegree, &graph.sources)?;
        put_up_to(guest, destinations, maxoutdegree, &graph.destinations)?;
        for (at, room, weights) in [
            (source_weights, maxindegree, &graph.source_weights),
            (
                destination_weights,
                maxoutdegree,
                &graph.destination_weights,
            ),
        ] {
            if graph.weighted && at != MPI_UNWEIGHTED && at != MPI_WEIGHTS_EMPTY {
                put_up_to(guest, at, room, weights)?;
            }
        }
        Ok(())
    })
}

/// How many ranks the caller receives from and sends to in neighbourhood collectives.
pub(super) fn neighbours(rank: &Rank, comm: u32) -> Result<(i32, i32)> {
    let handle = CommHandle(comm);
    Ok(match rank.topo_test(handle)? {
        MPI_CART => {
            let both = 2 * rank.cart(handle)?.dims().len() as i32;
            (both, both)
        }
        MPI_GRAPH => {
            let own = rank.comm_rank(handle)?;
            let both = neighbours_of(&rank.graph(handle)?, own)?.len() as i32;
            (both, both)
        }
        MPI_DIST_GRAPH => {
            let graph = rank.dist_graph(handle)?;
            (graph.sources.len() as i32, graph.destinations.len() as i32)
        }
        // The engine says what is missing.
        _ => (0, 0),
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Topo_test", test),
    ("MPI_Dims_create", dims),
    ("MPI_Cart_create", cart_create),
    ("MPI_Cartdim_get", cartdim_get),
    ("MPI_Cart_get", cart_get),
    ("MPI_Cart_rank", cart_rank),
    ("MPI_Cart_coords", cart_coords),
    ("MPI_Cart_shift", cart_shift),
    ("MPI_Cart_sub", cart_sub),
    ("MPI_Cart_map", cart_map),
    ("MPI_Graph_create", graph_create),
    ("MPI_Graphdims_get", graphdims_get),
    ("MPI_Graph_get", graph_get),
    ("MPI_Graph_neighbors_count", graph_neighbors_count),
    ("MPI_Graph_neighbors", graph_neighbors),
    ("MPI_Graph_map", graph_map),
    ("MPI_Dist_graph_create", dist_graph_create),
    ("MPI_Dist_graph_create_adjacent", dist_graph_create_adjacent),
    ("MPI_Dist_graph_neighbors_count", dist_graph_neighbors_count),
    ("MPI_Dist_graph_neighbors", dist_graph_neighbors),
];
