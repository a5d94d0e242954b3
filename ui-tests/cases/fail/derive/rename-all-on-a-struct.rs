use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(rename_all = "camelCase")]
struct Tick {
    unix_time: u64,
}

fn main() {}
