use touka::Event;

fn numbered(id: String) -> Event {
    Event::data("x").id(id)
}

fn main() {
    let _ = numbered(String::new());
}
