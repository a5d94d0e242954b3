//! The streams of a hub: their settings, and whether they fit.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{ApiError, NO_STREAM, Stream, call};
use super::fault::{FaultKind, NatsFault};
use super::options::Nats;
use super::requests::Requests;
use super::subjects::Subjects;
use super::time::nanos;
use crate::topic::engine::shared::leading::LIFETIME;
use crate::topic::log::ONCE_WINDOW;
use crate::topic::retention::Retention;

/// The state of the stream of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamInfo {
    /// The time at which the stream was created, as the server writes it. It tells a stream from an earlier one of its
    /// name.
    pub(super) created: String,
    /// The sequence of the newest message.
    pub(super) last: u64,
}

/// The messages of a topic that the server keeps in addition to the retained events: the root, and the predecessor of the
/// oldest event, which proves that a client has missed nothing.
const SPARE_MESSAGES: usize = 16;

/// The time for which the server keeps events in addition to their retention.
const SPARE_AGE: Duration = Duration::from_mins(10);

/// The settings of the stream of events.
fn events_config(options: &Nats, subjects: &Subjects, retention: Retention) -> Value {
    let (source, destination) = subjects.republished();
    let most = i64::try_from(retention.events.saturating_add(SPARE_MESSAGES)).unwrap_or(-1);
    let age = options.forget_after.max(retention.age.saturating_add(SPARE_AGE));
    // 0 is unlimited, and the number is one of nanoseconds.
    let age = i64::try_from(age.as_nanos()).unwrap_or(0);
    json!({
        "name": subjects.stream(),
        "subjects": subjects.of_stream(),
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_msgs_per_subject": most,
        "max_age": age,
        "max_bytes": options.max_bytes.and_then(|most| i64::try_from(most).ok()).unwrap_or(-1),
        "num_replicas": options.replicas,
        "allow_direct": true,
        "duplicate_window": nanos(ONCE_WINDOW.min(if age == 0 { ONCE_WINDOW } else { Duration::from_nanos(age.unsigned_abs()) })),
        "republish": { "src": source, "dest": destination },
    })
}

/// The settings of the stream of rights to run feeds: each of them expires by its age.
fn leads_config(options: &Nats, subjects: &Subjects) -> Value {
    json!({
        "name": subjects.leads_stream(),
        "subjects": [subjects.of_leads()],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_msgs_per_subject": 1,
        "max_age": nanos(LIFETIME),
        "num_replicas": options.replicas,
        "allow_direct": true,
        "duplicate_window": nanos(LIFETIME),
    })
}

/// Creates the streams if they do not exist, and checks their settings.
pub(super) async fn ensure_streams(
    requests: &Requests,
    [events, leases]: [&Stream; 2],
    (options, subjects): (&Nats, &Subjects),
    retention: Retention,
    deadline: Instant,
) -> Result<StreamInfo, NatsFault> {
    let found = ensure(requests, &leads_config(options, subjects), deadline).await?;
    leases.configure(&found["config"]);
    let wanted = events_config(options, subjects, retention);
    let found = ensure(requests, &wanted, deadline).await?;
    check_config(requests, &wanted, &found["config"], deadline).await?;
    events.configure(&found["config"]);
    info(&found).ok_or_else(|| NatsFault::answer(requests.link.place()))
}

/// Asks about the stream of events.
pub(super) async fn stream_info(
    requests: &Requests,
    stream: &Stream,
    deadline: Instant,
) -> Result<StreamInfo, NatsFault> {
    match call(requests, &format!("STREAM.INFO.{}", stream.name), &Value::Null, deadline).await? {
        Ok(found) => info(&found).ok_or_else(|| NatsFault::answer(requests.link.place())),
        Err(error) => Err(error.into_fault(requests)),
    }
}

fn info(found: &Value) -> Option<StreamInfo> {
    Some(StreamInfo { created: found["created"].as_str()?.to_owned(), last: found["state"]["last_seq"].as_u64()? })
}

