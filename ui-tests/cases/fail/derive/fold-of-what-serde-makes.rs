use touka::IntoEvent;

#[derive(Default, IntoEvent)]
#[event(fold = Self::add)]
#[serde(default)]
struct Usage {
    input: u32,
}

impl Usage {
    fn add(self, later: Self) -> Self {
        Self { input: self.input + later.input }
    }
}

fn main() {}
