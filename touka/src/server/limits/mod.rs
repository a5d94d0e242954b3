//! Limits: the counts of connections and requests, and the memory of request bodies.

pub(super) mod admission;
pub(super) mod body_budget;
pub(super) mod counts;
