//! The contract of a router with every kind of route: the document and the client, kept in files, so that a change is
//! visible in review. `SNAPSHOTS=overwrite cargo test -p touka-tests --all-features --test contract` rewrites them.

mod app;
mod awkward;
mod snapshots;
