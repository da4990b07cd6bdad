use annals_macros::Event;

#[derive(Event)]
#[event(name = "noted", upcast = [from_nowhere])]
struct Noted {
    text: String,
}

fn main() {}
