//! Addresses of trusted proxies, including Unix sockets.

use support::{Folder, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use touka::Server;
use touka::server::Listener;

use super::{PATIENCE, V2, app};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_can_belong_to_a_trusted_proxy() {
    let header = "GET /whoami HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-forwarded-for: 203.0.113.7\r\n\r\n";
    let with_header = [V2, header.as_bytes()].concat();
    let plain = Server::new();
    let trusted = Server::new().trust_proxies(["unix"]).expect("the word");
    let protocol = Server::new().trust_proxies(["unix"]).expect("the word").proxy_protocol(true);
    for (server, bytes, client) in [
        (plain, header.as_bytes(), "unknown"),
        (trusted, header.as_bytes(), "203.0.113.7:0"),
        (protocol, &with_header, "203.0.113.7:50812"),
    ] {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = Listener::bind(&format!("unix:{path}")).await.expect("bind");
        let handle = server.handle();
        let server = tokio::spawn(server.serve(listener, app()));
        let mut socket = UnixStream::connect(&path).await.expect("connect");
        socket.write_all(bytes).await.expect("send");
        let mut answer = String::new();
        within(PATIENCE, "the answer", socket.read_to_string(&mut answer)).await.expect("read");
        assert!(answer.ends_with(&format!("\r\n\r\n{client}")), "{answer}");
        handle.shutdown();
        within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("no error");
    }
}

#[test]
fn an_invalid_proxy_address_is_an_error() {
    let from_configuration: Vec<String> = vec!["10.0.0.0/8".to_owned(), "10.0.0.300".to_owned()];
    let error = Server::new().trust_proxies(from_configuration).expect_err("no address");
    assert!(error.is_proxy() && error.to_string().contains("10.0.0.300"), "{error}");
    let addresses = [std::net::Ipv4Addr::LOCALHOST];
    assert!(Server::new().trust_proxies(addresses).and_then(|server| server.trust_proxies(["::1/128"])).is_ok());
}
