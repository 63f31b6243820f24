//! Where a datatype's bytes lie: runs of contiguous bytes, kept as loops.
//!
//! ```text
//! vector(3 blocks of 2, stride 4, int):   Strided { count: 3, stride: 16, len: 8 }
//!
//!    |AA--AA--AA      the type map's order is kept: it is the order of packed bytes
//! ```
//! Neighbouring runs are merged as the tree is built, so a contiguous type is one
//! [`Node::Run`] however it was made, and a vector of a million blocks is one node.
//! Walking recurses once a level ([`super::signature::MAX_DEPTH`] bounds them), with
//! plain loops in the leaves.
//!
//! Offsets are added with wrap-around: construction checks that every byte's own
//! offset is an `i64`, sums on the way there may leave the range and come back.

use std::sync::Arc;

/// A layout and where it begins, in bytes from the buffer's address.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) offset: i64,
    pub(super) node: Node,
}

/// A set of bytes in the order they are packed; offsets are from where it is placed.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// No bytes.
    Empty,
    /// `len` bytes at 0.
    Run { len: u64 },
    /// `count` runs of `len` bytes, `stride` bytes from one to the next.
    Strided { count: u64, stride: i64, len: u64 },
    /// Runs anywhere.
    Blocks(Arc<[Block]>),
    /// `body` at 0, `stride`, 2 `stride`, ...
    Repeat {
        count: u64,
        stride: i64,
        body: Arc<Node>,
        /// Bytes of `body`.
        size: u64,
    },
    /// Different layouts one after another.
    Sequence(Arc<[Part]>),
}

/// A run of a [`Node::Blocks`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) offset: i64,
    pub(super) len: u64,
    /// Bytes of all blocks before this one.
    before: u64,
}

/// One layout of a [`Node::Sequence`].
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) offset: i64,
    node: Node,
    /// Bytes of all parts before this one.
    before: u64,
    /// Runs of all parts before this one: parts may share parts, and to count each again
    /// would take as long as there are runs.
    runs_before: u64,
}

impl Part {
    pub(super) fn node(&self) -> &Node {
        &self.node
    }
}

impl Placed {
    pub(super) const EMPTY: Placed = Placed {
        offset: 0,
        node: Node::Empty,
    };

    pub(super) fn run(len: u64) -> Placed {
        let node = if len == 0 {
            Node::Empty
        } else {
            Node::Run { len }
        };
        Placed { offset: 0, node }
    }

    /// The same bytes, `by` bytes further on.
    pub(super) fn shifted(mut self, by: i64) -> Placed {
        self.offset = self.offset.wrapping_add(by);
        self
    }

    /// The layout at 0, `stride`, 2 `stride`, ... . The caller has checked the bounds.
    pub(super) fn repeated(&self, count: u64, stride: i64) -> Placed {
        let node = match (&self.node, count) {
            (Node::Empty, _) | (_, 0) => return Placed::EMPTY,
            (node, 1) => node.clone(),
            (&Node::Run { len }, _) => strided(count, stride, len),
            (
                &Node::Strided {
                    count: n,
                    stride: s,
                    len,
                },
                _,
            ) if follows(n, s, stride) => strided(n * count, s, len),
            (
                Node::Repeat {
                    count: n,
                    stride: s,
                    body,
                    size,
                },
                _,
            ) if follows(*n, *s, stride) => Node::Repeat {
                count: n * count,
                stride: *s,
                body: Arc::clone(body),
                size: *size,
            },
            (node, _) => Node::Repeat {
                count,
                stride,
                body: Arc::new(node.clone()),
                size: node.size(),
            },
        };
        Placed {
            offset: self.offset,
            node,
        }
    }