/// Returns the stream as the server describes it. Creates it if it does not exist.
async fn ensure(requests: &Requests, wanted: &Value, deadline: Instant) -> Result<Value, NatsFault> {
    let name = wanted["name"].as_str().unwrap_or_default();
    let found = call(requests, &format!("STREAM.INFO.{name}"), &Value::Null, deadline).await;
    match found.map_err(|fault| of_first_call(fault, requests))? {
        Ok(found) => Ok(found),
        Err(error) if error.code == NO_STREAM => {
            match call(requests, &format!("STREAM.CREATE.{name}"), wanted, deadline).await? {
                Ok(created) => Ok(created),
                // Another node may have created it at the same time.
                Err(error) => match call(requests, &format!("STREAM.INFO.{name}"), &Value::Null, deadline).await? {
                    Ok(found) => Ok(found),
                    Err(_) => Err(of_creation(error, requests, name)),
                },
            }
        }
        Err(error) => Err(error.into_fault(requests)),
    }
}

fn of_first_call(fault: NatsFault, requests: &Requests) -> NatsFault {
    if fault.kind() != FaultKind::Busy {
        return fault;
    }
    let remedy = "start it with JetStream, by the option -js or a section `jetstream` in its configuration";
    NatsFault::unsuitable(requests.link.place(), "its JetStream is off, or off for this account", remedy)
}

fn of_creation(error: ApiError, requests: &Requests, name: &str) -> NatsFault {
    // The stream was created meanwhile with other settings, overlaps with another one, or exceeds the server's limits.
    const REJECTED: [u64; 6] = [10023, 10047, 10052, 10058, 10065, 10074];
    if !REJECTED.contains(&error.code) {
        return error.into_fault(requests);
    }
    let text = error.into_fault(requests).to_string();
    let remedy = "use another `Nats::prefix` or fewer `Nats::replicas`, or change the limits of the account";
    NatsFault::unsuitable(requests.link.place(), &format!("it rejects the stream {name}: {text}"), remedy)
}

/// Checks the settings of a stream that exists. Raises its bounds if this hub needs more.
async fn check_config(requests: &Requests, wanted: &Value, found: &Value, deadline: Instant) -> Result<(), NatsFault> {
    let name = wanted["name"].as_str().unwrap_or_default();
    for key in ["retention", "discard", "republish"] {
        if !agrees(&wanted[key], &found[key]) {
            let what = format!("its stream {name} has another setting of `{key}` than touka needs, {}", wanted[key]);
            let remedy = "delete the stream if it is not used, or choose another `Nats::prefix`";
            return Err(NatsFault::unsuitable(requests.link.place(), &what, remedy));
        }
    }
    let own = wanted["subjects"].as_array().into_iter().flatten();
    let theirs: Vec<_> = found["subjects"].as_array().into_iter().flatten().collect();
    let mut raised = found.clone();
    let mut is_raised = false;
    if !own.clone().all(|subject| theirs.contains(&subject)) {
        (raised["subjects"], is_raised) = (wanted["subjects"].clone(), true);
    }
    for (key, unlimited) in [("max_msgs_per_subject", -1), ("max_age", 0)] {
        let (own, theirs) = (wanted[key].as_i64().unwrap_or(unlimited), found[key].as_i64().unwrap_or(unlimited));
        let is_unlimited = theirs <= 0;
        if !is_unlimited && (own == unlimited || own > theirs) {
            (raised[key], is_raised) = (own.into(), true);
        }
    }
    if !is_raised {
        return Ok(());
    }
    if let Err(error) = call(requests, &format!("STREAM.UPDATE.{name}"), &raised, deadline).await? {
        let error = error.into_fault(requests);
        tracing::warn!(
            target: "touka::topic",
            %error,
            "the stream {name} keeps less than the retention of this hub; raise its `max_msgs_per_subject` and `max_age`"
        );
    }
    Ok(())
}

/// Whether a setting has all that is wanted. The server may add fields.
fn agrees(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|found| agrees(value, found)))
        }
        _ => wanted == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_retentions_have_unlimited_streams() {
        let (options, subjects) = (Nats::new("nats://host"), Subjects::new("t"));
        let config = events_config(&options, &subjects, Retention::new());
        assert_eq!(
            (&config["max_msgs_per_subject"], &config["max_age"]),
            (&10_016.into(), &86_400_000_000_000_u64.into())
        );
        let endless = Retention::new().events(usize::MAX).age(Duration::MAX);
        let config = events_config(&options.forget_after(Duration::ZERO), &subjects, endless);
        assert_eq!((&config["max_msgs_per_subject"], &config["max_age"]), (&(-1).into(), &0.into()));
    }
}
