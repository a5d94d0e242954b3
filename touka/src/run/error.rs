//! [`RunError`], the error of a run.

use std::error::Error as StdError;
use std::fmt;

use axum_core::response::Response;

use crate::sync::Mutex;
use crate::topic::HubError;

/// An error of a [`Run`](super::Run).
///
/// The `is_*` methods tell its kind. Its text is for people and may change; [`source`](StdError::source) has the cause.
/// As a response it is a status and one line, without internal details.
///
/// | kind | response |
/// |---|---|
/// | [`is_key`](Self::is_key) | 400 |
/// | [`is_unknown`](Self::is_unknown) | 404 |
/// | [`is_running`](Self::is_running) | 409 |
/// | [`is_too_many`](Self::is_too_many) | 429 if its owner has too many runs, 503 if the process has |
/// | [`is_shutting_down`](Self::is_shutting_down) | 503 |
/// | [`is_refused`](Self::is_refused) | that of the body's error |
/// | [`is_hub`](Self::is_hub) | that of the [`HubError`] |
///
/// ```
/// use touka::Hub;
/// use touka::response::{IntoResponse, StatusCode};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let hub = Hub::memory();
/// let error = hub.run("no such run").unwrap().status().await.unwrap_err();
/// assert!(error.is_unknown());
/// assert_eq!(error.into_response().status(), StatusCode::NOT_FOUND);
/// # }
/// ```
pub struct RunError(Box<Kind>);

pub(crate) enum Kind {
    Key(String),
    Unknown,
    Running,
    TooMany(usize),
    TooManyOfOwner(usize),
    ShuttingDown,
    /// The body has failed before its first event. The response is taken once. In a lock, because a body of a response can
    /// be shared between threads only so.
    Refused(Box<Mutex<Option<Response>>>),
    Hub(HubError),
}

impl RunError {
    pub(super) fn key(bytes: usize, most: usize) -> Self {
        let text = match bytes {
            0 => "the key of a run has at least one character".into(),
            _ => format!("a key or an owner of {bytes} bytes is too long: the maximum is {most}; use a hash of it"),
        };
        Self(Box::new(Kind::Key(text)))
    }

    pub(super) fn unknown() -> Self {
        Self(Box::new(Kind::Unknown))
    }

    pub(super) fn running() -> Self {
        Self(Box::new(Kind::Running))
    }

    pub(super) fn too_many(most: usize) -> Self {
        Self(Box::new(Kind::TooMany(most)))
    }

    pub(super) fn too_many_of_owner(most: usize) -> Self {
        Self(Box::new(Kind::TooManyOfOwner(most)))
    }

    pub(super) fn shutting_down() -> Self {
        Self(Box::new(Kind::ShuttingDown))
    }

    pub(super) fn refused(response: Response) -> Self {
        Self(Box::new(Kind::Refused(Box::new(Mutex::new(Some(response))))))
    }

    pub(crate) fn into_kind(self) -> Kind {
        *self.0
    }

    /// Returns true if the key or the owner is empty or too long.
    pub fn is_key(&self) -> bool {
        matches!(*self.0, Kind::Key(_))
    }

    /// Returns true if there is no run with this key: it was never started, was forgotten, or has another owner. A foreign
    /// owner's run is not distinguished from one that does not exist.
    pub fn is_unknown(&self) -> bool {
        matches!(*self.0, Kind::Unknown)
    }

    /// Returns true if the run is still under way, and only a run that has ended can be forgotten.
    pub fn is_running(&self) -> bool {
        matches!(*self.0, Kind::Running)
    }

    /// Returns true if as many runs are under way in this process as its limits allow, in all or of this owner.
    pub fn is_too_many(&self) -> bool {
        matches!(*self.0, Kind::TooMany(_) | Kind::TooManyOfOwner(_))
    }

    /// Returns true if the hub starts no runs any more: see [`Hub::stop_runs`](crate::Hub::stop_runs).
    pub fn is_shutting_down(&self) -> bool {
        matches!(*self.0, Kind::ShuttingDown)
    }

    /// Returns true if the body has returned an error or has panicked before its first event. Then there is no run, and
    /// this error, as a response, is that of the body.
    pub fn is_refused(&self) -> bool {
        matches!(*self.0, Kind::Refused(_))
    }

    /// Returns true if the hub has failed. [`source`](StdError::source) has its [`HubError`].
    pub fn is_hub(&self) -> bool {
        matches!(*self.0, Kind::Hub(_))
    }
}

impl From<HubError> for RunError {
    fn from(error: HubError) -> Self {
        Self(Box::new(Kind::Hub(error)))
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunError").field(&self.to_string()).finish()
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Key(text) => f.write_str(text),
            Kind::Unknown => f.write_str("there is no such run"),
            Kind::Running => f.write_str("the run is still under way: stop it, and wait for its end"),
            Kind::TooMany(most) => {
                write!(f, "{most} runs are under way already; `Hub::set_max_runs` sets the maximum")
            }
            Kind::TooManyOfOwner(most) => {
                write!(
                    f,
                    "{most} runs of this owner are under way already; `Hub::set_max_runs_per_owner` sets the maximum"
                )
            }
            Kind::ShuttingDown => f.write_str("the server is shutting down, and starts no runs any more"),
            Kind::Refused(_) => f.write_str("the body of the run has failed before its first event"),
            Kind::Hub(error) => error.fmt(f),
        }
    }
}

impl StdError for RunError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Kind::Hub(error) => Some(error),
            _ => None,
        }
    }
}
