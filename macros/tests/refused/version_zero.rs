use annals_macros::Event;

#[derive(Event)]
#[event(name = "noted", version = 0)]
struct Noted;

fn main() {}
