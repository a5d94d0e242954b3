//! [`keep_map`], the task that keeps the map of a cluster up to date.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::cluster::Cluster;

/// The pause between two reads of the map. It doubles up to [`MAX_READ_PAUSE`] until a pause passes
/// without a doubt.
const READ_PAUSE: Duration = Duration::from_millis(100);
const MAX_READ_PAUSE: Duration = Duration::from_secs(1);

/// Keeps the map up to date: reads it when there is a doubt, and again and again while a server is away.
pub(super) async fn keep_map(cluster: Weak<Cluster>) {
    let Some(doubt) = cluster.upgrade().map(|cluster| Arc::clone(cluster.shards().doubt())) else { return };
    let mut pause = READ_PAUSE;
    loop {
        let is_doubted = timeout(MAX_READ_PAUSE, doubt.notified()).await.is_ok();
        let Some(cluster) = cluster.upgrade() else { return };
        if cluster.is_ready() && !is_doubted {
            pause = READ_PAUSE;
            continue;
        }
        if let Err(fault) = cluster.renew().await {
            tracing::debug!(target: "touka::topic", ?fault, "cannot read the slots of the cluster");
        }
        drop(cluster);
        sleep(pause).await;
        // After a change as well: servers that do not agree may change the map again and again.
        pause = MAX_READ_PAUSE.min(pause * 2);
    }
}
