//! [`Target`], the server that a URL names.

use std::fmt;
use std::fmt::Write as _;
#[cfg(unix)]
use std::path::PathBuf;

use super::fault::RedisFault;
use crate::topic::engine::shared::address::{decode, host_and_port};

/// The server that a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) service: Service,
    pub(super) credentials: Option<Credentials>,
    pub(super) database: i64,
    pub(super) tls: bool,
    place: String,
}

/// How the address of the primary is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The URL has it.
    Direct(Address),
    /// The servers of a cluster know it, for each slot.
    Cluster(Vec<Address>),
    /// One of the Sentinels knows it, by the name of the service.
    Sentinel { name: String, sentinels: Vec<Address> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Tcp {
        host: String,
        port: u16,
    },
    #[cfg(unix)]
    Unix(PathBuf),
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Empty for the default user.
    pub(super) user: String,
    pub(super) password: String,
}

const FORMS: &str = "it must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel:// or redis+unix://";
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Direct,
    Sentinel,
    Unix,
}

impl Target {
    /// Parses a URL. No error quotes a part of it: a password that is not encoded can end up in any part.
    pub(super) fn parse(url: &str) -> Result<Self, RedisFault> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| RedisFault::url(FORMS))?;
        let (form, tls) = match scheme.to_ascii_lowercase().as_str() {
            "redis" => (Form::Direct, false),
            "rediss" => (Form::Direct, true),
            "redis+sentinel" => (Form::Sentinel, false),
            "rediss+sentinel" => (Form::Sentinel, true),
            "redis+unix" | "unix" => (Form::Unix, false),
            _ => return Err(RedisFault::url(FORMS)),
        };
        if tls && !cfg!(feature = "tls") {
            return Err(RedisFault::url("rediss:// needs the feature `tls` of touka; enable it in Cargo.toml"));
        }
        if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(RedisFault::url("it has a space or a control character; write it as %XX"));
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if tail.contains('@') {
            return Err(RedisFault::url(
                "an `@` follows a `/`, `?` or `#`; in the user and the password, write these as %2F, %3F and %23",
            ));
        }
        if tail.contains('#') {
            return Err(RedisFault::url("it has a `#`; write it as %23"));
        }
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Credentials::parse(credentials)?, hosts),
            None => (None, authority),
        };
        let (path, query) = tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query)));
        let (service, database) = match form {
            Form::Direct => direct(hosts, path)?,
            Form::Sentinel => sentinel(hosts, path)?,
            Form::Unix => unix(hosts, path)?,
        };
        let database = match (form, query) {
            (_, None | Some("")) => database,
            (Form::Unix, Some(query)) => parse_database(query.strip_prefix("db=").ok_or_else(|| {
                RedisFault::url("the one option after `?` is `db`, the number of the database, as in ?db=0")
            })?)?,
            (Form::Direct | Form::Sentinel, Some(_)) => {
                return Err(RedisFault::url("it has options after `?`; use the methods of `touka::topic::Redis`"));
            }
        };
        let place = place(scheme, &service, database);
        Ok(Self { service, credentials, database, tls, place })
    }

    /// The URL without credentials, for errors and logs.
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

fn place(scheme: &str, service: &Service, database: i64) -> String {
    let mut place = format!("{}://", scheme.to_ascii_lowercase());
    match service {
        Service::Direct(address) => {
            let _ = write!(place, "{address}");
        }
        Service::Cluster(seeds) => {
            let _ = write!(place, "{}", list(seeds));
        }
        Service::Sentinel { name, sentinels } => {
            let _ = write!(place, "{}/{name}", list(sentinels));
        }
    }
    if database != 0 {
        let _ = match service {
            #[cfg(unix)]
            Service::Direct(Address::Unix(_)) => write!(place, "?db={database}"),
            _ => write!(place, "/{database}"),
        };
    }
    place
}

fn list(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn direct(hosts: &str, path: &str) -> Result<(Service, i64), RedisFault> {
    let database = parse_database(path.strip_prefix('/').unwrap_or(path))?;
    if !hosts.contains(',') {
        return Ok((Service::Direct(Address::parse(hosts, PORT)?), database));
    }
    if database != 0 {
        return Err(RedisFault::url(
            "it has several hosts and a database: a cluster has database 0 only; Sentinels are named with redis+sentinel://",
        ));
    }
    Ok((Service::Cluster(hosts.split(',').map(|host| Address::parse(host, PORT)).collect::<Result<_, _>>()?), 0))
}

fn sentinel(hosts: &str, path: &str) -> Result<(Service, i64), RedisFault> {
    let sentinels = hosts.split(',').map(|host| Address::parse(host, SENTINEL_PORT)).collect::<Result<_, _>>()?;
    let path = path.strip_prefix('/').unwrap_or(path);
    let (name, database) = path.split_once('/').unwrap_or((path, ""));
    let name = decode(name).filter(|name| !name.is_empty()).ok_or_else(|| {
        RedisFault::url("it has no name of a service; it follows the Sentinels, as in redis+sentinel://host/service")
    })?;
    Ok((Service::Sentinel { name, sentinels }, parse_database(database)?))
}

#[cfg(unix)]
fn unix(hosts: &str, path: &str) -> Result<(Service, i64), RedisFault> {
    let path = decode(path).filter(|path| hosts.is_empty() && path.len() > 1).ok_or_else(|| {
        RedisFault::url("it has no path of a Unix socket; three slashes begin it, as in redis+unix:///run/redis.sock")
    })?;
    Ok((Service::Direct(Address::Unix(path.into())), 0))
}

#[cfg(not(unix))]
fn unix(_: &str, _: &str) -> Result<(Service, i64), RedisFault> {
    Err(RedisFault::url("this platform has no Unix sockets; use redis://"))
}

fn parse_database(number: &str) -> Result<i64, RedisFault> {
    if number.is_empty() {
        return Ok(0);
    }
    // `parse` alone accepts a sign.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let database = digits.then(|| number.parse::<u32>().ok()).flatten();
    database.map(i64::from).ok_or_else(|| RedisFault::url("the database is not a number; the first one is 0"))
}

impl Address {
    fn parse(text: &str, default_port: u16) -> Result<Self, RedisFault> {
        let (host, port) = host_and_port(text, default_port).map_err(RedisFault::url)?;
        Ok(Self::Tcp { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Credentials {
    fn parse(text: &str) -> Result<Option<Self>, RedisFault> {
        let (user, password) = text.split_once(':').ok_or_else(|| {
            RedisFault::url("it has a user without a password; without a user it is redis://:password@host")
        })?;
        let (Some(user), Some(password)) = (decode(user), decode(password)) else {
            return Err(RedisFault::url(
                "the user or the password has a `%` that begins no character; write `%` itself as %25",
            ));
        };
        Ok((!user.is_empty() || !password.is_empty()).then_some(Self { user, password }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
