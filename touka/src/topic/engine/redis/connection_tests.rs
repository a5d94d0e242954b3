//! Tests of [`Connection`](super::connection::Connection) and [`Connector`] against a redis-server.

use std::time::Duration;

use redis::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use super::connection::Connection;
use super::connector::Connector;
use super::fault::{FaultKind, Outcome, RedisFault};
use super::options::Redis;
use super::pushes::Push;
use super::requirements::{ask_for_slots, check_settings};
use super::target::Address;
use super::test_server::{Port, TestServer};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn connector(url: impl Into<Redis>) -> Connector {
    Connector::new(&url.into()).unwrap()
}

async fn refused(url: impl Into<Redis>) -> RedisFault {
    connector(url).connect().await.expect_err("the connection should fail")
}

fn command(words: &str) -> redis::Cmd {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command
}

async fn run(connection: &Connection, words: &str) -> Value {
    connection.run(&command(words), soon()).await.unwrap()
}

#[tokio::test]
async fn a_command_in_flight_when_redis_is_killed_is_unknown() {
    let mut server = TestServer::start();
    let connection = connector(server.url()).connect().await.unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.run(&command("BLPOP list 0"), soon()).await })
        })
        .collect();
    sleep(Duration::from_millis(100)).await;
    server.kill();
    for waiting in waiting {
        let fault = waiting.await.unwrap().unwrap_err();
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Lost, Outcome::Unknown), "{fault}");
    }
    while connection.is_open() {
        tokio::task::yield_now().await;
    }
    let fault = connection.run(&command("INCR n"), soon()).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Unreachable, Outcome::NotExecuted), "{fault}");
}

#[tokio::test]
async fn an_error_reply_has_its_code() {
    let server = TestServer::start();
    let connection = connector(server.url()).connect().await.unwrap();
    run(&connection, "SET text x").await;
    let fault =
        connection.run(&command("EVALSHA 0123456789012345678901234567890123456789 0"), soon()).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Server, Outcome::NotExecuted));
    assert_eq!(fault.code(), Some("NOSCRIPT"));
    let mut commands = redis::pipe();
    commands.cmd("INCR").arg("text").cmd("INCR").arg("n");
    let fault = connection.run_all(&commands, soon()).await.unwrap_err();
    assert!(fault.to_string().contains("not an integer"), "{fault}");
    assert_eq!(run(&connection, "GET n").await, Value::BulkString(b"1".to_vec()), "the second command was executed");
}

#[tokio::test]
async fn a_late_reply_goes_to_no_other_command() {
    let server = TestServer::start();
    let connection = connector(server.url()).connect().await.unwrap();
    let fault =
        connection.run(&command("BLPOP list 0.2"), Instant::now() + Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Timeout, Outcome::Unknown));
    assert_eq!(run(&connection, "ECHO a").await, Value::BulkString(b"a".to_vec()));
}

#[tokio::test]
async fn the_socket_closes_with_the_last_clone() {
    let server = TestServer::start();
    let watcher = connector(server.url()).connect().await.unwrap();
    let connection = connector(server.url()).connect().await.unwrap();
    // A command in flight does not keep the socket open.
    let other = connection.clone();
    let waiting = tokio::spawn(async move { other.run(&command("BLPOP list 0"), soon()).await });
    sleep(Duration::from_millis(50)).await;
    waiting.abort();
    let _ = waiting.await;
    drop(connection);
    loop {
        let info: String = redis::from_redis_value(run(&watcher, "INFO clients").await).unwrap();
        if info.contains("connected_clients:1\r\n") {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_replica_is_unsuitable() {
    let primary = TestServer::start();
    let replica = TestServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    let fault = refused(replica.url()).await;
    assert_eq!(fault.kind(), FaultKind::Unsuitable, "{fault}");
    assert!(fault.to_string().contains("it is a replica; name the primary"), "{fault}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_shown() {
    let server =
        TestServer::start_with(&["--requirepass", "correct", "--user", "chat", "on", ">letmein", "~*", "&*", "+@all"]);
    let at = format!("127.0.0.1:{}", server.port());
    for url in
        [format!("redis://:hunter2@{at}"), format!("redis://chat:hunter2@{at}"), format!("redis://x:hunter2@{at}")]
    {
        let fault = refused(url).await;
        assert_eq!(fault.kind(), FaultKind::Refused, "{fault}");
        assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault}");
        assert!(fault.to_string().contains("the user or the password is wrong"), "{fault}");
    }
    let fault = refused(format!("redis://{at}")).await;
    assert_eq!(fault.kind(), FaultKind::Refused);
    assert!(fault.to_string().contains("needs a password"), "{fault}");
    for user in [":correct", "default:correct", "chat:letmein"] {
        connector(format!("redis://{user}@{at}")).connect().await.unwrap();
    }
}

/// A server answers HELLO while it loads its data, and rejects all other commands.
#[tokio::test]
async fn a_server_that_loads_its_data_is_not_used_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let hello = "%2\r\n+version\r\n+7.0.15\r\n+role\r\n+master\r\n";
        // The rest replies to CLIENT SETINFO, twice, and to PING.
        for rest in ["+OK\r\n+OK\r\n", "-LOADING Redis is loading the dataset in memory\r\n"] {
            let _ = socket.read(&mut [0; 4096]).await;
            socket.write_all(format!("{hello}{rest}").as_bytes()).await.unwrap();
        }
        let _ = socket.read(&mut [0; 4096]).await;
    });
    let fault = refused(url).await;
    assert_eq!((fault.kind(), fault.is_lasting()), (FaultKind::Unreachable, false), "{fault}");
    assert!(fault.to_string().ends_with("it is loading its data"), "{fault}");
}

