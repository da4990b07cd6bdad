use annals_macros::Event;

#[derive(Event)]
enum Moved {
    #[event(name = "moved")]
    Moved(i64, i64),
}

fn main() {}
