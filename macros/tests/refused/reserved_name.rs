use annals_macros::Event;

#[derive(Event)]
enum Moved {
    #[event(name = "$moved")]
    Moved,
    #[event(name = "")]
    Nameless,
}

fn main() {}
