//! Places Granules: a pure decision engine, its policies, and the service around it.
