//! [`Handler`], an async function that answers requests.

use std::future::Future;

use axum_core::extract::{FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};

/// An async function whose parameters are extractors and whose return value is a response.
///
/// The last parameter may take the body of the request ([`FromRequest`]); all others read its head
/// ([`FromRequestParts`]). An `#[sse_handler]` is such a function.
///
/// ```
/// use touka::Router;
/// use touka::extract::State;
/// use touka::http::Uri;
/// use touka::response::StatusCode;
///
/// async fn unknown(uri: Uri, State(app): State<&'static str>) -> (StatusCode, String) {
///     (StatusCode::NOT_FOUND, format!("{app} has no {uri}"))
/// }
///
/// let app: Router = Router::new().fallback(unknown).with_state("the app");
/// ```
///
/// `M` tells the implementations for functions of different parameters apart. The compiler infers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not an async function of extractors",
    note = "a handler is an `async fn` with at most 12 parameters that are `FromRequestParts<S>`, where `S` is the router's state, and that returns an `IntoResponse`",
    note = "the last parameter alone may take the body, as `Json` does",
    note = "for a service, such as an `axum::Router`, there is `fallback_service`"
)]
pub trait Handler<M, S>: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn call(self, request: Request, state: S) -> impl Future<Output = Response> + Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<F, A, S> Handler<(), S> for F
where
    F: FnOnce() -> A + Clone + Send + Sync + 'static,
    A: Future<Output: IntoResponse> + Send + 'static,
    S: Send + Sync + 'static,
{
    async fn call(self, _: Request, _: S) -> Response {
        self().await.into_response()
    }
}

macro_rules! handler {
    ($($part:ident)*; $last:ident) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<F, A, S, M, $($part,)* $last> Handler<(M, $($part,)* $last,), S> for F
        where
            F: FnOnce($($part,)* $last) -> A + Clone + Send + Sync + 'static,
            A: Future<Output: IntoResponse> + Send + 'static,
            S: Send + Sync + 'static,
            $($part: FromRequestParts<S> + Send + 'static,)*
            $last: FromRequest<S, M> + Send + 'static,
            M: 'static,
        {
            #[allow(unused_mut)]
            async fn call(self, request: Request, state: S) -> Response {
                let (mut parts, body) = request.into_parts();
                $(let $part = match $part::from_request_parts(&mut parts, &state).await {
                    Ok(part) => part,
                    Err(rejection) => return rejection.into_response(),
                };)*
                // Not one `match` to the end: it would hold the rejection, which need not be `Send`, over an await.
                let $last = match $last::from_request(Request::from_parts(parts, body), &state).await {
                    Ok(last) => last,
                    Err(rejection) => return rejection.into_response(),
                };
                self($($part,)* $last).await.into_response()
            }
        }
    };
}

handler!(; T1);
handler!(T1; T2);
handler!(T1 T2; T3);
handler!(T1 T2 T3; T4);
handler!(T1 T2 T3 T4; T5);
handler!(T1 T2 T3 T4 T5; T6);
handler!(T1 T2 T3 T4 T5 T6; T7);
handler!(T1 T2 T3 T4 T5 T6 T7; T8);
handler!(T1 T2 T3 T4 T5 T6 T7 T8; T9);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9; T10);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10; T11);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11; T12);