/// Redis 5 quotes the arguments of a command that it does not know.
#[tokio::test]
async fn a_server_without_hello_is_too_old() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://:hunter2@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let reply = "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, \r\n+OK\r\n+OK\r\n";
        socket.write_all(reply.as_bytes()).await.unwrap();
        sleep(Duration::from_secs(5)).await;
    });
    let fault = refused(url).await;
    assert_eq!(fault.kind(), FaultKind::Unsuitable, "{fault}");
    assert!(fault.to_string().contains("use Redis 7.0 or newer"), "{fault}");
    assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unreachable() {
    let dead = Port::new();
    let fault = refused(format!("redis://127.0.0.1:{}", dead.number())).await;
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Unreachable, Outcome::NotExecuted));
    assert!(fault.to_string().contains("refused") && std::error::Error::source(&fault).is_some(), "{fault}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let fault = refused(Redis::new(url).connect_timeout(Duration::from_millis(100))).await;
    assert!(fault.to_string().ends_with("no answer within 100ms"), "{fault}");
}

#[tokio::test]
async fn a_database_is_selected() {
    let server = TestServer::start();
    let connection = connector(format!("{}/3", server.url())).connect().await.unwrap();
    let client: String = redis::from_redis_value(run(&connection, "CLIENT INFO").await).unwrap();
    assert!(client.contains(" db=3 ") && client.contains(" resp=3"), "{client}");
    let fault = refused(format!("{}/99", server.url())).await;
    assert_eq!(fault.kind(), FaultKind::Invalid);
    assert!(fault.to_string().contains("no database of this number"), "{fault}");
}

#[tokio::test]
async fn messages_arrive_on_a_listening_connection() {
    let server = TestServer::start();
    let publisher = connector(server.url()).connect().await.unwrap();
    let mut listening = connector(server.url()).listen().await.unwrap();
    let channels: Vec<_> = (0..3).map(|n| format!("channel{n}")).collect();
    listening.connection.subscribe(&channels, soon()).await.unwrap();
    for channel in &channels {
        assert_eq!(listening.pushes.next().await, Push::Subscribed(channel.clone().into()));
    }
    run(&publisher, "SPUBLISH channel1 hello").await;
    let message = Push::Message { channel: "channel1".into(), payload: "hello".into() };
    assert_eq!(listening.pushes.next().await, message);
    // Each confirmation was taken for the reply to its own command.
    assert_eq!(run(&listening.connection, "PING").await, Value::SimpleString("PONG".into()));
    listening.connection.unsubscribe(["channel1"], soon()).await.unwrap();
    assert_eq!(listening.pushes.next().await, Push::Unsubscribed("channel1".into()));
    assert_eq!(run(&publisher, "SPUBLISH channel1 hello").await, Value::Int(0));
}

#[tokio::test]
async fn a_lost_connection_ends_its_messages() {
    let mut server = TestServer::start();
    let commands = connector(server.url()).connect().await.unwrap();
    let mut listening = connector(server.url()).listen().await.unwrap();
    listening.connection.subscribe(["channel"], soon()).await.unwrap();
    assert_eq!(listening.pushes.next().await, Push::Subscribed("channel".into()));
    run(&commands, "CLIENT KILL TYPE pubsub").await;
    assert!(matches!(listening.pushes.next().await, Push::Lost(_)));
    assert!(listening.connection.subscribe(["other"], soon()).await.is_err());

    let mut listening = connector(server.url()).listen().await.unwrap();
    server.kill();
    let lost = timeout(Duration::from_secs(5), listening.pushes.next()).await;
    assert!(matches!(lost, Ok(Push::Lost(_))), "{lost:?}");
}

#[tokio::test]
async fn the_settings_of_a_server_are_read() {
    let server = TestServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let connection = connector(server.url()).connect().await.unwrap();
    assert!(!check_settings(&connection, soon()).await);
    let cluster = TestServer::start_in_cluster_mode();
    let connection = connector(cluster.url()).connect().await.unwrap();
    assert!(check_settings(&connection, soon()).await);
    let view = ask_for_slots(&connection, &Address::Tcp { host: "a".into(), port: 1 }, soon()).await.unwrap();
    assert_eq!(view.shards(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_connected_to() {
    let server = TestServer::start_with(&["--unixsocket", "socket"]);
    let path = server.folder().join("socket");
    let connection = connector(format!("redis+unix://{}?db=2", path.display())).connect().await.unwrap();
    assert_eq!(run(&connection, "PING").await, Value::SimpleString("PONG".into()));
}

/// A certificate authority that the operating system does not know, and a server with a certificate of it.
#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_needs_a_certificate_of_a_known_authority() {
    use std::fs;
    use std::sync::Arc;

    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::test_server::Folder;

    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let tls = Port::new();
    let port = tls.number().to_string();
    let _server = TestServer::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-auth-clients",
        "no",
    ]);

    let mut authorities = RootCertStore::empty();
    authorities.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authorities)
        .with_no_client_auth();
    let trusting = |host| Redis::new(format!("rediss://{host}:{port}")).tls_config(config.clone());
    let connection = connector(trusting("localhost")).connect().await.unwrap();
    assert_eq!(run(&connection, "PING").await, Value::SimpleString("PONG".into()));
    let mut listening = connector(trusting("localhost")).listen().await.unwrap();
    listening.connection.subscribe(["channel"], soon()).await.unwrap();
    assert_eq!(listening.pushes.next().await, Push::Subscribed("channel".into()));

    let fault = refused(trusting("127.0.0.1")).await;
    assert_eq!(fault.kind(), FaultKind::Unreachable);
    assert!(fault.to_string().contains("not valid for name"), "{fault}");
    let fault = refused(format!("rediss://localhost:{port}")).await;
    assert_eq!(fault.kind(), FaultKind::Unreachable, "{fault}");
}
