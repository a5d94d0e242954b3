//! Failovers of a Redis primary by Sentinels.

use support::{RedisServer, Sentinels};

#[tokio::test]
async fn sentinels_promote_the_replica_of_a_killed_primary() {
    let mut sentinels = Sentinels::start_with(&RedisServer::options().password("secret")).await;
    let (first, second) = (sentinels.primary().address(), sentinels.replica().address());
    assert_eq!(sentinels.primary_address().await, first);
    sentinels.primary().command(&["SET", "key", "kept"]).await;
    sentinels.replica().catches_up_with(sentinels.primary()).await;

    sentinels.fail_over().await;
    assert_eq!((sentinels.primary().address(), sentinels.primary_address().await), (second, second));
    assert_eq!(sentinels.primary().command(&["GET", "key"]).await.text(), "kept");

    sentinels.primary().command(&["SET", "key", "changed"]).await;
    sentinels.bring_back().await;
    assert_eq!(sentinels.replica().address(), first);
    assert_eq!(sentinels.replica().command(&["GET", "key"]).await.text(), "changed");
}

#[tokio::test]
async fn a_failover_to_a_replica_that_lags_loses_writes() {
    let mut sentinels = Sentinels::start().await;
    sentinels.primary().command(&["SET", "key", "kept"]).await;
    sentinels.replica().catches_up_with(sentinels.primary()).await;
    sentinels.lag().await;
    sentinels.primary().command(&["SET", "key", "lost"]).await;

    sentinels.fail_over().await;
    assert_eq!(sentinels.primary().command(&["GET", "key"]).await.text(), "kept");
    sentinels.primary().command(&["SET", "key", "new"]).await;
}

/// The former primary takes writes until a Sentinel makes it a replica, and then loses them.
#[tokio::test]
async fn a_paused_primary_comes_back_as_a_replica() {
    let mut sentinels = Sentinels::start().await;
    sentinels.pause_primary().await;
    sentinels.promoted().await;
    sentinels.primary().command(&["SET", "key", "new"]).await;
    sentinels.replica().resume().await;
    sentinels.rejoined().await;
    assert_eq!(sentinels.replica().command(&["GET", "key"]).await.text(), "new");
}
