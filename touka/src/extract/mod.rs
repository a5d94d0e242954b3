//! What a handler takes from its request, beside the extractors of the axum ecosystem.

mod connect_info;
mod json;
mod last_event_id;
mod matched_path;
mod pairs;
mod param_error;
mod params;
mod percent;
mod query;
mod query_params;
mod state;

pub use connect_info::{ConnectInfo, ConnectInfoRejection};
pub use json::{Json, JsonError};
pub use last_event_id::LastEventId;
pub use matched_path::{MatchedPath, MatchedPathRejection};
pub use param_error::ParamError;
pub use params::Params;
pub use query::{Query, QueryError};
pub use query_params::QueryParams;
pub use state::State;

pub(crate) use connect_info::{Peer, peer};
#[cfg(feature = "axum")]
pub(crate) use matched_path::of_axum as axum_path;