    /// The layouts one after another. The caller has checked the bounds.
    pub(super) fn sequence(parts: impl IntoIterator<Item = Placed>) -> Placed {
        let mut merged: Vec<Placed> = Vec::new();
        for part in parts {
            match (merged.last_mut(), part.node) {
                (_, Node::Empty) => {}
                (
                    Some(Placed {
                        offset,
                        node: Node::Run { len },
                    }),
                    Node::Run { len: more },
                ) if offset.wrapping_add_unsigned(*len) == part.offset => {
                    *len += more;
                }
                (_, node) => merged.push(Placed {
                    offset: part.offset,
                    node,
                }),
            }
        }
        match merged.len() {
            0 => Placed::EMPTY,
            1 => merged.swap_remove(0),
            _ => Placed::blocks(&merged).unwrap_or_else(|| Placed::parts(merged)),
        }
    }

    /// Two or more runs as one node; none if some part is not a run.
    fn blocks(parts: &[Placed]) -> Option<Placed> {
        let mut before = 0;
        let blocks = parts
            .iter()
            .map(|part| {
                let Node::Run { len } = part.node else {
                    return None;
                };
                let block = Block {
                    offset: part.offset,
                    len,
                    before,
                };
                before += len;
                Some(block)
            })
            .collect::<Option<Vec<Block>>>()?;
        let (first, stride) = (blocks[0], blocks[1].offset.wrapping_sub(blocks[0].offset));
        let regular = blocks
            .windows(2)
            .all(|w| w[1].len == first.len && w[1].offset.wrapping_sub(w[0].offset) == stride);
        Some(if regular {
            Placed {
                offset: first.offset,
                node: strided(blocks.len() as u64, stride, first.len),
            }
        } else {
            Placed {
                offset: 0,
                node: Node::Blocks(blocks.into()),
            }
        })
    }

    fn parts(parts: Vec<Placed>) -> Placed {
        let (mut before, mut runs_before) = (0, 0u64);
        let parts = parts
            .into_iter()
            .map(|Placed { offset, node }| {
                let (size, runs) = (node.size(), node.runs());
                let part = Part {
                    offset,
                    node,
                    before,
                    runs_before,
                };
                before += size;
                runs_before = runs_before.saturating_add(runs);
                part
            })
            .collect();
        Placed {
            offset: 0,
            node: Node::Sequence(parts),
        }
    }
}

/// `count` runs, or one when they touch.
fn strided(count: u64, stride: i64, len: u64) -> Node {
    if i64::try_from(len) == Ok(stride) {
        Node::Run { len: len * count }
    } else {
        Node::Strided { count, stride, len }
    }
}

/// Whether a loop of `n` steps `s` that itself repeats at `stride` is one longer loop.
fn follows(n: u64, s: i64, stride: i64) -> bool {
    i128::from(s) * i128::from(n) == i128::from(stride)
}

/// The part of the packed bytes that a walk is to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Bytes still to be passed over.
    pub(super) skip: u64,
    /// Bytes still to be seen.
    pub(super) take: u64,
}

impl Window {
    /// What of a run of `len` bytes lies in the window: (where in the run, how much).
    fn cut(&mut self, len: u64) -> Option<(u64, u64)> {
        if self.skip >= len {
            self.skip -= len;
            return None;
        }
        let from = std::mem::take(&mut self.skip);
        let take = (len - from).min(self.take);
        self.take -= take;
        (take > 0).then_some((from, take))
    }
}

impl Node {
    /// How many bytes it has.
    pub(super) fn size(&self) -> u64 {
        match self {
            Node::Empty => 0,
            Node::Run { len } => *len,
            Node::Strided { count, len, .. } => count * len,
            Node::Blocks(blocks) => blocks.last().map_or(0, |b| b.before + b.len),
            Node::Repeat { count, size, .. } => count * size,
            Node::Sequence(parts) => parts.last().map_or(0, |p| p.before + p.node.size()),
        }
    }

    /// How many runs it has; `u64::MAX` are that or more.
    pub(super) fn runs(&self) -> u64 {
        match self {
            Node::Empty => 0,
            Node::Run { .. } => 1,
            Node::Strided { count, .. } => *count,
            Node::Blocks(blocks) => blocks.len() as u64,
            Node::Repeat { count, body, .. } => count.saturating_mul(body.runs()),
            Node::Sequence(parts) => parts
                .last()
                .map_or(0, |p| p.runs_before.saturating_add(p.node.runs())),
        }
    }

