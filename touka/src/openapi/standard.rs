//! The events that touka itself sends, as schemas.

use serde_json::json;

use super::events::{Data, EventSet};

/// The event of a stream that fails after its head was sent.
pub(super) fn add_error(events: &mut EventSet) {
    events.add("error", "The stream has failed, and is over.", Data::Json(status_and_title(json!({}))));
}

/// The event of a client that may have missed events.
pub(super) fn add_gap(events: &mut EventSet) {
    // In the order of `GapReason`.
    let reasons = ["malformed", "foreign", "future", "trimmed", "forked", "lagged", "interrupted"];
    let schema = json!({
        "type": "object",
        "properties": {
            "reason": { "type": "string", "enum": reasons },
            "topic": { "type": "string", "description": "On a stream of several topics: the one with the gap." },
            "from": { "type": "string", "description": "The id that the client came with." },
            "resumed_at": { "type": "string", "description": "The id at which the stream continues." },
        },
        "required": ["reason", "from", "resumed_at"],
    });
    events.add("gap", "The client may have missed events before this one.", Data::Json(schema));
}

/// The last events of runs.
pub(super) fn add_ends_of_runs(events: &mut EventSet) {
    let empty = || Data::Json(json!({ "type": "object" }));
    let reason = json!({ "type": "string", "enum": ["stopped", "left", "shutdown"] });
    let cancelled = json!({ "type": "object", "properties": { "reason": reason }, "required": ["reason"] });
    let limit = json!({ "limit": { "type": "string", "enum": ["max_bytes", "max_run", "retention"] } });
    events.add_last("done", "The run has ended.", empty());
    events.add_last("failed", "The run has failed.", Data::Json(status_and_title(limit)));
    events.add_last("cancelled", "The run was stopped.", Data::Json(cancelled));
    events.add_last("lost", "The process of the run has died.", empty());
}

fn status_and_title(mut properties: serde_json::Value) -> serde_json::Value {
    properties["status"] = json!({ "type": "integer" });
    properties["title"] = json!({ "type": "string" });
    json!({ "type": "object", "properties": properties, "required": ["status", "title"] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::GapReason;

    #[test]
    fn every_reason_of_a_gap_is_listed() {
        use GapReason::{Foreign, Forked, Future, Interrupted, Lagged, Malformed, Trimmed};
        let mut events = EventSet::default();
        add_gap(&mut events);
        let Data::Json(schema) = &events.branches[0].data else { panic!("JSON") };
        let all = [Malformed, Foreign, Future, Trimmed, Forked, Lagged, Interrupted].map(GapReason::as_str);
        assert_eq!(schema["properties"]["reason"]["enum"], json!(all));
    }
}
