use annals_macros::Event;

#[derive(Event)]
enum AccountEvent {
    Opened { owner: String },
    Closed,
}

fn main() {}
