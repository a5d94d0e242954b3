//! [`check_engine`], all checks.

use super::nodes::Nodes;
use super::{delivery, feeding, forgetting, moving, resuming};

/// Checks that an engine keeps what a hub promises, by two hubs at a time that share it: one order of events for all;
/// each client gets each event once, or a `gap` event exactly where one is missing, on whatever node; topics can be
/// removed, and are found by their ids.
///
/// Run it against an [engine of your own](crate::topic::engine), with the default [`Cache`](crate::topic::Cache) and with one of
/// a few events, so that clients need [`Engine::before`](crate::topic::engine::Engine::before). [`Nodes`] has an example.
///
/// The engine is expected to be in good health. The checks create topics with names of their own. They take some seconds.
///
/// # Panics
/// The engine breaks a promise: the message says which.
pub async fn check_engine(nodes: &impl Nodes) {
    delivery::one_order_for_all(nodes).await;
    delivery::large_events_arrive(nodes).await;
    delivery::topics_are_apart(nodes).await;
    delivery::any_name_is_a_topic(nodes).await;
    delivery::keys_supersede(nodes).await;
    delivery::a_key_of_idempotency_counts_everywhere(nodes).await;
    feeding::a_feed_runs_once_for_all(nodes).await;
    resuming::every_position_resumes(nodes).await;
    resuming::a_fresh_id_is_known_everywhere(nodes).await;
    resuming::a_long_history_is_replayed(nodes).await;
    resuming::trimmed_events_cause_a_gap(nodes).await;
    resuming::other_ids_cause_a_gap(nodes).await;
    resuming::a_gap_gets_a_snapshot(nodes).await;
    forgetting::a_removed_topic_is_gone_everywhere(nodes).await;
    forgetting::a_topic_is_found_by_its_ids(nodes).await;
    moving::a_client_moves_between_nodes(nodes).await;
    moving::a_client_of_several_topics_moves(nodes).await;
}
