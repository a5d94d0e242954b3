//! Two servers behind nginx are replaced in turn under thousands of open streams, and every client resumes
//! with its next event, as the deployment page says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join;
use http::Version;
use support::{Client, Descriptors, Nginx, Process, ReservedPort, fragments, within};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How many clients have a stream open: no more than nginx's backlog holds, since all may reconnect while nginx
/// waits for a processor.
const CLIENTS: usize = 4000;

/// Descriptors of a test: one for each client, and some for clients that reconnect.
const RESERVED: u32 = 6_000;

/// How many clients open their first stream at a time, so that they do not wait in nginx's backlog of 511.
const AT_A_TIME: usize = 100;

/// All clients may need a shutdown of up to 10 s and a retry of up to 3 s; the rest is for a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

const SERVER: &str = env!("CARGO_BIN_EXE_touka-fixture");
const PAGE: &str = include_str!("../docs/deploying.md");

/// Starts a server at the address of an earlier one. A busy machine may take longer than the default of 10 s
/// to end thousands of streams, which would then be cut off.
async fn serve(place: &ReservedPort) -> Process {
    Process::start(SERVER, &[&place.address.to_string(), "50000", "60"]).await
}

/// Observations of one client.
#[derive(Default)]
struct Seen {
    /// The process that sent its last event.
    server: AtomicU32,
    /// The number of times its stream ended.
    ends: AtomicUsize,
}

impl Seen {
    /// Behaves like an `EventSource`, and fails at everything that would stop one.
    async fn follow(&self, nginx: SocketAddr, turn: Arc<Semaphore>) {
        let mut first = Some(turn.acquire().await.expect("never closed"));
        let mut last = 0u64;
        loop {
            let mut client = Client::connect(nginx).await;
            let id = if last > 0 { format!("last-event-id: {last}\r\n") } else { String::new() };
            client.send(format!("GET /count HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n{id}\r\n")).await;
            let head = client.head().await;
            let opened = (head.status(), head.header("content-type"));
            assert_eq!(opened, (200, Some("text/event-stream")), "an EventSource stops: {head:?}");
            while let Some(event) = client.next().await.expect("a clean end, not a broken connection") {
                // A server without the last id would begin anew.
                last += 1;
                assert_eq!(event.id, last.to_string());
                self.server.store(event.data.parse().expect("a process"), Ordering::Relaxed);
                drop(first.take());
            }
            let retry = client.parser().retry().expect("a retry");
            assert!((Duration::from_secs(1)..=Duration::from_secs(3)).contains(&retry), "{retry:?}");
            self.ends.fetch_add(1, Ordering::Relaxed);
            drop(client);
            sleep(retry).await;
        }
    }
}

struct Crowd<'a> {
    nginx: &'a Nginx,
    seen: Vec<Arc<Seen>>,
    /// Client tasks never finish, except by a failure.
    clients: JoinSet<()>,
}

impl<'a> Crowd<'a> {
    /// Opens `clients` streams, and waits until `some` of them have had an event.
    async fn open(nginx: &'a Nginx, clients: usize, some: usize) -> Self {
        let address = nginx.address(Version::HTTP_11);
        let turn = Arc::new(Semaphore::new(AT_A_TIME));
        let mut crowd = Self { nginx, seen: Vec::new(), clients: JoinSet::new() };
        for _ in 0..clients {
            let (seen, turn) = (Arc::<Seen>::default(), Arc::clone(&turn));
            crowd.seen.push(Arc::clone(&seen));
            crowd.clients.spawn(async move { seen.follow(address, turn).await });
        }
        crowd.wait("enough have had an event", |seen| seen.len() - reading(seen, 0) >= some).await;
        crowd
    }

    /// Waits until a condition holds and no client has failed.
    async fn wait(&mut self, what: &str, is_so: impl Fn(&[Arc<Seen>]) -> bool) {
        let so = async {
            while !is_so(&self.seen) {
                if let Some(failed) = self.clients.try_join_next() {
                    panic!("a client failed: {failed:?}; nginx says:\n{}", self.nginx.log());
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        within(PATIENCE, what, so).await;
    }

    async fn all_read(&mut self, server: u32) {
        self.wait("all read the other server", |seen| reading(seen, server) == seen.len()).await;
    }

    /// The number of streams that have ended so far.
    fn ends(&self) -> usize {
        self.seen.iter().map(|seen| seen.ends.load(Ordering::Relaxed)).sum()
    }
}

/// The number of clients whose last event is from this process; with 0, of clients without an event.
fn reading(seen: &[Arc<Seen>], server: u32) -> usize {
    seen.iter().filter(|seen| seen.server.load(Ordering::Relaxed) == server).count()
}

/// Ends a server as a deploy does, and waits for it and for all of its clients.
async fn replace(old: Process, new: &Process, crowd: &mut Crowd<'_>) {
    old.signal("TERM").await;
    let (status, ()) = join(old.ended(PATIENCE), crowd.all_read(new.id())).await;
    assert!(status.success(), "{status}");
}

/// nginx as the page configures it, in front of two servers.
async fn nginx(upstreams: [SocketAddr; 2]) -> Nginx {
    let fragments = fragments(PAGE, "nginx");
    let of_the_page = |word: &str| {
        let found = fragments.iter().find(|fragment| fragment.contains(word));
        *found.unwrap_or_else(|| panic!("the page has no fragment with {word:?} any more"))
    };
    // If nginx itself does not run for two seconds, it takes a server that has accepted its connection for
    // one that does not respond.
    let (short, long) = ("proxy_connect_timeout 2s;", "proxy_connect_timeout 60s;");
    let two_servers = of_the_page("max_fails");
    assert!(two_servers.contains(short), "the page does not set {short} any more");
    let configuration = [of_the_page("worker_connections"), &two_servers.replace(short, long)];
    Nginx::start_before(upstreams, &configuration).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_is_lost_when_two_servers_are_replaced_in_turn() {
    // nginx inherits the limit, and has two descriptors per stream.
    let _reserved = Descriptors::reserve(RESERVED).await;
    let (here, there) = (ReservedPort::new(), ReservedPort::new());
    let nginx = nginx([here.address, there.address]).await;
    let (first, second) = (serve(&here).await, serve(&there).await);
    let mut crowd = Crowd::open(&nginx, CLIENTS, CLIENTS).await;
    let moved = reading(&crowd.seen, first.id());
    assert!(moved > 0 && moved < CLIENTS, "nginx balances: {moved} of {CLIENTS}");

    replace(first, &second, &mut crowd).await;
    assert_eq!(crowd.ends(), moved, "only streams of the stopped server have ended");

    // At once, while nginx still marks this server as failed.
    let third = serve(&here).await;
    replace(second, &third, &mut crowd).await;
    assert_eq!(crowd.ends(), moved + CLIENTS, "each once more");
}

/// Some clients are connecting, some have sent a request and not got a response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_that_connects_while_a_server_stops_is_lost() {
    // nginx inherits the limit, and has two descriptors per stream.
    let _reserved = Descriptors::reserve(RESERVED).await;
    let (here, there) = (ReservedPort::new(), ReservedPort::new());
    let nginx = nginx([here.address, there.address]).await;
    let (first, second) = (serve(&here).await, serve(&there).await);
    let mut crowd = Crowd::open(&nginx, CLIENTS / 5, CLIENTS / 50).await;
    replace(first, &second, &mut crowd).await;
}
