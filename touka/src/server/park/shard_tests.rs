//! Tests of a shard, turn by turn, with loopback sockets.

use std::any::Any;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum_core::body::Body;
use bytes::Bytes;
use tokio::time::Instant;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use super::client;
use super::endings::Endings;
use super::inbox::Inbox;
use super::output::Output;
use super::shard::Shard;
use super::turn::Turn;
use crate::error::CloseReason;
use crate::server::open_streams::OpenStream;
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare};
use crate::server::stream::life::Life;
use crate::stream::{EventStream, Silence, SubscriptionParts};
use crate::topic::TakenSubscription;
use crate::{Hub, Topic};

struct Scene {
    hub: Hub,
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    shard: Shard,
    listener: TcpListener,
}

#[derive(Debug)]
struct Nowhere;

impl Again<Bare> for Nowhere {
    fn again(self: Box<Self>, _: Bare, _: Bytes) {}
}

impl Scene {
    /// Creates a shard with this many units of work per turn.
    fn new(turn: usize) -> Self {
        let (inbox, shared) = (Arc::<Inbox>::default(), Arc::new(Shared::new()));
        let mut shard = Shard::new(Arc::clone(&inbox), Arc::clone(&shared));
        shard.turn = turn;
        Self { hub: Hub::memory(), inbox, shared, shard, listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn topic(&self, name: &str) -> Topic {
        self.hub.topic(name).unwrap()
    }

    /// Runs turns until all clients have received their heads.
    async fn settle<'c>(&mut self, clients: impl IntoIterator<Item = &'c mut Client>) {
        for client in clients {
            while client.read() != "head" {
                self.turn();
                // A sleep lets the runtime poll its sockets.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn turn(&mut self) {
        assert_eq!(self.shard.turn(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    }

    /// Parks a client of a topic, after `change` was applied to its stream.
    async fn park(&self, topic: &str, change: impl FnOnce(EventStream) -> EventStream) -> Client {
        self.park_with(Output::new(Bytes::from_static(b"head")), topic, change).await
    }

    /// Like [`park`](Self::park), for a client in this state.
    async fn park_with(&self, output: Output, topic: &str, change: impl FnOnce(EventStream) -> EventStream) -> Client {
        let stream = change(self.topic(topic).subscribe(None).await.unwrap());
        let keep_alive = stream.options().keep_alive;
        let SubscriptionParts { subscription, mut credential, lifecycle, .. } = stream.into_subscription().unwrap();
        let TakenSubscription { mut subscription, test } = *(subscription as Box<dyn Any>).downcast().unwrap();
        let mut life = Life::default();
        life.expire(credential.as_mut().and_then(|credential| credential.hand_over()));
        subscription.unregister_waker();
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        let (socket, peer): (TcpStream, SocketAddr) = self.listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let open = OpenStream::parked("/", Some(peer), lifecycle.link().clone());
        self.inbox.push(client::Client {
            socket: tokio::net::TcpStream::from_std(socket).unwrap(),
            output,
            sent: Vec::new(),
            subscription,
            lifecycle,
            endings: Endings::new(None, credential, test),
            silence: Silence::new(keep_alive),
            whole_blocks: false,
            write_time: Duration::from_secs(30),
            life,
            entry: self.shared.handle.streams.add(open),
            again: Box::new(Nowhere),
            guard: None,
            body: Body::empty(),
            span: tracing::info_span!("stream"),
        });
        Client(client)
    }
}

struct Client(TcpStream);

impl Client {
    /// Reads everything that has arrived since the last read.
    fn read(&mut self) -> String {
        let mut all = Vec::new();
        match self.0.read_to_end(&mut all) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            ended => drop(ended.unwrap()),
        }
        String::from_utf8(all).unwrap()
    }
}

#[tokio::test]
async fn a_busy_topic_does_not_starve_another() {
    // In both orders of the first events.
    for names in [["a", "b"], ["b", "a"]] {
        let mut scene = Scene::new(4);
        let mut quiet = scene.park("a", |stream| stream).await;
        let mut busy = Vec::new();
        for _ in 0..8 {
            busy.push(scene.park("b", |stream| stream).await);
        }
        scene.settle(busy.iter_mut().chain([&mut quiet])).await;
        for name in names {
            scene.topic(name).publish("first").await.unwrap();
        }
        // The busy topic has a new event at the end of each turn.
        for _ in 0..8 {
            scene.turn();
            scene.topic("b").publish("more").await.unwrap();
        }
        assert!(quiet.read().contains("data: first\n\n"));
        assert!(busy.iter_mut().all(|client| client.read().contains("data: more\n\n")));
    }
}

/// The end is due between two sweeps.
#[tokio::test(start_paused = true)]
async fn no_event_is_written_after_the_end_of_a_stream() {
    let mut scene = Scene::new(64);
    let start = Instant::now();
    let moment = start + Duration::from_secs(1);
    let mut ends = scene.park("a", |stream| stream.close_at(moment)).await;
    let mut goes_on = scene.park("a", |stream| stream.keep_alive(Duration::from_millis(700))).await;
    scene.settle([&mut ends, &mut goes_on]).await;
    tokio::time::sleep_until(start + Duration::from_millis(960)).await;
    scene.turn();
    assert_eq!((ends.read().as_str(), goes_on.read().as_str()), ("", "2\r\n:\n\r\n"));
    tokio::time::sleep_until(moment).await;
    scene.topic("a").publish("late").await.unwrap();
    scene.turn();
    assert_eq!(ends.read(), "17\r\nevent: expired\ndata: \n\n\r\n0\r\n\r\n");
    // Its index in the group belongs to the other client now, which has a turn of its own.
    scene.turn();
    assert!(goes_on.read().contains("data: late\n\n"));
}

#[tokio::test(start_paused = true)]
async fn due_work_of_many_clients_is_spread_over_turns() {
    let mut scene = Scene::new(4);
    let mut clients = Vec::new();
    for _ in 0..9 {
        clients.push(scene.park("a", |stream| stream.keep_alive(Duration::from_secs(1))).await);
    }
    scene.settle(&mut clients).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let mut counts = Vec::new();
    for _ in 0..20 {
        scene.turn();
        counts.push(clients.iter_mut().filter(|client| client.0.peek(&mut [0]).is_ok()).count());
    }
    assert!(counts.windows(2).all(|two| two[1] - two[0] <= 4), "{counts:?}");
    assert_eq!(counts.last(), Some(&9));
}

#[tokio::test]
async fn a_panicking_tracing_subscriber_costs_one_client() {
    /// Panics at each event, such as that of a closed stream, and at each end of a span.
    struct Panics;
    impl Subscriber for Panics {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("an event");
        }
        fn enter(&self, _: &Id) {
            panic!("an entered span");
        }
        fn exit(&self, _: &Id) {
            panic!("a left span");
        }
        fn try_close(&self, _: Id) -> bool {
            panic!("a closed span");
        }
    }
    let mut scene = Scene::new(4);
    let mut stays = scene.park("a", |stream| stream).await;
    let _default = tracing::subscriber::set_default(Panics);
    let mut leaves = scene.park("a", |stream| stream).await;
    scene.settle([&mut stays, &mut leaves]).await;
    drop(leaves);
    while scene.shared.handle.count() > 1 {
        scene.turn();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.topic("a").publish("first").await.unwrap();
    scene.turn();
    assert!(stays.read().contains("data: first\n\n"));
    assert_eq!(scene.topic("a").subscribers(), 1);
}

#[tokio::test]
async fn an_abandoned_shard_drops_all_clients_with_a_reason() {
    let mut scene = Scene::new(4);
    let (tell, told) = std::sync::mpsc::channel();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let tell = tell.clone();
        clients.push(scene.park("a", |stream| stream.on_close(move |reason| tell.send(reason).unwrap())).await);
    }
    scene.turn();
    // One more client, whose turn has not come.
    let late = scene.park("a", |stream| stream.on_close(move |reason| tell.send(reason).unwrap())).await;
    scene.shard.turn = 0;
    scene.turn();
    let Scene { shard, shared, hub, .. } = scene;
    shard.abandon();
    assert_eq!(told.iter().collect::<Vec<_>>(), [CloseReason::Panicked; 4]);
    assert_eq!((shared.handle.count(), hub.topic::<crate::Event>("a").unwrap().subscribers()), (0, 0));
    for client in clients.iter_mut().chain([&mut { late }]) {
        // The socket is closed: a read returns at once.
        client.read();
        assert_eq!(client.0.read(&mut [0]).unwrap_or(0), 0);
        let _ = client.0.write(b"x");
    }
}

/// The socket took nothing of an event, which has left the log since, because the engine has lost it.
#[tokio::test]
async fn a_blocked_client_without_a_next_event_is_not_blocked() {
    let mut scene = Scene::new(4);
    let mut output = Output::Between;
    assert!(output.block(Instant::now()));
    let mut client = scene.park_with(output, "a", |stream| stream).await;
    for _ in 0..3 {
        scene.turn();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.topic("a").publish("next").await.unwrap();
    scene.turn();
    assert!(client.read().contains("data: next"));
}