    /// Calls `f(offset, len)` for each run within `window`, in packed order, with
    /// `base` added to offsets; stops at the window's end or at `f`'s error.
    pub(super) fn visit<E>(
        &self,
        base: i64,
        window: &mut Window,
        f: &mut impl FnMut(i64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Node::Empty => Ok(()),
            Node::Run { len } => match window.cut(*len) {
                Some((from, take)) => f(base.wrapping_add_unsigned(from), take),
                None => Ok(()),
            },
            Node::Strided { count, stride, len } => {
                visit_strided(*count, *stride, *len, base, window, f)
            }
            Node::Blocks(blocks) => {
                let first = skip_to(
                    window,
                    blocks.partition_point(|b| b.before <= window.skip),
                    |i| blocks[i].before,
                );
                for block in &blocks[first..] {
                    if window.take == 0 {
                        break;
                    }
                    if let Some((from, take)) = window.cut(block.len) {
                        f(
                            base.wrapping_add(block.offset).wrapping_add_unsigned(from),
                            take,
                        )?;
                    }
                }
                Ok(())
            }
            Node::Repeat {
                count,
                stride,
                body,
                ..
            } => body.visit_repeated(*count, *stride, base, window, f),
            Node::Sequence(parts) => {
                let first = skip_to(
                    window,
                    parts.partition_point(|p| p.before <= window.skip),
                    |i| parts[i].before,
                );
                for part in &parts[first..] {
                    if window.take == 0 {
                        break;
                    }
                    part.node.visit(base.wrapping_add(part.offset), window, f)?;
                }
                Ok(())
            }
        }
    }

    /// [`Node::visit`] for this node at `base`, `base + stride`, ... without building
    /// the repetition: what a message of `count` elements is.
    pub(super) fn visit_repeated<E>(
        &self,
        count: u64,
        stride: i64,
        base: i64,
        window: &mut Window,
        f: &mut impl FnMut(i64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Node::Run { len } = *self {
            if i64::try_from(len) == Ok(stride) {
                return Node::Run { len: len * count }.visit(base, window, f);
            }
            return visit_strided(count, stride, len, base, window, f);
        }
        let size = self.size();
        if size == 0 {
            return Ok(());
        }
        let first = (window.skip / size).min(count);
        window.skip -= first * size;
        let mut at = base.wrapping_add(stride.wrapping_mul(first as i64));
        for _ in first..count {
            if window.take == 0 {
                break;
            }
            self.visit(at, window, f)?;
            at = at.wrapping_add(stride);
        }
        Ok(())
    }
}

/// Passes over all parts but the last of the `candidates` that begin within the
/// window's skipped bytes; gives that one's index.
fn skip_to(window: &mut Window, candidates: usize, before: impl Fn(usize) -> u64) -> usize {
    let first = candidates.saturating_sub(1);
    window.skip -= before(first);
    first
}

fn visit_strided<E>(
    count: u64,
    stride: i64,
    len: u64,
    base: i64,
    window: &mut Window,
    f: &mut impl FnMut(i64, u64) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = (window.skip / len).min(count);
    window.skip -= next * len;
    let at = |i: u64| base.wrapping_add(stride.wrapping_mul(i as i64));
    if window.skip > 0 && next < count {
        if let Some((from, take)) = window.cut(len) {
            f(at(next).wrapping_add_unsigned(from), take)?;
        }
        next += 1;
    }
    // The loop that large transfers spend their time in: whole runs only.
    let whole = (window.take / len).min(count - next);
    window.take -= whole * len;
    for i in next..next + whole {
        f(at(i), len)?;
    }
    next += whole;
    if next < count && window.take > 0 {
        let take = std::mem::take(&mut window.take);
        f(at(next), take)?;
    }
    Ok(())
}
