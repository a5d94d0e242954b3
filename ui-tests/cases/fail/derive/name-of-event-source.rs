use touka::IntoEvent;

#[derive(IntoEvent)]
enum Job {
    Progress(u8),
    Error { reason: String },
}

fn main() {}
