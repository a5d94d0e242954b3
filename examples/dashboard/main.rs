//! This machine's processor, memory, load and network, live in the browser.
//!
//! ```text
//! cargo run --example dashboard                       # then open http://127.0.0.1:3000
//! cargo run --example dashboard -- 0.0.0.0:8080       # another address
//! curl -N http://127.0.0.1:3000/stats                 # the stream itself
//! ```
//!
//! Two streams of the two kinds: `/stats` never ends and resumes after a client's last event, `/host` ends
//! with an event that says so. [`system`] reads the machine, `page.html` is the page.

mod system;

use std::error::Error;

use serde::Serialize;
use system::{Load, Machine, Sample, facts};
use touka::extract::{LastEventId, State};
use touka::{Event, Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// Samples, once a second, without end: first those of the last minute that the client has not seen, then
/// each new one.
#[sse_handler]
#[route(GET, "/stats")]
async fn stats(State(mut machine): State<Machine>, LastEventId(last): LastEventId) {
    // An id from the future means that the clock was set back: that client starts from scratch.
    let last = last.and_then(|id| id.as_u64()).filter(|&last| last <= machine.latest());
    if let Some(last) = last {
        emit!(json("resumed", &Resumed::after(last, &mut machine)));
    }
    let mut seen = last.unwrap_or(0);
    loop {
        for sample in machine.since(seen) {
            for event in events(&sample) {
                emit!(event);
            }
            seen = sample.number;
        }
        if !machine.next().await {
            return;
        }
    }
}

/// Constant facts about this machine, and then the end.
#[sse_handler]
#[route(GET, "/host")]
async fn host() {
    for fact in facts() {
        emit!(json("fact", &fact));
    }
    // An `EventSource` reconnects when a response ends. The page closes it at this event.
    emit!(Event::data("that is all").event("end"));
}

/// The first event of a client that reconnects.
#[derive(Serialize)]
struct Resumed {
    /// Seconds since its last event.
    missed: u64,
    /// The seconds among them that are older than the history, and so lost.
    lost: u64,
}

impl Resumed {
    fn after(last: u64, machine: &mut Machine) -> Self {
        let missed = machine.latest() - last;
        let kept = machine.since(last).len() as u64;
        Self { missed, lost: missed.saturating_sub(kept) }
    }
}

/// The events of one sample. Only the last one has the id, which means that the client has the whole sample:
/// one that was cut off in the middle is sent again.
fn events(sample: &Sample) -> Vec<Event> {
    let Sample { number, cpu, memory, load, network } = sample;
    let load = load.as_ref().map(|load: &Load| figures("load", *number, load));
    let mut events = vec![figures("cpu", *number, cpu), figures("memory", *number, memory)];
    events.extend(load);
    events.push(figures("network", *number, network).id(*number));
    events
}

fn figures(name: &'static str, sample: u64, figures: &impl Serialize) -> Event {
    #[derive(Serialize)]
    struct Numbered<'a, T> {
        sample: u64,
        #[serde(flatten)]
        figures: &'a T,
    }
    json(name, &Numbered { sample, figures })
}

/// An event with JSON data. None of the types here can fail to serialize; if one ever does, its event is
/// missing from the stream and the terminal says why.
fn json(name: &'static str, value: &impl Serialize) -> Event {
    match Event::json(value) {
        Ok(event) => event.event(name),
        Err(error) => {
            eprintln!("dashboard: event `{name}`: {error}");
            Event::new().comment(format!("no {name}"))
        }
    }
}

fn app(machine: Machine) -> Router {
    Router::new().mount(routes![index, stats, host]).with_state(machine)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Machine::start()?);
    let listener = begin("dashboard", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use serde_json::Value;
    use system::{Cpu, Memory, Network};
    use touka::EventId;
    use touka::testing::TestApp;

    use super::*;

    /// A machine with samples of these seconds.
    fn machine(seconds: impl IntoIterator<Item = u64>) -> Machine {
        Machine::stopped_after(seconds.into_iter().map(|number| Sample {
            number,
            cpu: Cpu { total: 12.5, cores: vec![25.0, 0.0] },
            memory: Memory { used: 1, total: 4, swap_used: 0, swap_total: 0 },
            load: Some(Load { one: 0.5, five: 0.25, fifteen: 0.125 }),
            network: Network { received: 1500.0, sent: 0.0 },
        }))
    }

    /// Everything that a client with this last id gets, as `name:id` and the data.
    async fn read(machine: Machine, last: Option<u64>) -> Vec<(String, Value)> {
        let stream = stats(State(machine), LastEventId(last.map(EventId::from))).await;
        let read = |event: Event| {
            let name = event.as_event().map_or("message", |name| name.as_str());
            let id = event.as_id().map_or(String::new(), ToString::to_string);
            let data = serde_json::from_str(event.as_data().unwrap_or_default()).expect("the data is JSON");
            (format!("{name}:{id}"), data)
        };
        stream.map(read).collect().await
    }

    fn names(events: &[(String, Value)]) -> Vec<&str> {
        events.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[tokio::test]
    async fn a_first_visit_gets_the_history() {
        let events = read(machine([7, 8]), None).await;
        assert_eq!(names(&events), ["cpu:", "memory:", "load:", "network:7", "cpu:", "memory:", "load:", "network:8"]);
        assert_eq!(events[0].1, serde_json::json!({"sample": 7, "total": 12.5, "cores": [25.0, 0.0]}));
        assert_eq!(events[7].1, serde_json::json!({"sample": 8, "received": 1500.0, "sent": 0.0}));
    }

    #[tokio::test]
    async fn a_client_that_reconnects_gets_what_it_missed() {
        let events = read(machine([7, 8]), Some(7)).await;
        assert_eq!(names(&events), ["resumed:", "cpu:", "memory:", "load:", "network:8"]);
        assert_eq!(events[0].1, serde_json::json!({"missed": 1, "lost": 0}));

        let events = read(machine(20..30), Some(9)).await;
        assert_eq!(events[0].1, serde_json::json!({"missed": 20, "lost": 10}));
        assert_eq!(events.len(), 1 + 10 * 4);
    }

    #[tokio::test]
    async fn an_id_from_the_future_starts_from_scratch() {
        let events = read(machine([7]), Some(1_000)).await;
        assert_eq!(names(&events), ["cpu:", "memory:", "load:", "network:7"]);
    }

    #[tokio::test]
    async fn the_host_stream_ends_with_end() {
        let events: Vec<Event> = host().await.collect().await;
        let (end, facts) = events.split_last().expect("an end");
        assert_eq!(end.to_string(), "event: end\ndata: that is all\n\n");
        assert!(facts.iter().all(|fact| fact.as_event().is_some_and(|name| name.as_str() == "fact")));
        assert!(!facts.is_empty());
    }

    #[tokio::test]
    async fn the_app_answers_over_http() {
        let app = TestApp::new(app(machine([7])));
        for (path, content_type, part) in [
            ("/", "text/html; charset=utf-8", "new EventSource(\"/stats\")"),
            ("/stats", "text/event-stream", "id: 7\nevent: network\ndata: {\"sample\":7,"),
            ("/host", "text/event-stream", "event: end\n"),
        ] {
            let response = app.get(path).send().await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.header("content-type"), Some(content_type));
            let body = response.text().await;
            assert!(body.contains(part), "{path}: {body}");
        }
        app.assert_nothing_left().await;
    }
}
