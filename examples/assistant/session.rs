//! Sessions: whose turns these are.
//!
//! The id of a turn is no secret, so every run has an owner, and other clients find no run. Here the owner is a random
//! number in a cookie, which says that it is the same browser and not who uses it. A real app has users: its owner is the
//! id of the user that a signed cookie or a token names, so that the turns are there on every device, and end with the
//! account.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, StatusCode};

/// The name of the cookie.
const NAME: &str = "assistant";

/// The header that gives a browser its session.
pub(crate) type SetCookie = [(HeaderName, String); 1];

/// The session that a request belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Session(String);

impl Session {
    /// A new session.
    pub(crate) fn new() -> Self {
        // The keys of the standard library's hash maps are random. A secret needs a cryptographic source.
        let random = || RandomState::new().build_hasher().finish();
        Self(format!("{:016x}{:016x}", random(), random()))
    }

    /// Scripts of the page cannot read the cookie, and pages of other sites cannot send it with a POST.
    pub(crate) fn set_cookie(&self) -> SetCookie {
        [(SET_COOKIE, format!("{NAME}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000", self.0))]
    }
}

/// The owner of the runs of this session.
impl AsRef<str> for Session {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// As the owner.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoSession> {
        let headers = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = headers.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let session = cookies.find(|(name, _)| *name == NAME).map(|(_, value)| value);
        let is_id = |value: &&str| value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        session.filter(is_id).map(|value| Self(value.to_owned())).ok_or(NoSession)
    }
}

/// The rejection of a request without a session.
#[derive(Debug)]
pub(crate) struct NoSession;

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, "there is no session: open the page first\n").into_response()
    }
}
