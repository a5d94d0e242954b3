//! Which route a request was found to be for.

use std::sync::Arc;

/// The route's path, as it is mounted: `/rooms/{room}`. The router leaves it in the request's
/// extensions, and in the response's for whoever counts them.
#[derive(Clone, Debug)]
pub(crate) struct Matched(pub(crate) Arc<str>);
