//! Tests of finding the primary through Sentinels.

use std::time::Duration;

use super::connector::Connector;
use super::fault::{FaultKind, RedisFault};
use super::options::Redis;
use super::test_server::{Port, TestServer, sentinel};

async fn place(url: &str) -> Result<String, RedisFault> {
    let redis = Redis::new(url).connect_timeout(Duration::from_secs(20));
    let connector = Connector::new(&redis).unwrap();
    assert_eq!((connector.place().contains('@'), connector.database()), (false, i64::from(url.ends_with("/1"))));
    let connection = connector.connect().await?;
    Ok(connection.place().to_owned())
}

#[tokio::test]
async fn a_sentinel_names_the_primary() {
    let primary = TestServer::start();
    let asked = sentinel(primary.port(), "");
    let dead = Port::new();
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main/1", dead.number(), asked.port);
    let place = place(&url).await.unwrap();
    assert_eq!(place, format!("127.0.0.1:{}, the primary of {url}", primary.port()));
}

#[tokio::test]
async fn a_sentinel_may_have_the_password_of_the_primary() {
    let primary = TestServer::start_with(&["--requirepass", "correct"]);
    let asked = sentinel(primary.port(), "requirepass correct");
    let at = format!("127.0.0.1:{}", asked.port);
    place(&format!("redis+sentinel://:correct@{at}/main")).await.unwrap();
    let fault = place(&format!("redis+sentinel://:hunter2@{at}/main")).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Refused, "{fault}");
    assert!(fault.to_string().contains("a Sentinel") && !format!("{fault:?}").contains("hunter2"), "{fault}");
    let fault = place(&format!("redis+sentinel://{at}/main")).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Refused, "{fault}");
}

#[tokio::test]
async fn a_sentinel_without_a_password_is_sent_none() {
    let primary = TestServer::start_with(&["--requirepass", "correct"]);
    let asked = sentinel(primary.port(), "");
    place(&format!("redis+sentinel://:correct@127.0.0.1:{}/main", asked.port)).await.unwrap();
}

#[tokio::test]
async fn an_unknown_service_and_a_replica_are_named() {
    let primary = TestServer::start();
    let replica = TestServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    let asked = sentinel(replica.port(), "");
    let at = format!("127.0.0.1:{}", asked.port);
    let fault = place(&format!("redis+sentinel://{at}/other")).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Invalid);
    assert!(fault.to_string().contains("no service of this name"), "{fault}");
    let fault = place(&format!("redis+sentinel://{at}/main")).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreachable, "{fault}");
    assert!(fault.to_string().contains("a failover is under way"), "{fault}");

    let fault = place(&format!("redis://{at}")).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unsuitable);
    assert!(fault.to_string().contains("it is a Sentinel"), "{fault}");
    let fault = place(&format!("redis+sentinel://127.0.0.1:{}/main", primary.port())).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreachable, "{fault}");
}

#[tokio::test]
async fn dead_sentinels_are_unreachable() {
    let dead = [Port::new(), Port::new()];
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", dead[0].number(), dead[1].number());
    let fault = place(&url).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreachable, "{fault}");
    assert!(fault.to_string().contains("a Sentinel"), "{fault}");
}

/// The first Sentinel has been cut off from the others, and names a primary from before a failover.
#[tokio::test]
async fn another_sentinel_is_asked_if_the_answer_is_of_no_use() {
    let primary = TestServer::start();
    let dead = Port::new();
    let (stale, asked) = (sentinel(dead.number(), ""), sentinel(primary.port(), ""));
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", stale.port, asked.port);
    let connector = Connector::new(&Redis::new(url)).unwrap();
    assert_eq!(connector.connect().await.unwrap_err().kind(), FaultKind::Unreachable);
    connector.connect().await.unwrap();
    connector.connect().await.unwrap();
}
