use touka::Event;

fn main() {
    let _ = Event::new().id(7).data("x");
}
