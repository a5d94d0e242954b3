//! TLS: a bad certificate is found before it is served, a new one without a restart, and a bad peer disturbs no other.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{StatusCode, Version};
use support::{Certificate, Client, Count, Running, Visitor, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use touka::extract::State;
use touka::server::Tls;
use touka::server::rustls::ServerConfig;
use touka::server::rustls::crypto::ring::default_provider;
use touka::server::rustls::pki_types::pem::PemObject;
use touka::server::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use touka::{Event, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(300);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(held): State<Count>) {
    let _held = held.hold();
    emit!(Event::data("here").id(7u64));
    std::future::pending::<()>().await;
}

async fn running(certificate: &Certificate, server: Server) -> (Running, Count) {
    let held = Count::default();
    let router = Router::new().mount(routes![endless]).with_state(held.clone());
    (Running::serve_with(server.tls(certificate.tls()), router).await, held)
}

async fn visit(server: &Running, certificate: &Certificate, protocol: Option<&[u8]>, version: Version) -> Visitor {
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let wire = certificate.connect(socket, protocol.as_slice()).await;
    assert_eq!(wire.get_ref().1.alpn_protocol(), protocol, "the negotiated protocol");
    Visitor::over(wire, version).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alpn_chooses_the_version_and_no_alpn_is_http_1() {
    let certificate = Certificate::new();
    let (server, held) = running(&certificate, Server::new()).await;
    let ways: [(Option<&[u8]>, Version); 3] =
        [(Some(b"h2"), Version::HTTP_2), (Some(b"http/1.1"), Version::HTTP_11), (None, Version::HTTP_11)];
    for (protocol, version) in ways {
        let mut visitor = visit(&server, &certificate, protocol, version).await;
        let mut stream = visitor.stream("/endless").await;
        assert_eq!(stream.data().await, "here");
        assert_eq!(held.get(), 1);
        drop((stream, visitor));
        until(PATIENCE, "the handler is gone", || held.get() == 0).await;
    }
}

/// A client that has agreed on one protocol and speaks the other gets no response in either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_negotiated_protocol_is_enforced() {
    let certificate = Certificate::new();
    let (server, _) = running(&certificate, Server::new()).await;
    let http1 = &b"GET /nothing HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"[..];
    let http2 = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..];
    let garbage = &b"\x01\x02 garbage, and no request\r\n\r\n"[..];
    for (protocol, words, answers) in [
        (Some(&b"h2"[..]), http1, false),
        (Some(b"h2"), garbage, false),
        (Some(b"http/1.1"), http1, true),
        (None, http1, true),
        (Some(b"http/1.1"), http2, true),
        (None, http2, true),
    ] {
        let socket = TcpStream::connect(server.address).await.expect("connect");
        let mut wire = certificate.connect(socket, protocol.as_slice()).await;
        wire.write_all(words).await.expect("send");
        wire.flush().await.expect("send");
        let mut all = Vec::new();
        // With or without the alert that ends it.
        let _ = within(PATIENCE, "the server closes", wire.read_to_end(&mut all)).await;
        let status = if words == http1 { &b"HTTP/1.1 404 "[..] } else { b"HTTP/1.1 400 " };
        assert_eq!(all.starts_with(status), answers, "{protocol:?}: {all:?}");
        assert_eq!(all.starts_with(b"HTTP"), answers, "{protocol:?}: {all:?}");
    }
}

#[test]
fn an_error_explains_an_invalid_certificate() {
    let (good, other) = (Certificate::new(), Certificate::new());
    let empty = good.folder().join("empty.pem");
    let garbage = good.folder().join("garbage.pem");
    let missing = good.folder().join("missing.pem");
    fs::write(&empty, "").expect("write");
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").expect("write");
    let (cert, key) = (good.certificate(), good.key());
    let cases = [
        (&missing, &key, "the certificate in", "missing.pem cannot be read"),
        (&cert, &missing, "the private key in", "missing.pem cannot be read"),
        (&empty, &key, "empty.pem holds no certificate in PEM form", ""),
        (&key, &key, "key.pem holds no certificate in PEM form", ""),
        (&cert, &cert, "cert.pem holds no private key in PEM form", ""),
        (&garbage, &key, "the certificate in", "garbage.pem cannot be read"),
        (&cert, &other.key(), "cannot be used together", "key.pem"),
    ];
    for (certificate, key, part, more) in cases {
        let error = Tls::from_pem_files(certificate, key).expect_err(part);
        assert!(error.is_tls() && !error.is_bind());
        let text = error.to_string();
        assert!(text.contains(part) && text.contains(more), "{text}");
    }
    Tls::from_pem_files(&cert, &key).expect("a good pair");
}

