//! Cartesian topologies: ranks on a grid, in C order (MPI 4.1, section 8.5).

use crate::abi;
use crate::error::{Class, Error, Result};

/// A grid of ranks; the last dimension varies fastest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cart {
    dims: Vec<u32>,
    periodic: Vec<bool>,
    /// Ranks in the grid: the product of `dims`, 1 without dimensions.
    size: u32,
}

/// Which part of a split grid a rank is in (`MPI_Cart_sub`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Equal for the ranks of one part.
    pub color: u32,
    /// The rank within the part.
    pub key: u32,
    /// The part's grid.
    pub cart: Cart,
}

impl Cart {
    /// A grid of `dims`, which wraps around in the `periodic` ones, for a
    /// communicator of `ranks`.
    ///
    /// # Errors
    /// `MPI_ERR_DIMS` when a dimension is not positive, `MPI_ERR_ARG` when the grid
    /// has more places than there are ranks.
    pub fn new(dims: &[i32], periodic: &[bool], ranks: u32) -> Result<Cart> {
        let mut size = 1u32;
        for (i, &dim) in dims.iter().enumerate() {
            if dim <= 0 {
                return Err(Error::new(
                    Class::DIMS,
                    format!("dims[{i}] is {dim}, must be positive"),
                ));
            }
            size = size.saturating_mul(dim as u32);
        }
        if size > ranks {
            return Err(Error::new(
                Class::ARG,
                format!("the grid has {size} places, the communicator only {ranks} ranks"),
            ));
        }
        Ok(Cart {
            dims: dims.iter().map(|&dim| dim as u32).collect(),
            periodic: periodic.to_vec(),
            size,
        })
    }

    /// Places in each dimension.
    #[must_use]
    pub fn dims(&self) -> &[u32] {
        &self.dims
    }

    /// Which dimensions wrap around.
    #[must_use]
    pub fn periodic(&self) -> &[bool] {
        &self.periodic
    }

    /// Ranks in the grid: ranks of the old communicator from this one on are left out.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Where `rank` stands.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` when it is not in the grid.
    pub fn coords(&self, rank: i32) -> Result<Vec<u32>> {
        let Some(mut rest) = u32::try_from(rank).ok().filter(|&r| r < self.size) else {
            return Err(Error::new(
                Class::RANK,
                format!("rank is {rank}, but the grid has {} ranks", self.size),
            ));
        };
        let mut coords = vec![0; self.dims.len()];
        for (coord, dim) in coords.iter_mut().zip(&self.dims).rev() {
            *coord = rest % dim;
            rest /= dim;
        }
        Ok(coords)
    }

    /// Who stands at `coords`; those of periodic dimensions may be any number.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when a coordinate is beyond a border.
    pub fn rank(&self, coords: &[i32]) -> Result<u32> {
        let mut rank = 0;
        for (i, (&dim, &coord)) in self.dims.iter().zip(coords).enumerate() {
            let wrapped = i64::from(coord).rem_euclid(i64::from(dim));
            if !self.periodic[i] && wrapped != i64::from(coord) {
                return Err(Error::new(
                    Class::ARG,
                    format!(
                        "coords[{i}] is {coord}, must be from 0 to {} in a dimension that is not periodic",
                        dim - 1
                    ),
                ));
            }
            rank = rank * dim + wrapped as u32;
        }
        Ok(rank)
    }

    /// `MPI_Cart_shift`: (source, destination) of a shift by `displacement`;
    /// `MPI_PROC_NULL` beyond a border.
    ///
    /// # Errors
    /// `MPI_ERR_DIMS` when there is no such dimension, `MPI_ERR_RANK` when `rank` is
    /// not in the grid.
    pub fn shift(&self, rank: i32, direction: i32, displacement: i32) -> Result<(i32, i32)> {
        let dimension = usize::try_from(direction)
            .ok()
            .filter(|&d| d < self.dims.len())
            .ok_or_else(|| {
                Error::new(
                    Class::DIMS,
                    format!(
                        "direction is {direction}, but the grid has {} dimensions from 0",
                        self.dims.len()
                    ),
                )
            })?;
        let coords = self.coords(rank)?;
        let by = i64::from(displacement);
        Ok((
            self.moved(&coords, dimension, -by),
            self.moved(&coords, dimension, by),
        ))
    }

