//! The body of a life, which obeys its orders.

use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::mpsc::UnboundedReceiver;
use touka::response::StatusCode;
use touka::run::stopping;
use touka::{Emitter, Event};

use super::step::Order;

/// Obeys orders until one of them ends the body, or until it is to stop if it heeds that.
pub(super) async fn obey(
    out: Emitter,
    mut orders: UnboundedReceiver<Order>,
    number: usize,
    heeds: bool,
) -> Result<(), StatusCode> {
    let mut count = 0;
    loop {
        let stop = stopping();
        let mut next = pin!(orders.recv());
        let mut stop = pin!(async { if heeds { stop.await } else { pending().await } });
        let order = poll_fn(|cx| {
            if let Poll::Ready(order) = next.as_mut().poll(cx) {
                return Poll::Ready(order);
            }
            stop.as_mut().poll(cx).map(|()| None)
        });
        match order.await {
            Some(Order::Emit(events)) => {
                for _ in 0..events {
                    out.emit(Event::data(format!("{number}.{count}"))).await;
                    count += 1;
                }
            }
            Some(Order::End) | None => return Ok(()),
            Some(Order::Fail) => return Err(StatusCode::BAD_GATEWAY),
            Some(Order::Panic) => panic!("a body panics on purpose"),
        }
    }
}
