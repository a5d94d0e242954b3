//! [`Html`], a page.

use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// A page: a body of type `text/html; charset=utf-8`.
///
/// ```
/// use touka::response::Html;
/// use touka::route;
///
/// #[route(GET, "/")]
/// async fn index() -> Html<&'static str> {
///     Html("<script>new EventSource('/clock').onmessage = event => document.title = event.data</script>")
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

impl<T: IntoResponse> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], self.0).into_response()
    }
}

impl<T> From<T> for Html<T> {
    fn from(page: T) -> Self {
        Self(page)
    }
}
