//! [`Target`], the servers and credentials of a URL.

use std::fmt;

use super::fault::NatsFault;
use crate::topic::engine::shared::address::{decode, host_and_port};

/// The servers of a cluster, and how to log in.
pub(super) struct Target {
    pub(super) servers: Vec<(String, u16)>,
    pub(super) login: Login,
    pub(super) tls: bool,
    /// The URL without credentials.
    place: String,
}

/// How a client identifies itself.
pub(super) enum Login {
    Nothing,
    Token(String),
    User { name: String, password: String },
}

const PORT: u16 = 4222;

const FORMS: &str = "it must begin with nats:// or tls://, as in nats://user:password@one:4222,two:4222";

impl Target {
    /// Parses a URL. No error quotes a part of it: a password that is not encoded can end up in any part.
    pub(super) fn parse(url: &str) -> Result<Self, NatsFault> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| NatsFault::url(FORMS))?;
        let (scheme, tls) = match scheme.to_ascii_lowercase().as_str() {
            "nats" => ("nats", false),
            "tls" => ("tls", true),
            _ => return Err(NatsFault::url(FORMS)),
        };
        if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(NatsFault::url("it has a space or a control character; write it as %XX"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(NatsFault::url(
                "a `/`, `?` or `#` follows the servers; in the credentials, write these as %2F, %3F and %23",
            ));
        }
        let (login, hosts) = match rest.rsplit_once('@') {
            Some((login, hosts)) => (Login::parse(login)?, hosts),
            None => (Login::Nothing, rest),
        };
        let servers: Vec<_> =
            hosts.split(',').map(|host| host_and_port(host, PORT)).collect::<Result<_, _>>().map_err(NatsFault::url)?;
        let shown: Vec<_> = servers.iter().map(|(host, port)| shown(host, *port)).collect();
        let place = format!("{scheme}://{}", shown.join(","));
        Ok(Self { servers, login, tls, place })
    }

    /// The URL without credentials, for errors and logs.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The addresses of the servers.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        let scheme = if self.tls { "tls" } else { "nats" };
        self.servers.iter().map(move |(host, port)| format!("{scheme}://{}", shown(host, *port)))
    }
}

fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Login {
    fn parse(text: &str) -> Result<Self, NatsFault> {
        let part = |text| {
            decode(text).ok_or_else(|| {
                NatsFault::url("the credentials have a `%` that begins no character; write `%` itself as %25")
            })
        };
        Ok(match text.split_once(':') {
            None => Self::Token(part(text)?),
            Some((name, password)) => Self::User { name: part(name)?, password: part(password)? },
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_and_credentials() {
        let target = Target::parse("nats://me:p%40ss@one,two:5000,[::1]:4").unwrap();
        assert_eq!(target.place(), "nats://one:4222,two:5000,[::1]:4");
        assert!(matches!(&target.login, Login::User { name, password } if name == "me" && password == "p@ss"));
        assert_eq!(target.addresses().nth(2).unwrap(), "nats://[::1]:4");
        let target = Target::parse("TLS://t%2Foken@host/").unwrap();
        assert!(target.tls && matches!(&target.login, Login::Token(token) if token == "t/oken"));
        assert_eq!(target.place(), "tls://host:4222");
    }

    #[test]
    fn an_invalid_url_is_an_error_that_does_not_quote_it() {
        for url in [
            "hunter2",
            "redis://hunter2",
            "nats://",
            "nats://user:hunter2",
            "nats://user:hun/ter2@host",
            "nats://a:hunter2@host:0",
            "nats://a:hunter2@host:70000",
            "nats://%hunter2@host",
            "nats://hunter2@[::1",
            "nats://a b:hunter2@host",
            "nats://a,,hunter2",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.starts_with("the URL of NATS is invalid: ") && !error.contains("ter2"), "{url}: {error}");
        }
    }
}
