//! Checks of a server: its version and role, and settings that lose events.

use redis::Value;
use tokio::time::Instant;

use super::connection::Connection;
use super::fault::RedisFault;
use super::slot_view::View;
use super::target::Address;

/// The oldest major version: scripts publish with SPUBLISH.
const OLDEST: u32 = 7;

/// The source of the address of a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    Url,
    Sentinels,
    Cluster,
}

/// Checks the reply to HELLO, on each new connection: the version, the mode and the role.
///
/// HELLO is used instead of ROLE and INFO, because a user who has logged in with it may run it.
pub(super) fn check_hello(place: &str, reply: Value, by: NamedBy) -> Result<(), RedisFault> {
    let Value::Map(fields) = reply else {
        return Err(RedisFault::unreachable(place, "its reply to HELLO is not of the protocol RESP3"));
    };
    let (mut version, mut mode, mut role) = (String::new(), String::new(), String::new());
    for (name, value) in fields {
        let field = match redis::from_redis_value::<String>(name).as_deref() {
            Ok("version") => &mut version,
            Ok("mode") => &mut mode,
            Ok("role") => &mut role,
            _ => continue,
        };
        *field = redis::from_redis_value(value).unwrap_or_default();
    }
    if mode == "sentinel" {
        return Err(RedisFault::unsuitable(
            place,
            "it is a Sentinel",
            "name it and its service with redis+sentinel://host/service",
        ));
    }
    // A server that is compatible with Redis may have a version of another form.
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(RedisFault::too_old(place, &format!("its version is {version}")));
    }
    match role.as_str() {
        "" | "master" | "primary" => Ok(()),
        _ => Err(match by {
            NamedBy::Url => RedisFault::unsuitable(
                place,
                "it is a replica",
                "name the primary, or the Sentinels with redis+sentinel://host/service",
            ),
            NamedBy::Sentinels => RedisFault::unreachable(
                place,
                "the Sentinels call it the primary, but it is a replica: a failover is under way",
            ),
            NamedBy::Cluster => RedisFault::unreachable(
                place,
                "the cluster calls it a primary, but it is a replica: a failover is under way",
            ),
        }),
    }
}

/// Checks the settings of a server when it is first used, and logs those that can lose events. Returns whether it is in
/// cluster mode.
///
/// INFO has all that is needed. CONFIG is forbidden on many hosted servers; INFO rarely is, and if so then nothing is
/// logged.
pub(super) async fn check_settings(connection: &Connection, deadline: Instant) -> bool {
    let place = connection.place();
    let Ok(reply) = connection.run(&redis::cmd("INFO"), deadline).await else { return false };
    let Ok(info) = redis::from_redis_value::<String>(reply) else { return false };
    if let Some(policy) = evicting_policy(&info) {
        tracing::warn!(
            target: "touka::topic", redis = place, maxmemory_policy = policy,
            "Redis may remove topics when its memory is full, and clients then get a gap event: set maxmemory-policy to noeviction"
        );
    }
    if field(&info, "aof_enabled") == Some("0") {
        tracing::info!(
            target: "touka::topic", redis = place,
            "Redis loses the events since its last snapshot when it restarts, and clients then get a gap event: set appendonly to yes to keep them"
        );
    }
    field(&info, "cluster_enabled") == Some("1")
}

/// Asks a server in cluster mode for the shards of the cluster.
pub(super) async fn ask_for_slots(
    connection: &Connection,
    address: &Address,
    deadline: Instant,
) -> Result<View, RedisFault> {
    let mut questions = redis::pipe();
    questions.cmd("CLUSTER").arg("SLOTS").cmd("CLUSTER").arg("NODES");
    let place = connection.place();
    let replies = match connection.run_all(&questions, deadline).await {
        Err(fault) if fault.code() == Some("ERR") => {
            return Err(RedisFault::unsuitable(
                place,
                "it is not in cluster mode",
                "name one server, or the Sentinels with redis+sentinel://host/service",
            ));
        }
        replies => replies?,
    };
    let view = match &replies[..] {
        [slots, nodes] => View::parse(slots, nodes, address),
        _ => None,
    };
    view.ok_or_else(|| RedisFault::unreachable(place, "its reply to CLUSTER SLOTS has another shape than expected"))
}

/// The policy by which keys are evicted, if any can be.
fn evicting_policy(info: &str) -> Option<&str> {
    field(info, "maxmemory").filter(|bytes| *bytes != "0")?;
    field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction")
}

/// The value of a field in the reply to INFO.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::super::fault::FaultKind;
    use super::*;

    fn hello(fields: &[(&str, &str)]) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Map(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn check(fields: &[(&str, &str)], by: NamedBy) -> Result<(), RedisFault> {
        check_hello("redis://a", hello(fields), by)
    }

    #[test]
    fn redis_7_and_its_relatives_are_accepted() {
        for version in ["7.0.0", "7.2.4", "8.1.3", "10.0", "255.255.255", "df-1.30", ""] {
            check(&[("version", version), ("mode", "standalone"), ("role", "master")], NamedBy::Url).unwrap();
        }
        check(&[("proto", "3"), ("version", "8.0.0")], NamedBy::Url).unwrap();
    }

    #[test]
    fn an_unsuitable_server_is_named_with_the_remedy() {
        use NamedBy::{Cluster, Sentinels, Url};
        for (fields, by, kind, text) in [
            ([("version", "6.2.14"), ("role", "master")], Url, FaultKind::Unsuitable, "use Redis 7.0 or newer"),
            ([("version", "7.0.15"), ("role", "replica")], Url, FaultKind::Unsuitable, "name the primary"),
            ([("version", "7.0.15"), ("role", "replica")], Sentinels, FaultKind::Unreachable, "the Sentinels call"),
            ([("version", "7.0.15"), ("role", "slave")], Cluster, FaultKind::Unreachable, "the cluster calls"),
            ([("version", "7.0.15"), ("mode", "sentinel")], Url, FaultKind::Unsuitable, "redis+sentinel://"),
        ] {
            let fault = check(&fields, by).unwrap_err();
            assert_eq!(fault.kind(), kind, "{fault}");
            assert!(fault.to_string().contains(text), "{fault}");
        }
        assert!(check_hello("redis://a", Value::Okay, Url).is_err());
    }

    #[test]
    fn only_a_policy_that_is_in_effect_evicts() {
        let info = |bytes, policy| {
            format!("# Memory\r\nmaxmemory_human:1M\r\nmaxmemory:{bytes}\r\nmaxmemory_policy:{policy}\r\n")
        };
        assert_eq!(evicting_policy(&info(0, "allkeys-lru")), None);
        assert_eq!(evicting_policy(&info(1, "noeviction")), None);
        assert_eq!(evicting_policy(&info(1, "volatile-ttl")), Some("volatile-ttl"));
        assert_eq!(evicting_policy(""), None);
    }
}
