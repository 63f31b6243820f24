//! `MPI_Dims_create` (MPI 4.1, section 8.5.2): a balanced grid for a number of ranks.
//!
//! The standard wants factors "as close to each other as possible". Of all ways to write
//! the number as a product, this takes one with the smallest difference between largest
//! and smallest factor; among those the largest smallest factor; then the largest second
//! smallest one, and so on. MPICH's tests expect the same.

use crate::error::{Class, Error, Result};

/// Fills the zeros in `dims` so that the product is `nodes`, in non-increasing order.
///
/// # Errors
/// `MPI_ERR_ARG` when `nodes` is not positive, `MPI_ERR_DIMS` when an entry is
/// negative or the given ones do not divide `nodes`. With none to fill in, the grid may have
/// fewer places than `nodes`.
pub fn dims_create(nodes: i32, dims: &mut [i32]) -> Result<()> {
    if nodes < 1 {
        return Err(Error::new(
            Class::ARG,
            format!("nnodes is {nodes}, must be positive"),
        ));
    }
    let mut fixed = 1i64;
    for (i, &dim) in dims.iter().enumerate() {
        if dim < 0 {
            return Err(Error::new(
                Class::DIMS,
                format!("dims[{i}] is {dim}, must not be negative"),
            ));
        }
        fixed = fixed.saturating_mul(i64::from(dim.max(1)));
    }
    let free = dims.iter().filter(|&&dim| dim == 0).count();
    let nodes = i64::from(nodes);
    if nodes % fixed != 0 {
        return Err(Error::new(
            Class::DIMS,
            format!("the given dims multiply to {fixed}, which does not make a grid of {nodes}"),
        ));
    }
    let factors = balanced((nodes / fixed) as u32, free);
    for (dim, factor) in dims.iter_mut().filter(|dim| **dim == 0).zip(factors) {
        *dim = factor as i32;
    }
    Ok(())
}

/// `count` factors of `n`, largest first.
fn balanced(n: u32, count: usize) -> Vec<u32> {
    let divisors = divisors(n);
    // More factors than n has prime ones leave ones at the end.
    let used = count.min(32);
    let Some(others) = used.checked_sub(1) else {
        return Vec::new();
    };
    // The largest factor is at least this: n's root, rounded up.
    let (mut below, mut root) = (0, n);
    while root - below > 1 {
        let middle = below + (root - below) / 2;
        match reaches(middle, used, n) {
            true => root = middle,
            false => below = middle,
        }
    }
    let mut best: Option<Vec<u32>> = None;
    let mut spread = u32::MAX;
    for &least in divisors.iter().rev() {
        if root.saturating_sub(least) >= spread {
            break;
        }
        let range = (least, least.saturating_add(spread - 1));
        if let Some(mut factors) = factor(n / least, others, range, &divisors) {
            factors.push(least);
            spread = factors[0] - least;
            best = Some(factors);
        }
        if spread == 0 {
            break;
        }
    }
    let mut factors = best.unwrap_or_default();
    if let (Some(&least), Some(&most)) = (factors.last(), factors.first())
        && let Some(mut risen) = rising(n / least, others, (least, most), &divisors)
    {
        risen.push(least);
        factors = risen;
    }
    factors.resize(count, 1);
    factors
}

/// `count` factors of `n` within `(least, most)`, the smallest as large as possible, then
/// the second smallest, and so on; largest first; none if there are none.
fn rising(n: u32, count: usize, (least, most): (u32, u32), divisors: &[u32]) -> Option<Vec<u32>> {
    if count == 0 {
        return (n == 1).then(Vec::new);
    }
    let within = |&d: &u32| d <= most && power_within(d, count, n);
    let end = divisors.partition_point(within);
    let low = divisors.partition_point(|&d| d < least).min(end);
    divisors[low..end]
        .iter()
        .rev()
        .filter(|&&d| n.is_multiple_of(d))
        .find_map(|&d| {
            let mut rest = rising(n / d, count - 1, (d, most), divisors)?;
            rest.push(d);
            Some(rest)
        })
}

/// Whether `d` to the power of `count` is at most `n`.
fn power_within(d: u32, count: usize, n: u32) -> bool {
    let mut product = 1u64;
    (0..count).all(|_| {
        product *= u64::from(d);
        product <= u64::from(n)
    })
}

/// All divisors of `n`, ascending.
fn divisors(n: u32) -> Vec<u32> {
    let root = (1..).take_while(|i| i * i <= u64::from(n));
    let small = root.filter(|&i| u64::from(n).is_multiple_of(i));
    let mut divisors: Vec<u32> = small.flat_map(|d| [d as u32, n / d as u32]).collect();
    divisors.sort_unstable();
    divisors.dedup();
    divisors
}

/// Whether `d` to the power of `count` is at least `n`.
fn reaches(d: u32, count: usize, n: u32) -> bool {
    let mut product = 1u64;
    (0..count).any(|_| {
        product *= u64::from(d);
        product >= u64::from(n)
    }) || n == 1
}

