//! The process's limit of file descriptors.

use crate::server::config::Limits;
use crate::server::limits::admission::max_refused;

/// File descriptors needed beside connections: the port, the runtime's own, the user's files.
const OTHER_DESCRIPTORS: u64 = 64;

/// Raises the limit as far as it goes without privileges, and logs a warning if it is below what the server may
/// need. Most systems start with 1,024, far below the number of streams of a typical server.
pub(in crate::server) fn raise(limits: &Limits) {
    let needed = u64::try_from(limits.connections.saturating_add(max_refused(limits)))
        .unwrap_or(u64::MAX)
        .saturating_add(OTHER_DESCRIPTORS);
    match rlimit::increase_nofile_limit(
        needed.max(rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(0, |(soft, _)| soft)),
    ) {
        Ok(allowed) if allowed < needed => tracing::warn!(
            target: "touka::server",
            allowed,
            needed,
            connections = limits.connections,
            "this process may open fewer files than `max_connections` needs: raise the hard limit \
             (`LimitNOFILE=` in a systemd unit, `ulimit -Hn` in a shell, `--ulimit nofile=` for a container), \
             or lower `Server::max_connections`"
        ),
        Ok(allowed) => tracing::debug!(target: "touka::server", allowed, needed, "file descriptors"),
        Err(error) => tracing::warn!(target: "touka::server", %error, "cannot read or raise the limit of open files"),
    }
}
