//! Clients against a model, at random: whatever is published, read, cut and resumed, each client gets exactly what was
//! published.

use proptest::prelude::*;
use support::Folder;
use tokio::runtime::{Builder, Runtime};
use touka::testing::{Events, Received, TestApp};
use touka::topic::{Cache, Disk, Durability};
use touka::{Event, Hub, Topic};

use super::{Turn, router};

const CLIENTS: usize = 2;

/// One event, and what the model knows of it.
#[derive(Clone, Debug)]
enum Published {
    Delta(String),
    Line(String),
    Usage(u64, u64),
    /// An event that folds with none.
    Note(String),
    /// An event of the name `delta`, by another writer, that cannot be read as one.
    Raw(&'static str),
}

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<Published>),
    Connect(usize),
    Read { client: usize, times: usize },
    Stall(usize),
    Cut(usize),
}

fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!["", "\n", "\r", "\r\n", "\\", "\"", "😀", "\u{0}"]);
    prop_oneof![
        8 => special.prop_map(str::to_owned),
        8 => ".{0,3}",
        1 => (1..40_000_usize).prop_map(|length| "x".repeat(length)),
    ]
}

fn published() -> impl Strategy<Value = Vec<Published>> {
    let raws = vec!["", "{}", r#"{"text":"\ud800"}"#, "two\nlines"];
    let other = prop_oneof![
        (0..9_u64, 0..9_u64).prop_map(|(input, output)| Published::Usage(input, output)),
        text().prop_map(Published::Note),
        prop::sample::select(raws).prop_map(Published::Raw),
    ];
    let vec = |strategy: BoxedStrategy<Published>| prop::collection::vec(strategy, 1..12);
    prop_oneof![
        4 => vec(text().prop_map(Published::Delta).boxed()),
        2 => vec(text().prop_map(Published::Line).boxed()),
        2 => vec(other.boxed()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => published().prop_map(Step::Publish),
        3 => (0..CLIENTS).prop_map(Step::Connect),
        6 => (0..CLIENTS, 1..6_usize).prop_map(|(client, times)| Step::Read { client, times }),
        2 => (0..CLIENTS).prop_map(Step::Stall),
        1 => (0..CLIENTS).prop_map(Step::Cut),
    ]
}

#[derive(Default)]
struct Client {
    events: Option<Events>,
    id: String,
    /// The number of events that it has got.
    seen: usize,
    /// The furthest that it was behind since it had everything.
    behind: usize,
    folded: usize,
}

struct World {
    runtime: Runtime,
    app: Option<TestApp>,
    topic: Topic<Turn>,
    raw: Topic<Event>,
    after: usize,
    published: Vec<(String, Published)>,
    clients: Vec<Client>,
    _folder: Folder,
}

impl World {
    fn new(on_disk: bool, after: usize) -> Self {
        let folder = Folder::new();
        let runtime = Builder::new_current_thread().enable_all().start_paused(!on_disk).build().expect("a runtime");
        let disk = Disk::new(folder.path("hub")).durability(Durability::Eventual);
        let on_disk = on_disk.then(|| Hub::builder().cache(Cache::new().events(2)).open(disk).expect("a file"));
        let hub = on_disk.unwrap_or_else(Hub::memory);
        let (topic, raw) = (hub.topic("a").expect("a topic"), hub.topic("a").expect("a topic"));
        let app = runtime.block_on(async { TestApp::new(router(&hub)) });
        let clients = (0..CLIENTS).map(|_| Client::default()).collect();
        Self { runtime, app: Some(app), topic, raw, after, published: Vec::new(), clients, _folder: folder }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Publish(events) => events.into_iter().for_each(|event| self.publish(event)),
            Step::Connect(client) => self.connect(client),
            Step::Read { client, times } => {
                for _ in 0..times {
                    self.read(client);
                }
            }
            Step::Stall(client) => {
                if let Some(events) = &mut self.clients[client].events {
                    events.stall();
                }
            }
            Step::Cut(client) => self.clients[client].events = None,
        }
    }

    fn publish(&mut self, event: Published) {
        let Self { runtime, topic, raw, .. } = self;
        let id = runtime.block_on(async {
            match event.clone() {
                Published::Delta(text) => topic.publish(Turn::Delta { text }).await,
                Published::Line(text) => topic.publish(Turn::Line(text)).await,
                Published::Usage(input, output) => topic.publish(Turn::Usage { input, output }).await,
                Published::Note(text) => topic.publish(Turn::Note(text)).await,
                Published::Raw(data) => raw.publish(Event::data(data).event("delta")).await,
            }
        });
        self.published.push((id.expect("published").to_string(), event));
        for client in &mut self.clients {
            client.behind = client.behind.max(self.published.len() - client.seen);
        }
    }

    fn connect(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let request = self.app.as_ref().expect("it serves").get(&format!("/after/{}", self.after));
        let request = if client.id.is_empty() { request } else { request.header("last-event-id", &client.id) };
        client.events = Some(self.runtime.block_on(request.events()));
    }

    /// Reads one event, if the client has not got all.
    fn read(&mut self, client: usize) {
        let Client { events: Some(events), seen, .. } = &mut self.clients[client] else { return };
        if *seen == self.published.len() {
            return;
        }
        events.resume();
        let event = self.runtime.block_on(events.next_event()).expect("the stream goes on");
        self.check(client, &event);
    }

    /// Compares an event with those that were published since the client's last one.
    fn check(&mut self, client: usize, event: &Received) {
        let client = &mut self.clients[client];
        let at = self.published.iter().position(|(id, _)| *id == event.id).expect("the id of an event");
        assert!(at >= client.seen, "{event:?} came twice");
        let new = &self.published[client.seen..=at];
        assert_eq!((event.name.clone(), shown(event)), expected(new));
        if new.len() > 1 {
            assert!(client.behind > self.after, "{} behind, and {} events are folded", client.behind, new.len());
            assert!(event.data.len() <= 64 * 1024, "{} bytes", event.data.len());
            client.folded += new.len();
        }
        (client.id, client.seen) = (event.id.clone(), at + 1);
        if client.seen == self.published.len() {
            client.behind = 0;
        }
    }

    /// Clients that come back get the rest. Returns the number of events that were folded.
    fn end(mut self) -> usize {
        for client in 0..CLIENTS {
            self.connect(client);
            while self.clients[client].seen < self.published.len() {
                self.read(client);
            }
        }
        let folded = self.clients.iter().map(|client| client.folded).sum();
        let Self { runtime, app, clients, .. } = self;
        // What they hold is dropped within their runtime.
        runtime.block_on(async { drop((clients, app)) });
        folded
    }
}

/// The text of a delta, or the data of any other event.
fn shown(event: &Received) -> String {
    let json = (event.name == "delta").then(|| serde_json::from_str::<serde_json::Value>(&event.data).ok()).flatten();
    let text = json.and_then(|json| json["text"].as_str().map(str::to_owned));
    text.unwrap_or_else(|| event.data.clone())
}

/// The name and the data of these events in one.
fn expected(events: &[(String, Published)]) -> (String, String) {
    let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut name, mut whole, mut usage) = ("", String::new(), (0, 0));
    for (_, event) in events {
        let (own, text) = match event {
            Published::Delta(text) => ("delta", text.clone()),
            Published::Line(text) => ("line", lines(text)),
            Published::Usage(input, output) => {
                usage = (usage.0 + input, usage.1 + output);
                ("usage", String::new())
            }
            Published::Note(text) => ("note", serde_json::to_string(text).expect("JSON")),
            Published::Raw(data) => ("delta", (*data).to_owned()),
        };
        assert!(name.is_empty() || name == own, "{name} and {own} do not fold");
        let is_alone = matches!(event, Published::Note(_) | Published::Raw(_));
        assert!(!is_alone || events.len() == 1, "{event:?} does not fold");
        name = own;
        whole += &text;
    }
    if name == "usage" {
        whole = format!(r#"{{"input":{},"output":{}}}"#, usage.0, usage.1);
    }
    (name.to_owned(), whole)
}

fn run(on_disk: bool, after: usize, steps: Vec<Step>) -> usize {
    let mut world = World::new(on_disk, after);
    for step in steps {
        world.take(step);
    }
    world.end()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn clients_get_exactly_what_was_published(
        after in 0..12_usize,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        run(false, after, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Most events are only in the file.
    #[test]
    fn clients_get_exactly_what_was_published_on_disk(
        after in 0..12_usize,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        run(true, after, steps);
    }
}

/// The model can tell folded events from single ones.
#[test]
fn the_model_sees_folded_events() {
    let texts = |count| Step::Publish((0..count).map(|number| Published::Delta(format!("{number} "))).collect());
    for on_disk in [false, true] {
        let steps = || vec![texts(20), Step::Connect(0), Step::Read { client: 0, times: 1 }, Step::Cut(0), texts(20)];
        assert_eq!(run(on_disk, 40, steps()), 0);
        assert!(run(on_disk, 10, steps()) > 40);
    }
}
