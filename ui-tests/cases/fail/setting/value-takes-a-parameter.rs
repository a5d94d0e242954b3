//! Expressions are evaluated before the body, so they can neither move its parameters nor borrow from them for long.

use touka::sse_handler;

struct Session;

impl Session {
    async fn ended(&self) {}
}

#[sse_handler(label = name)]
async fn moved(name: String) {
    emit!(name);
}

#[sse_handler(close_when = session.ended())]
async fn borrowed(session: Session) {
    let _session = session;
    emit!("x");
}

fn main() {}
