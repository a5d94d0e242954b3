//! The market: invented prices, published by one body for all clients.

use std::time::Duration;

use tokio::time::sleep;
use touka::topic::{HubError, Retention};
use touka::{IntoEvent, Topic};

/// The symbols that are traded.
pub(crate) const SYMBOLS: [&str; 3] = ["ACME", "HOOLI", "STARK"];

/// A short history: older prices have changed.
pub(crate) const RETENTION: Retention = Retention::new().events(100);

/// How often all prices change.
const ROUND: Duration = Duration::from_secs(1);

/// The events of the topic.
#[derive(IntoEvent)]
pub(crate) enum Price {
    /// A symbol has a new price.
    Tick { symbol: &'static str, cents: u32 },
}

/// Trades as long as there is a client. A real program would request prices from another server here: once,
/// for any number of clients.
pub(crate) async fn trade(topic: Topic<Price>) -> Result<(), HubError> {
    let mut prices = [12_000_u32, 4_500, 30_000];
    for round in 0_u32.. {
        for (nth, (symbol, cents)) in (0..).zip(SYMBOLS.into_iter().zip(&mut prices)) {
            // Not obvious at a glance, which is random enough here.
            let up = (round + 1).wrapping_mul(2_654_435_761).rotate_left(7 * nth + 3) % 101;
            *cents = (*cents + *cents / 1_000 * up / 10).saturating_sub(*cents / 1_000 * 5).max(100);
            // The key: a client that is behind gets only the newest price of each symbol.
            topic.publish_keyed(symbol, Price::Tick { symbol, cents: *cents }).await?;
        }
        sleep(ROUND).await;
    }
    Ok(())
}
