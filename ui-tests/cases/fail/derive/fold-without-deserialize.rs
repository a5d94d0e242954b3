use touka::IntoEvent;

#[derive(serde::Serialize)]
struct Usage {
    input: u32,
}

fn add(earlier: Usage, later: Usage) -> Usage {
    Usage { input: earlier.input + later.input }
}

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = add)]
    Usage(Usage),
}

fn main() {}
