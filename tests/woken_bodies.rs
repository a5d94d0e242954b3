//! A woken body is polled, whatever its task does at that moment: each of its events arrives without the help
//! of another event or of a keep-alive.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use axum_core::body::Body;
use axum_core::response::Response;
use futures_util::stream::{FuturesUnordered, StreamExt, unfold};
use http_body_util::{BodyExt, StreamBody};
use support::{Apart, Client, within};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use touka::extract::State;
use touka::{Emitter, EventStream, Router, Server, route, routes};

/// Enough for the slowest machine. There are no keep-alives that could help.
const PATIENCE: Duration = Duration::from_mins(1);

/// The number of events after which a body is classified as quick. From then on its events share frames.
const QUICK: usize = 40;

async fn quick(out: &Emitter) {
    for _ in 0..QUICK {
        out.emit("quick").await;
    }
}

/// A client that has read the quick events.
async fn client(server: &Apart, path: &str) -> Client {
    let mut client = Client::stream(server.address, path).await;
    for _ in 0..QUICK {
        expect(&mut client, "quick").await;
    }
    client
}

async fn expect(client: &mut Client, text: &str) {
    assert_eq!(within(PATIENCE, text, client.data()).await, text);
}

/// The events that a handler forwards.
type Texts = Arc<Mutex<Option<UnboundedReceiver<String>>>>;

fn texts() -> (UnboundedSender<String>, Texts) {
    let (tell, told) = unbounded_channel();
    (tell, Arc::new(Mutex::new(Some(told))))
}

fn forwarding(texts: &Texts) -> EventStream {
    let mut told = texts.lock().expect("not poisoned").take().expect("one client");
    let stream = EventStream::generate(|out| async move {
        quick(&out).await;
        while let Some(text) = told.recv().await {
            out.emit(text).await;
        }
    });
    stream.keep_alive(None)
}

#[route(GET, "/forwards")]
async fn forwards(State(texts): State<Texts>) -> EventStream {
    forwarding(&texts)
}

/// A layer that yields at most one frame in 100 ms.
#[route(GET, "/throttled")]
async fn throttled(State(texts): State<Texts>) -> Response {
    forwarding(&texts).into_response().map(|body| {
        Body::from_stream(unfold((body.into_data_stream(), false), |(mut frames, waits)| async move {
            if waits {
                sleep(Duration::from_millis(100)).await;
            }
            Some((frames.next().await?, (frames, true)))
        }))
    })
}

/// A layer whose own task passes each frame on, and then does something else for a while.
#[route(GET, "/logged")]
async fn logged(State(texts): State<Texts>) -> Response {
    forwarding(&texts).into_response().map(|mut body| {
        let (give, take) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(frame) = body.frame().await {
                if give.send(frame).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        Body::new(StreamBody::new(unfold(take, |mut take| async move { Some((take.recv().await?, take)) })))
    })
}

/// Works for longer than a writer lets a body run at once, and is woken right then.
#[route(GET, "/yields")]
async fn yields() -> EventStream {
    let stream = EventStream::generate(|out| async move {
        quick(&out).await;
        sleep(Duration::from_millis(50)).await;
        out.emit("before").await;
        thread::sleep(Duration::from_millis(3));
        tokio::task::yield_now().await;
        out.emit("after").await;
        pending::<()>().await;
    });
    stream.keep_alive(None)
}

const MANY: u64 = 20_000;

#[route(GET, "/elsewhere")]
async fn elsewhere() -> EventStream {
    let stream = EventStream::generate(|out| async move {
        quick(&out).await;
        let other = out.clone();
        tokio::spawn(async move {
            for number in 0..MANY {
                other.emit(number.to_string()).await;
            }
        });
        pending::<()>().await;
    });
    stream.keep_alive(None)
}

/// Parts that emit concurrently, each woken on its own, and that sometimes wait.
#[route(GET, "/parts")]
async fn parts() -> EventStream {
    let stream = EventStream::generate(|out| async move {
        quick(&out).await;
        let out = &out;
        let parts = (0..10).map(|part| async move {
            for number in 0..1000 {
                out.emit("part").await;
                if (number * 7 + part) % 61 == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
        parts.collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await;
    });
    stream.keep_alive(None)
}

fn serve(threads: usize, texts: Texts) -> Apart {
    let routes = routes![forwards, throttled, logged, yields, elsewhere, parts];
    let app: Router = Router::new().mount(routes).with_state(texts);
    Apart::serve(threads, Server::new(), app)
}

#[tokio::test]
async fn a_body_woken_while_its_writer_yields() {
    for threads in [1, 2] {
        let server = serve(threads, texts().1);
        let mut client = client(&server, "/yields").await;
        expect(&mut client, "before").await;
        expect(&mut client, "after").await;
    }
}

#[tokio::test]
async fn a_body_woken_by_bursts_of_a_channel() {
    let (tell, texts) = texts();
    let server = serve(2, texts);
    let mut client = client(&server, "/forwards").await;
    for burst in 0..200 {
        let text = format!("{burst} {}", "x".repeat(1000));
        for _ in 0..100 {
            tell.send(text.clone()).expect("the handler runs");
        }
        // One more, at a moment when the writer may yield.
        let (began, pause) = (Instant::now(), Duration::from_micros(burst * 37 % 3000));
        while began.elapsed() < pause {
            std::hint::spin_loop();
        }
        tell.send("last".to_owned()).expect("the handler runs");
        for _ in 0..100 {
            expect(&mut client, &text).await;
        }
        expect(&mut client, "last").await;
    }
}

#[tokio::test]
async fn a_body_woken_by_an_emitter_in_another_task() {
    let server = serve(2, texts().1);
    let mut client = client(&server, "/elsewhere").await;
    for number in 0..MANY {
        expect(&mut client, &number.to_string()).await;
    }
}

#[tokio::test]
async fn a_body_whose_parts_are_woken_one_by_one() {
    let server = serve(2, texts().1);
    let mut client = client(&server, "/parts").await;
    for _ in 0..10_000 {
        expect(&mut client, "part").await;
    }
    assert_eq!(within(PATIENCE, "the end", client.next()).await.expect("a clean end"), None);
}

#[tokio::test]
async fn a_body_woken_while_a_layer_is_busy() {
    for (threads, path) in [(1, "/throttled"), (2, "/throttled"), (1, "/logged"), (2, "/logged")] {
        let (tell, texts) = texts();
        let server = serve(threads, texts);
        let mut client = client(&server, path).await;
        for number in 0..3 {
            // The layer polls for more: the body waits.
            sleep(Duration::from_millis(200)).await;
            for text in [format!("{number} one"), format!("{number} two")] {
                tell.send(text.clone()).expect("the handler runs");
                expect(&mut client, &text).await;
            }
        }
    }
}
