use touka::IntoEvent;

#[derive(IntoEvent)]
struct Tick {
    #[serde(renam = "t")]
    time: u64,
}

fn main() {}
