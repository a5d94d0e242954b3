//! The market: prices that nobody set, published by one body for all who look.

use std::time::Duration;

use tokio::time::sleep;
use touka::topic::{HubError, Retention};
use touka::{IntoEvent, Topic};

/// What is traded.
pub(crate) const SYMBOLS: [&str; 3] = ["ACME", "HOOLI", "STARK"];

/// A moment of it: what is older has changed.
pub(crate) const RETENTION: Retention = Retention::new().events(100);

/// How often all prices change.
const ROUND: Duration = Duration::from_secs(1);

/// What the topic has.
#[derive(IntoEvent)]
pub(crate) enum Price {
    /// A thing has another price now.
    Tick { symbol: &'static str, cents: u32 },
}

/// Trades for as long as somebody looks. In a real program this asks another server: once, however
/// many clients there are.
pub(crate) async fn trade(topic: Topic<Price>) -> Result<(), HubError> {
    let mut prices = [12_000_u32, 4_500, 30_000];
    for round in 0_u32.. {
        for (nth, (symbol, cents)) in (0..).zip(SYMBOLS.into_iter().zip(&mut prices)) {
            // Some number that nobody can guess at a glance is random enough here.
            let up = (round + 1).wrapping_mul(2_654_435_761).rotate_left(7 * nth + 3) % 101;
            *cents = (*cents + *cents / 1_000 * up / 10).saturating_sub(*cents / 1_000 * 5).max(100);
            // The key: a client that is behind gets the newest price of each thing only.
            topic.publish_keyed(symbol, Price::Tick { symbol, cents: *cents }).await?;
        }
        sleep(ROUND).await;
    }
    Ok(())
}
