use touka::Event;

fn named(name: String) -> Event {
    Event::data("x").event(name)
}

fn main() {
    let _ = named(String::new());
}
