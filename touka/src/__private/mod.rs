//! Items that generated code refers to. Not public API: they change without notice.

mod block;
mod body;
#[cfg(feature = "openapi")]
mod described;
mod detached;
mod returns;
mod route;
pub mod values;

pub use axum_core::extract::Request;
pub use http::Method;
#[cfg(feature = "macros")]
pub use touka_macros::__sse;

pub use self::block::*;
pub use self::body::*;
#[cfg(feature = "openapi")]
pub use self::described::*;
pub use self::detached::*;
pub use self::returns::*;
pub use self::route::*;
pub use crate::extract::QueryParams;
pub use crate::routing::Route;
pub use crate::run::OnDisconnect;
pub use crate::stream::EventWriter;

/// Items for `#[derive(IntoEvent)]`.
#[cfg(feature = "macros")]
pub mod derived {
    pub use bytes::BytesMut;
    pub use serde;

    #[cfg(feature = "openapi")]
    pub use super::described::{DataSchema, Deferred, Flattened};
    pub use crate::error::Result;
    pub use crate::event::folding::{Concat, common_name, concat_text};
    pub use crate::event::reading::{JsonRead, Reading, TextRead};
    pub use crate::event::sink::{
        Derived, IdValue, JsonValue, RefusedBySerde, RetryValue, SerializeFor, Sink, TextValue, through,
    };
    pub use crate::event::{Encoder, Event, EventName, IntoEvent};
    #[cfg(feature = "openapi")]
    pub use crate::openapi::{DescribeEvents, Events, schemars};
    #[cfg(feature = "openapi")]
    pub use serde_json::Value as AnyJson;
}
