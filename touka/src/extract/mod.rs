//! Extractors: what a handler takes from its request, next to the extractors of the axum ecosystem.
//!
//! A parameter of a handler is [`FromRequestParts`], or [`FromRequest`] if it takes the body. Both are axum-core's
//! traits, so axum's extractors work as they are. Each extractor that can fail has a rejection, which is the
//! response to the request that it does not fit.
//!
//! # Layout
//!
//! - `params`, `query_params`, `param_rejection`: the parameters of the path and of the query, one by one.
//! - `query`, `pairs`: the query as one value, with a deserializer.
//! - `json`: the body.
//! - `last_event_id`, `connect_info`, `matched_path`, `original_uri`, `state`: an extractor each.
//! - `percent`: percent-encoding.

mod connect_info;
mod json;
mod last_event_id;
mod matched_path;
mod original_uri;
mod pairs;
mod param_rejection;
mod params;
mod percent;
mod query;
mod query_params;
mod state;

pub use axum_core::extract::{
    DefaultBodyLimit, FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request,
};
pub use connect_info::{ConnectInfo, ConnectInfoRejection};
pub use json::{Json, JsonRejection};
pub use last_event_id::LastEventId;
pub use matched_path::{MatchedPath, MatchedPathRejection};
pub use original_uri::OriginalUri;
pub use param_rejection::ParamRejection;
pub use params::Params;
pub use query::{Query, QueryRejection};
pub use query_params::QueryParams;
pub use state::State;

pub(crate) use connect_info::{Peer, peer};
#[cfg(feature = "axum")]
pub(crate) use matched_path::of_axum as axum_path;
#[cfg(feature = "openapi")]
pub(crate) use percent::segment as percent_decoded;
