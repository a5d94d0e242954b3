//! [`Redis`], the server on which a hub keeps its events.

use std::fmt;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use tokio_rustls::rustls::ClientConfig;

use super::fault::RedisFault;
use super::target::Target;
use crate::topic::engine::shared::timeout::at_most;

/// The maximum of each timeout.
const DAY: Duration = Duration::from_hours(24);

/// The Redis on which a hub keeps its events, and its options. A URL alone converts to a `Redis` with the defaults.
///
/// | URL | |
/// |---|---|
/// | `redis://host:6379/0` | one server; the port and the database may be left out |
/// | `redis://user:password@host`, `redis://:password@host` | with credentials |
/// | `rediss://host` | over TLS, with the feature `tls` |
/// | `redis://host:6379,host:6379` | some servers of a cluster |
/// | `redis+sentinel://host:26379,host:26379/service/0` | the primary that Sentinels name, after a failover as well |
/// | `rediss+sentinel://host/service` | the same over TLS, to the Sentinels too |
/// | `redis+unix:///run/redis.sock?db=0` | a Unix socket |
///
/// In the user and the password, the characters `/`, `?`, `#`, `%`, `@` and `:` are written as `%2F`, `%3F`, `%23`,
/// `%25`, `%40` and `%3A`. Sentinels that require a password are sent the same credentials.
///
/// The server must be Redis 7.0 or newer, or Valkey, and must be a primary. Servers of a cluster may be replicas: they know
/// the primaries of all shards. One server is enough if the cluster has several shards. The `Debug` output and errors have no
/// password.
///
/// ```
/// use std::time::Duration;
/// use touka::topic::Redis;
///
/// let redis = Redis::new("redis://:secret@redis.internal")
///     .prefix("chat")
///     .publish_timeout(Duration::from_secs(2));
/// assert!(!format!("{redis:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Redis {
    url: String,
    pub(super) prefix: String,
    pub(super) publish_timeout: Duration,
    pub(super) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls_config: Option<Arc<ClientConfig>>,
}

impl Redis {
    /// A server at this URL. It is checked when the hub is created.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "touka".into(),
            publish_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            #[cfg(feature = "tls")]
            tls_config: None,
        }
    }

    /// Sets the prefix of all keys and channels. The default is `touka`.
    ///
    /// Hubs with the same prefix and database on the same server share their topics. Apps that must not do so have a
    /// prefix each. It has at most 64 characters, none of which is a brace, a space or a control character.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a publish waits for Redis, and retries while it is away. The default is 5 seconds, the maximum a
    /// day.
    ///
    /// A process sends 1024 publishes at a time. Further ones wait for them, for half of this time at most: then they
    /// fail with [`is_unavailable`](crate::HubError::is_unavailable), which means that the event was not published. The time
    /// begins after a [removal](crate::Hub::remove) of the topic that is in progress.
    #[must_use]
    pub const fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = at_most(timeout, DAY);
        self
    }

    /// Sets how long opening a connection may take, including the question to the Sentinels. The default is 5 seconds,
    /// the maximum a day.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = at_most(timeout, DAY);
        self
    }

    /// Sets the TLS configuration of `rediss://`, for a private certificate authority or client certificates. By
    /// default, the certificate authorities of the operating system are trusted.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use touka::server::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
    /// use touka::topic::Redis;
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let authorities = RootCertStore::empty(); // and `add` the certificate of the authority
    /// let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(authorities)
    ///     .with_no_client_auth();
    /// let redis = Redis::new("rediss://redis.internal").tls_config(config);
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls_config = Some(config.into());
        self
    }

    /// Parses the URL and checks the other options.
    pub(super) fn target(&self) -> Result<Target, RedisFault> {
        // A brace would change the hash tag of the keys, and with it the shard that they are on.
        let invalid = |c: char| matches!(c, '{' | '}') || c.is_whitespace() || c.is_control();
        if self.prefix.is_empty() || self.prefix.chars().count() > 64 || self.prefix.contains(invalid) {
            return Err(RedisFault::option(
                "the prefix must have 1 to 64 characters, none of which is a brace, a space or a control character",
            ));
        }
        Target::parse(&self.url)
    }
}

impl From<&str> for Redis {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for Redis {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An invalid URL is not shown at all: any part of it may be the password.
        let target =
            Target::parse(&self.url).map_or_else(|_| "an invalid URL".into(), |target| target.place().to_owned());
        f.debug_struct("Redis")
            .field("url", &target)
            .field("prefix", &self.prefix)
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
        for url in ["redis://user:hunter2@host", "redis://:hunter2", "redis://u:hun/ter2@host", "hunter2"] {
            assert!(!format!("{:?}", Redis::from(url)).contains("ter2"), "{url}");
        }
        assert!(format!("{:?}", Redis::from(String::from("redis://user:hunter2@host"))).contains("redis://host:6379"));
    }

    #[test]
    fn a_timeout_is_bounded() {
        let redis = Redis::new("redis://host").publish_timeout(Duration::MAX).connect_timeout(Duration::MAX);
        let day = Duration::from_hours(24);
        assert_eq!((redis.publish_timeout, redis.connect_timeout), (day, day));
    }

    #[test]
    fn a_prefix_that_changes_the_hash_tag_is_an_error() {
        for prefix in ["", "a{b", "a}", "a b", "a\n", &"a".repeat(65)] {
            let error = Redis::new("redis://host").prefix(prefix).target().unwrap_err();
            assert!(error.to_string().contains("the prefix must have"), "{error}");
        }
        assert!(Redis::new("redis://host").prefix("chat:v2").target().is_ok());
    }
}
