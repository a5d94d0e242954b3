//! What is counted, and what happens at a limit: connections, requests and the memory of request bodies.

pub(super) mod admission;
pub(super) mod body_budget;
pub(super) mod counts;
