//! Runs: bodies that outlive their client.
//!
//! [`Hub::run`](crate::Hub::run) returns the handle of a [`Run`], which starts it, follows it and stops it.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `status`, `options`, `note`, `error`: how a run ends, its settings, what nodes tell each other, and errors
//! - `stopping`: how a body learns that it is to stop
//! - `active`, `guests`, `table`, `guest`: the runs in this process, and the clients that wait for them to begin
//! - `record`: what the log of a run says about it
//! - `body`, `audience`, `appending`, `ending`, `driver`: a body that runs, its viewers, its events and its end
//! - `departures`, `watch`, `follow`: runs of other nodes, and viewers
//! - `side_by_side`, `list_entries`, `list`: the list of an owner's runs
//! - `start`: the start of a run
//! - `run`, `hub_runs`: the handle, and the methods of a hub

mod active;
mod appending;
mod audience;
mod body;
mod departures;
mod driver;
mod ending;
mod error;
mod follow;
mod guest;
mod guests;
mod hub_runs;
mod list;
mod list_entries;
mod note;
mod options;
mod record;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a run, the file its handle")]
mod run;
mod side_by_side;
mod start;
mod status;
mod stopping;
mod table;
mod watch;

pub use error::RunError;
pub use follow::Follow;
pub use list::RunInfo;
pub use options::OnDisconnect;
pub use run::Run;
pub use start::Begun;
pub use status::RunStatus;
pub use stopping::{Stopping, stopping};

pub(crate) use error::Kind as RunErrorKind;