    /// The rank `by` places on in one dimension.
    fn moved(&self, coords: &[u32], dimension: usize, by: i64) -> i32 {
        let dim = i64::from(self.dims[dimension]);
        let to = i64::from(coords[dimension]) + by;
        if !self.periodic[dimension] && !(0..dim).contains(&to) {
            return abi::MPI_PROC_NULL;
        }
        let to = to.rem_euclid(dim) as u32;
        let rank = coords
            .iter()
            .zip(&self.dims)
            .enumerate()
            .fold(0, |rank, (i, (&coord, dim))| {
                rank * dim + if i == dimension { to } else { coord }
            });
        rank as i32
    }

    /// Both neighbours in each dimension: the order of neighbourhood collectives.
    pub(super) fn neighbours(&self, rank: u32) -> Vec<i32> {
        let coords = self.coords(rank as i32).unwrap_or_default();
        (0..coords.len())
            .flat_map(|d| [self.moved(&coords, d, -1), self.moved(&coords, d, 1)])
            .collect()
    }

    /// `MPI_Cart_sub`: the part of the grid that `rank` is in when only the dimensions
    /// in `remain` are kept.
    ///
    /// # Errors
    /// `MPI_ERR_RANK` when `rank` is not in the grid.
    pub fn sub(&self, rank: i32, remain: &[bool]) -> Result<Slice> {
        let coords = self.coords(rank)?;
        let fold = |keep: bool| {
            let places = self.dims.iter().zip(&coords).zip(remain);
            places
                .filter(|&(_, &remain)| remain == keep)
                .fold(0, |n, ((dim, coord), _)| n * dim + coord)
        };
        let kept = |i: &usize| remain.get(*i) == Some(&true);
        let dims: Vec<u32> = (0..self.dims.len())
            .filter(kept)
            .map(|i| self.dims[i])
            .collect();
        Ok(Slice {
            color: fold(false),
            key: fold(true),
            cart: Cart {
                size: dims.iter().product(),
                dims,
                periodic: (0..self.dims.len())
                    .filter(kept)
                    .map(|i| self.periodic[i])
                    .collect(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn ranks_and_coordinates_are_inverse() {
        let cart = Cart::new(&[2, 3, 4], &[false, true, false], 30).unwrap();
        assert_eq!(cart.size(), 24);
        for rank in 0..24 {
            let coords: Vec<i32> = cart
                .coords(rank)
                .unwrap()
                .iter()
                .map(|&c| c as i32)
                .collect();
            assert_eq!(cart.rank(&coords).unwrap() as i32, rank);
        }
        assert_eq!(cart.rank(&[1, -1, 0]), cart.rank(&[1, 2, 0]));
        assert_eq!(cart.rank(&[2, 0, 0]).unwrap_err().class, Class::ARG);
        assert_eq!(cart.coords(24).unwrap_err().class, Class::RANK);
        assert_eq!(
            Cart::new(&[2, 0], &[true; 2], 4).unwrap_err().class,
            Class::DIMS
        );
        assert_eq!(
            Cart::new(&[i32::MAX; 3], &[true; 3], 4).unwrap_err().class,
            Class::ARG
        );
    }

    #[test]
    fn shifts_stop_at_borders_and_wrap_where_periodic() {
        let cart = Cart::new(&[3, 4], &[false, true], 12).unwrap();
        let null = abi::MPI_PROC_NULL;
        assert_eq!(cart.shift(1, 0, 1).unwrap(), (null, 5));
        assert_eq!(cart.shift(0, 1, 1).unwrap(), (3, 1));
        assert_eq!(cart.shift(0, 1, -5).unwrap(), (1, 3));
        assert_eq!(cart.shift(0, 0, i32::MIN).unwrap(), (null, null));
        assert_eq!(cart.shift(0, 2, 1).unwrap_err().class, Class::DIMS);
        assert_eq!(cart.neighbours(0), [null, 4, 3, 1]);
    }

    #[test]
    fn parts_of_a_grid_are_rows() {
        let cart = Cart::new(&[2, 3], &[true, false], 6).unwrap();
        let row = cart.sub(4, &[false, true]).unwrap();
        assert_eq!((row.color, row.key, row.cart.dims()), (1, 1, &[3][..]));
        let none = cart.sub(4, &[false, false]).unwrap();
        assert_eq!((none.color, none.key, none.cart.size()), (4, 0, 1));
    }
}