/// Emits at once, and once more when the test allows it.
#[sse_handler]
#[route(GET, "/twice")]
async fn twice(State(gate): State<Arc<Semaphore>>) {
    emit!("before");
    let _permit = gate.acquire().await;
    emit!("after");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_served_while_streams_go_on() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let (tls, gate) = (old.tls(), Arc::new(Semaphore::new(0)));
    let router = Router::new().mount(routes![twice]).with_state(Arc::clone(&gate));
    let server = Running::serve_with(Server::new().tls(tls.clone()), router).await;
    let ways = [(&b"h2"[..], Version::HTTP_2), (b"http/1.1", Version::HTTP_11)];
    let mut open = Vec::new();
    for (protocol, version) in ways {
        let mut visitor = visit(&server, &old, Some(protocol), version).await;
        let mut stream = visitor.stream("/twice").await;
        assert_eq!(stream.data().await, "before");
        open.push((visitor, stream));
    }

    tls.set_pem_files(new.certificate(), new.key()).expect("a good pair");
    for (protocol, version) in ways {
        // The visitor trusts this certificate and no other.
        let mut visitor = visit(&server, &new, Some(protocol), version).await;
        assert_eq!(visitor.stream("/twice").await.data().await, "before");
    }
    gate.add_permits(open.len() + ways.len());
    for (_, stream) in &mut open {
        assert_eq!(stream.data().await, "after");
    }

    // The bytes of the same files.
    let (cert, key) = (fs::read(old.certificate()).expect("read"), fs::read(old.key()).expect("read"));
    tls.set_pem(&cert, &key).expect("a good pair");
    visit(&server, &old, Some(b"h2"), Version::HTTP_2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_certificate_leaves_the_old_one() {
    let (good, other) = (Certificate::new(), Certificate::new());
    let tls = good.tls();
    let router = Router::new().mount(routes![endless]).with_state(Count::default());
    let server = Running::serve_with(Server::new().tls(tls.clone()), router).await;
    let (cert, key) = (fs::read(good.certificate()).expect("read"), fs::read(good.key()).expect("read"));
    for (error, text) in [
        (tls.set_pem_files(good.certificate(), other.key()).expect_err("another key"), "cannot be used together"),
        (tls.set_pem_files(good.folder().join("none"), good.key()).expect_err("no file"), "none cannot be read"),
        (tls.set_pem("", &key).expect_err("empty"), "the text holds no certificate in PEM form"),
        (tls.set_pem(&cert, &cert).expect_err("no key"), "the text holds no private key in PEM form"),
        (tls.set_pem(&cert, fs::read(other.key()).expect("read")).expect_err("another key"), "cannot be used together"),
    ] {
        assert!(error.is_tls() && error.to_string().contains(text), "{error}");
        visit(&server, &good, Some(b"http/1.1"), Version::HTTP_11).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_of_rustls_is_served_with_the_servers_alpn() {
    let (first, second) = (Certificate::new(), Certificate::new());
    let config = |certificate: &Certificate| {
        let chain = CertificateDer::pem_file_iter(certificate.certificate()).expect("a file");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(certificate.key()).expect("a key"))
            .expect("a good pair");
        config.alpn_protocols = vec![b"spdy/3".to_vec()];
        config
    };
    let tls = Tls::from_config(config(&first));
    let router = Router::new().mount(routes![endless]).with_state(Count::default());
    let server = Running::serve_with(Server::new().tls(tls.clone()), router).await;
    let mut visitor = visit(&server, &first, Some(b"h2"), Version::HTTP_2).await;
    assert_eq!(visitor.stream("/endless").await.data().await, "here");
    tls.set_config(config(&second));
    visit(&server, &second, Some(b"http/1.1"), Version::HTTP_11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_a_handshake_is_closed_and_delays_no_other() {
    let certificate = Certificate::new();
    let (server, _) = running(&certificate, Server::new().head_timeout(SHORT)).await;
    let start = Instant::now();
    // One sends nothing, one stops in the middle, one resets.
    let mut silent = TcpStream::connect(server.address).await.expect("connect");
    let mut slow = TcpStream::connect(server.address).await.expect("connect");
    slow.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("send");
    let mut gone = Client::connect(server.address).await;
    gone.send(b"\x16\x03\x01\x02\x00\x01").await;
    gone.reset();
    let mut visitor = visit(&server, &certificate, Some(b"h2"), Version::HTTP_2).await;
    assert_eq!(visitor.stream("/endless").await.data().await, "here");
    for peer in [&mut silent, &mut slow] {
        let end = within(PATIENCE, "the server closes", peer.read(&mut [0; 16])).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    assert!(start.elapsed() > SHORT / 2, "closed too early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_speaks_another_protocol_is_closed() {
    let certificate = Certificate::new();
    let (server, _) = running(&certificate, Server::new()).await;
    for words in ["GET /endless HTTP/1.1\r\nhost: test\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0", "SSH-2.0-OpenSSH\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.send(words).await;
        let answer = within(PATIENCE, "the server closes", client.rest()).await.unwrap_or_default();
        // A TLS alert at most: no HTTP in clear text.
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let mut visitor = visit(&server, &certificate, Some(b"http/1.1"), Version::HTTP_11).await;
    assert_eq!(visitor.get("/nothing", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_streams_without_waiting_for_handshakes() {
    let certificate = Certificate::new();
    let server = Server::new().head_timeout(PATIENCE).shutdown_timeout(PATIENCE);
    let (mut server, held) = running(&certificate, server).await;
    let _half = TcpStream::connect(server.address).await.expect("connect");
    let mut ends = Vec::new();
    for (protocol, version) in [(&b"h2"[..], Version::HTTP_2), (b"http/1.1", Version::HTTP_11)] {
        let mut visitor = visit(&server, &certificate, Some(protocol), version).await;
        let mut stream = visitor.stream("/endless").await;
        assert_eq!(stream.data().await, "here");
        // Both are open when the server stops.
        ends.push(async move {
            assert_eq!(stream.next().await.expect("a clean end"), None);
            assert!(stream.parser().retry().is_some());
            drop(visitor);
        });
    }
    until(PATIENCE, "both are open", || held.get() == 2).await;
    server.stop();
    let start = Instant::now();
    tokio::join!(server.stopped(PATIENCE), join_all(ends));
    assert!(start.elapsed() < PATIENCE / 2, "the shutdown waited for the handshake");
    assert_eq!(held.get(), 0);
}
