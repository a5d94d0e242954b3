//! Streams that end with their credential: at a time, with a future, after a failed check, at a logout. Each
//! promise is tested for bodies over HTTP/1.1 and HTTP/2, and for parked subscriptions.

mod attributes;
mod blocked;
mod bodies;
mod labels;
mod panics;
mod rechecks;
mod scene;
mod wires;
