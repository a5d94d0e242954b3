//! What a handler takes from its request, beside the extractors of the axum ecosystem.

mod last_event_id;
mod params;
mod state;

pub use last_event_id::LastEventId;
pub use params::{ParamError, Params};
pub use state::State;
