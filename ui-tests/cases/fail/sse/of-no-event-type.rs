use touka::{EventStream, sse};

struct Tick;

fn main() {
    let ticks: EventStream<Tick> = sse! { yield Tick; };
    drop(ticks);
}
