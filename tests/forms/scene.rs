//! [`Scene`], a server that serves its streams in one form.

use std::sync::Arc;
use std::time::Duration;

use support::{Certificate, Count, Folder, until, within};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use touka::server::{Handle, Listener};
use touka::topic::Retention;
use touka::{CloseReason, Event, EventStream, Hub, Server, Topic};

use crate::app::{App, ENDS, PANICS, Say, TOPIC, router};
use crate::form::{Form, Kind, Leave};
use crate::reader::Reader;

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The send buffer of the server's TCP connections. By default the kernel would buffer up to 4 MiB.
const SEND_BUFFER: u32 = 64 * 1024;

/// The address that the server listens on.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(std::net::SocketAddr),
    Unix(String),
}

pub(crate) struct Scene {
    pub(crate) form: Form,
    pub(crate) place: Address,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) handle: Handle,
    pub(crate) topic: Topic,
    pub(crate) held: Count,
    pub(crate) ends: UnboundedReceiver<CloseReason>,
    says: broadcast::Sender<Say>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<touka::Result<()>>,
    _folder: Folder,
}

impl Scene {
    /// A server whose streams are silent: the wire has only what a test emits.
    pub(crate) async fn new(form: Form) -> Self {
        Self::with(form, |server| server, |stream| stream).await
    }

    pub(crate) async fn with(
        form: Form,
        set: impl FnOnce(Server) -> Server,
        tune: impl Fn(EventStream) -> EventStream + Send + Sync + 'static,
    ) -> Self {
        Self::with_retention(form, Retention::new().events(100_000).bytes(64 << 20), set, tune).await
    }

    /// A server whose topic has this retention.
    pub(crate) async fn with_retention(
        form: Form,
        retention: Retention,
        set: impl FnOnce(Server) -> Server,
        tune: impl Fn(EventStream) -> EventStream + Send + Sync + 'static,
    ) -> Self {
        let (folder, certificate) = (Folder::new(), (form.kind() == Kind::Tls).then(Certificate::new));
        let hub = Hub::builder().retention(retention).memory();
        let topic = hub.topic(TOPIC).expect("a topic");
        let held = Count::default();
        let (says, _) = broadcast::channel(4096);
        let (tell, ends) = unbounded_channel();
        let app = App {
            hub,
            follows_a_topic: form.follows_a_topic(),
            held: held.clone(),
            says: says.downgrade(),
            ends: tell,
            tune: Arc::new(move |stream| tune(stream.keep_alive(None))),
        };
        let (stop, stopped) = oneshot::channel();
        let mut server = Server::new().park(form.park()).write_timeout(PATIENCE).shutdown_timeout(PATIENCE);
        if let Some(certificate) = &certificate {
            server = server.tls(certificate.tls());
        }
        let server = set(server).shutdown_on(async { drop(stopped.await) });
        let handle = server.handle();
        let router = router(app);
        let (place, server) = if form.kind() == Kind::Unix {
            let path = folder.path("socket");
            let listener = Listener::bind(&format!("unix:{path}")).await.expect("bind");
            (Address::Unix(path), tokio::spawn(server.serve(listener, router)))
        } else {
            let listener = listen();
            (Address::Tcp(listener.local_addr().expect("an address")), tokio::spawn(server.serve(listener, router)))
        };
        Self { form, place, certificate, handle, topic, held, ends, says, stop: Some(stop), server, _folder: folder }
    }

    /// A client whose stream is open, in this form.
    pub(crate) async fn open(&self) -> Reader {
        self.open_named("any").await
    }

    /// A client of a stream that may have ended by now.
    pub(crate) async fn open_for_a_moment(&self) -> Reader {
        Reader::open(self, "any").await
    }

    /// A client whose stream can be [ended](Self::end).
    pub(crate) async fn open_one_that_ends(&self) -> Reader {
        self.open_named(ENDS).await
    }

    /// A client whose stream can be [made to panic](Self::panic).
    pub(crate) async fn open_one_that_panics(&self) -> Reader {
        self.open_named(PANICS).await
    }

    async fn open_named(&self, name: &str) -> Reader {
        let reader = Reader::open(self, name).await;
        let streams = self.handle.streams();
        let newest = streams.last().expect("a stream");
        assert_eq!(newest.is_parked(), self.form.is_parked(), "{newest:?}");
        reader
    }

    /// Sends an event to each open stream, and returns its bytes on the wire. An event of a topic has its
    /// position as id.
    pub(crate) async fn emit(&self, event: impl Into<Event>) -> String {
        let event = event.into();
        if self.form.follows_a_topic() {
            let id = self.topic.publish(event.clone()).await.expect("publish");
            return event.id(id).to_string();
        }
        let wire = event.to_string();
        // There may be no body that listens.
        let _ = self.says.send(Say::Event(event));
        wire
    }

    /// Ends the streams that were opened with [`open_one_that_ends`](Self::open_one_that_ends).
    pub(crate) fn end(&self) {
        self.says.send(Say::End).expect("code listens");
    }

    /// Makes the code of streams panic that were opened with
    /// [`open_one_that_panics`](Self::open_one_that_panics).
    pub(crate) fn panic(&self) {
        self.says.send(Say::Panic).expect("code listens");
    }

    /// The number of events that wait for suspended bodies. `None` for a subscription, which has no body: its
    /// events wait in the topic's log.
    pub(crate) fn waiting(&self) -> Option<usize> {
        (!self.form.follows_a_topic()).then(|| self.says.len())
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until `serve` has returned, and everything that streams held is dropped.
    pub(crate) async fn stopped(&mut self) {
        let served = within(PATIENCE * 2, "the shutdown", &mut self.server).await;
        served.expect("the server panicked").expect("the server failed");
        self.is_empty().await;
    }

    /// Waits until nothing of any stream is left.
    pub(crate) async fn is_empty(&self) {
        until(PATIENCE, "everything the streams held is dropped", || {
            self.held.get() == 0 && self.topic.subscribers() == 0 && self.handle.count() == 0
        })
        .await;
    }

    /// The reason with which the next stream ends.
    pub(crate) async fn ended(&mut self) -> CloseReason {
        within(PATIENCE, "the end", self.ends.recv()).await.expect("an end")
    }

    /// Stops the server, and asserts that no further end was reported. The client disconnects first: the
    /// server would wait a second for its next request.
    pub(crate) async fn has_no_more_ends(mut self, reader: Reader) {
        reader.leave(Leave::Close).await;
        self.stop();
        self.stopped().await;
        assert_eq!(
            within(PATIENCE, "the last sender is dropped", self.ends.recv()).await,
            None,
            "an end was reported twice"
        );
    }

    /// Waits until the only stream has been given nothing for a while, and returns the number of bytes it was
    /// given.
    pub(crate) async fn settled(&self) -> usize {
        let given = || self.handle.streams().first().map_or(0, touka::server::OpenStream::bytes);
        let settles = async {
            let mut last = given();
            loop {
                tokio::time::sleep(Duration::from_millis(60)).await;
                match given() {
                    same if same == last && same > 0 => break same,
                    more => last = more,
                }
            }
        };
        let given = within(PATIENCE, "the stream is blocked", settles).await;
        usize::try_from(given).expect("few bytes")
    }
}

/// Opens a port whose connections have [`SEND_BUFFER`].
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_send_buffer_size(SEND_BUFFER).expect("set the buffer size");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("bind");
    socket.listen(1024).expect("listen")
}
