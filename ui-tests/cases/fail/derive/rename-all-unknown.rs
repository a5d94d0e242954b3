use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(rename_all = "kebab_case")]
enum Chat {
    UserJoined,
}

fn main() {}
