//! [`check_engine`], all checks.

use super::nodes::Nodes;
use super::{closing, delivery, feeding, forgetting, moving, resuming};

/// Checks that an engine keeps what a hub promises, by two hubs at a time that share it: one order of events for all;
/// each client gets each event once, or a `gap` event exactly where one is missing, on whatever node; topics can be
/// closed and removed, and are found by their ids.
///
/// An engine that cannot refuse an event in the same step in which another process closes the topic may take a few events
/// after the last one, from processes that do not know of it yet. No client may get them, and a process that has delivered
/// the last event to its subscribers must refuse.
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
    closing::a_closing_ends_all_streams(nodes).await;
    closing::a_closed_topic_takes_no_event(nodes).await;
    closing::the_last_event_is_kept(nodes).await;
    closing::one_of_many_closings_succeeds(nodes).await;
    closing::publishes_race_with_the_closing(nodes).await;
    closing::a_closed_topic_is_removed(nodes).await;
    forgetting::a_removed_topic_is_gone_everywhere(nodes).await;
    forgetting::a_topic_is_found_by_its_ids(nodes).await;
    moving::a_client_moves_between_nodes(nodes).await;
    moving::a_client_of_several_topics_moves(nodes).await;
}
