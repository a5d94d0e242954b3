//! [`Nats`], the servers on which a hub keeps its events.

use std::fmt;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use tokio_rustls::rustls::ClientConfig;

use super::fault::NatsFault;
use super::target::Target;
use crate::topic::engine::shared::timeout::at_most;

/// The NATS servers on which a hub keeps its events, and its options. A URL alone converts to a `Nats` with the defaults.
///
/// | URL | |
/// |---|---|
/// | `nats://host:4222` | one server; the port may be left out |
/// | `nats://one,two:4223,three` | the servers of a cluster |
/// | `nats://user:password@host`, `nats://token@host` | with credentials |
/// | `tls://host` | over TLS |
///
/// In the credentials, the characters `/`, `?`, `#`, `%`, `@` and `:` are written as `%2F`, `%3F`, `%23`, `%25`, `%40`
/// and `%3A`.
///
/// The server must be NATS 2.9 or newer, with `JetStream`; for [replicas](Self::replicas), 2.12 or newer. The hub creates two
/// streams there, named after the [prefix](Self::prefix). The `Debug` output and errors have no password.
///
/// ```
/// use std::time::Duration;
/// use touka::topic::Nats;
///
/// let nats = Nats::new("nats://touka:secret@one,two,three").prefix("chat").replicas(3);
/// assert!(!format!("{nats:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Nats {
    url: String,
    pub(super) prefix: String,
    pub(super) replicas: usize,
    pub(super) forget_after: Duration,
    pub(super) max_bytes: Option<u64>,
    pub(super) publish_timeout: Duration,
    pub(super) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls_config: Option<Arc<ClientConfig>>,
}

impl Nats {
    /// Servers at this URL. It is checked when the hub is created.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "touka".into(),
            replicas: 1,
            forget_after: Duration::from_hours(24),
            max_bytes: None,
            publish_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            #[cfg(feature = "tls")]
            tls_config: None,
        }
    }

    /// Sets the prefix of all subjects, and the name of the streams. The default is `touka`.
    ///
    /// Hubs with the same prefix and account share their topics. Apps that must not do so have a prefix each. It has at
    /// most 64 characters: ASCII letters, digits, `-` and `_`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the number of servers that each keep all events: 1, 3 or 5. The default is 1.
    ///
    /// It counts when the hub creates its streams. For existing ones, use the command `nats stream edit`.
    #[must_use]
    pub const fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets the time after which an event is deleted from the servers, and a topic without events is forgotten. The
    /// default is a day; it is never less than the age of the hub's [`Retention`](crate::topic::Retention) and ten minutes.
    ///
    /// The retention bounds what clients get. This bound is above it, since the newest event of a topic is retained
    /// whatever its age: a topic to which nothing is published for this time is forgotten even while clients follow it.
    /// Those of them that reconnect later get a `gap` event. [`Duration::MAX`] keeps events for good.
    #[must_use]
    pub const fn forget_after(mut self, unused: Duration) -> Self {
        self.forget_after = unused;
        self
    }

    /// Sets the maximum size of all events on the disk of a server, in bytes. By default the server's own limits apply.
    ///
    /// Beyond it, the server deletes the oldest events of all topics. Clients that have yet to get them get a `gap` event.
    #[must_use]
    pub const fn max_bytes(mut self, most: u64) -> Self {
        self.max_bytes = Some(most);
        self
    }

    /// Sets how long a publish waits for NATS, and retries while it is away. The default is 5 seconds, the maximum 5
    /// minutes.
    ///
    /// A process sends 1024 publishes at a time. Further ones wait for them, for half of this time at most: then they
    /// fail with [`is_unavailable`](crate::HubError::is_unavailable), which means that the event was not published. The time
    /// begins after a [removal](crate::Hub::remove) of the topic that is in progress.
    #[must_use]
    pub const fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = at_most(timeout, Duration::from_mins(5));
        self
    }

    /// Sets how long opening a connection may take. The default is 5 seconds, the maximum an hour.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = at_most(timeout, Duration::from_hours(1));
        self
    }

    /// Sets the TLS configuration of `tls://`, for a private certificate authority or client certificates. By default,
    /// the certificate authorities of the operating system are trusted.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls_config = Some(config.into());
        self
    }

    /// Parses the URL and checks the other options.
    pub(super) fn target(&self) -> Result<Target, NatsFault> {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.chars().all(is_valid) {
            return Err(NatsFault::option(
                "the prefix must have 1 to 64 characters, all of them ASCII letters, digits, `-` or `_`",
            ));
        }
        if self.replicas == 0 || self.replicas > 5 {
            return Err(NatsFault::option("the number of replicas must be from 1 to 5, and should be odd"));
        }
        Target::parse(&self.url)
    }
}

impl From<&str> for Nats {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for Nats {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An invalid URL is not shown at all: any part of it may be the password.
        let target =
            Target::parse(&self.url).map_or_else(|_| "an invalid URL".into(), |target| target.place().to_owned());
        f.debug_struct("Nats")
            .field("url", &target)
            .field("prefix", &self.prefix)
            .field("replicas", &self.replicas)
            .field("publish_timeout", &self.publish_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_has_no_password() {
        for url in ["nats://user:hunter2@host", "nats://hunter2@host", "nats://u:hun/ter2@host", "hunter2"] {
            assert!(!format!("{:?}", Nats::from(url)).contains("ter2"), "{url}");
        }
    }

    #[test]
    fn options_are_bounded() {
        let nats = Nats::new("nats://host").publish_timeout(Duration::MAX).connect_timeout(Duration::MAX);
        assert_eq!((nats.publish_timeout, nats.connect_timeout), (Duration::from_mins(5), Duration::from_hours(1)));
        for prefix in ["", "a.b", "a b", "*", "ä", &"a".repeat(65)] {
            let error = Nats::new("nats://host").prefix(prefix).target().unwrap_err();
            assert!(error.to_string().contains("the prefix must have"), "{error}");
        }
        assert!(Nats::new("nats://host").replicas(0).target().is_err());
        assert!(Nats::new("nats://host").prefix("chat_v-2").target().is_ok());
    }
}
