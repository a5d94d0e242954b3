//! The baseline for frameworks on hyper: its HTTP/1.1, and a body of shared bytes, encoded once.

use std::convert::Infallible;

use bytes::Bytes;
use fanout::Options;
use futures_util::{Stream, StreamExt, future};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

fn frames(events: &broadcast::Sender<Bytes>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + use<> {
    let events = BroadcastStream::new(events.subscribe());
    events.filter_map(|event| future::ready(event.ok().map(|event| Ok(Frame::data(event)))))
}

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await.expect("a free port");
    let (events, _) = broadcast::channel(128);
    let publisher = events.clone();
    tokio::spawn(fanout::publish(options, async move |quote| {
        let _ = publisher.send(Bytes::from(format!("data: {}\n\n", quote.json())));
    }));
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let events = events.clone();
        let service = service_fn(move |_: Request<hyper::body::Incoming>| {
            let body = StreamBody::new(frames(&events));
            future::ready(
                Response::builder()
                    .header("content-type", "text/event-stream")
                    .header("cache-control", "no-cache")
                    .body(body),
            )
        });
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            // Ends with an error when the client disconnects, which is how each connection ends.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
