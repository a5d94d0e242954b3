//! Three NATS servers that replicate their streams.

use std::iter::zip;

use crate::folder::Folder;
use crate::nats::{NatsRelease, NatsServer};
use crate::reserved_port::ReservedPort;

/// Three NATS servers that replicate their streams.
#[derive(Debug)]
pub struct NatsCluster {
    /// The servers, of which each may be killed and started again.
    pub servers: Vec<NatsServer>,
    /// The ports on which the servers talk to each other, reserved while one of them is down.
    _routes: Vec<ReservedPort>,
}

impl NatsCluster {
    /// Starts servers with empty stores. It takes them some seconds to elect a leader.
    ///
    /// # Panics
    /// The server is not installed.
    pub async fn of(release: NatsRelease) -> Self {
        let routes: Vec<_> = (0..3).map(|_| ReservedPort::new()).collect();
        let all: Vec<_> = routes.iter().map(|route| format!("\"nats://{}\"", route.address)).collect();
        let mut servers = Vec::new();
        for (number, route) in zip(0.., &routes) {
            let folder = Folder::new();
            let lines = format!(
                "server_name: n{number}\njetstream {{ store_dir: \"{}\" }}\ncluster {{ name: touka, listen: \"{}\", \
                 routes: [{}] }}",
                folder.path("store"),
                route.address,
                all.join(", "),
            );
            servers.push(NatsServer::start_at(release, ReservedPort::new(), folder, &lines).await);
        }
        Self { servers, _routes: routes }
    }

    /// The URL of all servers.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.servers.iter().map(|server| server.address().to_string()).collect();
        format!("nats://{}", addresses.join(","))
    }

    /// The number of the server that leads a stream, as one of the running servers knows. `None` while there is none.
    pub async fn leader(&self, stream: &str, running: usize) -> Option<usize> {
        let info = self.servers[running].request(&format!("$JS.API.STREAM.INFO.{stream}"), "").await;
        let (_, leader) = info.split_once("\"leader\":\"n")?;
        leader.chars().next()?.to_digit(10).map(|number| number as usize)
    }
}
