use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "concat")]
    Usage { tokens: u32 },
    #[event(fold = "concat", data = "text")]
    Line(std::net::Ipv4Addr),
}

fn main() {}
