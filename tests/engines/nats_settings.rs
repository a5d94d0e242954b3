//! The configuration of NATS in docs/scaling.md, and the errors of one that is not suitable.

use support::{Certificate, NatsServer, fragments};
use touka::testing::{Nodes, check_engine};
use touka::topic::{Nats, Retention};
use touka::{Event, Hub};

const PAGE: &str = include_str!("../../docs/scaling.md");

/// Processes that log in as the user of the page.
struct Restricted(String);

impl Nodes for Restricted {
    async fn node(&self) -> Hub {
        Hub::nats(self.0.as_str()).await.expect("a NATS server")
    }
}

/// The block of the page that begins with this text.
fn block(start: &str) -> &'static str {
    let blocks = fragments(PAGE, "text");
    blocks.into_iter().find(|block| block.starts_with(start)).unwrap_or_else(|| panic!("the page has no {start}"))
}

/// The text of the error of a hub that cannot be opened.
async fn error_of(nats: impl Into<Nats>) -> String {
    let error = Hub::nats(nats).await.expect_err("no hub");
    assert!(error.is_unavailable(), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_of_the_page_are_enough() {
    let nats = NatsServer::start_with(block("authorization")).await;
    let url = nats.url().replacen("nats://", "nats://touka:secret@", 1);
    check_engine(&Restricted(url)).await;
}

/// The largest event that a topic takes needs the limit of the page.
#[tokio::test]
async fn an_event_of_any_size_fits_with_the_limit_of_the_page() {
    let limit = block("max_payload").lines().next().expect("a line");
    let (page, default) = (NatsServer::start_with(limit).await, NatsServer::start().await);
    let text = "x".repeat(16 * 1024 * 1024 - 100);
    let publish = async |nats: &NatsServer| {
        let hub = Hub::nats(nats.url()).await.expect("a hub");
        hub.topic::<Event>("large").expect("a topic").publish(text.clone()).await
    };
    publish(&page).await.expect("published");
    let error = publish(&default).await.expect_err("too large");
    assert!(error.is_too_large() && error.to_string().contains("`max_payload`"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_suitable_is_an_error() {
    let without = NatsServer::without_jetstream().await;
    let error = error_of(without.url()).await;
    assert!(error.contains("its JetStream is off") && error.contains("start it with JetStream"), "{error}");

    let closed = NatsServer::start_with("authorization { user: me, password: secret }").await;
    for login in ["", "me:wrong@", "token@"] {
        let error = error_of(closed.url().replacen("nats://", &format!("nats://{login}"), 1)).await;
        assert!(error.contains("refuses access") && !error.contains("wrong@"), "{error}");
    }
    assert!(Hub::nats(closed.url().replacen("nats://", "nats://me:secret@", 1)).await.is_ok());

    let mut down = NatsServer::start().await;
    down.kill();
    let error = error_of(Nats::new(down.url())).await;
    assert!(error.contains("cannot reach NATS at nats://127.0.0.1:"), "{error}");
    assert!(error_of("http://host").await.contains("the URL of NATS is invalid"));
}

#[tokio::test]
async fn tls_needs_a_certificate_of_a_known_authority() {
    let certificate = Certificate::new();
    let (file, key) = (certificate.certificate(), certificate.key());
    let lines = format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}", file.display(), key.display());
    let server = NatsServer::start_with(&lines).await;
    let url = format!("tls://localhost:{}", server.address().port());
    let hub = Hub::nats(Nats::new(url.as_str()).tls_config(certificate.client_config())).await.expect("a hub");
    hub.topic::<Event>("secret").expect("a topic").publish("x").await.expect("published");
    let error = error_of(url.as_str()).await;
    assert!(error.contains("TLS") || error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_stream_of_another_program_is_an_error() {
    let nats = NatsServer::start().await;
    nats.request("$JS.API.STREAM.CREATE.other", r#"{ "name": "other", "subjects": ["other.t.>"] }"#).await;
    let error = error_of(Nats::new(nats.url()).prefix("other")).await;
    assert!(error.contains("`republish`") && error.contains("choose another `Nats::prefix`"), "{error}");
    // A subject of the hub is in another stream.
    nats.request("$JS.API.STREAM.CREATE.x", r#"{ "name": "x", "subjects": ["mine.t.>"] }"#).await;
    let error = error_of(Nats::new(nats.url()).prefix("mine")).await;
    assert!(error.contains("it rejects the stream mine") && error.contains("`Nats::prefix`"), "{error}");
    // One server has no replicas.
    let error = error_of(Nats::new(nats.url()).prefix("three").replicas(3)).await;
    assert!(error.contains("fewer `Nats::replicas`"), "{error}");
}

/// A hub that keeps more than the one that has created the stream raises the limits. One that keeps less leaves them.
#[tokio::test]
async fn the_limits_of_the_stream_are_those_of_the_largest_hub() {
    let nats = NatsServer::start().await;
    for (events, limit) in [(100, 116), (1000, 1016), (10, 1016)] {
        let builder = Hub::builder().retention(Retention::new().events(events));
        let _hub = builder.nats(nats.url()).await.expect("a hub");
        let info = nats.request("$JS.API.STREAM.INFO.touka", "").await;
        assert!(info.contains(&format!("\"max_msgs_per_subject\":{limit},")), "{info}");
    }
}
