use touka::IntoEvent;

#[derive(serde::Serialize)]
struct Usage {
    input: u32,
}

struct Shown;

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shown")
    }
}

#[derive(IntoEvent)]
#[event(read)]
enum Chat {
    Usage(Usage),
    #[event(data = "text")]
    Text(Shown),
}

fn main() {}