/// `count` factors of `n` within `(least, most)`, the largest as small as possible, then
/// the second largest, and so on; none if there are none.
fn factor(n: u32, count: usize, (least, most): (u32, u32), divisors: &[u32]) -> Option<Vec<u32>> {
    match count {
        0 => return (n == 1).then(Vec::new),
        1 => return (least <= n && n <= most).then(|| vec![n]),
        _ => {}
    }
    let low = divisors.partition_point(|&d| d < least);
    divisors[low..]
        .iter()
        .take_while(|&&d| d <= most.min(n))
        .filter(|&&d| n.is_multiple_of(d) && reaches(d, count, n))
        .find_map(|&d| {
            let mut rest = factor(n / d, count - 1, (least, d), divisors)?;
            rest.insert(0, d);
            Some(rest)
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// What MPICH 4.0 answers; applications know these grids.
    const KNOWN: &[(i32, &[i32])] = &[
        (1, &[1, 1]),
        (1, &[1, 1, 1]),
        (1, &[1, 1, 1, 1]),
        (2, &[2, 1]),
        (2, &[2, 1, 1]),
        (2, &[2, 1, 1, 1]),
        (6, &[3, 2]),
        (6, &[3, 2, 1]),
        (6, &[3, 2, 1, 1]),
        (7, &[7, 1]),
        (7, &[7, 1, 1]),
        (7, &[7, 1, 1, 1]),
        (8, &[4, 2]),
        (8, &[2, 2, 2]),
        (8, &[2, 2, 2, 1]),
        (12, &[4, 3]),
        (12, &[3, 2, 2]),
        (12, &[3, 2, 2, 1]),
        (16, &[4, 4]),
        (16, &[4, 2, 2]),
        (16, &[2, 2, 2, 2]),
        (24, &[6, 4]),
        (24, &[4, 3, 2]),
        (24, &[3, 2, 2, 2]),
        (36, &[6, 6]),
        (36, &[4, 3, 3]),
        (36, &[3, 3, 2, 2]),
        (48, &[8, 6]),
        (48, &[4, 4, 3]),
        (48, &[4, 3, 2, 2]),
        (64, &[8, 8]),
        (64, &[4, 4, 4]),
        (64, &[4, 4, 2, 2]),
        (72, &[9, 8]),
        (72, &[6, 4, 3]),
        (72, &[4, 3, 3, 2]),
        (96, &[12, 8]),
        (96, &[6, 4, 4]),
        (96, &[4, 4, 3, 2]),
        (97, &[97, 1]),
        (97, &[97, 1, 1]),
        (97, &[97, 1, 1, 1]),
        (100, &[10, 10]),
        (100, &[5, 5, 4]),
        (100, &[5, 5, 2, 2]),
        (128, &[16, 8]),
        (128, &[8, 4, 4]),
        (128, &[4, 4, 4, 2]),
        (210, &[15, 14]),
        (210, &[7, 6, 5]),
        (210, &[7, 5, 3, 2]),
        (360, &[20, 18]),
        (360, &[10, 6, 6]),
        (5040, &[21, 16, 15]),
        (5616, &[13, 9, 8, 6]),
        (360, &[6, 5, 4, 3]),
        (720, &[30, 24]),
        (720, &[10, 9, 8]),
        (720, &[6, 6, 5, 4]),
        (1000, &[40, 25]),
        (1000, &[10, 10, 10]),
        (1000, &[8, 5, 5, 5]),
        (1260, &[36, 35]),
        (1260, &[14, 10, 9]),
        (1260, &[7, 6, 6, 5]),
        (2310, &[55, 42]),
        (2310, &[15, 14, 11]),
        (2310, &[11, 7, 6, 5]),
        (4096, &[64, 64]),
        (4096, &[16, 16, 16]),
        (4096, &[8, 8, 8, 8]),
        (5040, &[72, 70]),
        (5040, &[10, 9, 8, 7]),
        (30030, &[182, 165]),
        (30030, &[35, 33, 26]),
        (30030, &[15, 14, 13, 11]),
        (98784, &[14, 14, 9, 8, 7]),
        (119_952, &[17, 14, 9, 8, 7]),
        (712_656, &[101, 14, 9, 8, 7]),
    ];

    #[test]
    fn common_grids_are_those_that_mpich_makes() {
        for &(nodes, expected) in KNOWN {
            let mut dims = vec![0; expected.len()];
            dims_create(nodes, &mut dims).unwrap();
            assert_eq!(dims, expected, "{nodes} ranks");
        }
    }

    #[test]
    fn given_dimensions_are_kept() {
        let mut dims = [0, 3, 0, 1];
        dims_create(24, &mut dims).unwrap();
        assert_eq!(dims, [4, 3, 2, 1]);
        let mut many = [0; 40];
        dims_create(i32::MAX, &mut many).unwrap();
        assert_eq!((many[0], many[1]), (i32::MAX, 1));
        dims_create(1, &mut []).unwrap();
        let class = |nodes, dims: &mut [i32]| dims_create(nodes, dims).unwrap_err().class;
        assert_eq!(class(6, &mut [4, 0]), Class::DIMS);
        assert_eq!(class(6, &mut [4, 1]), Class::DIMS);
        dims_create(6, &mut [3, 1]).unwrap();
        assert_eq!(class(6, &mut [-1, 0]), Class::DIMS);
        assert_eq!(class(0, &mut [0]), Class::ARG);
        assert_eq!(class(6, &mut [i32::MAX; 9]), Class::DIMS);
    }

    #[test]
    fn the_number_with_most_divisors_is_quick() {
        for count in 2..12 {
            let mut dims = vec![0; count];
            dims_create(2_095_133_040, &mut dims).unwrap();
            assert_eq!(
                dims.iter().map(|&d| i64::from(d)).product::<i64>(),
                2_095_133_040
            );
        }
    }
}
