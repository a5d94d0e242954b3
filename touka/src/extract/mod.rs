//! What a handler takes from its request, beside the extractors of the axum ecosystem.

mod json;
mod last_event_id;
mod pairs;
mod params;
mod query;
mod state;

pub use json::{Json, JsonError};
pub use last_event_id::LastEventId;
pub use params::{ParamError, Params};
pub use query::{Query, QueryError};
pub use state::State;
